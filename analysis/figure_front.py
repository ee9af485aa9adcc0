"""The Pareto front of clean against robust accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analysis.figures import MARKERS, NEUTRAL, PALETTE, WIDTH, colours, percent, stacked
from analysis.front import Front, Panel
from analysis.pareto import staircase
from analysis.stats import seeds_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST = 7  # labels that colours, or markers, can still tell apart
HIGH = 3.1  # inches of a panel
OFFSETS = ((12, 0), (-12, 0), (0, 12), (0, -12))  # points: right of a mark, left, above, below


def front_size(front: Front) -> tuple[float, float]:
    """Problems stand one above the other."""
    return WIDTH, 1.5 + HIGH * len(front.panels)


def draw_front(figure: Figure, front: Front) -> None:
    """One panel a problem."""
    colour, marker = _keys(front)
    plots = figure.subplots(len(front.panels), squeeze=False)[:, 0]
    for plot, panel in zip(plots, front.panels, strict=True):
        _draw_panel(plot, panel, colour, marker, front)
        plot.set(xlabel=stacked(f"{panel.x_title} (%)", WIDTH), ylabel=stacked(f"{panel.y_title} (%)", HIGH))
        plot.set_title(panel.title)
        percent(plot, "x")
        percent(plot, "y")
    handles = [*_handles(colour, marker), *_line_handles(front)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)


def number_members(panel: Panel) -> pd.DataFrame:
    """The members of a panel's front, numbered from 1 by falling clean accuracy, as figure and table do."""
    members = panel.points[panel.points["on_front"]].sort_values("x", ascending=False, kind="stable")
    return members.assign(number=np.arange(1, len(members) + 1))


def listed(panel: Panel) -> pd.DataFrame:
    """The members with their numbers, then what validation selects that is off the front, with a dash."""
    others = panel.points[panel.points["selected"] & ~panel.points["on_front"]].sort_values("x", ascending=False)
    members = number_members(panel)
    return pd.concat([members.assign(number=members["number"].astype(str)), others.assign(number="–")])


def _draw_panel(
    plot: Plot,
    panel: Panel,
    colour: tuple[str, dict[str, str]],
    marker: tuple[str, dict[str, str]],
    front: Front,
) -> None:
    points, trials = panel.points, panel.trials
    plot.scatter(trials["x"], trials["y"], s=6, color="0.75", linewidths=0, zorder=1)
    left, bottom = _corner(panel)
    for place, sweep in enumerate(front.sweeps):
        line = NEUTRAL if len(front.sweeps) == 1 else PALETTE[place % len(PALETTE)]
        _draw_surfaces(plot, panel.surfaces.get(sweep, {}), left, bottom, line)
        members = points[points["on_own_front"] & (points["sweep"] == sweep)]
        if len(members):
            plot.plot(*staircase(members[["x", "y"]].to_numpy(), left, bottom).T, color=line, lw=1.2, zorder=2)
    if points["sweep"].nunique() > 1:
        joint = points.loc[points["on_front"], ["x", "y"]].to_numpy()
        plot.plot(*staircase(joint, left, bottom).T, color=NEUTRAL, lw=3, alpha=0.35, zorder=1.5)
    for row in points.to_dict("records"):
        paint = colour[1].get(row.get(colour[0], ""), PALETTE[0])
        dead = row["diverged"] or row["constant"]
        plot.errorbar(
            row["x"], row["y"], xerr=_bar(row["x_se"]), yerr=_bar(row["y_se"]), color=paint, elinewidth=0.8,
            marker=marker[1].get(row.get(marker[0], ""), "o"), mfc="none" if dead else paint, zorder=3,
        )  # fmt: skip
    chosen = points[points["selected"]]
    plot.scatter(chosen["x"], chosen["y"], s=110, facecolors="none", edgecolors="black", lw=0.9, zorder=4)
    plot.set(xlim=(left, None), ylim=(bottom, None))
    _write_numbers(plot, panel)


def _write_numbers(plot: Plot, panel: Panel) -> None:
    """Each member's number beside its mark, on the side where other marks and numbers are farthest."""
    plot.autoscale_view()  # the limits that the figure will have
    taken = plot.transData.transform(panel.points[["x", "y"]].to_numpy())
    for x, y, number in number_members(panel)[["x", "y", "number"]].to_numpy():
        places = plot.transData.transform((x, y)) + np.array(OFFSETS) * plot.figure.dpi / 72
        free = np.nanmin(np.linalg.norm(places[:, None] - taken[None], axis=2), axis=1)
        best = int(free.argmax())
        plot.annotate(
            f"{number:.0f}", (x, y), xytext=OFFSETS[best], textcoords="offset points", ha="center", va="center",
            weight="bold", zorder=5,
        )  # fmt: skip
        taken = np.concatenate([taken, places[best : best + 1]])


