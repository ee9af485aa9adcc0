"""The methods of trainers/README.md as a world: what three seeds gave is the truth, and each keeps its spread."""

from __future__ import annotations

import numpy as np

from search.coverage.worlds import World

SEEDS = 3  # behind each standard error
# "Results of each method" of trainers/README.md, the rows of spaces/methods.yaml: clean and PGD-20 test accuracy at the
# selected epoch, in percent, and their standard errors
METHODS = {
    "standard": (91.7, 35.7, 0.4, 2.0),
    "fgsm-at": (95.7, 75.0, 0.6, 0.2),
    "fast-at": (95.3, 72.9, 0.2, 1.5),
    "n-fgsm": (96.8, 79.3, 0.1, 0.2),
    "gat": (95.6, 77.4, 0.2, 0.3),
    "nuat": (96.5, 77.7, 0.1, 0.1),
    "fgsm-pgi": (97.4, 80.4, 0.1, 0.3),
    "free-at · epochs 10": (96.3, 75.9, 0.2, 0.3),
    "pgd-at": (96.0, 76.5, 0.3, 0.3),
    "pgd-at-l2": (96.4, 73.1, 0.1, 0.6),
    "trades": (96.5, 81.6, 0.1, 0.1),
    "mart": (97.3, 79.9, 0.2, 0.6),
    "fat": (95.7, 72.8, 0.1, 0.4),
    "gairat": (93.8, 61.9, 0.7, 1.2),
    "gair-fat": (94.5, 59.4, 0.2, 1.0),
    "gair-trades": (96.4, 80.9, 0.1, 0.1),
    "gair-mart": (96.1, 72.1, 0.2, 0.7),
    "gair-mart-kl": (97.4, 81.5, 0.3, 0.5),
    "gair-rst": (96.1, 81.3, 0.1, 0.4),
    "mma": (96.3, 77.3, 0.2, 0.5),
    "atta": (96.6, 74.3, 0.2, 1.1),
    "atta-reweight": (88.1, 72.2, 1.5, 0.9),
    "atta-adaptive": (96.2, 77.6, 0.1, 0.3),
    "atta-reweight-adaptive": (94.2, 74.6, 0.5, 0.5),
    "iat": (96.3, 77.9, 0.1, 0.2),
    "self-adaptive": (96.5, 81.6, 0.1, 0.1),
}  # fmt: skip


def make_methods() -> World:
    """Make a world of the methods; few of them are near the front, and spreads differ twentyfold."""
    table = np.array([*METHODS.values()])
    return World("methods", table[:, :2], np.sqrt(SEEDS) * table[:, 2:])
