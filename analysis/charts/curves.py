"""The figure of learning curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.panels import (
    align_ranges,
    create_panels,
    list_settings,
    place_panels,
    size_panels,
    title_panels,
)
from analysis.charts.saving import WIDTH
from analysis.charts.styles import Register, Style
from analysis.charts.text import draw_legend, write_percent
from analysis.measures.curves import NAMES, CurveLine, Curves
from analysis.results.page_cut import MAX_PANELS, cut_in_turn

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MAX_UNCROWDED = 3  # lines; a panel with more is crowded, and validation has a separate figure
MOST_VECTORS = 5_000  # vertices of the lines of a panel; more are one picture, as an SVG of them would take megabytes
SPLIT_DASHES = {"val": (0, (1, 1.5)), "train": (0, (8, 2))}  # dots and long dashes, which no subset has


def is_crowded(info: Curves) -> bool:
    """Return whether a panel has so many lines that validation and training are drawn in separate figures."""
    return max(map(len, info.panels.values())) > MAX_UNCROWDED


def list_splits(info: Curves, split: str) -> tuple[str, ...]:
    """Return the splits of the figure whose main split is `split`: all splits, unless the panels are crowded."""
    return (split,) if is_crowded(info) else tuple(name for name in NAMES if name == split or info.has(name))


def name_accuracy(info: Curves, split: str) -> str:
    """Return the name of the accuracy in the figure whose main split is `split`."""
    if split != "train" and "train" in list_splits(info, split):
        return info.y_title.replace("test ", "")
    return info.y_title.replace("test", NAMES[split])


def find_curve_limits(info: Curves, split: str = "test") -> list[tuple[float, float]]:
    """Return the range of the curves of each panel; test and validation share one range."""
    shown = ("train",) if split == "train" else {"test", "val", *list_splits(info, split)}
    return [_find_range(lines, shown) for lines in info.panels.values()]


def draw_curves(figure: Figure, info: Curves, register: Register, split: str = "test", note: str = "") -> None:
    """Draw a line per subset, or per method if methods are few and no subset varies, and a note below.

    `split` is the main split.
    """
    paint = register.assign_styles(line.label for lines in info.panels.values() for line in lines)
    settings, splits = list_settings(info.panels), list_splits(info, split)
    plots = create_panels(figure, title_panels(info.panels), settings, "epoch", f"{name_accuracy(info, split)} (%)")
    for plot in plots:  # panels share an axis: each line would recompute the limits of all panels
        plot.autoscale(False)
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        draw_lines(plot, lines, paint, splits, is_crowded(info))
        if sum(len(line.epoch) for line in lines) > MOST_VECTORS:
            for drawn in plot.collections:
                drawn.set_rasterized(True)
        plot.locator_params(axis="x", nbins=4, integer=True)
        write_percent(plot)
    plots[0].autoscale(True, axis="x")
    align_ranges(plots, find_curve_limits(info, split))
    draw_legend(figure, _make_handles(paint, splits, info.has("val")), note)


def draw_lines(
    plot: Plot, lines: list[CurveLine], paint: dict[str, Style], splits: Sequence[str], crowded: bool
) -> None:
    """Draw means of the first split with bands of one standard error, other splits without, and the selected epoch.

    All lines of a kind are one collection for speed: a panel may have fifty lines and a page thousands.
    """
    from matplotlib.collections import LineCollection, PolyCollection

    styles = [paint[line.label] for line in lines]
    colours = [style.colour for style in styles]
    first, *others = splits
    shown = [line.of(first) for line in lines]
    wide = [place for place, (_, se) in enumerate(shown) if np.isfinite(se).any()]
    bands = [_outline_band(lines[place].epoch, *shown[place]) for place in wide]
    alpha = 0.1 if crowded else 0.2
    plot.add_collection(PolyCollection(bands, facecolors=[colours[place] for place in wide], alpha=alpha, linewidths=0))
    segments = [np.column_stack((line.epoch, mean)) for line, (mean, _) in zip(lines, shown, strict=True)]
    plot.add_collection(LineCollection(segments, colors=colours, linestyles=[style.dash for style in styles], zorder=2))
    for other in others:
        second = [np.column_stack((line.epoch, line.of(other)[0])) for line in lines]
        plot.add_collection(
            LineCollection(second, colors=colours, linestyles=SPLIT_DASHES[other], linewidths=0.9, zorder=2)
        )
    if first == "test":
        chosen = [place for place, line in enumerate(lines) if np.isfinite(line.best_test)]
        x, y = ([getattr(lines[place], name) for place in chosen] for name in ("best_epoch", "best_test"))
        plot.scatter(x, y, s=6**2, c=[colours[place] for place in chosen], edgecolors="white", zorder=3)


def _outline_band(epoch: np.ndarray, mean: np.ndarray, se: np.ndarray) -> np.ndarray:
    """Return the outline of the band of one standard error around a mean, where both are known, (2 n, 2)."""
    known = np.isfinite(mean) & np.isfinite(se)
    upper, lower = (np.column_stack((epoch, mean + sign * se))[known] for sign in (1, -1))
    return np.concatenate((upper, lower[::-1]))


def size_curves(info: Curves, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches. Crowded panels, and a single panel, are higher."""
    settings = list_settings(info.panels)
    wide, height = size_panels(title_panels(info.panels), settings, width)
    rows = 1 + max(row for row, _ in place_panels(settings, width))
    return wide, height + 0.5 * rows * (is_crowded(info) or len(info.panels) == 1)


def _find_range(lines: list[CurveLine], splits: Iterable[str]) -> tuple[float, float]:
    """Return the range from the lowest value in the second halves of the curves to the highest value, with margins."""
    curves = [curve for line in lines for curve in (line.of(split)[0] for split in splits) if np.isfinite(curve).any()]
    low = min(float(np.nanmin(curve[len(curve) // 2 :])) for curve in curves)
    high = max(float(np.nanmax(curve)) for curve in curves)
    margin = 0.1 * max(high - low, 0.01)
    return low - 2 * margin, high + margin


def _make_handles(paint: dict[str, Style], splits: Sequence[str], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    named: list[object] = [
        Line2D([], [], color=style.colour, ls=style.dash, label=label) for label, style in paint.items() if label
    ]
    first, *others = splits
    if others:
        named.append(Line2D([], [], color="0.5", label=NAMES[first]))
        named += [Line2D([], [], color="0.5", lw=0.9, ls=SPLIT_DASHES[other], label=NAMES[other]) for other in others]
    chosen = Line2D([], [], color="0.5", ls="", marker="o", label="at the selected epoch")
    return [*named, chosen] if first == "test" and selects else named


def plot_curves(info: Curves, register: Register | None = None, width: float = WIDTH, split: str = "test") -> Chart:
    """Plot learning curves in the panels that a page has room for; `split` is the main one: test, val or train."""
    shown, note = cut_curves(info)
    draw = partial(draw_curves, info=shown, register=register or Register(), split=split, note=note)
    return Chart(size_curves(shown, width), draw, note)


def cut_curves(info: Curves) -> tuple[Curves, str]:
    """Return the panels that a page has room for, and which these are, in words."""
    cut = cut_in_turn(list_settings(info.panels), MAX_PANELS, info.best)
    return info.take(cut.rows), cut.describe("panels", "the best of each problem on validation", "epochs")
