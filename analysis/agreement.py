"""How alike trainings rank the examples: distances, correlations and shared tops between a sweep's configurations.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5 and 6. Every training is a ranking of what it was trained
on, and of the test set where the space says `evaluate: {test_losses: true}`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.matrices import blocks
from analysis.results import COMPLETED, Results, SweepError, load
from terminal.console import Console, error_console
from terminal.showing import show_with
from trainers.scores import d_distance, normalized_rank, top_iou

BY = {
    "difficulty": "loss",
    "instability": "correct",
    "instability_eval": "withstood",
    "test": "test_loss",
    "test_pgd": "test_pgd_loss",
}
EASIER = ("correct", "withstood")  # of these a larger mean is an easier example
MOST = 4  # pairs that are named
ALONE = "no two completed trainings of different seeds have examples in common and do not rank them all alike"
ASKED = {"withstood": "take `evaluate: {train: true}`"} | dict.fromkeys(
    ("test_loss", "test_pgd_loss"), "take `evaluate: {test_losses: true}`"
)


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
    have no such pair. Raises SweepError where none have, or other examples were recorded.
    """
    found = _means(results, BY[by])
    names = list(dict.fromkeys(name for name, *_ in found))
    pairs: dict[tuple[str, str], list[float]] = {(row, column): [] for row in names for column in names}
    for (name, seed, index, one), (other_name, other_seed, other_index, other) in product(found, repeat=2):
        if not np.array_equal(index, other_index):
            raise SweepError(f"{results.folder}: {name} and {other_name} rank different examples; compare them apart")
        both = np.isfinite(one) & np.isfinite(other)
        if seed != other_seed and both.sum() > 1:
            compared = MEASURES[measure](normalized_rank(one[both]), normalized_rank(other[both]))
            pairs[name, other_name] += [compared] * bool(np.isfinite(compared))
    if not any(pairs.values()):
        raise SweepError(
            f"{results.folder}: {ALONE}; take replicates >= 2"
            if found
            else f"{results.folder}: no completed training recorded {BY[by]}; {ASKED.get(BY[by], 'take an attack')}"
        )
    values = [[np.mean(pairs[row, column] or [np.nan]) for column in names] for row in names]
    return pd.DataFrame(values, names, names)


def incomparable(table: pd.DataFrame) -> str:
    """Which configurations of a matrix cannot be compared, in words; empty if all can."""
    known, names = table.notna().to_numpy(), list(map(str, table.index))
    pairs = [
        f"{name} with itself" if i == j else f"{name} and {names[j]}"
        for i, name in enumerate(names)
        for j in range(i, len(names))
        if not known[i, j]
    ]
    more = f" and {len(pairs) - MOST} more" if len(pairs) > MOST else ""
    return f"–: {ALONE}: {'; '.join(pairs[:MOST])}{more}." if pairs else ""


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


def _means(results: Results, curve: str) -> list[tuple[str, int, np.ndarray, np.ndarray]]:
    """Of each training: configuration, seed, which examples it has, and their means, larger where harder."""
    found = []
    for trial in _completed(results).to_dict("records"):
        instances = results.instances(trial["id"])
        if instances is not None and curve in instances.curves:
            harder = (-1 if curve in EASIER else 1) * means(instances.curves[curve])
            index = np.arange(len(harder)) if curve.startswith("test_") else instances.index
            found.append((str(trial["name"]), int(trial["seed"]), index, harder))
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
        table = matrix(results, options.by, options.measure)
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    said = "of the examples that both of a pair have; mean over pairs of trainings of different seeds"
    _print(console, f"{options.measure} of rankings by {options.by}, {said}", table)
    if unknown := incomparable(table):
        console.print(f"\n{unknown}")
    for curve in ("weight", "epsilon", "t_y"):
        _print(console, f"\ncorrelation of difficulty d with the mean {curve} of an example", against(results, curve))
    _print(console, "\ndistance between the clean test set and its corrupted versions", corrupted(results))
    return 0


def _print(console: Console, title: str, table: pd.DataFrame) -> None:
    """Print a title and a table, unless that is empty."""
    if len(table):
        console.print(title)
        for block in blocks(table, console.width):
            console.print("", block, sep="\n")


if __name__ == "__main__":
    show_with(main)
