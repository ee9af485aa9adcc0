"""The figure of accuracy along a numeric axis of a grid: a few values, with everything else equal along a line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.panels import arrange_panels, create_plots, fill_rows
from analysis.charts.saving import WIDTH
from analysis.charts.styles import PALETTE, Register, Style
from analysis.charts.text import LOG_RATIO, count_title_letters, draw_legend, wrap_metric_title, write_percent
from analysis.measures.grid import Grid, GridLine

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure


def is_single(info: Grid) -> bool:
    """Return whether there are enough colours for all lines."""
    return len(info.lines) <= len(PALETTE)


def list_coloured(info: Grid) -> list[str]:
    """Return the names that have colours: the lines, or if these are too many, the labels of the largest axis."""
    if is_single(info):
        return [line.name for line in info.lines]
    found = [list(dict.fromkeys(line.labels[path] for line in info.lines)) for path in info.lines[0].labels]
    return max((labels for labels in found if len(labels) <= len(PALETTE)), key=len, default=[])


def pick_style(line: GridLine, styles: dict[str, Style]) -> Style:
    """Return the style of a line: that of its name or of one of its labels."""
    known = [styles[name] for name in (line.name, *line.labels.values()) if name in styles]
    return known[0] if known else Style(PALETTE[0])


def place_values(values: np.ndarray) -> np.ndarray:
    """Return x coordinates of sorted values: logarithms if they span decades; infinity is a step beyond the largest."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > LOG_RATIO * finite.min():
        values = np.log10(values)
        finite = values[np.isfinite(values)]
    step = np.ptp(finite) / max(len(finite) - 1, 1) or 1.0
    return np.where(values == np.inf, finite.max(initial=0.0) + step, values)


def size_grid(info: Grid, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, 2.6 * arrange_panels(len(info.titles), width)[0]


def draw_grid(figure: Figure, info: Grid, register: Register) -> None:
    """Draw filled marks at the selected epoch and open marks at the last; too many lines are thin, without bars."""
    styles = register.assign_styles(list_coloured(info))
    _, columns = arrange_panels(len(info.titles), figure.get_figwidth())
    x = place_values(info.values)
    apart = 0.01 * float(np.ptp(x)) if is_single(info) else None
    plots = create_plots(figure, fill_rows(len(info.titles), columns))
    for metric, (plot, name) in enumerate(zip(plots, info.titles, strict=True)):
        for line in info.lines:
            _draw_line(plot, x[line.positions], line, metric, pick_style(line, styles), apart)
        plot.set_title(wrap_metric_title(name, count_title_letters(figure.get_figwidth(), columns)), fontsize=9)
        turned = sum(map(len, info.labels)) > 5.4 * figure.get_figwidth() * 2 / columns
        plot.set_xticks(x, info.labels, rotation=45 if turned else 0)
        plot.set_xlabel(info.knob)
        write_percent(plot)
    draw_legend(figure, _make_handles(info, styles))


def _draw_line(plot: Plot, x: np.ndarray, line: GridLine, metric: int, style: Style, apart: float | None) -> None:
    for which, (fill, dash, side) in enumerate(((style.colour, "-", -1), ("white", ":", 1))):
        means, errors = line.means[:, metric, which], np.nan_to_num(line.errors[:, metric, which])
        if apart is None:
            plot.plot(x, means, color=style.colour, ls=dash, lw=0.8, alpha=0.7)
        else:
            look: dict[str, Any] = {"color": style.colour, "marker": style.marker, "mfc": fill, "ls": dash}
            plot.errorbar(x + side * apart, means, errors, elinewidth=0.9, ms=4.5, **look)


def _make_handles(info: Grid, styles: dict[str, Style]) -> list[object]:
    from matplotlib.lines import Line2D

    def mark(style: Style) -> str:
        return style.marker if is_single(info) else ""

    named = [Line2D([], [], color=s.colour, marker=mark(s), label=name) for name, s in styles.items() if name]
    grey: dict[str, Any] = {"color": "0.4", "marker": mark(Style(""))}
    selects = any(np.isfinite(line.means[..., 0]).any() for line in info.lines)
    selected = [Line2D([], [], label="selected epoch", **grey)] * selects
    return [*named, *selected, Line2D([], [], mfc="white", ls=":", label="last epoch", **grey)]


def plot_grid(info: Grid, register: Register | None = None, width: float = WIDTH) -> Chart:
    """Plot accuracy along a numeric axis of a grid."""
    return Chart(size_grid(info, width), partial(draw_grid, info=info, register=register or Register()))
