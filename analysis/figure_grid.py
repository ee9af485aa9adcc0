"""The figure of accuracy along a numeric axis of a grid: a few values, with everything else equal along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.figures import (
    LOG_RATIO,
    MIN_PANEL,
    WIDTH,
    count_title_letters,
    draw_legend,
    wrap_metric_title,
    write_percent,
)
from analysis.metrics import describe_metric
from analysis.one_axis import forms_lines, group_by_others, other_axes
from analysis.results import Results
from analysis.styles import PALETTE, Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

CHECKPOINTS = ("best", "last")


class GridLine(NamedTuple):
    """Accuracies along the axis for one choice of everything else, in fractions."""

    name: str
    labels: dict[str, str]  # of this choice: path -> label, in words
    places: np.ndarray  # (n,)
    means: np.ndarray  # (n, metrics, 2) over seeds, at the selected epoch (NaN without validation) and at the last
    errors: np.ndarray  # (n, metrics, 2) NaN for one seed


class Grid(NamedTuple):
    """An axis with its values, and a panel per metric."""

    path: str
    knob: str
    titles: list[str]  # of the metrics
    places: np.ndarray  # (values,) x coordinates; infinity is a step beyond the largest value
    labels: list[str]
    lines: list[GridLine]

    @property
    def single(self) -> bool:
        """Return whether there are enough colours for all lines."""
        return len(self.lines) <= len(PALETTE)

    @property
    def coloured(self) -> list[str]:
        """Return the names that have colours: the lines, or if these are too many, the labels of the largest axis."""
        if self.single:
            return [line.name for line in self.lines]
        found = [list(dict.fromkeys(line.labels[path] for line in self.lines)) for path in self.lines[0].labels]
        return max((labels for labels in found if len(labels) <= len(PALETTE)), key=len, default=[])

    def assign_styles(self, register: Register) -> dict[str, Style]:
        """Assign styles to the coloured names; a name of other figures has the same style there."""
        return register.assign_styles(self.coloured)


def pick_style(line: GridLine, styles: dict[str, Style]) -> Style:
    """Return the style of a line: that of its name or of one of its labels."""
    known = [styles[name] for name in (line.name, *line.labels.values()) if name in styles]
    return known[0] if known else Style(PALETTE[0])


def collect_grids(results: Results, metrics: list[str]) -> list[Grid]:
    """Collect a grid for each numeric axis with few values, but at least three, along which all else can be equal."""
    axes, done = results.axes, results.completed
    found = [_build_grid(done, path, results, metrics) for path in axes.method if forms_lines(results, done, path)]
    return [grid for grid in found if grid.lines]


def _build_grid(done: pd.DataFrame, path: str, results: Results, metrics: list[str]) -> Grid:
    axes = results.axes
    labels = list(axes.order[path])
    places = _place_values(np.array([axes.number(path, label) for label in labels]))
    columns = [f"{which}_{metric}" for metric in metrics for which in CHECKPOINTS]
    shape, lines = (-1, len(metrics), len(CHECKPOINTS)), []
    for name, group in group_by_others(axes, done, path):
        by = group.groupby(path)[columns]
        means, errors = by.mean(), by.sem()
        present = [label for label in labels if label in means.index]
        if len(present) > 1:
            at = places[[labels.index(label) for label in present]]
            values = (table.loc[present].to_numpy(float).reshape(shape) for table in (means, errors))
            first = group.iloc[0]
            choice = {other: axes.describe({other: first[other]}, (other,)) for other in other_axes(axes, path)}
            lines.append(GridLine(name, choice, at, *values))
    return Grid(
        path, axes.short[path], [describe_metric(metric, results.attacks) for metric in metrics], places, labels, lines
    )


def _place_values(values: np.ndarray) -> np.ndarray:
    """Return x coordinates of sorted values: logarithms if they span decades; infinity is a step beyond the largest."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > LOG_RATIO * finite.min():
        values = np.log10(values)
        finite = values[np.isfinite(values)]
    step = np.ptp(finite) / max(len(finite) - 1, 1) or 1.0
    return np.where(values == np.inf, finite.max(initial=0.0) + step, values)


def size_grid(info: Grid, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, 2.6 * _arrange_panels(info, width)[0]


def draw_grid(figure: Figure, info: Grid, register: Register) -> None:
    """Draw filled marks at the selected epoch and open marks at the last; too many lines are thin, without bars."""
    styles, shape = info.assign_styles(register), _arrange_panels(info, figure.get_figwidth())
    plots = figure.subplots(*shape, squeeze=False).ravel()
    for metric, (plot, name) in enumerate(zip(plots, info.titles, strict=True)):
        for line in info.lines:
            _draw_line(
                plot, line, metric, pick_style(line, styles), 0.01 * np.ptp(info.places) if info.single else None
            )
        plot.set_title(wrap_metric_title(name, count_title_letters(figure.get_figwidth(), shape[1])), fontsize=9)
        turned = sum(map(len, info.labels)) > 5.4 * figure.get_figwidth() * 2 / shape[1]
        plot.set_xticks(info.places, info.labels, rotation=45 if turned else 0)
        plot.set_xlabel(info.knob)
        write_percent(plot)
    draw_legend(figure, _make_handles(info, styles))


def _arrange_panels(info: Grid, width: float) -> tuple[int, int]:
    """Return the numbers of rows and columns of panels."""
    columns = min(len(info.titles), max(1, int(width / (1.25 * MIN_PANEL))))
    return -(-len(info.titles) // columns), columns


def _draw_line(plot: Plot, line: GridLine, metric: int, style: Style, apart: float | None) -> None:
    for which, (fill, dash, side) in enumerate(((style.colour, "-", -1), ("white", ":", 1))):
        means, errors = line.means[:, metric, which], np.nan_to_num(line.errors[:, metric, which])
        if apart is None:
            plot.plot(line.places, means, color=style.colour, ls=dash, lw=0.8, alpha=0.7)
        else:
            x = line.places + side * apart
            look: dict[str, Any] = {"color": style.colour, "marker": style.marker, "mfc": fill, "ls": dash}
            plot.errorbar(x, means, errors, elinewidth=0.9, ms=4.5, **look)


def _make_handles(info: Grid, styles: dict[str, Style]) -> list[object]:
    from matplotlib.lines import Line2D

    def mark(style: Style) -> str:
        return style.marker if info.single else ""

    named = [Line2D([], [], color=s.colour, marker=mark(s), label=name) for name, s in styles.items() if name]
    grey: dict[str, Any] = {"color": "0.4", "marker": mark(Style(""))}
    selects = any(np.isfinite(line.means[..., 0]).any() for line in info.lines)
    selected = [Line2D([], [], label="selected epoch", **grey)] * selects
    return [*named, *selected, Line2D([], [], mfc="white", ls=":", label="last epoch", **grey)]
