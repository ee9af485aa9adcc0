"""How a front varies with the seeds: the interval of its hypervolume, and the surfaces that seeds attain.

The hypervolume is that of the means over seeds. Noise raises it, because a front is a maximum over its configurations:
the more so, the more configurations nearly reach it. The mean over seeds of the hypervolume of each seed's own front
is raised further, and so is a percentile interval of a bootstrap: with 15 configurations within a standard error of the
front and 3 seeds, their 95 % intervals hold the true value in 53 and 24 % of simulated studies. The interval here holds
it in 92 to 97 %, with 2 to 10 seeds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.dominance import attainment, hypervolume, hypervolumes
from analysis.measures.stats import t_quantile

REFERENCE = (0.0, 0.0)
RESAMPLES = 2000
BOOTSTRAP = "bias-corrected bootstrap 95 % t-interval over seeds"


class Volume(NamedTuple):
    """The hypervolume of a front above REFERENCE, with its interval; NaN at the ends for one seed."""

    mean: float  # corrected for bias if there are several seeds
    lo: float
    hi: float
    n: int  # the fewest seeds of its configurations; 0 without any
    configurations: int


def bootstrap_volume(trials: pd.DataFrame) -> Volume:
    """Estimate the hypervolume of the means over seeds, with a 95 % interval from RESAMPLES resamples.

    `trials` has `configuration`, `x` and `y`, a row a seed. The seeds of each configuration are resampled by
    themselves, n - 1 of n, as n would underestimate the variance (Hesterberg 2015, section 4.2). The bootstrap's bias
    is subtracted once, and the half-width is its standard error times the t-quantile of n degrees of freedom, where n
    is the fewest seeds.
    """
    points = trials[["x", "y"]].to_numpy(float)
    places = trials.groupby("configuration").indices
    by = [points[places[configuration]] for configuration in trials["configuration"].unique()]
    if not by:
        return Volume(0.0, np.nan, np.nan, 0, 0)
    fewest = min(map(len, by))
    found = hypervolume(np.array([seeds.mean(axis=0) for seeds in by]), REFERENCE)
    if fewest < 2:
        return Volume(found, np.nan, np.nan, fewest, len(by))
    rng = np.random.default_rng(0)
    drawn = [seeds[rng.integers(len(seeds), size=(RESAMPLES, len(seeds) - 1))].mean(axis=1) for seeds in by]
    volumes = hypervolumes(np.stack(drawn, axis=1), REFERENCE)
    mean, half = 2 * found - volumes.mean(), t_quantile(fewest + 1) * volumes.std(ddof=1)
    return Volume(float(mean), float(mean - half), float(mean + half), fewest, len(by))


def balance_seeds(trials: pd.DataFrame) -> pd.DataFrame:
    """Keep the configurations completed under the same seeds, so that all seeds have the same candidates.

    Among the sets of seeds that configurations completed, take the one that keeps most trials; of several, the larger.
    """
    completed = {str(name): frozenset(seeds) for name, seeds in trials.groupby("configuration")["replicate"]}
    if not completed:
        return trials
    kept = {seeds: [name for name, known in completed.items() if seeds <= known] for seeds in set(completed.values())}
    best = max(kept, key=lambda seeds: (len(seeds) * len(kept[seeds]), len(seeds), sorted(seeds)))
    return trials[trials["replicate"].isin(best) & trials["configuration"].isin(kept[best])]


def attain_surfaces(balanced: pd.DataFrame) -> dict[int, np.ndarray]:
    """Return by percentile the corners (m, 2) of the surfaces that so many of the seeds attain; none for one seed."""
    if balanced["replicate"].nunique() < 2:
        return {}
    return attainment(balanced[["x", "y"]].to_numpy(), balanced["replicate"].to_numpy())
