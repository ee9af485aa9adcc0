"""Accuracy of each class of a selection's lines, at a checkpoint or as a mean over epochs, and masking by class."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.measures.classes import MEAN, Classes, ClassPanel, abbreviate_class
from analysis.measures.figure_table import TidyTable, average_seeds
from analysis.measures.final_accuracy import list_checkpoints
from analysis.measures.stats import POINTS
from analysis.results.metrics import CHECKPOINTS, find_strongest, parse_attack, shorten_attack
from analysis.results.selection import Selection

GAP = "gap"


def measure_class_accuracy(selection: Selection, kinds: tuple[str, ...], mean: bool = False) -> TidyTable:
    """Measure accuracy by class: x is the class, a variant a kind, averaged over seeds.

    `kinds` are among "clean", "robust" (the strongest attack that was measured by class) and "gap" (PGD less
    AutoAttack). `mean` asks for the mean over epochs where it was recorded, else the checkpoint that represents a
    training is shown. The table is empty if no accuracy by class was recorded.
    """
    checkpoint = MEAN if mean and _has_mean(selection) else list_checkpoints(selection)[0]
    rows = []
    for trial in selection.trials.to_dict("records"):
        classes = _classes(selection, trial).get(checkpoint, {})
        for kind in kinds:
            values = classes.get(_find_kind(selection, classes, kind), ())
            variant = _name_kind(selection, classes, kind)
            rows += [
                {"panel": trial["panel"], "line": trial["line"], "variant": variant, "x": label, "value": value}
                for label, value in enumerate(values)
            ]
    when = "a mean over epochs" if checkpoint == MEAN else f"that of the {CHECKPOINTS[checkpoint]}"
    table = pd.DataFrame(rows, columns=["panel", "line", "variant", "x", "value"])
    points = average_seeds(table.assign(value=table["value"].astype(float)))
    names = tuple(_list_attacks(selection, checkpoint, kinds))
    return TidyTable(points, "class", "accuracy", attacks=names, notes=(f"Accuracy by class is {when}.",))


def _list_attacks(selection: Selection, checkpoint: str, kinds: tuple[str, ...]) -> dict[str, None]:
    """Return the names of the attacks that are shown; a gap is between that of learning curves and another."""
    found: dict[str, None] = {}
    for trial in selection.trials.to_dict("records"):
        classes = _classes(selection, trial).get(checkpoint, {})
        for kind in set(kinds) - {"clean"}:
            name = _find_kind(selection, classes, kind).removesuffix("_gap")
            found |= dict.fromkeys(["pgd", name] if kind == GAP else [name])
    return found


def _classes(selection: Selection, trial: dict) -> dict:
    return selection.sweeps[trial["sweep"]].outcomes.get(trial["id"], {}).get("classes") or {}


def _has_mean(selection: Selection) -> bool:
    return all(MEAN in _classes(selection, trial) for trial in selection.trials.to_dict("records"))


def _find_kind(selection: Selection, classes: dict, kind: str) -> str:
    """Return the recorded name of a kind: that of the strongest attack, or of its gap."""
    if kind == "clean":
        return kind
    metrics = [f"test_{attack}_acc" for attack in selection.attacks if attack in classes]
    strongest = parse_attack(find_strongest(metrics, selection.attacks, selection.trials) or "") or "pgd"
    gaps = [name for name in classes if name.endswith("_gap")]
    return strongest if kind == "robust" else next(iter(gaps), "")


def _name_kind(selection: Selection, classes: dict, kind: str) -> str:
    name = _find_kind(selection, classes, kind)
    if kind == GAP:
        return f"PGD − {shorten_attack(name.removesuffix('_gap'), selection.attacks)}, points"
    return "clean, %" if kind == "clean" else f"{shorten_attack(name, selection.attacks)}, %"


def name_classes(selection: Selection, table: TidyTable) -> list[str]:
    """Return the names of the classes of a table of `measure_class_accuracy`; with several data sets their numbers."""
    names = {names for sweep in selection.sweeps for names in sweep.class_names.values()}
    same = names.pop() if len(names) == 1 else ()
    return [abbreviate_class(label, same) for label in range(int(table.points["x"].max()) + 1)]


def arrange_classes(selection: Selection, table: TidyTable) -> Classes:
    """Arrange the table of `measure_class_accuracy` as a heat map, with a row a line and a panel a kind."""
    points = table.points
    rows = list(dict.fromkeys(zip(points["panel"], points["line"], strict=True)))
    labels, panels = name_classes(selection, table), []
    for variant, group in points.groupby("variant", sort=False):
        wide = group.pivot(index=["panel", "line"], columns="x", values="mean").reindex(rows)
        values = POINTS * wide.to_numpy()
        span = float(np.nanmin(values)), float(np.nanmax(values))
        kind = GAP if " − " in str(variant) else "accuracy"
        panels.append(ClassPanel(str(variant), values, kind, labels, span))
    half = (points["hi"] - points["mean"]).groupby([points["panel"], points["line"]]).max().reindex(rows)
    return Classes([line for _, line in rows], [panel for panel, _ in rows], panels, POINTS * half.to_numpy())
