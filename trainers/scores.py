"""Scores of training examples from what training recorded of them, and their ranks.

Inputs are the arrays of one training: (T, N) per epoch, or (N,) from its final pass; where an example was not trained
on, uint8 arrays have UNSEEN and others NaN. A score is oriented so that
more is harder to learn robustly, and NaN for an example that was never trained on. Ranks are in [0, 1], 0 =
friendliest / easiest, ties averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import scipy

Arrays = Mapping[str, np.ndarray]
Scores = dict[str, np.ndarray]  # name -> (N,)
UNSEEN = 255  # in uint8 arrays: the example was not trained on in that epoch
TOP = 0.2  # the share of most problematic examples that Dong et al. compare between runs: 10,000 of 50,000


def instability(run: Arrays) -> np.ndarray:
    """Share of epochs misclassified under attack, (N,): Dong et al. 2021, eq. 1, s = 1 - (epochs correct) / T.

    Counted as the training step sees the example (train mode, augmented, before the update), as their code does for
    PGD; for TRADES it runs a PGD-10 in eval mode beside it: see `instability_eval`.
    """
    return 1 - _counted(run["correct"])


def instability_eval(run: Arrays) -> np.ndarray:
    """The same under the PGD of training curves, in eval mode, at the epochs measured, (N,): alike for all methods.

    Dong et al. 2021 write of PGD-10 for every method; `evaluate: {train: true}` records it.
    """
    return 1 - _counted(run["withstood"])


def difficulty(run: Arrays) -> np.ndarray:
    """Mean adversarial CE over epochs, (N,): what Liu et al. 2021, eq. 1, rank by.

    Their text averages all epochs, their code those from the tenth on; the losses are the training step's own.
    """
    return _mean(run["loss"], _seen(run["loss"]))


def difficulty_last(run: Arrays) -> np.ndarray:
    """Adversarial CE in the last epoch that trained an example, (N,): mode "last" of the code of Liu et al. 2021."""
    seen = _seen(run["loss"])
    last = len(seen) - 1 - seen[::-1].argmax(0)
    values = np.take_along_axis(run["loss"], last[None], axis=0)[0].astype(np.float64)
    return np.where(seen.any(0), values, np.nan)


def difficulty_entropy(run: Arrays) -> np.ndarray:
    """Mean entropy of the prediction on the adversary over epochs, (N,): the metric "entropy" of the same code.

    A confident error has a low one, as a confident hit has. `evaluate: {entropy: true}` records it.
    """
    return _mean(run["entropy"], _seen(run["entropy"]))


def kappa(run: Arrays) -> np.ndarray:
    """Minus the mean number of attack iterates still correct, (N,): Zhang et al. 2021's geometry, hardest highest."""
    return -_counted(run["kappa"])


def first_learned(run: Arrays) -> np.ndarray:
    """First epoch classified correctly under attack, (N,); never learned counts as T, not as -1: Dong et al. 2021."""
    correct = run["correct"] == 1
    first = np.where(correct.any(0), correct.argmax(0), len(correct)).astype(np.float64)
    return np.where(_seen(run["correct"]).any(0), first, np.nan)


def probability(run: Arrays) -> np.ndarray:
    """Minus the clean true-class probability at the best robust checkpoint, (N,): Dong et al. 2021, Fig. 7a."""
    return -run["best_clean_p_y"].astype(np.float64)


def min_perturbation(run: Arrays) -> np.ndarray:
    """Minus the least radius that changes the prediction, (N,): Dong et al. 2021, Fig. 7b.

    `evaluate: {min_perturbation: {}}` measures it, as trainers.distances says; with `label: given` that which is not
    classified as given, 0 of a misclassified example.
    """
    return -run["min_perturbation"].astype(np.float64)


SCORES: dict[str, Callable[[Arrays], np.ndarray]] = {
    "instability": instability,
    "instability_eval": instability_eval,
    "difficulty": difficulty,
    "difficulty_01": instability,  # Liu et al. 2021, Fig. 3: the same count, ranked with its ties as d is
    "difficulty_last": difficulty_last,
    "difficulty_entropy": difficulty_entropy,
    "kappa": kappa,
    "first_learned": first_learned,
    "probability": probability,
    "min_perturbation": min_perturbation,
}
FROM_FIRST_EPOCH = ("difficulty", "difficulty_01", "difficulty_entropy")


def scored(run: Arrays, first_epoch: int = 0) -> Scores:
    """Every score that a training recorded enough for; those of Liu et al. 2021 count epochs >= first_epoch alone."""
    late = {name: values[first_epoch:] if values.ndim == 2 else values for name, values in run.items()}
    out: Scores = {}
    for name, score in SCORES.items():
        try:
            out[name] = score(late if name in FROM_FIRST_EPOCH else run)
        except KeyError:
            continue  # standard training has no kappa
    return out


