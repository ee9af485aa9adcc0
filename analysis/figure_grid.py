"""What accuracies come to along a knob of a grid: few numbers, each with everything else equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.figures import PANEL, WIDE, WIDTH, legend, letters, measured, percent
from analysis.metrics import describe_metric
from analysis.one_axis import forms_lines, group_by_others, other_axes
from analysis.results import Results
from analysis.styles import PALETTE, Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

CHECKPOINTS = ("best", "last")


class Along(NamedTuple):
    """One choice of everything else along a knob; accuracies are shares."""

    name: str
    labels: dict[str, str]  # of that choice: path -> label, in words
    places: np.ndarray  # (n,)
    means: np.ndarray  # (n, metrics, 2) over seeds, at the epoch that validation selects, if any, and at the last
    errors: np.ndarray  # (n, metrics, 2) NaN of one seed


class Grid(NamedTuple):
    """A knob with its values, and a column a metric."""

    path: str
    knob: str
    titles: list[str]  # of the metrics
    places: np.ndarray  # (values,) where each value is drawn: infinity a step beyond the largest
    labels: list[str]
    lines: list[Along]

    @property
    def single(self) -> bool:
        """Whether each line can have a colour of its own."""
        return len(self.lines) <= len(PALETTE)

    @property
    def told(self) -> list[str]:
        """What is told apart by colours: the lines, or of too many the choices along the axis with most of them."""
        if self.single:
            return [line.name for line in self.lines]
        found = [list(dict.fromkeys(line.labels[path] for line in self.lines)) for path in self.lines[0].labels]
        return max((its for its in found if len(its) <= len(PALETTE)), key=len, default=[])

    def styles(self, register: Register) -> dict[str, Style]:
        """Of what is told apart; a name that other figures have looks as it does there."""
        return register.styles(self.told)


def style_of(line: Along, styles: dict[str, Style]) -> Style:
    """Of a line."""
    known = [styles[name] for name in (line.name, *line.labels.values()) if name in styles]
    return known[0] if known else Style(PALETTE[0])


def grids_info(results: Results, metrics: list[str]) -> list[Grid]:
    """The numeric axes with few values, but three at least, that some other choice was made along."""
    axes, done = results.axes, results.completed
    found = [_grid(done, path, results, metrics) for path in axes.method if forms_lines(results, done, path)]
    return [grid for grid in found if grid.lines]


def _grid(done: pd.DataFrame, path: str, results: Results, metrics: list[str]) -> Grid:
    axes = results.axes
    labels = list(axes.order[path])
    places = _places(np.array([axes.number(path, label) for label in labels]))
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
            told = {other: axes.describe({other: first[other]}, (other,)) for other in other_axes(axes, path)}
            lines.append(Along(name, told, at, *values))
    return Grid(
        path, axes.short[path], [describe_metric(metric, results.attacks) for metric in metrics], places, labels, lines
    )


def _places(values: np.ndarray) -> np.ndarray:
    """Where values by size are drawn: by the logarithm where they span decades, infinity a step beyond the largest."""
    finite = values[np.isfinite(values)]
    if len(finite) and finite.min() > 0 and finite.max() > WIDE * finite.min():
        values = np.log10(values)
        finite = values[np.isfinite(values)]
    step = np.ptp(finite) / max(len(finite) - 1, 1) or 1.0
    return np.where(values == np.inf, finite.max(initial=0.0) + step, values)


def grid_size(info: Grid, width: float = WIDTH) -> tuple[float, float]:
    """Inches."""
    return width, 2.6 * _shape(info, width)[0]


def draw_grid(figure: Figure, info: Grid, register: Register) -> None:
    """Filled: selected on validation; open: last epoch. More lines than colours are thin, and without bars."""
    styles, shape = info.styles(register), _shape(info, figure.get_figwidth())
    plots = figure.subplots(*shape, squeeze=False).ravel()
    for metric, (plot, name) in enumerate(zip(plots, info.titles, strict=True)):
        for line in info.lines:
            _draw(plot, line, metric, style_of(line, styles), 0.01 * np.ptp(info.places) if info.single else None)
        plot.set_title(measured(name, letters(figure.get_figwidth(), shape[1])), fontsize=9)
        turned = sum(map(len, info.labels)) > 5.4 * figure.get_figwidth() * 2 / shape[1]
        plot.set_xticks(info.places, info.labels, rotation=45 if turned else 0)
        plot.set_xlabel(info.knob)
        percent(plot)
    legend(figure, _handles(info, styles))


def _shape(info: Grid, width: float) -> tuple[int, int]:
    """Rows and columns of the metrics' panels."""
    columns = min(len(info.titles), max(1, int(width / (1.25 * PANEL))))
    return -(-len(info.titles) // columns), columns


def _draw(plot: Plot, line: Along, metric: int, style: Style, apart: float | None) -> None:
    for which, (fill, dash, side) in enumerate(((style.colour, "-", -1), ("white", ":", 1))):
        means, errors = line.means[:, metric, which], np.nan_to_num(line.errors[:, metric, which])
        if apart is None:
            plot.plot(line.places, means, color=style.colour, ls=dash, lw=0.8, alpha=0.7)
        else:
            x = line.places + side * apart
            look: dict[str, Any] = {"color": style.colour, "marker": style.marker, "mfc": fill, "ls": dash}
            plot.errorbar(x, means, errors, elinewidth=0.9, ms=4.5, **look)


def _handles(info: Grid, styles: dict[str, Style]) -> list[object]:
    from matplotlib.lines import Line2D

    def mark(style: Style) -> str:
        return style.marker if info.single else ""

    named = [Line2D([], [], color=s.colour, marker=mark(s), label=name) for name, s in styles.items() if name]
    grey: dict[str, Any] = {"color": "0.4", "marker": mark(Style(""))}
    selects = any(np.isfinite(line.means[..., 0]).any() for line in info.lines)
    selected = [Line2D([], [], label="selected epoch", **grey)] * selects
    return [*named, *selected, Line2D([], [], mfc="white", ls=":", label="last epoch", **grey)]
