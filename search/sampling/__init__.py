"""Adaptive search: configurations that are drawn while a sweep runs, and further seeds.

study (ask and tell, recorded), ask_tell (its rounds), optuna_samplers, optuna_journal; outcomes (means over the seeds
of a configuration), replication (which configuration gets a further seed, by two
standard errors), certification (by certified verdicts)
"""
