"""How alike trainings rank the examples: distances, correlations and shared tops between a sweep's configurations.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5, 6 and 8 to 10. Every training is a ranking of what it was
trained on by each score of trainers.scores that it recorded, and of the test set, under attack and corrupted as well,
where the space says `evaluate: {test_losses: true}`.
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
from trainers.terminal.showing import show_with

TRAINING = ("label_noise", "noise_seed", "extra", "crop", "padding", "flip")  # knobs of data that leave its test set
MOST = 4  # pairs that are named
APART = "trained on other labels, or measured on another test set, so that no ranking is comparable"
ALONE = "no two completed trainings of different seeds have examples in common and do not rank them all alike"


class RankedTraining(NamedTuple):
    """One training as a ranking of examples."""

    name: str  # of its configuration
    seed: int
    examples: np.ndarray  # (N,) their indices
    labels: str  # equal where the examples have equal labels, or are of the same test set
    means: np.ndarray  # (N,) larger where an example is harder


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, here of ranks; NaN where one of them has all alike."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else float("nan")


MEASURES: dict[str, Measure] = {
    "distance": d_distance,
    "correlation": correlation,
    "iou": top_iou,
}


def matrix(results: Results, by: str, measure: str) -> pd.DataFrame:
    """Between configurations: the mean over all pairs of trainings of different seeds; `by` as `hardness.known` says.

    A pair is compared on the examples that both were trained on, ranked among themselves; NaN where two configurations
    have no such pair, or had other labels: a wrong label makes an example hard, whoever trains on it. `attrs["apart"]`
    has the pairs of configurations with other labels or, of rankings of test sets, with other test sets. Raises
    SweepError where none can be compared, or other examples were recorded.
    """
    found = _ranked(results, by)
    names = list(dict.fromkeys(one.name for one in found))
    pairs: dict[tuple[str, str], list[float]] = {(row, column): [] for row in names for column in names}
    apart: dict[tuple[str, str], bool] = {}
    for one, other in product(found, repeat=2):
        if not np.array_equal(one.examples, other.examples):
            raise SweepError(
                f"{results.folder}: {one.name} and {other.name} rank different examples; compare them apart"
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


def incomparable(table: pd.DataFrame) -> str:
    """Which configurations of a matrix cannot be compared, in words; empty if all can."""
    known, names = table.notna().to_numpy(), list(map(str, table.index))
    apart = set(table.attrs.get("apart", ()))
    pairs: dict[str, list[str]] = {APART: [], ALONE: []}
    for i, name in enumerate(names):
        for j in range(i, len(names)):
            if not known[i, j]:
                why = APART if (name, names[j]) in apart else ALONE
                pairs[why].append(f"{name} with itself" if i == j else f"{name} and {names[j]}")
    return "\n".join(
        f"–: {why}: {'; '.join(these[:MOST])}{f' and {len(these) - MOST} more' if len(these) > MOST else ''}."
        for why, these in pairs.items()
        if these
    )


def _ranked(results: Results, by: str) -> list[RankedTraining]:
    """The trainings that recorded what ranks by `by`, with what it comes to for each example."""
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
    """Print how alike the configurations of a sweep rank the examples."""
    parser = argparse.ArgumentParser(prog="python -m analysis.agreement", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a sweep's folder, such as results/difficulty_distance")
    scores = "a score, or a recorded loss such as test, test_pgd, train_fgsm (default: %(default)s)"
    parser.add_argument("--by", default="difficulty", help=scores)
    parser.add_argument("--measure", choices=MEASURES, default="distance", help="(default: %(default)s)")
    file = "whose difficulty weights and targets are set against: profile/<ranking>.npz of a sweep by PGD training"
    parser.add_argument("--ranking", type=Path, help=file)
    options = parser.parse_args(arguments)
    try:
        results = load(options.run)
        try:
            _show(results, options.by, options.measure, options.ranking)
        finally:
            print_damage([results])
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


def _show(results: Results, by: str, measure: str, file: Path | None) -> None:
    by, them = check_score(by), find_references(results, file)
    console, table = Console(), matrix(results, by, measure)
    said = "of the examples that both of a pair have; mean over pairs of trainings of different seeds"
    _print(console, f"{measure} of rankings by {describe_score(by, results)}, {said}", table)
    if unknown := incomparable(table):
        console.print(f"\n{unknown}")
    _show_judged(console, results, them)
    for name, found in compare_corrupted(results, MEASURES[measure]).items():
        _print(
            console,
            f"\n{measure} between the difficulty of corrupted test images, of networks trained on clean ones ({name}), "
            "and that of the images of each row (training: images)",
            found,
        )


def _show_judged(console: Console, results: Results, them: References) -> None:
    found = correlate_with_difficulty(results, them)
    for curve, table in found.correlations.items():
        which = f"the {curve} of an example at the end" if curve in LAST else f"the mean {curve} of an example"
        _print(console, f"\ncorrelation of difficulty d (1: easiest), that of {them.what}, with {which}", table)
    _print(console, "\nmean t_max at the last epoch by group of that difficulty, G0 the hardest", found.groups)
    if found.without and them.file is not None and not found.correlations:
        ranks = "it ranks other examples, or under other labels, than"
        raise SweepError(f"--ranking {them.file}: {ranks} {results.folder} has")
    if found.without:
        some = " of some trainings" if found.correlations else ""
        console.print(f"\n{', '.join(found.without)}{some}: correlations with difficulty {NONE}.")


def _print(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a title and a table, unless that is empty."""
    if len(table):
        console.print(title)
        for block in lay_out_blocks(table, console.width):
            console.print("", block, sep="\n")


if __name__ == "__main__":
    show_with(main)
