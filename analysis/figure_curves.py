"""Learning curves: accuracy of each configuration, and of each difficulty group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import MOST_LABELS
from analysis.difficulty import CURVES, GroupCurves
from analysis.figures import (
    WIDTH,
    align_ranges,
    count_title_letters,
    create_panels,
    draw_legend,
    equalize_ranges,
    list_settings,
    place_panels,
    size_panels,
    title_panels,
    wrap_title,
    write_percent,
)
from analysis.gaps import TRAINED
from analysis.metrics import describe_metric
from analysis.results import Results
from analysis.styles import Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MAX_PANELS = 12  # of a problem; those with the best configurations on validation are shown
MAX_UNCROWDED = 3  # lines; a panel with more is crowded, and validation has a separate figure
SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_RANKINGS = 2  # side by side
FRACTIONS = ("correct",)  # the curves of groups that are in [0, 1]
SPLIT_DASHES = {"val": (0, (1, 1.5)), "train": (0, (8, 2))}  # dots and long dashes, which no subset has
NAMES = {"test": "test", "val": "validation", "train": "training"}


class CurveLine(NamedTuple):
    """The learning curve of a configuration, over its seeds."""

    label: str
    epoch: np.ndarray  # (T,)
    best_epoch: float  # median over seeds of the epoch selected on validation
    best_test: float  # mean over seeds of test accuracy at the selected epoch of each seed
    n: int
    test: np.ndarray  # (T,) mean over seeds
    test_se: np.ndarray  # (T,) NaN for one seed
    val: np.ndarray  # (T,) NaN without validation
    val_se: np.ndarray  # (T,)
    train: np.ndarray  # (T,) under the same attack as test and val, NaN where not measured
    train_se: np.ndarray  # (T,)

    def of(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the means and standard errors of a split, (T,) each."""
        return {
            "test": (self.test, self.test_se),
            "val": (self.val, self.val_se),
            "train": (self.train, self.train_se),
        }[split]


class Curves(NamedTuple):
    """Learning curves of one metric, with a panel per setting and method, or per setting if methods are lines."""

    y_title: str
    panels: dict[tuple[str, str], list[CurveLine]]  # (setting, method)
    left_out: int  # panels that did not fit

    @property
    def titles(self) -> list[str]:
        """Return the title of each panel."""
        return title_panels(self.panels)

    @property
    def settings(self) -> list[str]:
        """Return the setting of each panel."""
        return list_settings(self.panels)

    @property
    def crowded(self) -> bool:
        """Return whether a panel has so many lines that validation and training are drawn in separate figures."""
        return max(map(len, self.panels.values())) > MAX_UNCROWDED

    def has(self, split: str) -> bool:
        """Return whether a split was measured."""
        return any(np.isfinite(line.of(split)[0]).any() for lines in self.panels.values() for line in lines)

    def beside(self, split: str) -> tuple[str, ...]:
        """Return the splits of the figure whose main split is `split`: all splits, unless the panels are crowded."""
        return (split,) if self.crowded else tuple(name for name in NAMES if name == split or self.has(name))

    def named(self, split: str) -> str:
        """Return the name of the accuracy in the figure whose main split is `split`."""
        if split != "train" and "train" in self.beside(split):
            return self.y_title.replace("test ", "")
        return self.y_title.replace("test", NAMES[split])

    def limits(self, split: str = "test") -> list[tuple[float, float]]:
        """Return the range of the curves of each panel; test and validation share one range."""
        shown = ("train",) if split == "train" else {"test", "val", *self.beside(split)}
        return [_find_range(lines, shown) for lines in self.panels.values()]


def collect_curves(results: Results, kind: str) -> Curves | None:
    """Collect the learning curves of an accuracy; None where it was not measured.

    `kind` is "clean", "pgd", or the name of a further attack, which is not measured on validation. Robust training
    accuracy is measured under the attack of the test curve. Clean training accuracy has another protocol and is not
    shown.
    """
    columns = [f"{split}_{kind}_acc" for split in NAMES]
    measured, _, trained = columns
    shown = results.completed
    shown = shown if len(shown) else results.sweep
    if measured not in results.epochs:
        return None
    known = results.epochs[results.epochs["id"].isin(shown["id"])].dropna(subset=[measured])
    if known.empty:  # only rankings are trained so far
        return None
    known = known.assign(**{name: known.get(name, np.nan) for name in columns})
    if trained != TRAINED:
        known = known.assign(**{trained: np.nan})
    curves = _average_seeds(known, columns)
    best = shown.assign(best_test=shown.get(f"best_{measured}", np.nan)).groupby("configuration", sort=False)
    epochs, accuracies = best["best_epoch"].median(), best["best_test"].mean()
    panels: dict[tuple[str, str], list[CurveLine]] = {}
    together = not results.axes.subset and shown["family"].nunique() <= MOST_LABELS
    for row in shown.drop_duplicates("configuration").to_dict("records"):
        if row["configuration"] in curves:
            label, panel = (row["family"], "") if together else (row["subset_label"], row["family"])
            epoch, test, test_se, val, val_se, train, train_se, counts = curves[row["configuration"]]
            chosen = float(epochs[row["configuration"]]), float(accuracies[row["configuration"]])
            line = CurveLine(label, epoch, *chosen, int(counts.max()), test, test_se, val, val_se, train, train_se)
            panels.setdefault((row["setting"], panel), []).append(line)
    if not panels:
        return None
    kept = _select_panels(panels)
    return Curves(
        describe_metric(measured, results.attacks), {key: panels[key] for key in kept}, len(panels) - len(kept)
    )


