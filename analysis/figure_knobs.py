"""What a search came to along each knob: a cloud of points, where no curve has everything else equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import Axes
from analysis.figures import WIDE, WIDTH, legend, letters, measured, percent
from analysis.metrics import describe_metric
from analysis.one_axis import FEWEST, forms_lines
from analysis.results import Results
from analysis.styles import MARKERS, PALETTE, Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure


class Knob(NamedTuple):
    """Configurations along one knob; accuracies are shares at the epoch that validation selects, or else the last."""

    name: str
    values: np.ndarray  # (n,)
    means: np.ndarray  # (n, metrics), over seeds
    errors: np.ndarray  # (n, metrics), NaN of one seed
    groups: list[str]  # (n,) the problem, the subset, and the other choices that are no numbers


class Knobs(NamedTuple):
    """A row a knob, a column a metric."""

    titles: list[str]  # of the metrics
    knobs: list[Knob]

    @property
    def groups(self) -> list[str]:
        """Those that are told apart by colours and marks; none if there is but one, or more than these tell apart."""
        found = list(dict.fromkeys(group for knob in self.knobs for group in knob.groups))
        return found if 1 < len(found) <= len(PALETTE) * len(MARKERS) else []


def knobs_info(results: Results, metrics: list[str]) -> Knobs | None:
    """Along numeric axes with many values, or with few of which no others differ in nothing else; None of none."""
    axes, done = results.axes, results.completed
    several = [path for path in axes.method if axes.numeric(path) and len(axes.order[path]) >= FEWEST]
    many = [path for path in several if axes.drawn(path) or not forms_lines(results, done, path)]
    plain = [p for p in axes.varying if not axes.drawn(p) and (p not in axes.method or not axes.numeric(p))]
    columns = [f"{results.checkpoint}_{metric}" for metric in metrics]
    knobs = [_knob(done[done[path] != ""], path, plain, axes, columns) for path in many]
    drawn = [knob for knob in knobs if len(knob.values) > 1]
    return Knobs([describe_metric(metric, results.attacks) for metric in metrics], drawn) if drawn else None


def _knob(trials: pd.DataFrame, path: str, plain: list[str], axes: Axes, columns: list[str]) -> Knob:
    by = trials.groupby("configuration", sort=False)
    firsts, means, errors = by.first(), by[columns].mean(), by[columns].sem()
    groups = [axes.describe({name: row[name] for name in plain}, plain) for _, row in firsts.iterrows()]
    values = np.array([axes.number(path, label) for label in firsts[path]])
    return Knob(axes.short[path], values, means.to_numpy(float), errors.to_numpy(float), groups)


def knobs_size(info: Knobs, width: float = WIDTH) -> tuple[float, float]:
    """Inches."""
    return width, 0.5 + 1.7 * len(info.knobs)


def draw_knobs(figure: Figure, info: Knobs, register: Register) -> None:
    """A point a configuration."""
    from matplotlib.lines import Line2D

    paint = register.styles(info.groups)
    plots = figure.subplots(len(info.knobs), len(info.titles), squeeze=False, sharey="col", sharex="row")
    for row, knob in zip(plots, info.knobs, strict=True):
        for place, plot in enumerate(row):
            _draw(plot, knob, place, paint)
    for plot, name in zip(plots[0], info.titles, strict=True):
        plot.set_title(measured(name, letters(figure.get_figwidth(), len(info.titles))), fontsize=9)
    if info.groups:
        looks = {name or "other": style for name, style in paint.items()}
        marks = [Line2D([], [], ls="", ms=3.5, label=n, color=s.colour, marker=s.marker) for n, s in looks.items()]
        legend(figure, marks)


def _draw(plot: Plot, knob: Knob, place: int, paint: dict[str, Style]) -> None:
    for group in dict.fromkeys(knob.groups):
        its, style = np.array([each == group for each in knob.groups]), paint.get(group, Style(PALETTE[0]))
        y, error = knob.means[its, place], np.nan_to_num(knob.errors[its, place])
        x, colour = knob.values[its], style.colour
        plot.errorbar(x, y, error, ms=3.5, lw=0, elinewidth=0.8, color=colour, marker=style.marker)
    if knob.values.min() > 0 and knob.values.max() > WIDE * knob.values.min():
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter("{x:g}")  # powers would be mathematics, which the house style does not read
    plot.set_xlabel(knob.name)
    percent(plot)
