"""Figures of overfitting (best, last and their gap) and of the effects of subsets, paired by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import SEPARATOR
from analysis.figure_rows import (
    MAX_ROWS,
    ROW_HEIGHT,
    draw_upright,
    lay_out_rows,
    split_pages,
    take_in_turn,
    write_rows,
)
from analysis.figures import WIDTH, draw_legend, wrap_axis_label, write_percent
from analysis.styles import NEUTRAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

AXIS_HEIGHT = 0.75  # inches, below the rows


class Gaps(NamedTuple):
    """Overfitting with one row per configuration, in fractions."""

    names: list[str]
    settings: list[str]
    peak: np.ndarray  # (n,) best on test
    selected: np.ndarray  # (n,) at the epoch selected on validation, NaN without validation
    last: np.ndarray  # (n,)
    last_se: np.ndarray  # (n,)
    gap: np.ndarray  # (n,) peak - last
    gap_se: np.ndarray  # (n,)
    floor: np.ndarray  # (n,) the gap that a flat curve would show
    attack: str
    left_out: int

    def split_pages(self) -> list[Gaps]:
        """Split the rows into pages."""
        parts = [{name: getattr(self, name)[part] for name in self._fields[:9]} for part in split_pages(self.settings)]
        return [self._replace(**part) for part in parts]


class Effects(NamedTuple):
    """Effects with one row per comparison, in fractions; positive means that the first named is better."""

    names: list[str]
    settings: list[str]
    last: np.ndarray  # (n, 2) mean and s.e.
    selected: np.ndarray  # (n, 2) NaN without validation
    y_title: str
    left_out: int

    def split_pages(self) -> list[Effects]:
        """Split the rows into pages."""
        return [
            self._replace(
                names=self.names[part], settings=self.settings[part], last=self.last[part], selected=self.selected[part]
            )
            for part in split_pages(self.settings)
        ]


def collect_gaps(table: pd.DataFrame, attack: str) -> Gaps | None:
    """Collect overfitting from the table of `analysis.overfitting`; of too many rows those with the largest gap."""
    known = table[table["robust_overfitting"].notna()]
    if known.empty:
        return None
    widest = np.argsort(-known["robust_overfitting"].to_numpy(), kind="stable")
    kept = take_in_turn(known["setting"].tolist(), MAX_ROWS, widest.tolist())
    shown = known.iloc[_group_by_setting(known["setting"].iloc[kept].tolist(), kept)]
    columns = {name: shown[name].to_numpy(float) for name in ("peak", "selected", "last", "last_se", "floor")}
    gap, gap_se = (shown[f"robust_overfitting{end}"].to_numpy(float) for end in ("", "_se"))
    return Gaps(
        list(shown["choice"]),
        list(shown["setting"]),
        **columns,
        gap=gap,
        gap_se=gap_se,
        attack=attack,
        left_out=len(known) - len(shown),
    )


def draw_gaps(figure: Figure, info: Gaps) -> None:
    """Draw accuracies on the left, and the gap and its floor on the right; the name of a row is above its marks."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    layout = lay_out_rows(info.names, info.settings, figure.get_figwidth())
    y = layout.marks
    left.hlines(y, info.last, info.peak, color="0.8", lw=2)
    left.scatter(info.peak, y, marker="D", facecolors="white", edgecolors=NEUTRAL, s=22, label="best on test", zorder=3)
    if np.isfinite(info.selected).any():
        left.scatter(info.selected, y, color=NEUTRAL, s=24, label="selected on validation", zorder=3)
    left.errorbar(info.last, y, xerr=info.last_se, fmt="s", ms=5, mfc="white", color=NEUTRAL, label="last")
    right.errorbar(info.gap, y, xerr=info.gap_se, fmt="o", ms=5, mfc="0.8", color=NEUTRAL, label="best − last")
    right.scatter(info.floor, y, marker="|", s=110, color="black", lw=1.8, label="floor: a flat curve shows this")
    write_rows(left, layout)
    draw_upright(right, layout, 0.0)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    left.set_xlabel(wrap_axis_label(f"robust test accuracy, {info.attack} (%)", 0.5 * figure.get_figwidth()))
    right.set_xlabel(wrap_axis_label(f"best − last, {info.attack} (points)", 0.3 * figure.get_figwidth()))
    for plot in (left, right):
        write_percent(plot, "x")
    draw_legend(figure, [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]])


def collect_effects(differences: pd.DataFrame, metric: str, y_title: str) -> Effects | None:
    """Collect paired differences of a metric at both checkpoints; of too many rows the first of each problem."""
    keys = ["setting", "family", "minuend", "subtrahend"]
    wide = {c: differences[differences["metric"] == f"{c}_{metric}"].set_index(keys) for c in ("last", "best")}
    index = wide["last"].index[wide["last"]["n"].to_numpy() > 0]
    if not len(index):
        return None
    settings = [str(setting) for setting, *_ in index]
    kept = take_in_turn(settings, MAX_ROWS)
    shown = index[_group_by_setting([settings[place] for place in kept], kept)]
    names = [SEPARATOR.join(filter(None, (family, f"{a} − {b}"))) for _, family, a, b in shown]
    last, best = (wide[c].reindex(shown)[["mean", "se"]].to_numpy(float) for c in ("last", "best"))
    return Effects(names, [str(setting) for setting, *_ in shown], last, best, y_title, len(index) - len(shown))


def draw_effects(figure: Figure, info: Effects) -> None:
    """Draw a row per comparison; to the right of zero the first named is better."""
    plot = figure.subplots()
    layout = lay_out_rows(info.names, info.settings, figure.get_figwidth())
    draw_upright(plot, layout, 0.0)
    for found, label, marker, fill, shift in (
        (info.last, "last epoch", "s", "white", 0.0),
        (info.selected, "validation-selected epoch", "o", NEUTRAL, 0.2),
    ):
        if np.isnan(found[:, 0]).all():
            continue
        y = layout.marks + shift
        plot.errorbar(found[:, 0], y, xerr=found[:, 1], fmt=marker, ms=4, mfc=fill, color=NEUTRAL, label=label)
    plot.set_xlabel(wrap_axis_label(f"difference in {info.y_title} (points)", figure.get_figwidth()))
    write_percent(plot, "x")
    write_rows(plot, layout)
    draw_legend(figure, plot.get_legend_handles_labels()[0])


def size_rows(info: Gaps | Effects, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    return width, AXIS_HEIGHT + ROW_HEIGHT * lay_out_rows(info.names, info.settings, width).height


def _group_by_setting(settings: Sequence[str], kept: Sequence[int]) -> list[int]:
    """Sort rows so that rows of a setting are consecutive, with settings in the order of their first row."""
    order = list(dict.fromkeys(settings))
    return [place for _, place in sorted(zip((order.index(setting) for setting in settings), kept, strict=True))]
