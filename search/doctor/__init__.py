"""Check whether a machine keeps the promises of a sweep, and what to set there: `python -m search.doctor`.

sections         the sections in order, when each applies, and its limit of time
section_process  a section in a process of its own, ended at its limit
check            the result of one check
software         Python, torch, the GPU and its driver, bf16, deterministic kernels, the compiler
ray_start        Ray: starts, token, ports, shared memory, open files
storage          where results are stored: writes, rename, fsync, locks, free room, speed
methods          every method trains and is measured on this device
promises         equal bits: trained twice, shared, killed and resumed; eager, and compiled
speed            images/s of a training step beside the device's measured peak
costs            measuring, a checkpoint, the memory of a trial
packing          copies of a training on one device, and what `gpus: auto` chooses
report           the report: tables for a terminal, JSON, and a row for the table of verified machines
"""
