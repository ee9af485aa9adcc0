"""The Pareto front of clean against robust accuracy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.axes import MOST_LABELS
from analysis.dominance import PERCENTILES, staircase
from analysis.figures import WIDTH, legend, percent, stacked
from analysis.front import FrontData, FrontPanel
from analysis.front_keys import colour_scale
from analysis.styles import DASHES, NEUTRAL, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

HIGH = 3.1  # inches of a panel
OFFSETS = ((12, 0), (-12, 0), (0, 12), (0, -12))  # points: right of a mark, left, above, below
CLEAR = 9.0  # points between a number and any other mark or number, below which it is not written
ENDS = 7  # lines along a scale, up to which their ends are named


def front_size(front: FrontData, width: float = WIDTH) -> tuple[float, float]:
    """Problems stand one above the other."""
    return width, 0.4 + HIGH * len(front.panels)


def draw_front(figure: Figure, front: FrontData) -> None:
    """One panel a problem."""
    plots = figure.subplots(len(front.panels), squeeze=False)[:, 0]
    for plot, panel in zip(plots, front.panels, strict=True):
        _draw_panel(plot, panel, front)
        width = figure.get_figwidth()
        plot.set(xlabel=stacked(f"{panel.x_title} (%)", width), ylabel=stacked(f"{panel.y_title} (%)", HIGH))
        plot.set_title(panel.title)
        percent(plot, "x")
        percent(plot, "y")
    legend(figure, [*_handles(front), *_line_handles(front)])
    if engine := figure.get_layout_engine():
        engine.execute(figure)  # so that numbers are placed where panels will be
    for plot, panel in zip(plots, front.panels, strict=True):
        _write_numbers(plot, panel, chains_of(panel, front))


def number_members(panel: FrontPanel) -> pd.DataFrame:
    """The members of a panel's front, numbered from 1 by falling clean accuracy, as figure and table do."""
    members = panel.points[panel.points["on_front"]].sort_values("x", ascending=False, kind="stable")
    return members.assign(number=np.arange(1, len(members) + 1))


def listed(panel: FrontPanel) -> pd.DataFrame:
    """The members with their numbers, then what validation selects that is off the front, with a dash."""
    others = panel.points[panel.points["selected"] & ~panel.points["on_front"]].sort_values("x", ascending=False)
    members = number_members(panel)
    return pd.concat([members.assign(number=members["number"].astype(str)), others.assign(number="–")])


def _draw_panel(plot: Plot, panel: FrontPanel, front: FrontData) -> None:
    points, trials = panel.points, panel.trials
    plot.scatter(trials["x"], trials["y"], s=6, color="0.75", linewidths=0, zorder=1)
    left, bottom = _corner(panel)
    for sweep, line in line_styles(front).items():
        _draw_surfaces(plot, panel.surfaces.get(sweep, {}), left, bottom, line.colour)
        members = points[points["on_own_front"] & (points["sweep"] == sweep)]
        if len(members):
            outline = staircase(members[["x", "y"]].to_numpy(), left, bottom)
            plot.plot(*outline.T, color=line.colour, ls=line.dash, lw=1.2, zorder=2)
    if points["sweep"].nunique() > 1:
        joint = points.loc[points["on_front"], ["x", "y"]].to_numpy()
        plot.plot(*staircase(joint, left, bottom).T, color=NEUTRAL, lw=3, alpha=0.35, zorder=1.5)
    for chain in chains_of(panel, front):
        plot.plot(chain["x"], chain["y"], color="0.55", lw=0.8, ls="--", zorder=1.5, gid="scale")
    dead = (points["diverged"] > 0) | (points["constant"] > 0)
    looks = pd.Series([front.keys.look(row) for row in points.to_dict("records")], points.index)
    style: Any
    for (style, is_dead), alike in points.groupby([looks, dead], sort=False):  # artists cost, their points do not
        bars: dict[str, Any] = {
            f"{axis}err": alike[f"{axis}_se"] if alike[f"{axis}_se"].notna().any() else None for axis in "xy"
        }
        plot.errorbar(
            alike["x"], alike["y"], **bars, color=style.colour, elinewidth=0.8, ls="",
            marker=style.marker, mfc="none" if is_dead else style.colour, zorder=3,
        )  # fmt: skip
    chosen = points[points["selected"]]
    plot.scatter(chosen["x"], chosen["y"], s=110, facecolors="none", edgecolors="black", lw=0.9, zorder=4)
    plot.set(xlim=(left, None), ylim=(bottom, None))


