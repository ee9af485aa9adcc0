"""Curves along training: accuracy of each configuration, and of each difficulty group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import MOST_LABELS
from analysis.difficulty import CURVES, GroupCurves
from analysis.figures import (
    WIDTH,
    arranged,
    legend,
    letters,
    level,
    levelled,
    panels,
    panels_size,
    percent,
    settings_of,
    titles_of,
    wrapped,
)
from analysis.gaps import TRAINED
from analysis.metrics import describe_metric
from analysis.results import Results
from analysis.styles import Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

MOST = 12  # panels of a problem; of more those with the best configurations on validation are shown
CROWD = 3  # lines, from above which a panel is crowded and validation has a figure of its own
SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_RANKINGS = 2  # beside each other
SHARES = ("correct",)  # of the curves of groups, those in [0, 1]
SECOND = {"val": (0, (1, 1.5)), "train": (0, (8, 2))}  # dots and long dashes beside test, which no subset has
NAMES = {"test": "test", "val": "validation", "train": "training"}


class CurveLine(NamedTuple):
    """One configuration's curve over its seeds."""

    label: str
    epoch: np.ndarray  # (T,)
    best_epoch: float  # median over the seeds of the epoch chosen on validation
    best_test: float  # mean over the seeds of test accuracy, each at its own chosen epoch
    n: int
    test: np.ndarray  # (T,) mean over seeds
    test_se: np.ndarray  # (T,) NaN for one seed
    val: np.ndarray  # (T,) NaN without validation
    val_se: np.ndarray  # (T,)
    train: np.ndarray  # (T,) under the attack of the other two, NaN where that was not measured
    train_se: np.ndarray  # (T,)

    def of(self, split: str) -> tuple[np.ndarray, np.ndarray]:
        """The means and errors of a split, (T,) each."""
        return {
            "test": (self.test, self.test_se),
            "val": (self.val, self.val_se),
            "train": (self.train, self.train_se),
        }[split]


class Curves(NamedTuple):
    """Learning curves of one metric, a panel per setting and method, or per setting where methods are lines."""

    y_title: str
    panels: dict[tuple[str, str], list[CurveLine]]  # (setting, method)
    left_out: int  # panels that did not fit

    @property
    def titles(self) -> list[str]:
        """What each panel is titled."""
        return titles_of(self.panels)

    @property
    def settings(self) -> list[str]:
        """The problem of each panel."""
        return settings_of(self.panels)

    @property
    def crowded(self) -> bool:
        """Whether a panel has so many lines that validation and training are drawn apart."""
        return max(map(len, self.panels.values())) > CROWD

    def has(self, split: str) -> bool:
        """Whether a split was measured."""
        return any(np.isfinite(line.of(split)[0]).any() for lines in self.panels.values() for line in lines)

    def beside(self, split: str) -> tuple[str, ...]:
        """The splits of a figure that begins with `split`: all, unless that would be a crowd."""
        return (split,) if self.crowded else tuple(name for name in NAMES if name == split or self.has(name))

    def named(self, split: str) -> str:
        """What the accuracy of a figure that begins with `split` is called."""
        if split != "train" and "train" in self.beside(split):
            return self.y_title.replace("test ", "")
        return self.y_title.replace("test", NAMES[split])

    def limits(self, split: str = "test") -> list[tuple[float, float]]:
        """The range that each panel would take by itself; those of test and of validation are one."""
        shown = ("train",) if split == "train" else {"test", "val", *self.beside(split)}
        return [_limits(lines, shown) for lines in self.panels.values()]


def curves_info(results: Results, kind: str) -> Curves | None:
    """Learning curves of an accuracy along training; None where not measured.

    `kind`: "clean", "pgd", or the name of a further attack, which no validation has. Robust training accuracy is that
    under the attack of the test curve; clean training accuracy is of another protocol.
    """
    columns = [f"{split}_{kind}_acc" for split in NAMES]
    measured, _, trained = columns
    shown = results.completed
    shown = shown if len(shown) else results.sweep
    if measured not in results.epochs:
        return None
    known = results.epochs[results.epochs["id"].isin(shown["id"])].dropna(subset=[measured])
    known = known.assign(**{name: known.get(name, np.nan) for name in columns})
    if trained != TRAINED:
        known = known.assign(**{trained: np.nan})
    curves = _curves(known, columns)
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
    kept = _kept(panels)
    return Curves(
        describe_metric(measured, results.attacks), {key: panels[key] for key in kept}, len(panels) - len(kept)
    )


