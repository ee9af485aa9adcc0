"""How large a space may be: far beyond what is ever meant, and small enough that a slip is refused within seconds."""

from __future__ import annotations

BYTES = 1_000_000  # of a file
VALUES = 50_000  # scalars, lists and mappings of a file, those behind aliases as often as they are named
DEPTH = 50  # of lists and mappings within one another
INTEGER = 2**53  # beyond it floats, and so JSON elsewhere, skip numbers
TOLD = 50  # problems that are spelled out; of the others their number is told
WEIGHTS = 2_000_000_000  # of a network, 8 GB of them
AXIS = 10_000  # values of one axis
CROSSED = 1_000_000  # points of a grid, conditions aside
SEEDS = 10_000  # of a configuration
GENERATION = 1_000  # configurations asked for at once
TRAININGS = 100_000  # of a sweep, all seeds
EPOCHS = 20_000_000  # of all trainings together, each of which has a name in memory
