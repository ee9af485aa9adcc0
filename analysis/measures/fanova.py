"""Shares of variance that parameters explain alone, by fANOVA (Hutter et al. 2014) on the boxes of a random forest.

The numbers are those of Optuna's evaluator with the same forest, to the last digits of a float. Optuna walks through
each tree once for every interval between the splits of a parameter, which at hundreds of points takes most of the time
of a report. Here the leaves of all trees are boxes in one array, and a sweep along each parameter adds them up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

TREES = 64  # as Optuna grows by default


class _Leaves(NamedTuple):
    """The leaves of all trees, as boxes that together fill the space once a tree."""

    tree: np.ndarray  # (L,) its number
    value: np.ndarray  # (L,) what it predicts, less the mean of its tree over the space
    box: np.ndarray  # (L, parameters, 2) where it begins and ends

    @property
    def lengths(self) -> np.ndarray:
        """The length of each box along each parameter, (L, parameters)."""
        return self.box[..., 1] - self.box[..., 0]


def explain_variance(points: np.ndarray, values: np.ndarray, bounds: np.ndarray, depth: int, seed: int) -> np.ndarray:
    """Return the share of a forest's variance over the space that each parameter explains alone, (parameters,).

    `points` (N, parameters) have `values` (N,); `bounds` (parameters, 2) are the ends of the space, which is weighed by
    length. `depth` and `seed` are those of the forest. A share is the mean over trees that vary; if none does it is 0.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(n_estimators=TREES, max_depth=depth, random_state=seed).fit(points, values)
    leaves = _list_leaves(forest, bounds)
    total = np.bincount(leaves.tree, leaves.value**2 * leaves.lengths.prod(axis=1), TREES)
    vary = total > 0
    if not vary.any():
        return np.zeros(len(bounds))
    lengths = np.ptp(bounds, axis=1)
    alone = np.array(
        [_measure_marginal(leaves, place, np.delete(lengths, place).prod()) for place in range(len(lengths))]
    )
    return (alone[:, vary] / total[vary]).mean(axis=1)


def _list_leaves(forest: RandomForestRegressor, bounds: np.ndarray) -> _Leaves:
    """List the leaves of a forest, going down all trees at once, level by level."""
    trees = [estimator.tree_ for estimator in forest.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    feature, threshold = (np.concatenate([getattr(tree, name) for tree in trees]) for name in ("feature", "threshold"))
    children = np.concatenate(
        [
            start + np.stack((tree.children_left, tree.children_right), 1)
            for start, tree in zip(starts[:-1], trees, strict=True)
        ]
    )
    boxes = np.empty((starts[-1], *bounds.shape))
    boxes[starts[:-1]] = bounds
    inner = starts[:-1]
    while len(inner := inner[feature[inner] >= 0]):
        for side, end in ((0, 1), (1, 0)):  # the left child ends where the right one begins
            child = children[inner, side]
            boxes[child] = boxes[inner]
            boxes[child, feature[inner], end] = threshold[inner]
        inner = children[inner].ravel()
    leaf = feature < 0
    tree = np.repeat(np.arange(len(trees)), np.diff(starts))[leaf]
    value = np.concatenate([each.value[:, 0, 0] for each in trees])[leaf]
    volume = (boxes[leaf, :, 1] - boxes[leaf, :, 0]).prod(axis=1)
    mean = np.bincount(tree, volume * value) / np.bincount(tree, volume)
    return _Leaves(tree, value - mean[tree], boxes[leaf])


def _measure_marginal(leaves: _Leaves, parameter: int, others: float) -> np.ndarray:
    """Integrate over the space, for each tree, the square of its mean over all parameters but one, (trees,).

    `others` is the volume of the space without the parameter. Along this the mean changes where a leaf begins or ends.
    """
    weight = leaves.value * np.delete(leaves.lengths, parameter, axis=1).prod(axis=1)
    places = leaves.box[:, parameter].T.ravel()  # where each leaf begins, and then where each ends
    changes, tree = np.concatenate([weight, -weight]), np.tile(leaves.tree, 2)
    order = np.lexsort((places, tree))
    places, sums, tree = places[order], np.cumsum(changes[order]), tree[order]
    distance = np.where(tree[1:] == tree[:-1], np.diff(places), 0.0)
    return np.bincount(tree[:-1], distance * sums[:-1] ** 2, TREES) / others
