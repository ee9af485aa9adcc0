"""The numbers of a front's members and the values of a scale, beside their marks or joined to them by a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.measures.front import FrontPanel
from analysis.measures.front_members import number_members

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

# points from a mark to its number, the first that is free is taken: lines and error bars leave the diagonals free
OFFSETS = np.array([(9, 9), (9, -9), (-9, 9), (-9, -9), (12, 0), (0, 12), (-12, 0), (0, -12)], float)
FARTHER = (1.0, 2.0, 3.0, 4.0)  # times these offsets, where all nearer places are taken
CLEARANCE = 12.0  # points from a number to any mark or other number, if there is a place so far from them
MIN_CLEARANCE = 9.0  # points from a number to any mark or other number; a closer number is omitted
EDGE = 5.0  # points from a number to the frame, beyond which are the title and the labels
MAX_NAMED_CHAINS = 7  # with more lines along a scale their ends have no names
LEADER: dict[str, Any] = {"arrowstyle": "-", "lw": 0.6, "color": "0.35", "shrinkA": 3.0, "shrinkB": 2.0}


def write_numbers(plot: Plot, panel: FrontPanel, chains: list[pd.DataFrame]) -> None:
    """Write the number of each member beside its mark, off other marks and numbers and within the frame.

    A number without room there stands farther away, and a line leads to it. Members at one place share a text. Then
    write the values at both ends of each line along a scale, if there are few lines and there is room.
    """
    points = panel.points[panel.points["y_bound"].isna()]
    taken = plot.transData.transform(points[["x", "y"]].to_numpy())
    for _, alike in number_members(panel).groupby(["x", "y"], sort=False):
        x, y = alike[["x", "y"]].iloc[0]
        text = ", ".join(map(str, alike["number"]))
        taken = _write_beside(plot, (x, y), text, taken, {"weight": "bold"}, FARTHER)
    for chain in chains if len(chains) <= MAX_NAMED_CHAINS else []:
        for _, row in chain.iloc[[0, -1]].iterrows():
            taken = _write_beside(plot, (row["x"], row["y"]), row["scale"], taken, {"fontsize": 7, "color": "0.35"})


def _write_beside(
    plot: Plot,
    at: tuple[float, float],
    text: str,
    taken: np.ndarray,
    look: dict[str, Any],
    distances: tuple[float, ...] = FARTHER[:1],
) -> np.ndarray:
    """Write a text at the first of some distances from a mark where it covers nothing; return the positions taken."""
    for farther in distances:
        offset, place, clearance = _find_free_place(plot, at, farther * OFFSETS, taken)
        if clearance >= MIN_CLEARANCE:
            plot.annotate(
                text, at, xytext=offset, textcoords="offset points", ha="center", va="center", zorder=5,
                arrowprops=LEADER if farther > 1 else None, **look,
            )  # fmt: skip
            return np.concatenate([taken, place[None]])
    return taken


def _find_free_place(
    plot: Plot, at: tuple[float, float], offsets: np.ndarray, taken: np.ndarray
) -> tuple[tuple[float, float], np.ndarray, float]:
    """Return the offset from a mark that is freest, its place, and its clearance in points, 0 outside the frame."""
    scale = plot.figure.dpi / 72
    places = plot.transData.transform(at) + offsets * scale
    distances = np.nanmin(np.linalg.norm(places[:, None] - taken[None], axis=2), axis=1) / scale
    inside = [plot.bbox.padded(-EDGE * scale).contains(*place) for place in places]
    free = np.where(inside, np.minimum(distances.round(3), CLEARANCE), 0.0)
    best = int(free.argmax())
    x, y = offsets[best]
    return (float(x), float(y)), places[best], float(free[best])
