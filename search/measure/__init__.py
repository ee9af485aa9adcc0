"""Measure finished trainings under further attacks: `python -m search.measure RUN --attack "fgsm: {name: fgsm}"`.

finished          the work of the command
further_accuracy  what the attacks found, which it prints in the end
"""
