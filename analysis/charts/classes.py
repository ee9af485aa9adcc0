"""The figure of accuracy by class: a heat map with a row per configuration."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart, pick_sheet
from analysis.charts.rows import ROW_HEIGHT, lay_out_rows, split_pages, write_rows
from analysis.charts.saving import WIDTH
from analysis.charts.text import draw_legend
from analysis.measures.classes import Classes, ClassPanel
from analysis.results.page_cut import PAGE_ROWS, cut_each

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MAX_WRITTEN = 12  # classes; with more, numbers do not fit their cells
MIN_CELL = 0.17  # inches, of a cell with a number
LETTER = 0.06  # inches, of the name of a class
COLOUR_MAPS = {"accuracy": "Blues", "gap": "Oranges"}
TOP, BOTTOM = -0.25, 0.25  # of the cells of a row, relative to its marks


def split_class_pages(info: Classes, width: float) -> list[Classes]:
    """Split the rows into pages."""
    most = PAGE_ROWS // (len(info.panels) if is_stacked(info, width) else 1)
    return [info.take(rows) for rows in split_pages(info.settings, most)]


def is_stacked(info: Classes, width: float) -> bool:
    """Return whether the panels are stacked vertically so that numbers fit their cells."""
    classes = info.panels[0].values.shape[1]
    return classes <= MAX_WRITTEN and width / len(info.panels) / classes < MIN_CELL


def size_classes(info: Classes, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    longest = max((len(label) for panel in info.panels for label in _list_ticks(panel)), default=1)
    names = LETTER * longest if longest > 2 else 0.0
    height = 0.6 + ROW_HEIGHT * lay_out_rows(info.names, info.settings, width).height + names
    return width, 0.3 + height * (len(info.panels) if is_stacked(info, width) else 1)


def draw_classes(figure: Figure, info: Classes, note: str = "") -> None:
    """Draw a panel per quantity; darker cells are higher values. The note stands below them."""
    width = figure.get_figwidth()
    above = is_stacked(info, width)
    shape = (len(info.panels), 1) if above else (1, len(info.panels))
    plots = figure.subplots(*shape, squeeze=False, sharey=True).ravel()
    layout = lay_out_rows(info.names, info.settings, width)
    for place, (plot, panel) in enumerate(zip(plots, info.panels, strict=True)):
        _draw_panel(plot, panel, layout.marks)
        plot.set(ylim=(layout.height, 0.0), yticks=[])
        if above or place == 0:
            write_rows(plot, layout)
    draw_legend(figure, [], note)


def _list_ticks(panel: ClassPanel) -> list[str]:
    """Return the classes that are written below a panel: all if they are few, every tenth if they are many."""
    return panel.classes if len(panel.classes) <= MAX_WRITTEN else panel.classes[::10]


def _draw_panel(plot: Plot, panel: ClassPanel, places: np.ndarray) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    classes = panel.values.shape[1]
    norm, paint = Normalize(*panel.range), colormaps[COLOUR_MAPS[panel.kind]]
    for place, row in zip(places, panel.values, strict=True):
        extent = (-0.5, classes - 0.5, place + BOTTOM, place + TOP)
        plot.imshow(row[None], extent=extent, aspect="auto", cmap=paint, norm=norm, interpolation="nearest")
        for label, value in enumerate(row if classes <= MAX_WRITTEN else ()):
            dark = norm(value) > 0.55
            text = "" if np.isnan(value) else f"{value:.0f}".replace("-0", "0").replace("-", "−")
            plot.text(
                label, place + (TOP + BOTTOM) / 2, text, fontsize=6.5, ha="center", va="center_baseline",
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


def plot_classes(info: Classes, width: float = WIDTH, sheet: int = 1) -> Chart:
    """Plot the configurations that a page has room for. Raises ValueError if there is no such sheet."""
    shown, note = cut_classes(info)
    pages = split_class_pages(shown, width)
    page = pick_sheet(pages, sheet)
    return Chart(size_classes(page, width), partial(draw_classes, info=page, note=note), note, len(pages))


def cut_classes(info: Classes) -> tuple[Classes, str]:
    """Return the configurations that a page has room for, and which these are, in words."""
    cut = cut_each(info.settings, PAGE_ROWS, info.best, info.families)
    note = cut.describe("configurations", "the best of each problem, its methods in turn", "classes")
    return info.take(cut.rows), note
