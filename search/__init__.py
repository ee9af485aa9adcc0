"""The search: planning, scheduling on Ray, storing and monitoring. Each package imports only those below it:

measure                               measure finished trainings under further attacks, through run
confirm                               train the front of validation again with fresh seeds, through run
new                                   write a first space for a data set
doctor                                check whether this machine keeps the promises, with the commands below
run, bench, coverage, verify, simulate, soak
                                      further commands; `python -m search` lists all
list                                  list what a space may hold: the reference
execution, replay, status             run a sweep; replay finished sweeps; show the status of a sweep
monitor, cluster, sampling            progress; Ray's machines; drawn configurations and seeds
cli                                   how each command starts, ends and reports errors
planning                              turn a space into trials in a tree of stages
reference                             methods, pieces and keys in words, for list and for spaces/KEYS.md
schema                                the YAML of a space
stopping                              early stopping: its rules, and the journal of decisions
store                                 a sweep's folder: checkpoints, records, locks, on a file system or behind a URL
exceptions, signals, ray_env, pareto  used by all
launch                                scripts for Slurm and Kubernetes
"""

import gc
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout, unless it is installed as a package

# imports leave millions of objects that stay; searching them for garbage would take half a second in each process
gc.set_threshold(50_000)