def _curves(epochs: pd.DataFrame, names: list[str]) -> dict[str, list[np.ndarray]]:
    """Of each configuration its epochs, mean and error of each name, and the seeds at each epoch."""
    by = epochs.groupby(["configuration", "epoch"])
    parts = {(name, how): getattr(by[name], how)() for name in names for how in ("mean", "sem")}
    table = pd.DataFrame({" ".join(pair): values for pair, values in parts.items()} | {"n": by[names[0]].count()})
    table = table.reset_index()
    starts = np.flatnonzero(~table["configuration"].duplicated())
    columns = [np.split(table[column].to_numpy(), starts[1:]) for column in table.columns[1:]]
    return dict(zip(table["configuration"].iloc[starts], map(list, zip(*columns, strict=True)), strict=True))


def _kept(panels: dict[tuple[str, str], list[CurveLine]]) -> list[tuple[str, str]]:
    """The panels that are drawn, those of one problem one after the other: MOST of each, the best on validation."""
    found = []
    for setting in dict.fromkeys(setting for setting, _ in panels):
        here = [key for key in panels if key[0] == setting]
        best = sorted(here, key=lambda key: -max(map(_height, panels[key])))[:MOST]
        found += [key for key in here if key in best]
    return found


def _height(line: CurveLine) -> float:
    """The highest that a configuration came, on validation; without it its last epoch on test."""
    return float(np.nanmax(line.val)) if np.isfinite(line.val).any() else float(line.test[-1])


def draw_curves(figure: Figure, info: Curves, register: Register, split: str = "test") -> None:
    """A line a subset, or a method where these are few and no subset varies; `split` is which of a crowd of lines."""
    paint = register.styles(line.label for lines in info.panels.values() for line in lines)
    splits = info.beside(split)
    plots = panels(figure, info.titles, info.settings, "epoch", f"{info.named(split)} (%)")
    for plot in plots:  # panels share their axis: each line would have the limits of all worked out again
        plot.autoscale(False)
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        draw_lines(plot, lines, paint, splits, info.crowded)
        plot.locator_params(axis="x", nbins=4, integer=True)
        percent(plot)
    plots[0].autoscale(True, axis="x")
    limits = info.limits(split)
    level(plots, limits)
    places = arranged(info.settings, figure.get_figwidth())
    if len(set(levelled(limits))) == 1:
        for plot, (_, column) in zip(plots, places, strict=True):
            plot.tick_params(labelleft=column == 0)
    legend(figure, _legend(paint, splits, info.has("val")))


def draw_lines(
    plot: Plot, lines: list[CurveLine], paint: dict[str, Style], splits: Sequence[str], crowded: bool
) -> None:
    """Means of the first split with bands of one standard error, of others without; the epoch chosen on validation.

    All lines of a kind are one collection: a panel may have fifty, and a page thousands.
    """
    from matplotlib.collections import LineCollection, PolyCollection

    styles = [paint[line.label] for line in lines]
    colours = [style.colour for style in styles]
    first, *others = splits
    shown = [line.of(first) for line in lines]
    wide = [place for place, (_, se) in enumerate(shown) if np.isfinite(se).any()]
    bands = [_band(lines[place].epoch, *shown[place]) for place in wide]
    alpha = 0.1 if crowded else 0.2
    plot.add_collection(PolyCollection(bands, facecolors=[colours[place] for place in wide], alpha=alpha, linewidths=0))
    segments = [np.column_stack((line.epoch, mean)) for line, (mean, _) in zip(lines, shown, strict=True)]
    plot.add_collection(LineCollection(segments, colors=colours, linestyles=[style.dash for style in styles], zorder=2))
    for other in others:
        second = [np.column_stack((line.epoch, line.of(other)[0])) for line in lines]
        plot.add_collection(LineCollection(second, colors=colours, linestyles=SECOND[other], linewidths=0.9, zorder=2))
    if first == "test":
        chosen = [place for place, line in enumerate(lines) if np.isfinite(line.best_test)]
        x, y = ([getattr(lines[place], name) for place in chosen] for name in ("best_epoch", "best_test"))
        plot.scatter(x, y, s=6**2, c=[colours[place] for place in chosen], edgecolors="white", zorder=3)


