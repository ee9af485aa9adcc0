"""Points of two accuracies: hypervolume, knee, the surfaces that seeds attain, their differences, and outlines.

Both coordinates are maximised. trainers.objectives.non_dominated finds the front.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PERCENTILES = (25, 50, 75)


def hypervolume(points: np.ndarray, reference: Sequence[float]) -> float:
    """Return the area that points (n, 2) dominate above a reference point."""
    import moocore

    known = points[np.isfinite(points).all(axis=1)]
    return (
        float(moocore.hypervolume(known, ref=np.asarray(reference, dtype=float), maximise=True)) if len(known) else 0.0
    )


def hypervolumes(sets: np.ndarray, reference: Sequence[float]) -> np.ndarray:
    """Return the area that each of many sets of points dominates above a reference point, (sets, n, 2) -> (sets,).

    A bootstrap asks for thousands of small sets: calls of moocore take 6 times as long for 57 points in each, 80 times
    for 6. From the right, the strip between two neighbouring x is as high as the highest point so far.
    """
    known = np.isfinite(sets).all(axis=2, keepdims=True)
    above = np.where(known, np.maximum(sets - np.asarray(reference, dtype=float), 0.0), 0.0)
    order = np.argsort(-above[..., 0], axis=1, kind="stable")[..., None]
    x, y = np.moveaxis(np.take_along_axis(above, order, axis=1), 2, 0)
    widths = -np.diff(x, axis=1, append=0.0)
    return (widths * np.maximum.accumulate(y, axis=1)).sum(axis=1)


def attainment(points: np.ndarray, seed: np.ndarray, percentiles: Sequence[int] = PERCENTILES) -> dict[int, np.ndarray]:
    """Return for each p the corners (m, 2), by growing x, of the surface that at least p % of the seeds attain.

    `seed` (n,) groups the points. Fonseca, Guerreiro, Lopez-Ibanez and Paquete 2011, as computed by moocore.
    """
    import moocore

    order = np.argsort(seed, kind="stable")  # moocore reads each set from consecutive rows and does not check that
    corners = moocore.eaf(-points[order], seed[order], percentiles=list(percentiles))
    surfaces = {p: -corners[corners[:, 2] == p, :2] for p in percentiles}
    return {p: surface[np.lexsort((-surface[:, 1], surface[:, 0]))] for p, surface in surfaces.items()}


def find_knee(points: np.ndarray) -> int | None:
    """Return the place of the knee of a front (n, 2): the member farthest above the chord that joins its two ends.

    Both coordinates are first scaled to [0, 1] between the ends (Das 1999, 'On characterizing the knee of the Pareto
    curve'). A front of fewer than three members, or without a member above the chord, has none.
    """
    if len(points) < 3:
        return None
    low, high = points.min(axis=0), points.max(axis=0)
    if not (high > low).all():
        return None
    above = ((points - low) / (high - low)).sum(axis=1) - 1  # times the root of 2: the distance from x + y = 1
    best = int(above.argmax())
    return best if above[best] > 1e-9 else None


def attain_grid(runs: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where each of some runs, (n, 2) each, attains what: x (X,), y (Y,) and whether, (runs, Y, X) bool.

    A run attains a point if one of its own is no worse in both. Whether it does is the same for x[i - 1] < x <= x[i]
    and y[j - 1] < y <= y[j], and beyond the last values no run does.
    """
    x, y = (np.unique(np.concatenate([run[:, axis] for run in runs])) for axis in (0, 1))
    heights = np.array([[run[run[:, 0] >= at, 1].max(initial=-np.inf) for at in x] for run in runs])
    return x, y, heights[:, None] >= y[:, None]


def staircase(front: np.ndarray, left: float, bottom: float) -> np.ndarray:
    """Return the outline of what a front dominates, from the left edge to the bottom, (n, 2) -> (2n + 1, 2)."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    x = np.concatenate([[left], np.repeat(front[:, 0], 2)])
    y = np.concatenate([np.repeat(front[:, 1], 2), [bottom]])
    return np.stack([x, y], axis=1)
