"""Accuracy class by class, which a mean over classes hides (Dong et al. 2021, Figures 17 to 20)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.tidy import group_by_setting
from analysis.results.metrics import CHECKPOINTS, find_strongest, parse_attack, shorten_attack
from analysis.results.sweep import Sweep

SHORT = 16  # letters
MEAN = "mean"  # over the epochs measured, where `evaluate: {by_class: true}` recorded them


def name_class(label: int, names: Sequence[str]) -> str:
    """Name a class by its number and, if it adds anything, its name."""
    number, name = str(label), names[label] if label < len(names) else ""
    return name or number if not name or re.match(rf"{number}\b", name) else f"{number}: {name}"


def abbreviate_class(label: int, names: Sequence[str]) -> str:
    """Name a class in at most SHORT letters."""
    whole = name_class(label, names)
    return whole if len(whole) <= SHORT else f"{whole[: SHORT - 1]}…"


def tabulate_classes(results: Sweep) -> pd.DataFrame:
    """Return a row a configuration, checkpoint and class: each accuracy's mean over seeds, in [0, 1], and its s.e.

    The rows with `mean` as checkpoint belong to no checkpoint: there each seed's accuracies are means over the epochs
    measured.

    `label` is the class for a reader, by number and name. The accuracies are `clean`, `pgd` (that of training curves)
    and one for each final attack. `aa_gap` is PGD's less AutoAttack's on the examples that AutoAttack attacked, and
    `aa_clean`, if these are not all, the clean accuracy on them. A class without such an example has NaN. The table is
    empty if nothing completed.
    """
    done = results.completed
    rows = [
        {"configuration": trial["configuration"], "name": trial["name"], "checkpoint": checkpoint, "class": label}
        | {"label": name_class(label, results.class_names[trial["id"]])}
        | {kind: values[label] for kind, values in classes.items()}
        for trial in done.to_dict("records")
        for checkpoint, classes in results.outcomes[trial["id"]].get("classes", {}).items()
        if checkpoint in (*CHECKPOINTS, MEAN)
        for label in range(len(classes["clean"]))
    ]
    if not rows:
        return pd.DataFrame()
    table = pd.DataFrame(rows)
    keys = ["configuration", "name", "checkpoint", "class", "label"]
    kinds = [str(kind) for kind in table if kind not in keys]
    table[kinds] = table[kinds].astype(float)
    by = table.groupby(keys, sort=False)
    errors = by[kinds].sem().add_suffix("_se")
    counts = by.size().rename("n")
    columns = [column for kind in kinds for column in (kind, f"{kind}_se")]
    return pd.concat([counts, by[kinds].mean(), errors], axis=1)[["n", *columns]].reset_index()


class ClassPanel(NamedTuple):
    """One quantity for each configuration and class, in percent or points."""

    title: str
    values: np.ndarray  # (configurations, classes)
    kind: str  # "accuracy" or "gap"
    classes: list[str]  # as written on the axis
    range: tuple[float, float]  # over all configurations


class Classes(NamedTuple):
    """Accuracies by class, with one row per configuration."""

    names: list[str]
    settings: list[str]
    panels: list[ClassPanel]
    errors: np.ndarray  # (configurations,) the largest standard error of each, in points; NaN of single seeds
    robust: str = ""  # the attack whose accuracies are shown
    families: Sequence[str] = ()
    best: Sequence[int] = ()  # the places of the rows, that with the highest robust accuracy first

    @property
    def error(self) -> float:
        """The largest standard error of all rows, in points; NaN of single seeds."""
        return float(np.nanmax(self.errors)) if np.isfinite(self.errors).any() else np.nan

    def take(self, rows: Sequence[int]) -> Classes:
        """Return some of the rows; colours keep their range over all."""
        names, settings = ([values[row] for row in rows] for values in (self.names, self.settings))
        panels = [panel._replace(values=panel.values[list(rows)]) for panel in self.panels]
        return self._replace(
            names=names, settings=settings, panels=panels, errors=self.errors[list(rows)], families=(), best=()
        )


def collect_classes(results: Sweep, table: pd.DataFrame, checkpoint: str) -> Classes | None:
    """Collect the accuracies of one checkpoint from the table of `tabulate_classes`; None without any."""
    shown = table[table["checkpoint"] == checkpoint] if len(table) else table
    if shown.empty:
        return None
    done = results.completed
    by = done.groupby("configuration", sort=False)
    best = "best_val_pgd_acc" if results.selects else "last_test_pgd_acc"
    first = by[["choice", "setting", "family"]].first().assign(value=by[best].mean())
    first = first.loc[first.index.isin(shown["configuration"])]
    first = first.iloc[group_by_setting(first["setting"].tolist())]
    measured = {kind for kind in shown if shown[kind].notna().any()}
    run = [f"test_{attack}_acc" for attack in results.attacks if attack in measured]
    robust = parse_attack(find_strongest(run, results.attacks, done) or "") or "pgd"
    strong, along = (shorten_attack(attack, results.attacks) for attack in (robust, "pgd"))
    clean = f"{robust}_clean" if f"{robust}_clean" in measured else "clean"  # on the same images
    kinds = {clean: ("clean, %", "accuracy"), robust: (f"{strong}, %", "accuracy")}
    kinds |= {f"{robust}_gap": (f"{along} −\n{strong}, points", "gap")}
    known = {name: words for name, words in kinds.items() if name in measured}
    named = {results.class_names[trial] for trial in done["id"]}
    same = named.pop() if len(named) == 1 else ()  # with several data sets columns have numbers only
    classes = [abbreviate_class(label, same) for label in range(shown["class"].max() + 1)]
    panels = []
    for name, (title, kind) in known.items():
        values = 100 * shown.pivot(index="configuration", columns="class", values=name).loc[first.index].to_numpy()
        panels.append(ClassPanel(title, values, kind, classes, (float(np.nanmin(values)), float(np.nanmax(values)))))
    each = shown[[f"{name}_se" for name in known]].astype(float).max(axis=1)
    errors = 100 * each.groupby(shown["configuration"]).max().loc[first.index].to_numpy()
    order = np.argsort(-first["value"].to_numpy(), kind="stable").tolist()
    settings, families = first["setting"].tolist(), first["family"].tolist()
    return Classes(first["choice"].tolist(), settings, panels, errors, robust, families, order)