def chains_of(panel: FrontPanel, front: FrontData) -> list[pd.DataFrame]:
    """The points along the scale in its order, those of one chain equal in all else; none without a scale."""
    if front.keys.scale is None:
        return []
    order = {label: place for place, label in enumerate(front.keys.scale.labels)}
    known = panel.points[panel.points["scale"].isin(order)]
    groups = known.assign(place=known["scale"].map(order)).groupby(["sweep", "rest", "subset_label"], sort=False)
    return [group.sort_values("place", kind="stable") for _, group in groups if len(group) > 1]


def _write_numbers(plot: Plot, panel: FrontPanel, chains: list[pd.DataFrame]) -> None:
    """Each member's number beside its mark, on the side where other marks and numbers are farthest, if that is free.

    Then the values at both ends of each line along a scale, where these are few.
    """
    taken = plot.transData.transform(panel.points[["x", "y"]].to_numpy())
    for x, y, number in number_members(panel)[["x", "y", "number"]].to_numpy():
        taken = _write(plot, (x, y), f"{number:.0f}", taken, {"weight": "bold"})
    for chain in chains if len(chains) <= ENDS else []:
        for _, row in chain.iloc[[0, -1]].iterrows():
            taken = _write(plot, (row["x"], row["y"]), row["scale"], taken, {"fontsize": 7, "color": "0.35"})


def _write(plot: Plot, at: tuple[float, float], text: str, taken: np.ndarray, look: dict[str, Any]) -> np.ndarray:
    """Write beside a mark where it covers nothing; returns what is taken then."""
    scale = plot.figure.dpi / 72
    places = plot.transData.transform(at) + np.array(OFFSETS) * scale
    free = np.nanmin(np.linalg.norm(places[:, None] - taken[None], axis=2), axis=1)
    best = int(free.argmax())
    if free[best] < CLEAR * scale:
        return taken
    plot.annotate(
        text, at, xytext=OFFSETS[best], textcoords="offset points", ha="center", va="center", zorder=5, **look
    )
    return np.concatenate([taken, places[best : best + 1]])


def _draw_surfaces(plot: Plot, surfaces: dict[int, np.ndarray], left: float, bottom: float, colour: str) -> None:
    """The surface half of the seeds attain, within a band between the 25 % and 75 % surfaces."""
    if not surfaces:
        return
    outlines = {p: staircase(corners, left, bottom) for p, corners in surfaces.items()}
    low, middle, high = PERCENTILES
    band = np.concatenate([outlines[low], [[left, bottom]], outlines[high][::-1]])
    plot.fill(*band.T, color=colour, alpha=0.12, lw=0, zorder=0)
    plot.plot(*outlines[middle].T, color=colour, lw=1, ls=":", zorder=1)


def _corner(panel: FrontPanel) -> tuple[float, float]:
    """Just below and left of every point, so that the fronts' outlines can leave the frame."""
    found = panel.trials[["x", "y"]].to_numpy()
    low, span = found.min(axis=0), np.maximum(np.ptp(found, axis=0), 0.01)
    return float(low[0] - 0.06 * span[0]), float(low[1] - 0.06 * span[1])


def line_styles(front: FrontData) -> dict[str, Style]:
    """The look of each sweep's front: the colour of its points where colours tell sweeps apart, else its dashes."""
    if front.keys.by_colour == ("sweep",):
        return {sweep: Style(front.keys.colours[sweep]) for sweep in front.sweeps}
    return {sweep: Style(NEUTRAL, dash=DASHES[n % len(DASHES)]) for n, sweep in enumerate(front.sweeps)}


