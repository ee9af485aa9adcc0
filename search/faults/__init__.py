"""What goes wrong.

Signals            interrupt, grace, lifeline (a driver that is gone)
Trainings          failures, retrying, watchdog (one that hangs), memory
A soak             driver (a sweep as a process), strikes
"""
