"""The search: planning, scheduling on Ray, storing, watching. Where a thing lives, each package knowing those below it:

here        what a user types: run (command, dryrun, effort, estimate, endings), status, confirm (confirming), verify,
            replay, simulate, bench (benchmarks), soak; how these begin and end: entering, leaving; known to all:
            environment (Ray, silenced), words
running     a sweep that runs, and its trainings on a worker
adaptive    configurations that are asked for while it runs
stopping    trainings that are ended early, and finished sweeps replayed to try it
watching    what others see of it while it runs
cluster     machines: joining them, what they can hold
faults      what goes wrong, and what befalls a sweep in a soak
planning    a space as a tree of stages, and who trains when
schema      what a space's YAML may say
storing     a sweep's folder: states, records, locks, on a file system or behind a URL
launch      scripts that start it on clusters
"""

import gc
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the checkout, unless it is installed as a package

# what is imported stays, and is millions of objects: to look among them for garbage takes half a second a process
gc.set_threshold(50_000)