def _handles(front: FrontData) -> list[object]:
    from matplotlib.lines import Line2D

    keys = front.keys
    paint = keys.colours
    if keys.scale is not None:
        colours = colour_scale(keys.scale)
        shown = np.unique(np.linspace(0, len(colours) - 1, min(len(colours), MOST_LABELS)).round().astype(int))
        some = [[*colours.items()][place] for place in shown]  # of many values a few, from end to end
        paint = {f"{keys.scale.name} {label}": colour for label, colour in some}
    looks: list[tuple[str, dict[str, Any]]] = [
        (name, {"marker": "o", "color": colour}) for name, colour in paint.items()
    ]
    looks += [(name, {"marker": its.marker, "color": its.colour}) for name, its in keys.both.items()]
    looks += [(name, {"marker": shape, "color": "white", "mec": "black"}) for name, shape in keys.markers.items()]
    return [Line2D([], [], ls="", label=name, **look) for name, look in looks]


def attained(n: int) -> tuple[int, ...]:
    """Of n seeds how many attain the lower edge of the band, its middle line and its upper edge, at least."""
    return tuple(math.ceil(p * n / 100) for p in PERCENTILES)


def compared(front: FrontData) -> list[int]:
    """The numbers of seeds that surfaces are over: not all, where configurations have unequally many."""
    return sorted(
        {panel.volume[sweep].n for panel in front.panels for sweep, its in panel.surfaces.items() if its}, reverse=True
    )


def band_words(front: FrontData) -> str:
    """What the bands and the lines within them are, as a sentence; empty where one seed has none."""
    parts = []
    for n in compared(front):
        low, middle, high = attained(n)
        whole = ", the whole range over seeds" if (low, high) == (1, n) else ""
        parts.append(f"what {low} to what {high} of {n} seeds attain{whole}; the dotted line is what {middle} attain")
    return f" The shaded band spans {', and of others '.join(parts)}. It is no standard error." if parts else ""


def _line_handles(front: FrontData) -> list[object]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    many = any(panel.points["n"].max() > 1 for panel in front.panels)
    what = "front over means of seeds" if many else "front (1 seed)"
    fronts = {what: Style(NEUTRAL)}
    if len(front.sweeps) > 1 and front.keys.by_colour != ("sweep",):
        fronts = {f"{what}, {sweep}": style for sweep, style in line_styles(front).items()}
    found: list[object] = [
        *(Line2D([], [], color=its.colour, ls=its.dash, lw=1.2, label=name) for name, its in fronts.items()),
    ]
    if any(panel.points["selected"].any() for panel in front.panels):
        ring: dict[str, Any] = {"ls": "", "marker": "o", "ms": 9, "color": "white", "mec": "black"}
        found.append(Line2D([], [], label="selected on validation", **ring))
    if any(panel.points["sweep"].nunique() > 1 for panel in front.panels):
        found.append(Line2D([], [], color=NEUTRAL, lw=3, alpha=0.35, label="joint front, numbered"))
    if front.keys.scale is not None:
        label = f"{front.keys.scale.name} in order, all else equal"
        found.append(Line2D([], [], color="0.55", lw=0.8, ls="--", label=label))
    if counts := compared(front):
        lows, middles, highs = (_either(places) for places in zip(*map(attained, counts), strict=True))
        of = f"of {_either(counts)} seeds"
        found.append(Line2D([], [], color=NEUTRAL, lw=1, ls=":", label=f"attained by {middles} {of}"))
        found.append(Patch(color=NEUTRAL, alpha=0.12, label=f"attained by {lows} to {highs} {of}"))
    if many:
        found.append(Line2D([], [], ls="", marker="o", ms=2.5, color="0.75", label="one seed"))
    whys = {"diverged": "a seed diverged", "constant": "a seed names one class for all"}
    found_here = [why for kind, why in whys.items() if any((panel.points[kind] > 0).any() for panel in front.panels)]
    if found_here:
        found.append(Line2D([], [], ls="", marker="o", mfc="none", color=NEUTRAL, label=", or ".join(found_here)))
    return found


def _either(counts: Sequence[int]) -> str:
    """Some numbers: "3", "3 or 2"."""
    return " or ".join(map(str, counts))
