"""Best, last and the gap between them; and what a choice of subset changes, seed by seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import SEPARATOR
from analysis.figure_rows import MOST, ROW, Rows, in_turn, pages, rows, upright, write_rows
from analysis.figures import WIDTH, legend, percent, stacked
from analysis.styles import NEUTRAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BELOW = 0.75  # inches below the rows, for the horizontal axis


class Gaps(NamedTuple):
    """One row a configuration, in shares."""

    names: list[str]
    settings: list[str]
    peak: np.ndarray  # (n,) best on test
    selected: np.ndarray  # (n,) at the epoch chosen on validation, NaN without one
    last: np.ndarray  # (n,)
    last_se: np.ndarray  # (n,)
    gap: np.ndarray  # (n,) peak - last
    gap_se: np.ndarray  # (n,)
    floor: np.ndarray  # (n,) the gap a flat curve would show
    attack: str
    left_out: int

    def pages(self) -> list[Gaps]:
        """The same rows on as many sheets as they take."""
        parts = [{name: getattr(self, name)[part] for name in self._fields[:9]} for part in pages(self.settings)]
        return [self._replace(**part) for part in parts]


class Effects(NamedTuple):
    """One row a comparison, in shares; positive means that the first named is better."""

    names: list[str]
    settings: list[str]
    last: np.ndarray  # (n, 2) mean and s.e.
    selected: np.ndarray  # (n, 2) NaN without validation
    y_title: str
    left_out: int

    def pages(self) -> list[Effects]:
        """The same rows on as many sheets as they take."""
        return [
            self._replace(
                names=self.names[part], settings=self.settings[part], last=self.last[part], selected=self.selected[part]
            )
            for part in pages(self.settings)
        ]


def gaps_info(table: pd.DataFrame, attack: str) -> Gaps | None:
    """From the table of `analysis.overfitting`; of too many configurations those of each problem that overfit most."""
    known = table[table["robust_overfitting"].notna()]
    if known.empty:
        return None
    widest = np.argsort(-known["robust_overfitting"].to_numpy(), kind="stable")
    kept = in_turn(known["setting"].tolist(), MOST, widest.tolist())
    shown = known.iloc[_grouped(known["setting"].iloc[kept].tolist(), kept)]
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
    """Accuracies on the left, the gap and its floor on the right, each row's name above its marks."""
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    layout = rows(info.names, info.settings, figure.get_figwidth())
    y = layout.marks
    left.hlines(y, info.last, info.peak, color="0.8", lw=2)
    left.scatter(info.peak, y, marker="D", facecolors="white", edgecolors=NEUTRAL, s=22, label="best on test", zorder=3)
    if np.isfinite(info.selected).any():
        left.scatter(info.selected, y, color=NEUTRAL, s=24, label="selected on validation", zorder=3)
    left.errorbar(info.last, y, xerr=info.last_se, fmt="s", ms=5, mfc="white", color=NEUTRAL, label="last")
    right.errorbar(info.gap, y, xerr=info.gap_se, fmt="o", ms=5, mfc="0.8", color=NEUTRAL, label="best − last")
    right.scatter(info.floor, y, marker="|", s=110, color="black", lw=1.8, label="floor: a flat curve shows this")
    write_rows(left, layout)
    upright(right, layout, 0.0)
    right.spines["left"].set_visible(False)
    right.tick_params(axis="y", length=0)
    left.set_xlabel(stacked(f"robust test accuracy, {info.attack} (%)", 0.5 * figure.get_figwidth()))
    right.set_xlabel(stacked(f"best − last, {info.attack} (points)", 0.3 * figure.get_figwidth()))
    for plot in (left, right):
        percent(plot, "x")
    legend(figure, [*left.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]])


def effects_info(differences: pd.DataFrame, metric: str, y_title: str) -> Effects | None:
    """From a table of paired differences: one metric, at both checkpoints; of too many the first of each problem."""
    keys = ["setting", "family", "minuend", "subtrahend"]
    wide = {c: differences[differences["metric"] == f"{c}_{metric}"].set_index(keys) for c in ("last", "best")}
    index = wide["last"].index[wide["last"]["n"].to_numpy() > 0]
    if not len(index):
        return None
    settings = [str(setting) for setting, *_ in index]
    kept = in_turn(settings, MOST)
    shown = index[_grouped([settings[place] for place in kept], kept)]
    names = [SEPARATOR.join(filter(None, (family, f"{a} − {b}"))) for _, family, a, b in shown]
    last, best = (wide[c].reindex(shown)[["mean", "se"]].to_numpy(float) for c in ("last", "best"))
    return Effects(names, [str(it[0]) for it in shown], last, best, y_title, len(index) - len(shown))


def draw_effects(figure: Figure, info: Effects) -> None:
    """A row a comparison: to the right of zero the first named is better."""
    plot = figure.subplots()
    layout = rows(info.names, info.settings, figure.get_figwidth())
    upright(plot, layout, 0.0)
    for found, label, marker, fill, shift in (
        (info.last, "last epoch", "s", "white", 0.0),
        (info.selected, "validation-selected epoch", "o", NEUTRAL, 0.2),
    ):
        if np.isnan(found[:, 0]).all():
            continue
        y = layout.marks + shift
        plot.errorbar(found[:, 0], y, xerr=found[:, 1], fmt=marker, ms=4, mfc=fill, color=NEUTRAL, label=label)
    plot.set_xlabel(stacked(f"difference in {info.y_title} (points)", figure.get_figwidth()))
    percent(plot, "x")
    write_rows(plot, layout)
    legend(figure, plot.get_legend_handles_labels()[0])


def rows_size(info: Gaps | Effects, width: float = WIDTH) -> tuple[float, float]:
    """A figure with a row a name."""
    return width, BELOW + ROW * layout_of(info, width).height


def layout_of(info: Gaps | Effects, width: float) -> Rows:
    """Where the rows of a figure of this width are."""
    return rows(info.names, info.settings, width)


def _grouped(settings: Sequence[str], kept: Sequence[int]) -> list[int]:
    """Rows so that those of one setting follow each other, settings in the order in which they come first."""
    order = list(dict.fromkeys(settings))
    return [place for _, place in sorted(zip((order.index(it) for it in settings), kept, strict=True))]
