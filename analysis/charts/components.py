"""The figure of logits on two principal components: a panel a pair of classes, coloured by κ."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_plots, fill_rows
from analysis.charts.saving import WIDTH
from analysis.charts.text import draw_legend

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = ("o", "^")  # of the first and the second class of a pair
MAX_COLUMNS = 5  # of panels
WIDEST = 1.1  # inches of a panel; more panels are not made wider
ROOM = 0.2  # inches of a panel's title
CROWDED = 200  # examples of a panel, from which on marks are small


class Components(NamedTuple):
    """The logits of one training, a panel a pair of classes."""

    table: pd.DataFrame  # rows of `project_logits` of one configuration
    names: Mapping[int, str] = {}  # of classes, where they have any
    note: str = ""


def size_components(info: Components, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    rows, columns = _arrange(info)
    return width, 0.75 + rows * (min(width / columns, 2 * WIDEST) + ROOM)


def draw_components(figure: Figure, info: Components) -> None:
    """Draw each example of a pair of classes as a mark of its class, coloured by κ on one scale for all panels."""
    from matplotlib.colors import Normalize
    from matplotlib.lines import Line2D

    _, columns = _arrange(info)
    pairs = info.table.groupby(["one", "other"], sort=True)
    norm = Normalize(float(info.table["kappa"].min()), float(info.table["kappa"].max()))
    plots = create_plots(figure, fill_rows(len(pairs), columns))
    drawn = None
    for plot, (_, points) in zip(plots, pairs, strict=True):
        one, other = int(points["one"].iloc[0]), int(points["other"].iloc[0])
        plot.set_title(f"{info.names.get(one, str(one))}, {info.names.get(other, str(other))}", fontsize=7.5)
        for label, marker in zip((one, other), MARKERS, strict=True):
            members = points[points["label"] == label].sort_values("kappa", na_position="first")
            drawn = plot.scatter(
                members["x"], members["y"], c=members["kappa"], marker=marker, norm=norm, cmap="cividis", lw=0,
                s=4 if len(points) >= CROWDED else 9, plotnonfinite=True, rasterized=len(points) >= CROWDED,
            )  # fmt: skip
        plot.set(xticks=[], yticks=[])
        plot.margins(0.06)
        plot.grid(False)
    if drawn is not None:
        inch = 1 / figure.get_figheight()
        bar = figure.colorbar(
            drawn, ax=plots, location="bottom", shrink=0.7, aspect=40, fraction=0.1 * inch,
            pad=0.05 * inch,
        )  # fmt: skip
        bar.set_label("κ, attack steps withstood", fontsize=8)
        bar.ax.tick_params(labelsize=7)
    marks = zip(("the first class named", "the second"), MARKERS, strict=True)
    handles = [Line2D([], [], ls="", marker=marker, ms=4, color="0.4", label=name) for name, marker in marks]
    draw_legend(figure, handles, info.note)


def _arrange(info: Components) -> tuple[int, int]:
    """Return the numbers of rows and columns of panels."""
    panels = len(info.table.groupby(["one", "other"]))
    columns = min(panels, MAX_COLUMNS)
    return -(-panels // columns), columns


def plot_components(info: Components, width: float = WIDTH) -> Chart:
    """Plot the logits of pairs of classes on two components."""
    return Chart(size_components(info, width), partial(draw_components, info=info), info.note)
