"""The figure of matrices: a number of each two trainings of a configuration, a row and a column a seed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_plots, fill_rows
from analysis.charts.saving import WIDTH
from analysis.charts.text import count_title_letters, draw_legend, wrap_title
from analysis.measures.figure_table import TidyTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

CELL = 0.21  # inches, so that a number fits
BESIDE, BELOW = 0.55, 0.7  # inches beside the cells of a panel, and below and above them
DARK = 0.65  # of the range of colours, from which on numbers are white


def size_matrix(table: TidyTable, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    rows, columns, side = _arrange(table, width)
    letters = count_title_letters(width, columns)
    lines = max(_write_title(rows_of, letters).count("\n") + 1 for _, rows_of in _split(table))
    return width, rows * (side + BELOW + 0.15 * (lines - 1)) + 0.4


def draw_matrix(figure: Figure, table: TidyTable, colour_title: str, note: str = "") -> None:
    """Draw a panel for each configuration, darker for larger numbers; the diagonal is empty."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    width = figure.get_figwidth()
    _, columns, _ = _arrange(table, width)
    panels = _split(table)
    plots = create_plots(figure, fill_rows(len(panels), columns))
    norm = Normalize(0, 1)
    for plot, (_, points) in zip(plots, panels, strict=True):
        _draw_panel(plot, points, norm)
        plot.set_title(_write_title(points, count_title_letters(width, columns)))
        plot.set(xlabel=table.x_title, ylabel=table.y_title)
    colours = ScalarMappable(norm, "Blues")
    figure.colorbar(colours, ax=plots, location="bottom", label=colour_title, shrink=0.7, aspect=40)
    draw_legend(figure, [], note)


def _draw_panel(plot: Plot, points: pd.DataFrame, norm: Normalize) -> None:
    names = points.drop_duplicates("row").sort_values("row")["line"].tolist()
    values = points.pivot(index="row", columns="x", values="mean").to_numpy(float)
    plot.imshow(values, cmap="Blues", norm=norm)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            plot.text(
                column, row, f"{value:.2f}".lstrip("0"), fontsize=6.5, ha="center", va="center_baseline",
                color="white" if value > DARK else "black",
            )  # fmt: skip
    plot.set_xticks(range(len(names)), names)
    plot.set_yticks(range(len(names)), names)
    plot.tick_params(length=0, labelsize=7)
    plot.spines[:].set_visible(False)
    plot.grid(False)


def _split(table: TidyTable) -> list[tuple[str, pd.DataFrame]]:
    return [(str(panel), points) for panel, points in table.points.groupby("panel", sort=False)]


def _write_title(points: pd.DataFrame, letters: int) -> str:
    """Return the title of a panel, and below it the mean of its numbers."""
    mean = f"mean {points['average'].iloc[0]:.2f}"
    return "\n".join(filter(None, (wrap_title(str(points["panel"].iloc[0]), letters), mean)))


def _arrange(table: TidyTable, width: float) -> tuple[int, int, float]:
    """Return the numbers of rows and columns of panels, and the length of a side of the largest matrix in inches."""
    panels = _split(table)
    side = CELL * max(points["line"].nunique() for _, points in panels)
    columns = min(len(panels), max(1, int(width / (max(side, 1.0) + BESIDE))))
    longest = max(len(word) for title, _ in panels for word in ["", *title.split()])
    while columns > 1 and count_title_letters(width, columns) < longest:  # a broken word runs into the next title
        columns -= 1
    return -(-len(panels) // columns), columns, max(side, 1.0)


def plot_matrix(table: TidyTable, colour_title: str, width: float = WIDTH, note: str = "") -> Chart:
    """Plot a heat map of pairs of trainings, with a title of its colours and a note below."""
    draw = partial(draw_matrix, table=table, colour_title=colour_title, note=note)
    return Chart(size_matrix(table, width), draw, note)
