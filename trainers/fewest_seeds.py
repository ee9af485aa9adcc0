"""How many seeds a family of differences takes before any of them may be told from chance."""

from __future__ import annotations

import math

FEWEST_FREEDOM = 4  # degrees of freedom of a pooled error; with fewer nothing is claimed


def count_fewest_seeds(comparisons: int) -> int:
    """Return the seeds that each of some comparisons takes, where their error is estimated from all of them."""
    return 1 + math.ceil(FEWEST_FREEDOM / comparisons)