def _draw_surfaces(plot: Plot, surfaces: dict[int, np.ndarray], left: float, bottom: float, colour: str) -> None:
    """The surface half of the seeds attain, within a band between the 25 % and 75 % surfaces."""
    if not surfaces:
        return
    outlines = {p: staircase(corners, left, bottom) for p, corners in surfaces.items()}
    band = np.concatenate([outlines[25], [[left, bottom]], outlines[75][::-1]])
    plot.fill(*band.T, color=colour, alpha=0.12, lw=0, zorder=0)
    plot.plot(*outlines[50].T, color=colour, lw=1, ls=":", zorder=1)


def _corner(panel: Panel) -> tuple[float, float]:
    """Just below and left of every point, so that the fronts' outlines can leave the frame."""
    found = panel.trials[["x", "y"]].to_numpy()
    low, span = found.min(axis=0), np.maximum(np.ptp(found, axis=0), 0.01)
    return float(low[0] - 0.06 * span[0]), float(low[1] - 0.06 * span[1])


def _bar(se: float) -> float | None:
    return None if np.isnan(se) else se


def _keys(front: Front) -> tuple[tuple[str, dict[str, str]], tuple[str, dict[str, str]]]:
    """Which column colours the points and which shapes them, with each label's colour and marker."""
    points = pd.concat([panel.points for panel in front.panels])
    labels = {c: list(dict.fromkeys(points[c])) for c in ("sweep", "family", "subset_label")}
    labels["sweep"] = list(front.sweeps)  # in the order that colours the fronts' lines
    telling = [column for column, found in labels.items() if 2 <= len(found) <= MOST]
    by_colour = telling[0] if telling else "family"
    by_marker = telling[1] if len(telling) > 1 else ""
    colour = colours(labels[by_colour]) if telling else {}
    return (by_colour, colour), (by_marker, dict(zip(labels.get(by_marker, []), MARKERS, strict=False)))


def _handles(colour: tuple[str, dict[str, str]], marker: tuple[str, dict[str, str]]) -> list[object]:
    from matplotlib.lines import Line2D

    def named(label: str) -> str:
        return label or "not varied"  # a sweep without such an axis

    dots = [Line2D([], [], ls="", marker="o", color=paint, label=named(label)) for label, paint in colour[1].items()]
    shapes = [
        Line2D([], [], ls="", marker=shape, color="white", mec="black", label=named(label))
        for label, shape in marker[1].items()
    ]
    return [*dots, *shapes]


def _compared(front: Front) -> str:
    """The seeds that surfaces are over: not all, where configurations have unequally many."""
    return seeds_of(panel.volume[sweep].n for panel in front.panels for sweep, it in panel.surfaces.items() if it)


def _line_handles(front: Front) -> list[object]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    many = any(panel.points["n"].max() > 1 for panel in front.panels)
    what = "front over means of seeds" if many else "front (1 seed)"
    found: list[object] = [
        Line2D([], [], color=NEUTRAL, lw=1.2, label=what),
    ]
    if any(panel.points["selected"].any() for panel in front.panels):
        found.append(
            Line2D([], [], ls="", marker="o", ms=9, color="white", mec="black", label="selected on validation")
        )
    if any(panel.points["sweep"].nunique() > 1 for panel in front.panels):
        found.insert(1, Line2D([], [], color=NEUTRAL, lw=3, alpha=0.35, label="joint front, numbered"))
    if any(surface for panel in front.panels for surface in panel.surfaces.values()):
        found.append(Line2D([], [], color=NEUTRAL, lw=1, ls=":", label=f"attained by 50 % of {_compared(front)}"))
        found.append(Patch(color=NEUTRAL, alpha=0.12, label="attained by 25 to 75 %"))
    if many:
        found.append(Line2D([], [], ls="", marker="o", ms=2.5, color="0.75", label="one seed"))
    whys = {"diverged": "a seed diverged", "constant": "a seed names one class for all"}
    found_here = [why for kind, why in whys.items() if any((panel.points[kind] > 0).any() for panel in front.panels)]
    if found_here:
        found.append(Line2D([], [], ls="", marker="o", mfc="none", color=NEUTRAL, label=", or ".join(found_here)))
    return found
