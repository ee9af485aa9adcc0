"""How finely the trainings of a profiling rank the examples together: how many ranks, and how many examples tie.

The ranking is that by the mean of a count over the trainings, as the footnote of Dong et al. 2021 describes it. It is
one for all trainings. The number of a training is therefore that of the whole ranking, plus n - 1 times how far the
ranking without this training falls short of the mean of all such: the jackknife's pseudo-values (Tukey 1958), moved so
that their mean is the number that n trainings give, and not an estimate for ever more trainings. Their scatter gives
its standard error, and rather more (Efron and Stein 1981). In simulated studies of 8 and more trainings about one
verdict in twenty is wrong, or fewer; with three, of which two may fill all ranks that they have, up to all are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analysis.claims.metric import Metric, NotRecorded
from analysis.measures.hardness import explain_recording, measure_hardness
from analysis.results.sweep import Sweep
from trainers.scores import COUNTS

CUT = 0.1  # the share of the examples that a subset keeps
FEWEST = 8  # trainings
DIGITS = 12  # of a mean, so that ties stay ties


class RankingNumbers(NamedTuple):
    """The numbers of the trainings of a ranking."""

    setting: str  # the problem that it ranks
    values: np.ndarray  # (n,)
    step: float  # in which they are recorded: that of an example is one of their mean


def measure_rankings(sweep: Sweep, metric: Metric) -> Iterator[RankingNumbers]:
    """Yield the numbers of a metric for each ranking of a sweep.

    Raises NotRecorded if no ranking was made by FEWEST trainings or more.
    """
    made = [ranking for ranking in sweep.profile_rankings if len(ranking.trials) >= FEWEST]
    if not made:
        raise NotRecorded(f"a ranking by {FEWEST} trainings or more: --set profile.seeds=10")
    for ranking in made:
        n, total = len(ranking.trials), np.zeros(len(ranking.trials))
        for summand in metric.summands:
            quantity, score = summand.term.words
            counts, epochs = read_counts(sweep, ranking.trials, score)
            total = total + summand.sign * jackknife(QUANTITIES[quantity], counts, epochs)
        yield RankingNumbers(ranking.setting, total, math.sqrt(n) / len(ranking.index))


def read_counts(sweep: Sweep, trials: Sequence[str], score: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a score of the examples in each training, (n, N), and in how many epochs it counted, (n,)."""
    scores, epochs = [], []
    for trial in trials:
        instances = sweep.instances(trial)
        found = None if instances is None else measure_hardness(instances, score)
        if instances is None or found is None:
            raise NotRecorded(f"the trainings of a ranking by {score} ({explain_recording(score)})")
        scores.append(found)
        epochs.append(int(np.isfinite(instances[COUNTS[score]]).any(axis=1).sum()))
    return np.array(scores), np.array(epochs)


def jackknife(quantity: Callable[[np.ndarray, int], float], counts: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    """Return the number of each training for a quantity of their joint ranking, (n, N), (n,) -> (n,)."""
    n = len(counts)
    others = [np.arange(n) != one for one in range(n)]
    whole = quantity(counts.mean(axis=0), int(epochs.sum()))
    without = np.array([quantity(counts[kept].mean(axis=0), int(epochs[kept].sum())) for kept in others])
    return whole + (n - 1) * (without.mean() - without)


def share_ranks(mean: np.ndarray, epochs: int) -> float:
    """Return how many ranks there are, over how many there can be: a count of 0 to `epochs`, and one an example."""
    return len(np.unique(mean.round(DIGITS))) / min(epochs + 1, len(mean))


def share_tied(mean: np.ndarray, _epochs: int) -> float:
    """Return the share of the examples that tie where the friendliest tenth is cut off; 0 if none is on both sides."""
    ordered = np.sort(mean.round(DIGITS))
    last = round(CUT * len(ordered))
    if not 0 < last < len(ordered) or ordered[last - 1] != ordered[last]:
        return 0.0
    return float((ordered == ordered[last]).mean())


QUANTITIES: Mapping[str, Callable[[np.ndarray, int], float]] = {"ranks": share_ranks, "tied": share_tied}
