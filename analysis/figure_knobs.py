"""The figure of a search along each hyperparameter: a cloud of points, as no curve has all else equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import Axes
from analysis.figures import LOG_RATIO, WIDTH, count_title_letters, draw_legend, wrap_metric_title, write_percent
from analysis.metrics import describe_metric
from analysis.one_axis import FEWEST, forms_lines
from analysis.results import Results
from analysis.styles import MARKERS, PALETTE, Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure


class Knob(NamedTuple):
    """Configurations along one hyperparameter; accuracies are fractions at the selected epoch, or else the last."""

    name: str
    values: np.ndarray  # (n,)
    means: np.ndarray  # (n, metrics) over seeds
    errors: np.ndarray  # (n, metrics) NaN for one seed
    groups: list[str]  # (n,) the labels on axes that are not numeric, such as problem and subset


class Knobs(NamedTuple):
    """Panels with a row per hyperparameter and a column per metric."""

    titles: list[str]  # of the metrics
    knobs: list[Knob]

    @property
    def groups(self) -> list[str]:
        """Return the groups that colours and markers tell apart; none if there is only one, or too many."""
        found = list(dict.fromkeys(group for knob in self.knobs for group in knob.groups))
        return found if 1 < len(found) <= len(PALETTE) * len(MARKERS) else []


def collect_knobs(results: Results, metrics: list[str]) -> Knobs | None:
    """Collect the numeric axes that have many values or no line with all else equal; None without any."""
    axes, done = results.axes, results.completed
    several = [path for path in axes.method if axes.numeric(path) and len(axes.order[path]) >= FEWEST]
    many = [path for path in several if axes.drawn(path) or not forms_lines(results, done, path)]
    plain = [p for p in axes.varying if not axes.drawn(p) and (p not in axes.method or not axes.numeric(p))]
    columns = [f"{results.checkpoint}_{metric}" for metric in metrics]
    knobs = [_build_knob(done[done[path] != ""], path, plain, axes, columns) for path in many]
    drawn = [knob for knob in knobs if len(knob.values) > 1]
    return Knobs([describe_metric(metric, results.attacks) for metric in metrics], drawn) if drawn else None


def _build_knob(trials: pd.DataFrame, path: str, plain: list[str], axes: Axes, columns: list[str]) -> Knob:
    by = trials.groupby("configuration", sort=False)
    firsts, means, errors = by.first(), by[columns].mean(), by[columns].sem()
    groups = [axes.describe({name: row[name] for name in plain}, plain) for _, row in firsts.iterrows()]
    values = np.array([axes.number(path, label) for label in firsts[path]])
    return Knob(axes.short[path], values, means.to_numpy(float), errors.to_numpy(float), groups)


def size_knobs(info: Knobs, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, 0.5 + 1.7 * len(info.knobs)


def draw_knobs(figure: Figure, info: Knobs, register: Register) -> None:
    """Draw a point per configuration."""
    from matplotlib.lines import Line2D

    paint = register.assign_styles(info.groups)
    plots = figure.subplots(len(info.knobs), len(info.titles), squeeze=False, sharey="col", sharex="row")
    for row, knob in zip(plots, info.knobs, strict=True):
        for place, plot in enumerate(row):
            _draw_knob(plot, knob, place, paint)
    for plot, name in zip(plots[0], info.titles, strict=True):
        plot.set_title(
            wrap_metric_title(name, count_title_letters(figure.get_figwidth(), len(info.titles))), fontsize=9
        )
    if info.groups:
        looks = {name or "other": style for name, style in paint.items()}
        marks = [Line2D([], [], ls="", ms=3.5, label=n, color=s.colour, marker=s.marker) for n, s in looks.items()]
        draw_legend(figure, marks)


def _draw_knob(plot: Plot, knob: Knob, place: int, paint: dict[str, Style]) -> None:
    for group in dict.fromkeys(knob.groups):
        member, style = np.array([name == group for name in knob.groups]), paint.get(group, Style(PALETTE[0]))
        y, error = knob.means[member, place], np.nan_to_num(knob.errors[member, place])
        x, colour = knob.values[member], style.colour
        plot.errorbar(x, y, error, ms=3.5, lw=0, elinewidth=0.8, color=colour, marker=style.marker)
    if knob.values.min() > 0 and knob.values.max() > LOG_RATIO * knob.values.min():
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter("{x:g}")  # the house style does not parse powers as mathematics
    plot.set_xlabel(knob.name)
    write_percent(plot)
