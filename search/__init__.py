"""The search: planning, scheduling on Ray, storing, watching. Where a thing lives:

Typed by a user    run (command, endings, leaving), status, confirm (confirming), verify, replay, simulate,
                   bench (benchmarks), soak (faults, strikes)
A space's YAML     yamlfile, space: axes, first, objectives, replicates, stopping, budget, resources, loggers;
                   mistakes in it: problems, consistency, checks
Its plan           planner, plan, planfile, tree; sources, profiles, rankfiles, pretraining, starting, twins;
                   beside what is stored: existing, borrowing; before it runs: dryrun, estimate, pace, makespan, words
What is stored     store, stages, segments, writing, keeping, salvage, provenance, rankings, making, storage;
                   on what: filesystem, remote, locking, lease
A sweep that runs  sweep, schedule, searchers, execute, retrying, verdict; on a worker: trial, session, jobs, watchdog
Ray                environment, cluster, machines, nodes, nodereport; a share of a GPU: packing, probe
What goes wrong    interrupt, grace, lifeline, losses, failures, memory
Stopping           steering, referee, judging: duds, exhaustion, finishing; entry, curves, phases, decisions;
                   of finished sweeps: recorded, simulation, rules, halving
Asking             rounds, asking, samplers, journal
Watching           progress, view, standing, ledger, seen, tails, reach, now, textplot; loggers: feeding
"""

import gc

# what is imported stays, and is millions of objects: to look among them for garbage takes half a second a process
gc.set_threshold(50_000)
