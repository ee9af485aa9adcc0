"""Curves along training: accuracy of each configuration, and of each difficulty group."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.axes import MOST_LABELS
from analysis.difficulty import CURVES, GroupCurves
from analysis.figures import WIDTH, colours, level, panels, panels_size, percent
from analysis.metrics import title
from analysis.results import COMPLETED, Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST = 12  # panels; of more configurations the best on validation are shown
CROWD = 3  # lines, from above which a panel is crowded
SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_RANKINGS = 2


class Line(NamedTuple):
    """One configuration's curve over its seeds."""

    label: str
    epoch: np.ndarray  # (T,)
    test: np.ndarray  # (T,) mean over seeds
    test_se: np.ndarray  # (T,) NaN for one seed
    val: np.ndarray  # (T,) NaN without validation
    best_epoch: float  # median over the seeds of the epoch chosen on validation
    n: int


class Curves(NamedTuple):
    """Learning curves of one metric, a panel per setting and method, or per setting where methods are lines."""

    y_title: str
    panels: dict[str, list[Line]]
    left_out: int  # panels that did not fit

    @property
    def limits(self) -> list[tuple[float, float]]:
        """The range that each panel would take by itself."""
        return [_limits(lines) for lines in self.panels.values()]


def curves_info(results: Results, kind: str) -> Curves | None:
    """Learning curves of clean or robust accuracy (`kind` is "clean" or "pgd"); None where not measured."""
    test, val = f"test_{kind}_acc", f"val_{kind}_acc"
    shown = results.sweep[results.sweep["status"] == COMPLETED]
    shown = shown if len(shown) else results.sweep
    if test not in results.epochs:
        return None
    known = results.epochs[results.epochs["id"].isin(shown["id"])].dropna(subset=[test])
    known = known.assign(**{val: known.get(val, np.nan)})
    table = known.groupby(["configuration", "epoch"])[[test, val]].agg(["mean", "sem", "count"])
    panels: dict[str, list[Line]] = {}
    together = not results.axes.subset and shown["family"].nunique() <= MOST_LABELS
    first = shown.drop_duplicates("configuration")
    for row in first.to_dict("records"):
        if row["configuration"] not in table.index:
            continue
        curve = table.loc[row["configuration"]]
        best = shown.loc[shown["configuration"] == row["configuration"], "best_epoch"].median()
        test_mean, test_se, val_mean = (
            curve[pair].to_numpy(float) for pair in ((test, "mean"), (test, "sem"), (val, "mean"))
        )
        n = int(curve[test, "count"].max())
        label, panel = (row["family"], "") if together else (row["subset_label"], row["family"])
        line = Line(label, curve.index.to_numpy(), test_mean, test_se, val_mean, best, n)
        panels.setdefault(_panel_title(panel, row["setting"]), []).append(line)
    if not panels:
        return None
    kept = sorted(panels, key=lambda name: -max(map(_height, panels[name])))[:MOST]
    return Curves(title(test, results.attacks), {k: panels[k] for k in panels if k in kept}, len(panels) - len(kept))


def _height(line: Line) -> float:
    """The highest that a configuration came, on validation; without it its last epoch on test."""
    return float(np.nanmax(line.val)) if np.isfinite(line.val).any() else float(line.test[-1])


def draw_curves(figure: Figure, info: Curves) -> None:
    """A line a subset, or a method where these are few and no subset varies."""
    paint = colours(list(dict.fromkeys(line.label for lines in info.panels.values() for line in lines)))
    plots = panels(figure, info.panels, "epoch", f"{info.y_title} (%)")
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        for line in lines:
            draw_line(plot, line, paint[line.label], 0.2 if len(lines) <= CROWD else 0.1)
        percent(plot)
        plot.locator_params(axis="x", nbins=8, integer=True)
    level(plots, info.limits)
    selects = any(np.isfinite(line.val).any() for lines in info.panels.values() for line in lines)
    figure.legend(handles=_legend(paint, selects), loc="outside lower center", ncols=3)


def draw_line(plot: Plot, line: Line, colour: str, band: float) -> None:
    """Mean on test with a band of one standard error, mean on validation, the epoch chosen on validation."""
    plot.plot(line.epoch, line.test, color=colour)
    plot.plot(line.epoch, line.val, color=colour, lw=0.8, ls="--", alpha=0.7)
    if np.isfinite(line.test_se).any():
        plot.fill_between(
            line.epoch, line.test - line.test_se, line.test + line.test_se, color=colour, alpha=band, lw=0
        )
    if np.isfinite(line.best_epoch):
        height = np.interp(line.best_epoch, line.epoch, line.test)
        plot.plot([line.best_epoch], [height], marker="o", color=colour, mec="white", ms=6)


def curves_size(info: Curves) -> tuple[float, float]:
    """Panels of many lines are higher, and one alone."""
    width, height = panels_size(info.panels)
    crowded = max(map(len, info.panels.values())) > CROWD
    return width, height + 0.9 * (-(-len(info.panels) // 2)) * (crowded or len(info.panels) == 1)


def groups_size(info: dict[str, GroupCurves]) -> tuple[float, float]:
    """A row a quantity."""
    return WIDTH, 0.9 + 1.6 * max(len(found.curves) for found in info.values())


def draw_groups(figure: Figure, info: dict[str, GroupCurves]) -> None:
    """A row a quantity and a column a ranking; the hardest group is darkest."""
    from matplotlib import colormaps

    shown = list(info.items())[:SHOWN_RANKINGS]
    names = [name for name in CURVES if any(name in found.curves for _, found in shown)]
    plots = figure.subplots(len(names), len(shown), squeeze=False, sharex="col", sharey="row")
    for column, (ranking, found) in enumerate(shown):
        plots[0, column].set_title(ranking)
        for row, name in enumerate(names):
            for group in SHOWN_GROUPS:
                if name in found.curves:
                    colour = colormaps["cividis"](group / 10)
                    plots[row, column].plot(found.curves[name][group], color=colour, label=f"G{group}")
            if column == 0:
                plots[row, 0].set_ylabel(CURVES[name])
    for plot in plots[-1]:
        plot.set_xlabel("epoch")
    handles, labels = plots[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)


def _panel_title(family: str, setting: str) -> str:
    return "\n".join(filter(None, (family, setting)))


def _limits(lines: list[Line]) -> tuple[float, float]:
    """From the lowest of the later halves, when curves have risen, to the highest of all."""
    curves = [curve for line in lines for curve in (line.test, line.val) if np.isfinite(curve).any()]
    low = min(float(np.nanmin(curve[len(curve) // 2 :])) for curve in curves)
    high = max(float(np.nanmax(curve)) for curve in curves)
    margin = 0.1 * max(high - low, 0.01)
    return low - 2 * margin, high + margin


def _legend(paint: dict[str, str], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    named = [Line2D([], [], color=colour, label=label) for label, colour in paint.items() if label]
    test = Line2D([], [], color="0.6", label="test")
    validation = Line2D([], [], color="0.6", lw=0.8, ls="--", label="validation")
    selected = Line2D([], [], color="0.6", ls="", marker="o", label="selected epoch")
    return [*named, test, *[validation, selected] * selects]
