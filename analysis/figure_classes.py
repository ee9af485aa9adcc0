"""The figure of accuracy by class: a heat map with a row per configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.classes import abbreviate_class
from analysis.figure_rows import PAGE_ROWS, ROW_HEIGHT, lay_out_rows, split_pages, take_in_turn, write_rows
from analysis.figures import WIDTH
from analysis.metrics import find_strongest, parse_attack, shorten_attack
from analysis.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MAX_WRITTEN = 12  # classes; with more, numbers do not fit their cells
MIN_CELL = 0.17  # inches, of a cell with a number
LETTER = 0.06  # inches, of the name of a class
TOP, BOTTOM = -0.25, 0.25  # of the cells of a row, relative to its marks


class ClassPanel(NamedTuple):
    """One quantity for each configuration and class, in percent or points."""

    title: str
    values: np.ndarray  # (configurations, classes)
    colours: str  # a colour map
    classes: list[str]  # as written on the axis
    range: tuple[float, float]  # over all pages, so that equal colours are equal numbers


class Classes(NamedTuple):
    """Accuracies by class, with one row per configuration."""

    names: list[str]
    settings: list[str]
    panels: list[ClassPanel]
    error: float  # the largest standard error shown, in points; NaN of single seeds
    left_out: int
    robust: str  # the attack whose accuracies are shown

    def split_pages(self, width: float) -> list[Classes]:
        """Split the rows into pages."""
        most = PAGE_ROWS // (len(self.panels) if self.stacked(width) else 1)
        return [
            self._replace(
                names=self.names[part],
                settings=self.settings[part],
                panels=[panel._replace(values=panel.values[part]) for panel in self.panels],
            )
            for part in split_pages(self.settings, most)
        ]

    def stacked(self, width: float) -> bool:
        """Return whether the panels are stacked vertically so that numbers fit their cells."""
        classes = self.panels[0].values.shape[1]
        return classes <= MAX_WRITTEN and width / len(self.panels) / classes < MIN_CELL


def collect_classes(results: Results, table: pd.DataFrame, checkpoint: str) -> Classes | None:
    """Collect the accuracies of one checkpoint from the table of `analysis.classes`; None without any.

    If there are many rows, some of each problem are chosen: its methods take turns, each with its best first.
    """
    shown = table[table["checkpoint"] == checkpoint] if len(table) else table
    if shown.empty:
        return None
    done = results.completed
    by = done.groupby("configuration", sort=False)
    best = "best_val_pgd_acc" if results.selects else "last_test_pgd_acc"
    first = by[["choice", "setting", "family"]].first().assign(value=by[best].mean())
    first = first.loc[first.index.isin(shown["configuration"])]
    kept = first.iloc[_choose_rows(first)]
    measured = {kind for kind in shown if shown[kind].notna().any()}
    run = [f"test_{attack}_acc" for attack in results.attacks if attack in measured]
    robust = parse_attack(find_strongest(run, results.attacks) or "") or "pgd"
    strong, along = (shorten_attack(attack, results.attacks) for attack in (robust, "pgd"))
    clean = f"{robust}_clean" if f"{robust}_clean" in measured else "clean"  # on the same images
    kinds = {clean: ("clean, %", "Blues"), robust: (f"{strong}, %", "Blues")}
    kinds |= {f"{robust}_gap": (f"{along} −\n{strong}, points", "Oranges")}
    known = {kind: look for kind, look in kinds.items() if kind in measured}
    named = {results.class_names[trial] for trial in done["id"]}
    same = named.pop() if len(named) == 1 else ()  # with several data sets columns have numbers only
    classes = [abbreviate_class(label, same) for label in range(shown["class"].max() + 1)]
    panels = []
    for kind, (title, colours) in known.items():
        values = 100 * shown.pivot(index="configuration", columns="class", values=kind).loc[kept.index].to_numpy()
        panels.append(ClassPanel(title, values, colours, classes, (float(np.nanmin(values)), float(np.nanmax(values)))))
    errors = shown.loc[shown["configuration"].isin(kept.index), [f"{kind}_se" for kind in known]].to_numpy(float)
    largest = float(100 * np.nanmax(errors)) if np.isfinite(errors).any() else np.nan
    return Classes(kept["choice"].tolist(), kept["setting"].tolist(), panels, largest, len(first) - len(kept), robust)


def _choose_rows(first: pd.DataFrame) -> list[int]:
    """Choose the rows to draw: PAGE_ROWS of each problem, its methods in turn; rows of a problem are consecutive."""
    chosen = []
    for setting in dict.fromkeys(first["setting"]):
        here = np.flatnonzero(first["setting"] == setting)
        best = np.argsort(-first["value"].to_numpy()[here], kind="stable")
        kept = take_in_turn(first["family"].iloc[here].tolist(), PAGE_ROWS, best.tolist())
        chosen += here[kept].tolist()
    return chosen


def size_classes(info: Classes, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    longest = max((len(label) for panel in info.panels for label in _list_ticks(panel)), default=1)
    names = LETTER * longest if longest > 2 else 0.0
    height = 0.6 + ROW_HEIGHT * lay_out_rows(info.names, info.settings, width).height + names
    return width, 0.3 + height * (len(info.panels) if info.stacked(width) else 1)


def draw_classes(figure: Figure, info: Classes) -> None:
    """Draw a panel per quantity; darker cells are higher values."""
    width = figure.get_figwidth()
    above = info.stacked(width)
    shape = (len(info.panels), 1) if above else (1, len(info.panels))
    plots = figure.subplots(*shape, squeeze=False, sharey=True).ravel()
    layout = lay_out_rows(info.names, info.settings, width)
    for place, (plot, panel) in enumerate(zip(plots, info.panels, strict=True)):
        _draw_panel(plot, panel, layout.marks)
        plot.set(ylim=(layout.height, 0.0), yticks=[])
        if above or place == 0:
            write_rows(plot, layout)


def _list_ticks(panel: ClassPanel) -> list[str]:
    """Return the classes that are written below a panel: all if they are few, every tenth if they are many."""
    return panel.classes if len(panel.classes) <= MAX_WRITTEN else panel.classes[::10]


def _draw_panel(plot: Plot, panel: ClassPanel, places: np.ndarray) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    classes = panel.values.shape[1]
    norm, paint = Normalize(*panel.range), colormaps[panel.colours]
    for place, row in zip(places, panel.values, strict=True):
        extent = (-0.5, classes - 0.5, place + BOTTOM, place + TOP)
        plot.imshow(row[None], extent=extent, aspect="auto", cmap=paint, norm=norm, interpolation="nearest")
        for label, value in enumerate(row if classes <= MAX_WRITTEN else ()):
            dark = norm(value) > 0.55
            text = "" if np.isnan(value) else f"{value:.0f}".replace("-0", "0").replace("-", "−")
            plot.text(
                label, place + (TOP + BOTTOM) / 2, text, fontsize=6, ha="center", va="center_baseline",
                color="white" if dark else "black",
            )  # fmt: skip
    plot.set(xlim=(-0.5, classes - 0.5), xlabel="class")
    ticks = _list_ticks(panel)
    upright = 0 if max(map(len, ticks)) <= 2 else 90
    plot.set_xticks(
        range(classes) if classes <= MAX_WRITTEN else range(0, classes, 10), ticks, rotation=upright, parse_math=False
    )
    plot.tick_params(length=0, labelsize=7)
    plot.spines[:].set_visible(False)
    plot.grid(False)
    plot.set_title(panel.title, fontsize=8)
