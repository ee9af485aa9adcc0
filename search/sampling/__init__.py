"""Configurations that are drawn while a sweep runs, and further seeds.

study (ask and tell, recorded), ask_tell (its rounds), optuna_samplers, optuna_journal; outcomes (the values of a
configuration's seeds), replication (who deserves a further seed)
"""
