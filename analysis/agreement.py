"""Agreement of the rankings of examples between a sweep's configurations: distance, correlation and IoU of the tops.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5, 6 and 8 to 10. Each training ranks the examples it was
trained on by each score of trainers.scores that it recorded. With `evaluate: {test_losses: true}` it also ranks the
images of the test set: clean, attacked and corrupted ones.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.corrupted import Measure, compare_corrupted
from analysis.difficulty_reference import LAST, NONE, References, correlate_with_difficulty, find_references
from analysis.exceptions import SweepError
from analysis.hardness import check_score, describe_score, explain_recording, measure_hardness, ranks_test_set
from analysis.matrices import lay_out_blocks
from analysis.results import Results, load, print_damage
from trainers.scores import d_distance, normalized_rank, top_iou
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import run_and_exit

TRAINING = (
    "label_noise",
    "noise_seed",
    "extra",
    "crop",
    "padding",
    "flip",
)  # keys of data that do not change its test set
MAX_PAIRS = 4  # listed by name
APART = "trained on other labels, or measured on another test set, so that rankings are not comparable"
ALONE = "no two completed trainings of different seeds share examples that they do not all rank alike"


class RankedTraining(NamedTuple):
    """The ranking of examples by one training."""

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


def build_matrix(results: Results, by: str, measure: str) -> pd.DataFrame:
    """Build a matrix between configurations: a measure's mean over all pairs of trainings with different seeds.

    `by` is a score or loss as in `hardness.known`. A pair is compared on the examples that both were trained on, ranked
    among themselves. An entry is NaN if two configurations have no such pair, or were trained on other labels, because
    a wrong label makes an example hard for every training. `attrs["apart"]` has the pairs of configurations with other
    labels or, for rankings of test sets, with other test sets. Raises SweepError if no pair can be compared, or if
    trainings recorded different examples.
    """
    found = _rank_trainings(results, by)
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


def describe_incomparable(table: pd.DataFrame) -> str:
    """Describe which configurations of a matrix cannot be compared, and why; empty if all can."""
    known, names = table.notna().to_numpy(), list(map(str, table.index))
    apart = set(table.attrs.get("apart", ()))
    pairs: dict[str, list[str]] = {APART: [], ALONE: []}
    for i, name in enumerate(names):
        for j in range(i, len(names)):
            if not known[i, j]:
                why = APART if (name, names[j]) in apart else ALONE
                pairs[why].append(f"{name} with itself" if i == j else f"{name} and {names[j]}")
    return "\n".join(
        f"–: {why}: {'; '.join(named[:MAX_PAIRS])}{f' and {len(named) - MAX_PAIRS} more' * (len(named) > MAX_PAIRS)}."
        for why, named in pairs.items()
        if named
    )


def _rank_trainings(results: Results, by: str) -> list[RankedTraining]:
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
            found.append(RankedTraining(str(trial["name"]), int(trial["seed"]), index, labels, harder))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the agreement between the rankings of examples of a sweep's configurations."""
    parser = argparse.ArgumentParser(prog="python -m analysis.agreement", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a sweep's folder, such as results/difficulty_distance")
    scores = "score, or recorded loss such as test, test_pgd, train_fgsm, to rank by (default: %(default)s)"
    parser.add_argument("--by", default="difficulty", help=scores)
    parser.add_argument(
        "--measure", choices=MEASURES, default="distance", help="measure of agreement (default: %(default)s)"
    )
    file = "ranking by PGD training to correlate weights and targets with: profile/<ranking>.npz of a sweep"
    parser.add_argument("--ranking", type=Path, help=file)
    options = parser.parse_args(arguments)
    try:
        results = load(options.run)
        try:
            _print_report(results, options.by, options.measure, options.ranking)
        finally:
            print_damage([results])
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


def _print_report(results: Results, by: str, measure: str, file: Path | None) -> None:
    by, difficulties = check_score(by), find_references(results, file)
    console, table = Console(), build_matrix(results, by, measure)
    scope = "on the examples that both trainings of a pair have; mean over pairs of trainings with different seeds"
    _print_table(console, f"{measure} of rankings by {describe_score(by, results)}, {scope}", table)
    if unknown := describe_incomparable(table):
        console.print(f"\n{unknown}")
    _print_difficulty(console, results, difficulties)
    for name, found in compare_corrupted(results, MEASURES[measure]).items():
        _print_table(
            console,
            f"\n{measure} between the difficulty of corrupted test images for networks trained on clean images "
            f"({name}) and the difficulty of the images of each row (training: images)",
            found,
        )


def _print_difficulty(console: Console, results: Results, difficulties: References) -> None:
    """Print how weights, epsilons and targets correlate with difficulty, and which lack a difficulty.

    Raises SweepError if the file of `--ranking` ranks other examples or labels.
    """
    found = correlate_with_difficulty(results, difficulties)
    for curve, table in found.correlations.items():
        which = f"the {curve} of an example at the end" if curve in LAST else f"the mean {curve} of an example"
        source = f"difficulty d (1: easiest) of {difficulties.description}"
        _print_table(console, f"\ncorrelation of {source} with {which}", table)
    _print_table(console, "\nmean t_max at the last epoch by group of this difficulty, G0 the hardest", found.groups)
    if found.without and difficulties.file is not None and not found.correlations:
        ranks = "it ranks other examples, or under other labels, than"
        raise SweepError(f"--ranking {difficulties.file}: {ranks} {results.folder} has")
    if found.without:
        some = " of some trainings" if found.correlations else ""
        console.print(f"\n{', '.join(found.without)}{some}: correlations with difficulty {NONE}.")


def _print_table(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a title and a table, unless the table is empty."""
    if len(table):
        console.print(title)
        for block in lay_out_blocks(table, console.width):
            console.print("", block, sep="\n")


if __name__ == "__main__":
    run_and_exit(main)
