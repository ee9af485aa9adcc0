"""Best, last and the gap between them; and what a choice of subset changes, seed by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import SEPARATOR
from analysis.figures import NEUTRAL, PALETTE, WIDTH, percent, stacked

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST = 30  # rows; the table has them all
ROW = 0.42  # inches, room for a row's name above its marks


class Gaps(NamedTuple):
    """One row a configuration, in shares."""

    names: list[str]
    peak: np.ndarray  # (n,) best on test
    selected: np.ndarray  # (n,) at the epoch chosen on validation, NaN without one
    last: np.ndarray  # (n,)
    last_se: np.ndarray  # (n,)
    gap: np.ndarray  # (n,) peak - last
    gap_se: np.ndarray  # (n,)
    floor: np.ndarray  # (n,) the gap a flat curve would show
    attack: str
    left_out: int


class Effects(NamedTuple):
    """One row a comparison, in shares; positive means that the first named is better."""

    names: list[str]
    last: np.ndarray  # (n, 2) mean and s.e.
    selected: np.ndarray  # (n, 2) NaN without validation
    y_title: str
    left_out: int


def gaps_info(table: pd.DataFrame, attack: str) -> Gaps | None:
    """From the table of `analysis.overfitting`; of too many configurations those that overfit most."""
    known = table[table["robust_overfitting"].notna()]
    if known.empty:
        return None
    widest = known["robust_overfitting"].nlargest(MOST).index
    shown = known[known.index.isin(widest)]
    columns = {name: shown[name].to_numpy(float) for name in ("peak", "selected", "last", "last_se", "floor")}
    gap, gap_se = (shown[f"robust_overfitting{end}"].to_numpy(float) for end in ("", "_se"))
    return Gaps(
        list(shown["name"]),
        **columns,
        gap=gap,
        gap_se=gap_se,
        attack=attack,
        left_out=len(known) - len(shown),
    )


def draw_gaps(figure: Figure, info: Gaps) -> None:
    """Accuracies on the left, the gap and its floor on the right, each row's name above its marks."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    y = np.arange(len(info.names))
    left.hlines(y, info.last, info.peak, color="0.8", lw=2)
    left.scatter(info.peak, y, marker="D", facecolors="white", edgecolors=NEUTRAL, s=22, label="best on test")
    if np.isfinite(info.selected).any():
        left.scatter(info.selected, y, color=PALETTE[0], s=24, label="selected on validation")
    left.errorbar(info.last, y, xerr=info.last_se, fmt="s", ms=4, color=PALETTE[1], label="last")
    right.errorbar(info.gap, y, xerr=info.gap_se, fmt="o", color=NEUTRAL, label="best − last")
    right.scatter(info.floor, y, marker="|", s=90, color=PALETTE[1], label="floor: a flat curve shows this")
    right.axvline(0, color="0.6", lw=0.8)
    left.set_xlabel(f"robust test accuracy,\n{info.attack} (%)")
    right.set_xlabel("best − last (points)")
    for plot in (left, right):
        percent(plot, "x")
    _rows(left, info.names)
    figure.legend(loc="outside lower center", ncols=2)


def effects_info(differences: pd.DataFrame, metric: str, y_title: str) -> Effects | None:
    """From a table of paired differences: one metric, at both checkpoints."""
    keys = ["setting", "family", "minuend", "subtrahend"]
    wide = {c: differences[differences["metric"] == f"{c}_{metric}"].set_index(keys) for c in ("last", "best")}
    index = wide["last"].index[wide["last"]["n"].to_numpy() > 0]
    if not len(index):
        return None
    shown = index[:MOST]
    names = [SEPARATOR.join(filter(None, (s, f, f"{a} − {b}"))) for s, f, a, b in shown]
    last, best = (wide[c].reindex(shown)[["mean", "se"]].to_numpy(float) for c in ("last", "best"))
    return Effects(names, last, best, y_title, len(index) - len(shown))


def draw_effects(figure: Figure, info: Effects) -> None:
    """A row a comparison: to the right of zero the first named is better."""
    plot = figure.subplots()
    y = np.arange(len(info.names))
    plot.axvline(0, color="0.5", lw=1)
    for found, label, marker, colour, shift in (
        (info.last, "last epoch", "s", PALETTE[1], 0.0),
        (info.selected, "validation-selected epoch", "o", PALETTE[0], 0.2),
    ):
        if np.isnan(found[:, 0]).all():
            continue
        plot.errorbar(found[:, 0], y + shift, xerr=found[:, 1], fmt=marker, ms=4, color=colour, label=label)
    plot.set_xlabel(stacked(f"difference in {info.y_title} (points)", WIDTH))
    percent(plot, "x")
    _rows(plot, info.names)
    figure.legend(loc="outside lower center", ncols=2)


def rows_size(names: list[str], extra: float = 1.1) -> tuple[float, float]:
    """A figure with a row a name."""
    return WIDTH, extra + ROW * len(names)


def _rows(plot: Plot, names: list[str]) -> None:
    """Write each row's name above its marks, where it may be long, and read from the top."""
    plot.set(ylim=(len(names) - 0.6, -0.75), yticks=[])
    plot.spines["left"].set_visible(False)
    for place, name in enumerate(names):
        plot.annotate(
            name, (0, place), xycoords=("axes fraction", "data"), xytext=(1, 10), textcoords="offset points",
            fontsize=8, va="center", annotation_clip=False, bbox={"fc": "white", "ec": "none", "pad": 0.5},
        )  # fmt: skip