def _average_seeds(epochs: pd.DataFrame, names: list[str]) -> dict[str, list[np.ndarray]]:
    """Return for each configuration its epochs, the mean and error of each name, and the number of seeds per epoch."""
    by = epochs.groupby(["configuration", "epoch"])
    parts = {(name, method): getattr(by[name], method)() for name in names for method in ("mean", "sem")}
    table = pd.DataFrame({" ".join(pair): values for pair, values in parts.items()} | {"n": by[names[0]].count()})
    table = table.reset_index()
    starts = np.flatnonzero(~table["configuration"].duplicated())
    columns = [np.split(table[column].to_numpy(), starts[1:]) for column in table.columns[1:]]
    return dict(zip(table["configuration"].iloc[starts], map(list, zip(*columns, strict=True)), strict=True))


def _select_panels(panels: dict[tuple[str, str], list[CurveLine]]) -> list[tuple[str, str]]:
    """Select the MAX_PANELS panels of each problem that are best on validation; panels of a problem are consecutive."""
    found = []
    for setting in dict.fromkeys(setting for setting, _ in panels):
        here = [key for key in panels if key[0] == setting]
        best = sorted(here, key=lambda key: -max(map(_best_accuracy, panels[key])))[:MAX_PANELS]
        found += [key for key in here if key in best]
    return found


def _best_accuracy(line: CurveLine) -> float:
    """Return the highest validation accuracy of a configuration, or without validation its last test accuracy."""
    return float(np.nanmax(line.val)) if np.isfinite(line.val).any() else float(line.test[-1])


def draw_curves(figure: Figure, info: Curves, register: Register, split: str = "test") -> None:
    """Draw a line per subset, or per method if methods are few and no subset varies; `split` is the main split."""
    paint = register.assign_styles(line.label for lines in info.panels.values() for line in lines)
    splits = info.beside(split)
    plots = create_panels(figure, info.titles, info.settings, "epoch", f"{info.named(split)} (%)")
    for plot in plots:  # panels share an axis: each line would recompute the limits of all panels
        plot.autoscale(False)
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        draw_lines(plot, lines, paint, splits, info.crowded)
        plot.locator_params(axis="x", nbins=4, integer=True)
        write_percent(plot)
    plots[0].autoscale(True, axis="x")
    limits = info.limits(split)
    align_ranges(plots, limits)
    places = place_panels(info.settings, figure.get_figwidth())
    if len(set(equalize_ranges(limits))) == 1:
        for plot, (_, column) in zip(plots, places, strict=True):
            plot.tick_params(labelleft=column == 0)
    draw_legend(figure, _make_handles(paint, splits, info.has("val")))


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
    wide, height = size_panels(info.titles, info.settings, width)
    rows = 1 + max(row for row, _ in place_panels(info.settings, width))
    return wide, height + 0.5 * rows * (info.crowded or len(info.panels) == 1)


def size_groups(info: dict[str, GroupCurves], width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches, with a row per quantity."""
    return width, 0.6 + 1.6 * max(len(found.curves) for found in info.values())


def draw_groups(figure: Figure, info: dict[str, GroupCurves]) -> None:
    """Draw a row per quantity and a column per ranking, bands of one standard error; the hardest group is darkest."""
    from matplotlib import colormaps

    names = [name for name in CURVES if any(name in found.curves for found in info.values())]
    plots = figure.subplots(len(names), len(info), squeeze=False, sharex="col", sharey="row")
    for column, (ranking, found) in enumerate(info.items()):
        plots[0, column].set_title(wrap_title(ranking, count_title_letters(figure.get_figwidth(), len(info))))
        for row, name in enumerate(name for name in names if name in found.curves):
            _draw_group_curves(plots[row, column], found, name, colormaps["cividis"])
    for row, name in enumerate(names):
        plots[row, 0].set_ylabel(CURVES[name])
        if name in FRACTIONS:
            write_percent(plots[row, 0])
    for plot in plots[-1]:
        plot.set_xlabel("epoch")
        plot.locator_params(axis="x", nbins=5, integer=True)
    draw_legend(figure, plots[0, 0].get_legend_handles_labels()[0])


def _draw_group_curves(plot: Plot, found: GroupCurves, name: str, colours: Colormap) -> None:
    for group in SHOWN_GROUPS:
        mean, se, colour = found.curves[name][group], found.errors[name][group], colours(0.85 * group / 9)
        plot.plot(mean, color=colour, label=f"G{group}")
        if np.isfinite(se).any():
            plot.fill_between(np.arange(len(mean)), mean - se, mean + se, color=colour, alpha=0.2, lw=0)


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