def _band(epoch: np.ndarray, mean: np.ndarray, se: np.ndarray) -> np.ndarray:
    """The outline of one standard error about a mean, where both are known, (2 n, 2)."""
    known = np.isfinite(mean) & np.isfinite(se)
    upper, lower = (np.column_stack((epoch, mean + sign * se))[known] for sign in (1, -1))
    return np.concatenate((upper, lower[::-1]))


def curves_size(info: Curves, width: float = WIDTH) -> tuple[float, float]:
    """Panels of many lines are higher, and one alone."""
    wide, height = panels_size(info.titles, info.settings, width)
    rows = 1 + max(row for row, _ in arranged(info.settings, width))
    return wide, height + 0.5 * rows * (info.crowded or len(info.panels) == 1)


def groups_size(info: dict[str, GroupCurves], width: float = WIDTH) -> tuple[float, float]:
    """A row a quantity."""
    return width, 0.6 + 1.6 * max(len(found.curves) for found in info.values())


def draw_groups(figure: Figure, info: dict[str, GroupCurves]) -> None:
    """A row a quantity and a column a ranking, bands of one standard error; the hardest group is darkest."""
    from matplotlib import colormaps

    names = [name for name in CURVES if any(name in found.curves for found in info.values())]
    plots = figure.subplots(len(names), len(info), squeeze=False, sharex="col", sharey="row")
    for column, (ranking, found) in enumerate(info.items()):
        plots[0, column].set_title(wrapped(ranking, letters(figure.get_figwidth(), len(info))))
        for row, name in enumerate(name for name in names if name in found.curves):
            _draw_groups(plots[row, column], found, name, colormaps["cividis"])
    for row, name in enumerate(names):
        plots[row, 0].set_ylabel(CURVES[name])
        if name in SHARES:
            percent(plots[row, 0])
    for plot in plots[-1]:
        plot.set_xlabel("epoch")
        plot.locator_params(axis="x", nbins=5, integer=True)
    legend(figure, plots[0, 0].get_legend_handles_labels()[0])


def _draw_groups(plot: Plot, found: GroupCurves, name: str, colours: Colormap) -> None:
    for group in SHOWN_GROUPS:
        mean, se, colour = found.curves[name][group], found.errors[name][group], colours(0.85 * group / 9)
        plot.plot(mean, color=colour, label=f"G{group}")
        if np.isfinite(se).any():
            plot.fill_between(np.arange(len(mean)), mean - se, mean + se, color=colour, alpha=0.2, lw=0)


def _limits(lines: list[CurveLine], splits: Iterable[str]) -> tuple[float, float]:
    """From the lowest of the later halves, when curves have risen, to the highest of all."""
    curves = [curve for line in lines for curve in (line.of(it)[0] for it in splits) if np.isfinite(curve).any()]
    low = min(float(np.nanmin(curve[len(curve) // 2 :])) for curve in curves)
    high = max(float(np.nanmax(curve)) for curve in curves)
    margin = 0.1 * max(high - low, 0.01)
    return low - 2 * margin, high + margin


def _legend(paint: dict[str, Style], splits: Sequence[str], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    named: list[object] = [
        Line2D([], [], color=its.colour, ls=its.dash, label=label) for label, its in paint.items() if label
    ]
    first, *others = splits
    if others:
        named.append(Line2D([], [], color="0.5", label=NAMES[first]))
        named += [Line2D([], [], color="0.5", lw=0.9, ls=SECOND[other], label=NAMES[other]) for other in others]
    chosen = Line2D([], [], color="0.5", ls="", marker="o", label="at the selected epoch")
    return [*named, chosen] if first == "test" and selects else named
