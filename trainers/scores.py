"""Scores of training examples from what training recorded of them, and their ranks.

Inputs are (T, N) arrays of one or several trainings; a score is oriented so that more is harder to learn robustly.
Ranks are in [0, 1], 0 = friendliest / easiest, ties averaged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy.stats import rankdata

Arrays = Mapping[str, np.ndarray]
UNSEEN = 255  # in uint8 arrays: the example was not trained on in that epoch


def instability(run: Arrays) -> np.ndarray:
    """Share of epochs misclassified under attack, (N,): Dong et al. 2021, eq. 3, s = 1 - (epochs correct) / T."""
    return 1 - _mean(run["correct"])


def difficulty(run: Arrays) -> np.ndarray:
    """Mean adversarial CE over epochs, (N,): what Liu et al. 2021, eq. 2, rank by."""
    return np.nanmean(run["loss"].astype(np.float64), axis=0)


def kappa(run: Arrays) -> np.ndarray:
    """Minus the mean number of attack iterates still correct, (N,): Zhang et al. 2021's geometry, hardest highest."""
    return -_mean(run["kappa"])


def first_learned(run: Arrays) -> np.ndarray:
    """First epoch classified correctly under attack, (N,); never learned counts as T, not as -1: Dong et al. 2021."""
    correct = run["correct"] == 1
    return np.where(correct.any(0), correct.argmax(0), len(correct)).astype(np.float64)


def probability(run: Arrays) -> np.ndarray:
    """Minus the clean true-class probability at the best robust checkpoint, (N,): Dong et al. 2021, Fig. 7a."""
    return -run["best_clean_p_y"].astype(np.float64)


SCORES: dict[str, Callable[[Arrays], np.ndarray]] = {
    "instability": instability,
    "difficulty": difficulty,
    "difficulty_01": instability,  # Liu et al. 2021, Fig. 3: the same count, ranked with its ties as d is
    "kappa": kappa,
    "first_learned": first_learned,
    "probability": probability,
}


def normalized_rank(score: np.ndarray) -> np.ndarray:
    """(#{lower} + half of #{equal, itself among them}) / N, (N,) -> (N,).

    This is 1 - d of Liu et al. 2021, eq. 2; mean exactly 1/2. Dong et al.'s eq. 4 lets ties share the lowest rank
    instead, which keeps the order.
    """
    return (rankdata(score, method="average") - 0.5) / len(score)


def d(losses: np.ndarray) -> np.ndarray:
    """Difficulty d of Liu et al. 2021, eq. 2, of mean losses, (N,) -> (N,): 0 hardest, 1 easiest."""
    return 1 - normalized_rank(losses)


def ensemble(runs: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Every score that all runs recorded: its mean over runs, and rank_<score>, the mean of the runs' ranks.

    Ranks are averaged, as appendix A.2 of Dong et al. 2021 says; their code's count of distinct values suggests that
    counts were, which orders nearly alike.
    """
    out: dict[str, np.ndarray] = {}
    for name, score in SCORES.items():
        try:
            values = [score(run) for run in runs]
        except KeyError:
            continue  # standard training has no kappa
        out[name] = np.mean(values, axis=0)
        out[f"rank_{name}"] = np.mean([normalized_rank(value) for value in values], axis=0)
    return out


def _mean(counts: np.ndarray) -> np.ndarray:
    """Mean over the epochs in which an example was seen, (T, N) uint8 -> (N,)."""
    seen = counts != UNSEEN
    return np.where(seen, counts, 0).sum(0, dtype=np.int64) / np.maximum(seen.sum(0), 1)
