"""Points of two accuracies: the hypervolume of a front, the surfaces that seeds attain, and their outlines.

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


def attainment(points: np.ndarray, seed: np.ndarray, percentiles: Sequence[int] = PERCENTILES) -> dict[int, np.ndarray]:
    """Return for each p the corners (m, 2), by growing x, of the surface that at least p % of the seeds attain.

    `seed` (n,) groups the points. Fonseca, Guerreiro, Lopez-Ibanez and Paquete 2011, as computed by moocore.
    """
    import moocore

    order = np.argsort(seed, kind="stable")  # moocore reads each set from consecutive rows and does not check that
    corners = moocore.eaf(-points[order], seed[order], percentiles=list(percentiles))
    surfaces = {p: -corners[corners[:, 2] == p, :2] for p in percentiles}
    return {p: surface[np.lexsort((-surface[:, 1], surface[:, 0]))] for p, surface in surfaces.items()}


def staircase(front: np.ndarray, left: float, bottom: float) -> np.ndarray:
    """Return the outline of what a front dominates, from the left edge to the bottom, (n, 2) -> (2n + 1, 2)."""
    front = front[np.argsort(front[:, 0], kind="stable")]
    x = np.concatenate([[left], np.repeat(front[:, 0], 2)])
    y = np.concatenate([np.repeat(front[:, 1], 2), [bottom]])
    return np.stack([x, y], axis=1)
