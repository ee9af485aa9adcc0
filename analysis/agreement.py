"""How alike trainings rank the examples: distances, correlations and shared tops between a sweep's configurations.

Liu et al. 2021, Tables 4 and 5; Dong et al. 2021, Figures 5 and 6. Every training is a ranking of what it was trained
on, and of the test set where the space says `evaluate: {test_losses: true}`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.results import COMPLETED, Results, SweepError, load
from trainers.scores import d_distance, normalized_rank, top_iou

BY = {"difficulty": "loss", "instability": "correct", "test": "test_loss", "test_pgd": "test_pgd_loss"}


def ranks(values: np.ndarray, harder: int) -> np.ndarray:
    """(T, N) -> (N,) in [0, 1], 1 the hardest, ties averaged; `harder` +1 where larger means are harder, else -1."""
    return normalized_rank(harder * means(values))


def means(values: np.ndarray) -> np.ndarray:
    """Over the epochs that trained an example, (T, N) -> (N,); NaN where none did."""
    known = np.isfinite(values)
    totals, epochs = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    return np.divide(totals, epochs, out=np.full(len(epochs), np.nan), where=epochs > 0)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


MEASURES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "distance": d_distance,
    "correlation": correlation,
    "iou": top_iou,
}


def matrix(results: Results, by: str, measure: str) -> pd.DataFrame:
    """Between configurations: the mean over all pairs of trainings of different seeds.

    A pair is compared on the examples that both were trained on, ranked among themselves. Raises SweepError where fewer
    than two trainings recorded what is asked for, or not of the same data.
    """
    found = _means(results, BY[by])
    pairs: dict[tuple[str, str], list[float]] = {}
    for (name, seed, index, one), (other_name, other_seed, other_index, other) in product(found, repeat=2):
        if not np.array_equal(index, other_index):
            raise SweepError(f"{results.folder}: {name} and {other_name} rank different examples; compare them apart")
        both = np.isfinite(one) & np.isfinite(other)
        if seed != other_seed and both.sum() > 1:
            compared = MEASURES[measure](normalized_rank(one[both]), normalized_rank(other[both]))
            pairs.setdefault((name, other_name), []).append(compared)
    if not pairs:
        raise SweepError(
            f"{results.folder}: no two completed trainings of different seeds recorded {BY[by]} of the same examples; "
            "take replicates >= 2, and for the test set `evaluate: {test_losses: true}`"
        )
    names = list(dict.fromkeys(name for name, *_ in found))
    values = [[np.mean(pairs.get((row, column), [np.nan])) for column in names] for row in names]
    return pd.DataFrame(values, names, names)


def corrupted(results: Results) -> pd.DataFrame:
    """D-distance between the test set and its corrupted versions, within a training; the mean over seeds."""
    rows: dict[tuple[str, str], list[float]] = {}
    for trial in _completed(results).to_dict("records"):
        instances = results.instances(trial["id"])
        curves = {} if instances is None else instances.curves
        others = [name for name in curves if name.startswith("test_") and name not in BY.values()]
        for name in others:
            pair = ranks(curves["test_loss"], 1), ranks(curves[name], 1)
            key = (name.removeprefix("test_").removesuffix("_loss"), str(trial["name"]))
            rows.setdefault(key, []).append(d_distance(*pair))
    table = pd.Series({key: np.mean(values) for key, values in rows.items()}, dtype=float)
    return table.unstack() if len(table) else pd.DataFrame()


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
            harder = (-1 if curve == "correct" else 1) * means(instances.curves[curve])
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
        print(
            f"{options.measure} of rankings by {options.by}, of the examples that both of a pair have; "
            "mean over pairs of trainings of different seeds\n"
        )
        print(_markdown(matrix(results, options.by, options.measure)))
        for curve in ("weight", "epsilon", "t_y"):
            if len(found := against(results, curve)):
                print(f"\ncorrelation of difficulty d with the mean {curve} of an example\n\n{_markdown(found)}")
        if len(found := corrupted(results)):
            print(f"\ndistance between the clean test set and its corrupted versions\n\n{_markdown(found)}")
    except SweepError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _markdown(table: pd.DataFrame) -> str:
    head = ["", *map(str, table.columns)]
    rows = zip(table.index, table.values, strict=True)
    body = [[str(name), *(f"{value:.3f}" for value in values)] for name, values in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] + ["--:"] * len(table.columns), *body])


if __name__ == "__main__":
    sys.exit(main())
