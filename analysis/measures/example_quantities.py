"""Quantities of the training examples of a selection, one against another, as a scatter with a panel a line.

Liu et al. 2021, Figures 3, 13, 18 and 19; Dong et al. 2021, Figure 7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.difficulty_reference import References, find_shared_references, reduce_epochs
from analysis.measures.example_scatter import WHOLE, ExamplePairs, keep_known, tabulate_scatter
from analysis.measures.figure_table import TidyTable
from analysis.measures.hardness import measure_hardness
from analysis.results.instances import Instances
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep
from trainers.scores import difficulty_d, first_learned

REFERENCE = "reference"  # the difficulty of examples in other PGD trainings, as a quantity
D = "difficulty d (1: easiest)"


class ExampleQuantity(NamedTuple):
    """A number of each example of a training, computed from an array of its records."""

    array: str
    title: str
    compute: Callable[[Instances], np.ndarray]  # -> (N,), NaN where unknown
    limits: tuple[float, float] | None = None  # of its values, if they are the same for every training


def _rank_by(score: str) -> Callable[[Instances], np.ndarray]:
    """Return the function that computes d of Liu et al. 2021, eq. 1, from a score: 0 the hardest, 1 the easiest."""

    def compute(instances: Instances) -> np.ndarray:
        found = measure_hardness(instances, score)
        assert found is not None, "the caller asks for recorded arrays alone"
        d, known = np.full(len(found), np.nan), np.isfinite(found)
        d[known] = difficulty_d(found[known])
        return d

    return compute


def _rank_problematic(instances: Instances) -> np.ndarray:
    """Return the rank by instability (Dong et al. 2021, eq. 1), 1 the most problematic."""
    return 1 - _rank_by("instability")(instances)


QUANTITIES: Mapping[str, ExampleQuantity] = {
    "difficulty": ExampleQuantity("loss", "d by mean loss (1: easiest)", _rank_by("difficulty"), WHOLE),
    "difficulty_01": ExampleQuantity("correct", "d by mean 0–1 error (1: easiest)", _rank_by("difficulty_01"), WHOLE),
    "problematic": ExampleQuantity("correct", "problematic rank (1: most)", _rank_problematic, WHOLE),
    "probability": ExampleQuantity(
        "best_clean_p_y", "clean probability", lambda arrays: arrays["best_clean_p_y"], WHOLE
    ),
    "min_perturbation": ExampleQuantity(
        "min_perturbation", "least radius that misleads", lambda arrays: arrays["min_perturbation"]
    ),
    "first_learned": ExampleQuantity("correct", "first learned epoch", lambda arrays: first_learned(arrays)),
    "epsilon": ExampleQuantity("epsilon", "radius at the end", partial(reduce_epochs, "epsilon")),
    "weight": ExampleQuantity("weight", "mean weight over epochs", partial(reduce_epochs, "weight")),
    "t_y": ExampleQuantity("t_y", "mean target of the label over epochs", partial(reduce_epochs, "t_y")),
}


def measure_example_scatter(selection: Selection, x: str, y: str) -> TidyTable:
    """Tabulate one quantity of the examples against another, over the trainings of each line.

    Each is among QUANTITIES; `x` may also be REFERENCE, the difficulty in PGD trainings of other seeds, of the same
    sweep or else of one that was given. A training that lacks one of the two is left out.
    """
    pairs: list[ExamplePairs] = []
    sources: dict[str, Path | None] = {}  # in words -> the folder of another sweep
    for number, sweep in enumerate(selection.sweeps):
        references = find_shared_references(sweep, selection.given) if x == REFERENCE else None
        if references is not None:
            sources[references.description] = references.borrowed
        trials = selection.trials[selection.trials["sweep"] == number]
        pairs += _read_pairs(sweep, trials, references, x, y)
    named = QUANTITIES[y]
    x_title = D if x == REFERENCE else QUANTITIES[x].title
    notes = (f"Difficulty d is that of {' and '.join(sources)}.",) if sources else ()
    table = tabulate_scatter(pairs, x_title, named.title, WHOLE, named.limits, notes)
    return table._replace(borrowed=tuple(filter(None, sources.values())))


def _read_pairs(
    sweep: Sweep, trials: pd.DataFrame, references: References | None, x: str, y: str
) -> Iterator[ExamplePairs]:
    """Yield both quantities of the examples of each training that has them."""
    for trial, seed, panel, line in trials[["id", "seed", "panel", "line"]].itertuples(index=False):
        instances = sweep.instances(trial)
        if instances is None or QUANTITIES[y].array not in instances:
            continue
        if references is not None:
            one = references.d(instances, int(seed))
        else:
            one = QUANTITIES[x].compute(instances) if QUANTITIES[x].array in instances else None
        if one is not None:
            known = keep_known(one, QUANTITIES[y].compute(instances))
            if len(known[0]) > 1:
                yield ExamplePairs(panel, line, *known)
