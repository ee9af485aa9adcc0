"""Measure finished trainings under further attacks: `python -m search.measure RUN --attack "fgsm: {name: fgsm}"`."""
