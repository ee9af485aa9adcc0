"""The numbers of seeds at which verdicts are looked for, and the share of the error that each look spends.

The list is the same for every study and has no end, so that a study may be extended at any time: each look has its
share of the error whether or not an earlier study would have stopped before it.
"""

from __future__ import annotations

import math

FIRST = 3  # seeds at the first look
GROWTH = 1.25
BASE = 9  # looks that share BASE_SHARE of the error equally, up to 20 seeds
BASE_SHARE = 0.9


def list_looks(most: int) -> tuple[int, ...]:
    """Return the numbers of seeds at which one looks, none above `most`: 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 31, …"""
    looks, n = [], FIRST
    while n <= most:
        looks.append(n)
        n = math.floor(GROWTH * n + 0.5)
    return tuple(looks)


def spend_error(error: float, look: int) -> float:
    """Return the part of the error that a look, counted from 0, may spend; all parts together are `error`.

    The first nine looks share 0.9 of it equally, and the j-th look after them has 0.1 / 2^j, so that any extension of a
    study stays covered.
    """
    if look < BASE:
        return BASE_SHARE * error / BASE
    return float((1 - BASE_SHARE) * error * 0.5 ** (look - BASE + 1))
