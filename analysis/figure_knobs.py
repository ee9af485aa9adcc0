"""What a search came to along each knob: a cloud of points, where no curve has everything else equal."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import Axes
from analysis.figure_grid import FEWEST, crossed
from analysis.figures import PALETTE, WIDE, WIDTH, colours, legend_columns, measured, percent
from analysis.metrics import title
from analysis.results import COMPLETED, Results

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
        """Those that are told apart by colours; none if there is but one, or more than colours tell apart."""
        found = list(dict.fromkeys(group for knob in self.knobs for group in knob.groups))
        return found if 1 < len(found) <= len(PALETTE) else []


def knobs_info(results: Results, metrics: list[str]) -> Knobs | None:
    """Along numeric axes with many values, or with few of which no others differ in nothing else; None of none."""
    axes, trials = results.axes, results.sweep
    done = trials[trials["status"] == COMPLETED]
    several = [path for path in axes.method if axes.numeric(path) and len(axes.order[path]) >= FEWEST]
    many = [path for path in several if axes.drawn(path) or not crossed(results, done, path)]
    plain = [p for p in axes.varying if not axes.drawn(p) and (p not in axes.method or not axes.numeric(p))]
    columns = [f"{results.checkpoint}_{metric}" for metric in metrics]
    knobs = [_knob(done[done[path] != ""], path, plain, axes, columns) for path in many]
    drawn = [knob for knob in knobs if len(knob.values) > 1]
    return Knobs([title(metric, results.attacks) for metric in metrics], drawn) if drawn else None


def _knob(trials: pd.DataFrame, path: str, plain: list[str], axes: Axes, columns: list[str]) -> Knob:
    by = trials.groupby("configuration", sort=False)
    firsts, means, errors = by.first(), by[columns].mean(), by[columns].sem()
    groups = [axes.describe({name: row[name] for name in plain}, plain) for _, row in firsts.iterrows()]
    values = np.array([axes.number(path, label) for label in firsts[path]])
    return Knob(axes.short[path], values, means.to_numpy(float), errors.to_numpy(float), groups)


def knobs_size(info: Knobs) -> tuple[float, float]:
    """Inches."""
    return WIDTH, 0.7 + 1.7 * len(info.knobs) + 0.17 * len(info.groups) / legend_columns(info.groups)


def draw_knobs(figure: Figure, info: Knobs) -> None:
    """A point a configuration."""
    from matplotlib.lines import Line2D

    paint = colours(info.groups)
    plots = figure.subplots(len(info.knobs), len(info.titles), squeeze=False, sharey="col", sharex="row")
    for row, knob in zip(plots, info.knobs, strict=True):
        for place, plot in enumerate(row):
            _draw(plot, knob, place, paint)
    for plot, name in zip(plots[0], info.titles, strict=True):
        plot.set_title(measured(name), fontsize=9)
    if info.groups:
        marks = [Line2D([], [], ls="", marker="o", ms=3.5, color=paint[its], label=its or "other") for its in paint]
        figure.legend(handles=marks, loc="outside lower center", ncols=legend_columns(info.groups))


def _draw(plot: Plot, knob: Knob, place: int, paint: dict[str, str]) -> None:
    for group in dict.fromkeys(knob.groups):
        its, colour = np.array([each == group for each in knob.groups]), paint.get(group, PALETTE[0])
        y, error = knob.means[its, place], np.nan_to_num(knob.errors[its, place])
        plot.errorbar(knob.values[its], y, error, fmt="o", ms=3.5, lw=0, elinewidth=0.8, color=colour)
    if knob.values.min() > 0 and knob.values.max() > WIDE * knob.values.min():
        plot.set_xscale("log")
        plot.xaxis.set_major_formatter("{x:g}")  # powers would be mathematics, which the house style does not read
    plot.set_xlabel(knob.name)
    percent(plot)
