"""What diagnostics and galleries recorded, as the points of papers' figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.diagnostic_curves import FLATNESS, LIPSCHITZ, read_numbers
from analysis.measures.figure_table import EXAMPLES, TidyTable, average_seeds
from analysis.measures.gallery import Pairs, collect_adversaries
from analysis.measures.logit_components import project_pairs, read_logits
from analysis.results.choice import list_configs
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep
from trainers.record_io import Row


def measure_diagnostic_curves(selection: Selection, arrays: Mapping[str, str], title: str, log: bool) -> TidyTable:
    """Average the numbers of diagnostics over seeds by epoch; `arrays` maps a variant to the array of its numbers."""
    values = _read_selection(selection, arrays).rename(columns={"epoch": "x"})
    counts = {
        len(diagnostics["flatness_images"])
        for sweep, trial in selection.trials[["sweep", "id"]].itertuples(index=False)
        if (diagnostics := selection.sweeps[sweep].diagnostics(trial)) is not None
        and diagnostics.has("flatness_images", *arrays.values())
    }
    images = " or ".join(f"{count:,}" for count in sorted(counts))
    is_flatness = set(arrays.values()) <= set(FLATNESS.values())
    notes = (f"Gradient lengths (l2) are means over {images} test images.",) if is_flatness else ()
    return TidyTable(average_seeds(values), "epoch", title, percent=False, log=log, notes=notes, of_test=False)


def tabulate_bounds(selection: Selection) -> TidyTable:
    """Average the bounds of the Lipschitz constant at the last epoch that measured them over seeds."""
    values = _read_selection(selection, LIPSCHITZ)
    last = values.groupby(["sweep", "id"])["epoch"].transform("max")
    points = average_seeds(values[values["epoch"] == last].assign(x=0.0))
    note = "Upper bounds in l2, from pixels to logits, at the last epoch; merged joins affine layers."
    return TidyTable(points, "", "Lipschitz bound", plain=tuple(LIPSCHITZ), notes=(note,), of_test=False)


def measure_components(
    selection: Selection, first: Sequence[int] = (), pairs: Sequence[tuple[int, int]] = ()
) -> TidyTable:
    """Project the logits of the first training of a selection that recorded them, a panel a pair of classes.

    `pairs` are the pairs of classes; without them all whose first class is in `first`. The points also have `one`,
    `other`, `label` and `kappa`. Raises SweepError if no training recorded logits and κ.
    """
    for row in selection.trials.to_dict("records"):
        sweep = selection.sweeps[row["sweep"]]
        logits = read_logits(sweep.diagnostics(row["id"]), sweep.instances(row["id"]))
        table = pd.DataFrame() if logits is None else project_pairs(logits, list(pairs) or None)
        if len(table):
            table = table[table["one"].isin(first)] if first else table
            panel = table["one"].map(str) + ", " + table["other"].map(str)
            points = table.assign(panel=panel, line=row["line"], variant=table["label"].map(str), mean=table["y"])
            where = ", ".join(filter(None, (row["line"], row["panel"], f"seed {row['seed']}")))
            note = f"Shown: {where}, after epoch {int(table['epoch'].iloc[0])}; the plane of each pair is its own."
            config = selection.configs[row["sweep"], row["id"]]
            return _show_examples(points, "component 1", "component 2", note, config)
    raise SweepError("no training recorded logits and κ of the same epoch")


def measure_pairs(selection: Selection, score: str, ends: Sequence[int]) -> TidyTable:
    """Tabulate the images of a gallery with their difficulty: a panel a class, a line an end, `x` the place.

    The points also have `label` and `predicted`.
    """
    info = find_pairs(selection.sweeps, score).take_ends(ends)
    rows, columns = np.nonzero(info.shown)
    half = info.shown.shape[1] // len(info.ends)
    points = pd.DataFrame(
        {
            "panel": [info.classes[row] for row in rows],
            "line": [info.ends[column // half] for column in columns],
            "variant": "",
            "x": columns % half,
            "mean": info.difficulty[rows, columns],
            "label": info.labels[rows, columns],
            "predicted": info.predicted[rows, columns],
        }
    )
    note = (
        "Under each image its label and difficulty d (0: hardest), under its adversary the predicted label. "
        f"Sorted by {info.score}; {info.attack} on the network of {info.trial}."
    )
    configs = (config for sweep in selection.sweeps for trial, config in list_configs(sweep) if trial == info.trial)
    return _show_examples(points, "place", "difficulty d", note, next(configs, None))


def find_pairs(sweeps: Sequence[Sweep], score: str) -> Pairs:
    """Return the images and adversaries of the first ranking that has them. Raises SweepError if none has."""
    for sweep in sweeps:
        for ranking in sweep.profile_rankings:
            info = collect_adversaries(sweep, ranking, score)
            if info is not None:
                return info
    raise SweepError(f"no ranking by {score} has adversaries of its images")


def _read_selection(selection: Selection, arrays: Mapping[str, str]) -> pd.DataFrame:
    parts = [
        read_numbers(selection.sweeps[sweep].diagnostics(trial), arrays, "variant").assign(
            sweep=sweep, id=trial, panel=panel, line=line
        )
        for sweep, trial, panel, line in selection.trials[["sweep", "id", "panel", "line"]].itertuples(index=False)
    ]
    return pd.concat(parts, ignore_index=True)


def _show_examples(points: pd.DataFrame, x_title: str, y_title: str, note: str, config: Row | None) -> TidyTable:
    """Return examples of one training, of this configuration, as points without an interval."""
    points = points.assign(lo=np.nan, hi=np.nan, n=1)
    return TidyTable(points, x_title, y_title, EXAMPLES, percent=False, notes=(note,), of_test=False, shown=config)
