"""The search: planning, scheduling on Ray, storing, monitoring. Each package knows those below it:

confirm                              front again with fresh seeds, by a run
run, bench, verify, simulate, soak   further commands; `python -m search` lists all
execution, replay, status            a sweep that runs; finished sweeps replayed; a sweep's status
monitor, cluster, sampling           progress; Ray's machines; drawn configurations and seeds
cli                                  how each command begins, ends and reports errors
planning                             a space as trials in a tree of stages
schema                               what a space's YAML may say
stopping                             early stopping: its rules, and the journal of decisions
store                                a sweep's folder: checkpoints, records, locks, on a file system or behind a URL
exceptions, signals, ray_env, formatting, pareto    used by all
launch                               scripts for Slurm and Kubernetes
"""

import gc
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout, unless it is installed as a package

# what is imported stays, and is millions of objects: to look among them for garbage takes half a second a process
gc.set_threshold(50_000)
