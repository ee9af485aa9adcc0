"""Scores of training examples, computed from the records of a training, and their ranks.

Inputs are the arrays of one training: (T, N) per epoch, or (N,) from its final pass. Where an example was not trained
on, uint8 arrays hold UNSEEN and others NaN. A higher score means harder to learn robustly; the score of an example that
was never trained on is NaN. Ranks are in [0, 1], 0 = friendliest / easiest, ties averaged.
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
TOP = 0.2  # the fraction of most problematic examples that Dong et al. compare between runs: 10,000 of 50,000


def instability(run: Arrays) -> np.ndarray:
    """Return the fraction of epochs misclassified under attack, (N,): Dong et al. 2021, eq. 1.

    It is s = 1 - (epochs correct) / T. An example counts as the training step sees it (train mode, augmented, before
    the update), as in their code for PGD. For TRADES their code runs a separate PGD-10 in eval mode: see
    `instability_eval`.
    """
    return 1 - _counted(run["correct"])


def instability_eval(run: Arrays) -> np.ndarray:
    """Return `instability` under the PGD of training curves in eval mode, at the epochs measured, (N,).

    The attack is the same for all methods: Dong et al. 2021 write of PGD-10 for every method. `evaluate: {train: true}`
    records the input.
    """
    return 1 - _counted(run["withstood"])


def difficulty(run: Arrays) -> np.ndarray:
    """Return the mean adversarial CE over epochs, (N,), by which Liu et al. 2021, eq. 1, rank.

    Their text averages all epochs, their code those from the tenth on. The losses are those of the training step.
    """
    return _mean(run["loss"], _seen(run["loss"]))


def difficulty_last(run: Arrays) -> np.ndarray:
    """Return the adversarial CE in the last epoch that trained an example, (N,): mode "last" of Liu et al.'s code."""
    losses = run["loss"]
    last, unseen = np.full(losses.shape[1], np.nan), np.ones(losses.shape[1], dtype=bool)
    for epoch in losses[::-1]:  # the first of these has most examples, if not all
        found = unseen & _seen(epoch)
        last[found], unseen = epoch[found], unseen & ~found
        if not unseen.any():
            break
    return last


def difficulty_entropy(run: Arrays) -> np.ndarray:
    """Return the mean entropy of the prediction on the adversary over epochs, (N,): metric "entropy" in the same code.

    A confident error has a low entropy, like a confident correct prediction. `evaluate: {entropy: true}` records the
    input.
    """
    return _mean(run["entropy"], _seen(run["entropy"]))


def gradient_norm(run: Arrays) -> np.ndarray:
    """Return the mean l2 norm of the input gradient over epochs, (N,): EasyCore (Ramesh et al. 2025, arXiv:2510.11018).

    The gradient is that of the loss which the attack climbs, where it begins; they take the one of CE on the image, in
    standard training. `evaluate: {gradient_norm: true}` records the input.
    """
    return _mean(run["gradient_norm"], _seen(run["gradient_norm"]))


def kappa(run: Arrays) -> np.ndarray:
    """Return minus the mean number of attack iterates that are still correct, (N,): kappa of Zhang et al. 2021."""
    return -_counted(run["kappa"])


def first_learned(run: Arrays) -> np.ndarray:
    """Return the first epoch in which an example is correct under attack, (N,); T if never (-1 in Dong et al. 2021)."""
    correct = run["correct"] == 1
    first = np.where(correct.any(0), correct.argmax(0), len(correct)).astype(np.float64)
    return np.where(_seen(run["correct"]).any(0), first, np.nan)


def probability(run: Arrays) -> np.ndarray:
    """Return minus the clean true-class probability at the best robust checkpoint, (N,): Dong et al. 2021, Fig. 7a."""
    return -run["best_clean_p_y"].astype(np.float64)


def min_perturbation(run: Arrays) -> np.ndarray:
    """Return minus the least radius found that changes the prediction, (N,): Dong et al. 2021, Fig. 7b.

    `evaluate: {min_perturbation: {}}` measures the radius (trainers.min_perturbation). With `label: given` it is the
    radius at which an example is not classified as its label, which is 0 for a misclassified one.
    """
    return -run["min_perturbation"].astype(np.float64)


SCORES: dict[str, Callable[[Arrays], np.ndarray]] = {
    "instability": instability,
    "instability_eval": instability_eval,
    "difficulty": difficulty,
    "difficulty_01": instability,  # Liu et al. 2021, Fig. 3: the same count, ranked with its ties as d is
    "difficulty_last": difficulty_last,
    "difficulty_entropy": difficulty_entropy,
    "gradient_norm": gradient_norm,
    "kappa": kappa,
    "first_learned": first_learned,
    "probability": probability,
    "min_perturbation": min_perturbation,
}
COUNTS = {"instability": "correct", "instability_eval": "withstood"}  # scores that count epochs, and of which array
FROM_FIRST_EPOCH = ("difficulty", "difficulty_01", "difficulty_entropy")