def normalized_rank(score: np.ndarray) -> np.ndarray:
    """(#{lower} + half of #{equal, itself among them}) / N, (N,) -> (N,).

    This is 1 - d of Liu et al. 2021, eq. 1; mean exactly 1/2. Dong et al.'s eq. 4 lets ties share the lowest rank
    instead, which keeps the order.
    """
    return (scipy.stats.rankdata(score, method="average") - 0.5) / len(score)


def d(losses: np.ndarray) -> np.ndarray:
    """Difficulty d of Liu et al. 2021, eq. 1, of mean losses, (N,) -> (N,): 0 hardest, 1 easiest."""
    return 1 - normalized_rank(losses)


def ensemble(runs: Sequence[Scores], average: Literal["ranks", "scores"] = "ranks") -> dict[str, np.ndarray]:
    """Every score that all runs have: its mean over runs, and rank_<score>, the rank of what is averaged.

    ranks: the mean of the runs' ranks, as appendix A.2 of Dong et al. 2021 says; scores: the mean of the scores
    themselves, as the about 1600 distinct values of their footnote suggest for counts. Both order nearly alike.
    Raises ValueError if an example has no score, for an order would place it all the same.
    """
    out: dict[str, np.ndarray] = {}
    for name in SCORES:
        values = [run[name] for run in runs if name in run]
        if len(values) < len(runs):
            continue
        unseen = int(np.isnan(values).any(0).sum())
        if unseen:
            raise ValueError(
                f"{name}: {unseen} of {len(values[0])} examples were never trained on in some run and have no score; "
                "make a ranking by trainings on all examples"
            )
        out[name] = np.mean(values, axis=0)
        # a sum of half-integers is exact, so that ties stay ties; rounding does so for the shares and losses
        key = (
            out[name].round(12) if average == "scores" else np.sum([scipy.stats.rankdata(it) for it in values], axis=0)
        )
        out[f"rank_{name}"] = normalized_rank(key)
    return out


def d_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean |d - d'| of two rankings, (N,), (N,): Liu et al. 2021. 0 for equal, 1/2 for reversed ones.

    For independent rankings 1/3; the paper's 0.375 is wrong.
    """
    return float(np.abs(one - other).mean())


def top_iou(one: np.ndarray, other: np.ndarray, share: float = TOP) -> float:
    """Intersection over union of the most problematic shares of two rankings, (N,), (N,): Dong et al. 2021.

    1 for equal rankings, 1/9 by chance for a fifth. Of examples that tie at the edge each is in as often as if either
    ranking drew among them by itself, so that with ties there even equal rankings come to less. Broken by position,
    both would draw the same and agree beyond chance.
    """
    n = max(round(share * len(one)), 1)
    shared = float(in_top(one, n) @ in_top(other, n))
    return shared / (2 * n - shared)


def in_top(rank: np.ndarray, n: int) -> np.ndarray:
    """How surely each example is among the n of highest rank, (N,): 1 above the edge, a share of what is left on it."""
    edge = np.partition(rank, -n)[-n]
    above, tied = rank > edge, rank == edge
    return np.where(tied, (n - above.sum()) / tied.sum(), above)


def agreement(runs: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """How alike the runs rank by each score that all have: means over pairs of runs; nothing for a single run."""
    names = [name for name in SCORES if all(name in run for run in runs)] if len(runs) > 1 else []
    out = {}
    for name in names:
        pairs = list(combinations([normalized_rank(run[name]) for run in runs], 2))
        out[name] = {
            "d_distance": float(np.mean([d_distance(*pair) for pair in pairs])),
            "top_iou": float(np.mean([top_iou(*pair) for pair in pairs])),
        }
    return out


def _counted(counts: np.ndarray) -> np.ndarray:
    """Mean over the epochs in which an example was seen, (T, N) uint8, or floats with NaN elsewhere -> (N,)."""
    return _mean(counts, _seen(counts))


def _seen(values: np.ndarray) -> np.ndarray:
    """Which examples were trained on in which epoch, (T, N) -> (T, N) bool."""
    return (values != UNSEEN) if values.dtype == np.uint8 else ~np.isnan(values)


def _mean(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Mean over epochs of the values that are seen, (T, N), (T, N) bool -> (N,); NaN where none is."""
    epochs = seen.sum(0)
    totals = np.where(seen, values, 0).sum(0, dtype=np.float64)
    return np.divide(totals, epochs, out=np.full(len(epochs), np.nan), where=epochs > 0)
