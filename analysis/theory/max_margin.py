"""Theorem 1 of Liu et al. 2021: adversarial logistic regression converges in direction to the max-margin vector.

The adversary of radius ε in l2 lowers the margin y w·x of an example to y w·x − ε‖w‖, so the loss is
L(w) = Σ log(1 + exp(ε‖w‖ − y w·x)). If ε is below the margin of the data, gradient descent converges in direction to
ŵ = argmin ‖w‖ subject to y w·x ≥ 1, whatever ε. The paper prints a sigmoid as the loss, which is not convex; its
proof uses an exponential tail, which the logistic loss has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

SEPARABLE = 1e-9  # squared distance in `find_max_margin` below which the data have no margin


class MaxMargin(NamedTuple):
    """The max-margin vector of separable data and their margin, 1 / ‖ŵ‖."""

    weights: np.ndarray  # (m,) ŵ
    margin: float


def find_max_margin(inputs: np.ndarray, labels: np.ndarray) -> MaxMargin:
    """Find the shortest w with y w·x ≥ 1 for all examples; `inputs` (n, m), `labels` (n,) of ±1.

    The problem is one of least distance, which non-negative least squares solve exactly (Lawson and Hanson 1974,
    chapter 23). Raises ValueError if no hyperplane through the origin separates the data.
    """
    from scipy.optimize import nnls

    check_labels(inputs, labels)
    signed = labels[:, None] * inputs
    unit = float(np.linalg.norm(signed, axis=1).max()) or 1.0  # so that the tolerance has no unit
    matrix = np.vstack([signed.T / unit, np.ones(len(labels))])
    target = np.zeros(len(matrix))
    target[-1] = 1.0
    residual = matrix @ nnls(matrix, target)[0] - target
    if residual @ residual < SEPARABLE:
        raise ValueError(
            f"{len(labels)} examples in {inputs.shape[1]} dimensions: no hyperplane through the origin separates the "
            "labels, so there is no margin; take more dimensions or fewer examples"
        )
    weights = -residual[:-1] / residual[-1] / unit
    return MaxMargin(weights, 1 / float(np.linalg.norm(weights)))


def compute_losses(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Return the adversarial loss L(w) of each ε, (E,), from a row of `weights` (E, m) for each."""
    return np.logaddexp(0, -_measure_margins(weights, inputs, labels, epsilons)).sum(axis=1)


def descend(
    inputs: np.ndarray,
    labels: np.ndarray,
    epsilons: Sequence[float],
    steps: Sequence[int],
    *,
    start: np.ndarray | None = None,
    normalized: bool = False,
) -> pd.DataFrame:
    """Minimise the adversarial loss by gradient descent, separately for each ε.

    Return a row for each ε and each number of `steps` to look at: `epsilon`, `step`, `cosine` to the max-margin vector
    and `norm` of the weights. The step size is 2 / ‖X‖², as in the theorem. `start` (m,) is the first point, by default
    0. `normalized` divides a gradient by the loss once the loss is below 1: the limit is the same, and is reached in a
    polynomial number of steps, not an exponential one. Raises ValueError if the data are not separable.
    """
    best = find_max_margin(inputs, labels)
    radii, signed = np.asarray(epsilons, dtype=float), labels[:, None] * inputs
    weights = np.tile(np.zeros(inputs.shape[1]) if start is None else start, (len(radii), 1))
    size = 2 / np.linalg.norm(inputs, 2) ** 2
    rows = []
    for step in range(1, max(steps) + 1):
        margins = _measure_margins(weights, inputs, labels, radii)
        pull = np.exp(-np.logaddexp(0, margins))  # (E, n) minus the loss's derivative
        ascent = pull @ signed - (radii * pull.sum(axis=1))[:, None] * _normalize(weights)
        if normalized:
            ascent /= np.minimum(np.logaddexp(0, -margins).sum(axis=1), 1)[:, None]
        weights = weights + size * ascent
        if step in steps:
            cosines = _normalize(weights) @ best.weights * best.margin
            norms = np.linalg.norm(weights, axis=1)
            rows += [(*row, step) for row in zip(radii, cosines, norms, strict=True)]
    found = pd.DataFrame(rows, columns=["epsilon", "cosine", "norm", "step"])
    return found.sort_values(["epsilon", "step"], ignore_index=True)[["epsilon", "step", "cosine", "norm"]]


def check_labels(inputs: np.ndarray, labels: np.ndarray) -> None:
    """Raise ValueError unless there is a label of ±1 for each row of `inputs`."""
    if inputs.ndim != 2 or labels.shape != inputs.shape[:1]:
        raise ValueError(f"labels: found shape {labels.shape}; expected one for each row of inputs {inputs.shape}")
    if not np.isin(labels, (-1, 1)).all():
        raise ValueError(f"labels: found {', '.join(f'{label:g}' for label in np.unique(labels))}; expected −1 and 1")


def _measure_margins(weights: np.ndarray, inputs: np.ndarray, labels: np.ndarray, epsilons: np.ndarray) -> np.ndarray:
    """Return y w·x − ε‖w‖, (E, n)."""
    return labels * (weights @ inputs.T) - (epsilons * np.linalg.norm(weights, axis=1))[:, None]


def _normalize(weights: np.ndarray) -> np.ndarray:
    """Return the rows at length 1; a row of zeros stays, a subgradient of its norm."""
    norms = np.linalg.norm(weights, axis=1, keepdims=True)
    return np.divide(weights, norms, out=np.zeros_like(weights), where=norms > 0)
