"""Accuracy class by class, a row a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.classes import short_label
from analysis.figures import WIDTH
from analysis.metrics import attack_of, attack_title, strongest
from analysis.results import COMPLETED, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST = 12  # rows; the table has them all
ROW = 0.42  # inches, room for a row's name above its cells
WRITTEN = 12  # classes whose numbers fit their cells
LETTER = 0.06  # inches, of a class's name
TOP, BOTTOM = 0.0, 0.45  # of a row's cells


class Panel(NamedTuple):
    """One quantity of every configuration and class, in percent or points."""

    title: str
    values: np.ndarray  # (configurations, classes)
    colours: str  # a colour map
    classes: list[str]  # as a reader sees them


class Classes(NamedTuple):
    """One row a configuration."""

    names: list[str]
    panels: list[Panel]
    error: float  # the largest standard error shown, in points; NaN of single seeds
    left_out: int


def classes_info(results: Results, table: pd.DataFrame) -> Classes | None:
    """From the table of `analysis.classes`, at the selected epoch or, without one, the last; of many rows the best."""
    shown = table[table["checkpoint"] == results.checkpoint] if len(table) else table
    if shown.empty:
        return None
    done = results.sweep[results.sweep["status"] == COMPLETED]
    by = "best_val_pgd_acc" if results.selects else "last_test_pgd_acc"
    value = done.groupby("configuration", sort=False)[by].mean()
    kept = value.index[value.index.isin(value.nlargest(MOST).index)]
    robust = attack_of(strongest(results.final_metrics(), results.attacks) or "") or "pgd"
    strong, along = (attack_title(attack, results.attacks) for attack in (robust, "pgd"))
    clean = f"{robust}_clean" if f"{robust}_clean" in shown else "clean"  # on the same images
    kinds = {clean: ("clean, %", "Blues"), robust: (f"{strong}, %", "Blues")}
    kinds |= {f"{robust}_gap": (f"{along} −\n{strong}, points", "Oranges")}
    known = {kind: look for kind, look in kinds.items() if kind in shown and shown[kind].notna().any()}
    named = {results.class_names[trial] for trial in done["id"]}
    same = named.pop() if len(named) == 1 else ()  # of several data sets the numbers alone stand for a column
    classes = [short_label(label, same) for label in range(shown["class"].max() + 1)]
    panels = []
    for kind, (title, paint) in known.items():
        values = shown.pivot(index="configuration", columns="class", values=kind).loc[kept].to_numpy()
        panels.append(Panel(title, 100 * values, paint, classes))
    at = shown[shown["configuration"].isin(kept)]
    errors = at[[f"{kind}_se" for kind in known]].to_numpy(float)
    names = at.drop_duplicates("configuration").set_index("configuration")["name"][kept].tolist()
    largest = float(100 * np.nanmax(errors)) if np.isfinite(errors).any() else np.nan
    return Classes(names, panels, largest, len(value) - len(kept))


def classes_size(info: Classes) -> tuple[float, float]:
    """Inches."""
    longest = max((len(label) for panel in info.panels for label in _ticks(panel)), default=1)
    return WIDTH, 0.9 + ROW * len(info.names) + LETTER * (longest if longest > 2 else 0)


def draw_classes(figure: Figure, info: Classes) -> None:
    """A panel a quantity; the darker, the more of it."""
    plots = figure.subplots(1, len(info.panels), squeeze=False, sharey=True)[0]
    for plot, panel in zip(plots, info.panels, strict=True):
        _draw(plot, panel)
    plots[0].set(ylim=(len(info.names) - 0.5, -0.45), yticks=[])
    for place, name in enumerate(info.names):
        plots[0].annotate(
            name, (0, place + TOP), xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
            fontsize=8, annotation_clip=False,
        )  # fmt: skip


def _ticks(panel: Panel) -> list[str]:
    """Return the classes that are written below a panel: all of a few, each tenth of many."""
    return panel.classes if len(panel.classes) <= WRITTEN else panel.classes[::10]


def _draw(plot: Plot, panel: Panel) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    classes = panel.values.shape[1]
    norm, paint = Normalize(np.nanmin(panel.values), np.nanmax(panel.values)), colormaps[panel.colours]
    for place, row in enumerate(panel.values):
        extent = (-0.5, classes - 0.5, place + BOTTOM, place + TOP)
        plot.imshow(row[None], extent=extent, aspect="auto", cmap=paint, norm=norm, interpolation="nearest")
        for label, value in enumerate(row if classes <= WRITTEN else ()):
            dark = norm(value) > 0.55
            text = "" if np.isnan(value) else f"{value:.0f}".replace("-0", "0").replace("-", "−")
            plot.text(
                label, place + (TOP + BOTTOM) / 2, text, fontsize=6, ha="center", va="center_baseline",
                color="white" if dark else "black",
            )  # fmt: skip
    plot.set(xlim=(-0.5, classes - 0.5), xlabel="class")
    ticks = _ticks(panel)
    upright = 0 if max(map(len, ticks)) <= 2 else 90
    plot.set_xticks(
        range(classes) if classes <= WRITTEN else range(0, classes, 10), ticks, rotation=upright, parse_math=False
    )
    plot.tick_params(length=0, labelsize=7)
    plot.spines[:].set_visible(False)
    plot.grid(False)
    plot.set_title(panel.title, fontsize=8)
