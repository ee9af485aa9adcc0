"""Upper bounds on the size of a space: far beyond real use, and small enough to refuse a slip within seconds."""

from __future__ import annotations

MAX_FILE_BYTES = 1_000_000
MAX_FILE_VALUES = 50_000  # scalars, lists and mappings; those behind an alias count at each use
MAX_DEPTH = 50  # of nested lists and mappings
MAX_INTEGER = 2**53  # floats, and so JSON in other programs, skip integers beyond it
MAX_PROBLEMS_SHOWN = 50  # the others are only counted
MAX_MODEL_WEIGHTS = 2_000_000_000  # 8 GB
MAX_AXIS_VALUES = 10_000  # of one axis
MAX_GRID_POINTS = 1_000_000  # before conditions remove any
MAX_SEEDS = 10_000  # of a configuration
MAX_GENERATION = 1_000  # configurations proposed at once
MAX_TRAININGS = 100_000  # of a sweep, all seeds
MAX_EPOCHS = 20_000_000  # of all trainings together; each has a name in memory
