"""How large a space may be: far beyond what is ever meant, and small enough that a slip is refused within seconds."""

from __future__ import annotations

BYTES = 1_000_000  # of a file
VALUES = 50_000  # scalars, lists and mappings of a file, those behind aliases as often as they are named
DEPTH = 50  # of lists and mappings within one another
INTEGER = 2**53  # beyond it floats, and so JSON elsewhere, skip numbers
TOLD = 50  # problems that are spelled out; of the others their number is told
AXIS = 10_000  # values of one axis
TRAININGS = 100_000  # of a sweep, all seeds
EPOCHS = 100_000  # of a training
STATES = 20_000_000  # epochs of all trainings together, each of which has a name in memory
