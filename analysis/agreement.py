"""How alike trainings rank the examples: distances, correlations and shared tops between a sweep's configurations.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5 and 6. Every training is a ranking of what it was trained
on, and of the test set where the space says `evaluate: {test_losses: true}`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.matrices import blocks
from analysis.results import COMPLETED, Results, SweepError, load, tell_damage
from trainers.scores import d_distance, normalized_rank, top_iou
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import show_with

BY = {
    "difficulty": "loss",
    "instability": "correct",
    "instability_eval": "withstood",
    "test": "test_loss",
    "test_pgd": "test_pgd_loss",
}
EASIER = ("correct", "withstood")  # of these a larger mean is an easier example
TRAINING = ("label_noise", "noise_seed", "extra", "crop", "padding", "flip")  # knobs of data that leave its test set
MOST = 4  # pairs that are named
APART = "trained on other labels, or measured on another test set, so that no ranking is comparable"
ALONE = "no two completed trainings of different seeds have examples in common and do not rank them all alike"
ASKED = {"withstood": "take `evaluate: {train: true}`"} | dict.fromkeys(
    ("test_loss", "test_pgd_loss"), "take `evaluate: {test_losses: true}`"
)


class Ranked(NamedTuple):
    """One training as a ranking of examples."""

    name: str  # of its configuration
    seed: int
    examples: np.ndarray  # (N,) their indices
    labels: str  # equal where the examples have equal labels, or are of the same test set
    means: np.ndarray  # (N,) larger where an example is harder


def ranks(values: np.ndarray, harder: int) -> np.ndarray:
    """(T, N) -> (N,) in [0, 1], 1 the hardest, ties averaged; `harder` +1 where larger means are harder, else -1."""
    return normalized_rank(harder * means(values))


def means(values: np.ndarray) -> np.ndarray:
    """Over the epochs that trained an example, (T, N) -> (N,); NaN where none did."""
    known = np.isfinite(values)
    totals, epochs = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    return np.divide(totals, epochs, out=np.full(len(epochs), np.nan), where=epochs > 0)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, here of ranks; NaN where one of them has all alike."""
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else float("nan")


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "distance": d_distance,
    "correlation": correlation,
    "iou": top_iou,
}


def matrix(results: Results, by: str, measure: str) -> pd.DataFrame:
    """Between configurations: the mean over all pairs of trainings of different seeds.

    A pair is compared on the examples that both were trained on, ranked among themselves; NaN where two configurations
    have no such pair, or had other labels: a wrong label makes an example hard, whoever trains on it. `attrs["apart"]`
    has the pairs of configurations with other labels or, of rankings of test sets, with other test sets. Raises
    SweepError where none can be compared, or other examples were recorded.
    """
    found = _means(results, BY[by])
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
            else f"{results.folder}: no completed training recorded {BY[by]}; {ASKED.get(BY[by], 'take an attack')}"
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


def corrupted(results: Results) -> pd.DataFrame:
    """D-distance between the test set and its corrupted versions, within a training; the mean over seeds."""
    rows: dict[tuple[str, str], list[float]] = {}
    for trial in _completed(results).to_dict("records"):
        instances = results.instances(trial["id"])
        curves = {} if instances is None else instances.curves
        others = [name for name in curves if name.startswith("test_") and name not in BY.values()]
        for name in others:
            pair = ranks(curves["test_loss"], 1), ranks(curves[name], 1)
            key = (str(trial["name"]), name.removeprefix("test_").removesuffix("_loss"))
            rows.setdefault(key, []).append(d_distance(*pair))
    table = pd.Series({key: np.mean(values) for key, values in rows.items()}, dtype=float)
    return table.unstack().loc[list(dict.fromkeys(name for name, _ in rows))] if len(table) else pd.DataFrame()


def against(results: Results, curve: str) -> pd.DataFrame:
    """Correlation of d (1: easiest) with an example's mean weight, epsilon or target, within a training; over seeds.

    Liu et al. 2021, Figs. 13, 18 and 19, print .844, .89 and .96. d is that of the same training, as there.
    """
    rows: dict[str, list[float]] = {}
    for trial in _completed(results).to_dict("records"):
        instances = results.instances(trial["id"])
        if instances is not None and {curve, "loss"} <= set(instances.curves):
            loss, mean = means(instances.curves["loss"]), means(instances.curves[curve])
            known = np.isfinite(loss) & np.isfinite(mean)
            d = 1 - normalized_rank(loss[known])
            rows.setdefault(str(trial["name"]), []).append(correlation(d, mean[known]))
    return pd.DataFrame({f"d and {curve}": {name: np.mean(values) for name, values in rows.items()}}, dtype=float)


def _completed(results: Results) -> pd.DataFrame:
    return results.sweep[results.sweep["status"] == COMPLETED]


def _means(results: Results, curve: str) -> list[Ranked]:
    """The trainings that recorded a curve, with what it comes to for each example."""
    found = []
    data = {trial["id"]: trial.get("config", {}).get("data", {}) for trial in results.plan["trials"]}
    for trial in _completed(results).to_dict("records"):
        instances = results.instances(trial["id"])
        if instances is not None and curve in instances.curves:
            harder = (-1 if curve in EASIER else 1) * means(instances.curves[curve])
            of_test = curve.startswith("test_")
            index = np.arange(len(harder)) if of_test else instances.index
            same = {key: value for key, value in data[trial["id"]].items() if key not in TRAINING}
            labels = json.dumps(same, sort_keys=True) if of_test else instances.y.tobytes().hex()
            found.append(Ranked(str(trial["name"]), int(trial["seed"]), index, labels, harder))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how alike the configurations of a sweep rank the examples."""
    parser = argparse.ArgumentParser(prog="python -m analysis.agreement", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path, help="a sweep's folder, such as results/difficulty_distance")
    parser.add_argument("--by", choices=BY, default="difficulty", help="what is ranked by (default: %(default)s)")
    parser.add_argument("--measure", choices=MEASURES, default="distance", help="(default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        results = load(options.run)
        try:
            _show(results, options.by, options.measure)
        finally:
            tell_damage([results])
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


def _show(results: Results, by: str, measure: str) -> None:
    console, table = Console(), matrix(results, by, measure)
    said = "of the examples that both of a pair have; mean over pairs of trainings of different seeds"
    _print(console, f"{measure} of rankings by {by}, {said}", table)
    if unknown := incomparable(table):
        console.print(f"\n{unknown}")
    for curve in ("weight", "epsilon", "t_y"):
        _print(console, f"\ncorrelation of difficulty d with the mean {curve} of an example", against(results, curve))
    _print(console, "\ndistance between the clean test set and its corrupted versions", corrupted(results))


def _print(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a title and a table, unless that is empty."""
    if len(table):
        console.print(title)
        for block in blocks(table, console.width):
            console.print("", block, sep="\n")


if __name__ == "__main__":
    show_with(main)