def compute_scores(run: Arrays, first_epoch: int = 0) -> Scores:
    """Return every score for which a training recorded the inputs, (N,) each.

    The scores of Liu et al. 2021 (FROM_FIRST_EPOCH) count only epochs >= first_epoch.
    """
    late = {name: values[first_epoch:] if values.ndim == 2 else values for name, values in run.items()}
    out: Scores = {}
    for name, score in SCORES.items():
        try:
            out[name] = score(late if name in FROM_FIRST_EPOCH else run)
        except KeyError:
            continue  # standard training has no kappa
    return out


def normalized_rank(score: np.ndarray) -> np.ndarray:
    """Return (#{lower} + half of #{equal, itself included}) / N for each score, (N,) -> (N,).

    This is 1 - d of Liu et al. 2021, eq. 1; its mean is exactly 1/2. In eq. 4 of Dong et al. ties share the lowest rank
    instead, which keeps the order.
    """
    return (scipy.stats.rankdata(score) - 0.5) / len(score)


def difficulty_d(losses: np.ndarray) -> np.ndarray:
    """Return the difficulty d of Liu et al. 2021, eq. 1, from mean losses, (N,) -> (N,): 0 hardest, 1 easiest."""
    return 1 - normalized_rank(losses)


def average_runs(runs: Sequence[Scores], average: Literal["ranks", "scores"] = "ranks") -> dict[str, np.ndarray]:
    """Return, for every score that all runs have, its mean over runs and rank_<score>, (N,) each.

    average says which mean is ranked. ranks: the mean of the runs' ranks, as appendix A.2 of Dong et al. 2021 says.
    scores: the mean of the scores, as the about 1600 distinct values in their footnote suggest for counts. Both order
    nearly alike. Raises ValueError if an example has no score, as its place in the order would be arbitrary.
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
        if average == "scores":
            key = out[name].round(12)  # so that ties stay ties
        else:
            key = np.sum([scipy.stats.rankdata(score) for score in values], axis=0)  # exact: a sum of half-integers
        out[f"rank_{name}"] = normalized_rank(key)
    return out


def rank_recorded(run: Arrays, score: str, window: int | None = None) -> dict[str, np.ndarray]:
    """Return a score and rank_<score>, (N,) each, by the last `window` epochs of a record, (T, N) each; None: by all.

    Raises ValueError if the record lacks the input of the score, or an example was trained on in none of these epochs.
    """
    last = slice(None if window is None else -window, None)
    scores = compute_scores({name: values[last] for name, values in run.items()})
    if score not in scores:
        raise ValueError(f"subset.score: this training does not record {score}; rank by another")
    return average_runs([{score: scores[score]}])


def d_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean |d - d'| of two rankings, (N,), (N,): Liu et al. 2021.

    It is 0 for equal, 1/2 for reversed and 1/3 for independent rankings; the paper's 0.375 is wrong.
    """
    return float(np.abs(one - other).mean())


def top_iou(one: np.ndarray, other: np.ndarray, share: float = TOP) -> float:
    """Return the intersection over union of the most problematic fractions of two rankings, (N,), (N,).

    Dong et al. 2021 compare rankings by it. It is 1 for equal rankings, and 1/9 by chance for a fifth. Examples that
    tie at the edge count as if each ranking drew among them independently, so that with such ties even equal rankings
    come to less than 1. If ties were broken by position, both rankings would draw the same examples and agree beyond
    chance.
    """
    n = max(round(share * len(one)), 1)
    shared = float(top_membership(one, n) @ top_membership(other, n))
    return shared / (2 * n - shared)


def top_membership(rank: np.ndarray, n: int) -> np.ndarray:
    """Return each example's probability to be among the n of highest rank, (N,); ties at the edge share the rest."""
    edge = np.partition(rank, -n)[-n]
    above, tied = rank > edge, rank == edge
    return np.where(tied, (n - above.sum()) / tied.sum(), above)


def measure_agreement(runs: Sequence[Scores]) -> dict[str, dict[str, float]]:
    """Return how alike the runs rank by each score that all have: d_distance and top_iou, averaged over pairs of runs.

    The result is empty for a single run.
    """
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
    """Return the mean over the epochs that saw an example, (T, N) uint8, or floats with NaN elsewhere -> (N,)."""
    return _mean(counts, _seen(counts))


def _seen(values: np.ndarray) -> np.ndarray:
    """Return which examples were trained on in which epoch, (T, N), or in one epoch, (N,): bool of the same shape."""
    return (values != UNSEEN) if values.dtype == np.uint8 else ~np.isnan(values)


def _mean(values: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return the mean over epochs of the values that are seen, (T, N), (T, N) bool -> (N,); NaN if none is seen."""
    epochs = seen.sum(0)
    totals = (values if seen.all() else np.where(seen, values, 0)).sum(0, dtype=np.float64)
    return np.divide(totals, epochs, out=np.full(len(epochs), np.nan), where=epochs > 0)
