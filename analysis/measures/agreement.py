"""Agreement of the rankings of examples between a sweep's configurations: distance, correlation and IoU of the tops.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5, 6 and 8 to 10. Each training ranks the examples it was
trained on by each score of trainers.scores that it recorded. With `evaluate: {test_losses: true}` it also ranks the
images of the test set: clean, attacked and corrupted ones.
"""

from __future__ import annotations

import json
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.corrupted import Measure
from analysis.measures.hardness import explain_recording, measure_hardness, ranks_test_set
from analysis.results.sweep import Sweep
from trainers.scores import d_distance, normalized_rank, top_iou

TRAINING = (
    "label_noise",
    "noise_seed",
    "extra",
    "crop",
    "padding",
    "flip",
)  # keys of data that do not change its test set
ALONE = "no two completed trainings of different seeds share examples that they do not all rank alike"


class RankedTraining(NamedTuple):
    """The ranking of examples by one training."""

    trial: str  # its id
    name: str  # of the configuration
    seed: int
    examples: np.ndarray  # (N,) indices of the examples
    labels: str  # a key, equal if the examples have equal labels or are the same test set
    means: np.ndarray  # (N,) larger for harder examples


def correlate(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation, here of ranks; NaN if all values of one array are equal."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else float("nan")


MEASURES: dict[str, Measure] = {
    "distance": d_distance,
    "correlation": correlate,
    "iou": top_iou,
}


def build_matrix(results: Sweep, by: str, measure: str) -> pd.DataFrame:
    """Build a matrix between configurations: a measure's mean over all pairs of trainings with different seeds.

    `by` is a score or loss as in `hardness.known`. A pair is compared on the examples that both were trained on, ranked
    among themselves. An entry is NaN if two configurations have no such pair, or were trained on other labels, because
    a wrong label makes an example hard for every training. `attrs["apart"]` has the pairs of configurations with other
    labels or, for rankings of test sets, with other test sets. Raises SweepError if no pair can be compared, or if
    trainings recorded different examples.
    """
    found = rank_trainings(results, by)
    names = list(dict.fromkeys(one.name for one in found))
    pairs: dict[tuple[str, str], list[float]] = {(row, column): [] for row in names for column in names}
    apart: dict[tuple[str, str], bool] = {}
    for one, other in product(found, repeat=2):
        if not np.array_equal(one.examples, other.examples):
            raise SweepError(
                f"{results.folder}: {one.name} and {other.name} rank different examples; compare them separately"
            )
        if one.labels != other.labels:
            apart[one.name, other.name] = True
            continue
        both = np.isfinite(one.means) & np.isfinite(other.means)
        if one.seed != other.seed and both.sum() > 1:
            compared = MEASURES[measure](normalized_rank(one.means[both]), normalized_rank(other.means[both]))
            pairs[one.name, other.name] += [compared] * bool(np.isfinite(compared))
    if not any(pairs.values()):
        raise SweepError(
            f"{results.folder}: {ALONE}; take replicates >= 2"
            if found
            else f"{results.folder}: no completed training recorded what ranks by {by}; {explain_recording(by)}"
        )
    values = [[np.mean(pairs[row, column] or [np.nan]) for column in names] for row in names]
    table = pd.DataFrame(values, names, names)
    table.attrs["apart"] = list(apart)
    return table


def rank_trainings(results: Sweep, by: str) -> list[RankedTraining]:
    """Return the rankings of all completed trainings that recorded the score or loss `by`."""
    found = []
    data = {trial["id"]: trial.get("config", {}).get("data", {}) for trial in results.plan["trials"]}
    for trial in results.completed.to_dict("records"):
        instances = results.instances(trial["id"])
        harder = None if instances is None else measure_hardness(instances, by)
        if instances is not None and harder is not None:
            index = np.arange(len(harder)) if ranks_test_set(by) else instances.index
            same = {key: value for key, value in data[trial["id"]].items() if key not in TRAINING}
            labels = json.dumps(same, sort_keys=True) if ranks_test_set(by) else instances.y.tobytes().hex()
            named = str(trial["id"]), str(trial["name"]), int(trial["seed"])
            found.append(RankedTraining(*named, index, labels, harder))
    return found
