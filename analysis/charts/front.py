"""The figure of Pareto fronts of robust against clean accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.front_keys import PointKeys, assign_keys, colour_scale
from analysis.charts.front_numbers import write_numbers
from analysis.charts.front_view import find_view
from analysis.charts.saving import WIDTH
from analysis.charts.styles import DASHES, NEUTRAL, Register, Style
from analysis.charts.text import count_title_letters, draw_legend, wrap_axis_label, wrap_title, write_percent
from analysis.measures.dominance import PERCENTILES, staircase
from analysis.measures.front import FrontData, FrontPanel
from analysis.measures.front_members import count_attaining, list_seed_counts
from analysis.measures.front_notes import EXCLUDED
from analysis.measures.front_scale import find_chains
from analysis.results.axes import MOST_LABELS

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

PANEL_HEIGHT = 3.1  # inches, with a title of one line
TITLE_LINE = 0.15  # inches of each further line
FAINT = 0.4  # opacity of a point that another of its curve dominates
KNEE: dict[str, Any] = {"s": 90, "facecolors": "none", "edgecolors": "black", "lw": 0.9}
OUTSIDE: dict[str, Any] = {"xytext": (4, 4), "textcoords": "offset points", "fontsize": 7, "color": "0.35"}
SURE: dict[str, Any] = {"mec": "black", "mew": 1.0}
NESTED = 1.6  # times the size of a mark, for one below it at the same place


def size_front(front: FrontData, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches; panels are stacked vertically."""
    most = count_title_letters(width, 1)
    more = sum(wrap_title(panel.title, most).count("\n") for panel in front.panels)
    return width, 0.4 + PANEL_HEIGHT * len(front.panels) + TITLE_LINE * more


def draw_front(figure: Figure, front: FrontData, keys: PointKeys, log: bool = False) -> None:
    """Draw one panel for each group of accuracies that are measured on the same terms; `keys` style its points.

    Points off the front of their curve are faint; those surely on the front have a black edge. `log`: both axes are
    logarithmic.
    """
    plots = figure.subplots(len(front.panels), squeeze=False)[:, 0]
    for plot, panel in zip(plots, front.panels, strict=True):
        _draw_panel(plot, panel, front, keys, log)
        if log:
            plot.set(xscale="log", yscale="log")
        width = figure.get_figwidth()
        plot.set(
            xlabel=wrap_axis_label(f"{panel.x_title} (%)", width),
            ylabel=wrap_axis_label(f"{panel.y_title} (%)", PANEL_HEIGHT),
        )
        plot.set_title(wrap_title(panel.title, count_title_letters(width, 1)))
        write_percent(plot, "x", log)
        write_percent(plot, "y", log)
    draw_legend(figure, [*_make_point_handles(keys), *_make_line_handles(front, keys)])
    if engine := figure.get_layout_engine():
        engine.execute(figure)  # the placement of numbers needs the final panels
    for plot, panel in zip(plots, front.panels, strict=True):
        write_numbers(plot, panel, find_chains(_drop_bounded(panel.points), front.scale))


def _drop_bounded(points: pd.DataFrame) -> pd.DataFrame:
    """Drop configurations of which a bound alone is known: it is no point."""
    return points[points["y_bound"].isna()]


def _draw_panel(plot: Plot, panel: FrontPanel, front: FrontData, keys: PointKeys, log: bool) -> None:
    from matplotlib import rcParams

    points, trials = _drop_bounded(panel.points), panel.trials
    plot.scatter(trials["x"], trials["y"], s=6, color="0.75", linewidths=0, zorder=1)
    view = find_view(panel, log)
    left, bottom = view.x[0], view.y[0]
    for curve, line in choose_line_styles(front, keys).items():
        _draw_surfaces(plot, panel.surfaces.get(curve, {}), left, bottom, line.colour)
        if curve in panel.curves and len(members := panel.curves[curve].members):
            outline = staircase(points.loc[members, ["x", "y"]].to_numpy(), left, bottom)
            plot.plot(*outline.T, color=line.colour, ls=line.dash, lw=1.2, zorder=2)
    if len(panel.curves) > 1:
        joint = points.loc[points["on_front"], ["x", "y"]].to_numpy()
        plot.plot(*staircase(joint, left, bottom).T, color=NEUTRAL, lw=3, alpha=0.35, zorder=1.5)
    for chain in find_chains(points, front.scale):
        plot.plot(chain["x"], chain["y"], color="0.55", lw=0.8, ls="--", zorder=1.5, gid="scale")
    dead = (points[list(EXCLUDED)] > 0).any(axis=1)
    looks = pd.Series([keys.look(row) for row in points.to_dict("records")], points.index)
    sure = pd.Series(panel.surely_on, panel.points.index)[points.index]
    style: Any
    above: Any
    size = rcParams["lines.markersize"]
    groups = points.groupby([looks, dead, points["on_own_front"], sure, _count_above(points)], sort=False)
    for (style, is_dead, on_front, is_sure, above), alike in groups:  # artists are slow, their points are not
        bars: dict[str, Any] = {
            f"{axis}err": alike[f"{axis}_se"] if alike[f"{axis}_se"].notna().any() else None for axis in "xy"
        }
        plot.errorbar(
            alike["x"], alike["y"], **bars, color=style.colour, elinewidth=0.8, ls="",
            marker=style.marker, mfc="none" if is_dead else style.colour, alpha=1.0 if on_front else FAINT,
            **SURE if is_sure else {}, **{"ms": size * NESTED**above} if above else {},
            zorder=(3 if on_front else 2.5) - 0.01 * above,
        )  # fmt: skip
    chosen = points[points["selected"]]
    plot.scatter(chosen["x"], chosen["y"], s=110, facecolors="none", edgecolors="black", lw=0.9, zorder=4)
    knees = points[points["knee"]]
    plot.scatter(knees["x"], knees["y"], marker="D", **KNEE, zorder=4)
    plot.set(xlim=view.x, ylim=view.y)
    if view.outside:
        plot.annotate(f"{view.outside} not in view", (0, 0), xycoords="axes fraction", **OUTSIDE)


def _count_above(points: pd.DataFrame) -> pd.Series:
    """Count for each point the marks above it at the same place, as a mark of equal size would be hidden by them."""
    drawn = points.sort_values("on_own_front", kind="stable")  # the faint ones first
    return drawn.groupby(["x", "y"]).cumcount(ascending=False).reindex(points.index)


def _draw_surfaces(plot: Plot, surfaces: dict[int, np.ndarray], left: float, bottom: float, colour: str) -> None:
    """Draw the 50 % attainment surface within a band between the 25 % and 75 % surfaces."""
    if not surfaces:
        return
    outlines = {p: staircase(corners, left, bottom) for p, corners in surfaces.items()}
    low, middle, high = PERCENTILES
    band = np.concatenate([outlines[low], [[left, bottom]], outlines[high][::-1]])
    plot.fill(*band.T, color=colour, alpha=0.12, lw=0, zorder=0)
    plot.plot(*outlines[middle].T, color=colour, lw=1, ls=":", zorder=1)


def choose_line_styles(front: FrontData, keys: PointKeys) -> dict[str, Style]:
    """Choose the style of each curve: the colour of its points if colours tell curves apart, else dashes."""
    if keys.by_colour == ("curve",) or (keys.by_colour == ("sweep",) and front.curves == front.sweeps):
        return {curve: Style(keys.both[curve].colour if keys.both else keys.colours[curve]) for curve in front.curves}
    return {curve: Style(NEUTRAL, dash=DASHES[n % len(DASHES)]) for n, curve in enumerate(front.curves)}


def _make_point_handles(keys: PointKeys) -> list[object]:
    from matplotlib.lines import Line2D

    paint = keys.colours
    if keys.scale is not None:
        colours = colour_scale(keys.scale)
        shown = np.unique(np.linspace(0, len(colours) - 1, min(len(colours), MOST_LABELS)).round().astype(int))
        some = [[*colours.items()][place] for place in shown]  # a few values, including both ends
        paint = {f"{keys.scale.name} {label}": colour for label, colour in some}
    looks: list[tuple[str, dict[str, Any]]] = [
        (name, {"marker": "o", "color": colour}) for name, colour in paint.items()
    ]
    looks += [(name, {"marker": style.marker, "color": style.colour}) for name, style in keys.both.items()]
    looks += [(name, {"marker": shape, "color": "white", "mec": "black"}) for name, shape in keys.markers.items()]
    return [Line2D([], [], ls="", label=name, **look) for name, look in looks]


def _make_line_handles(front: FrontData, keys: PointKeys) -> list[object]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    many = any(panel.points["n"].max() > 1 for panel in front.panels)
    kind = "front over means of seeds" if many else "front (1 seed)"
    fronts = {kind: Style(NEUTRAL)}
    if len(front.curves) > 1 and keys.by_colour not in (("sweep",), ("curve",)):
        fronts = {f"{kind}, {sweep}": style for sweep, style in choose_line_styles(front, keys).items()}
    found: list[object] = [
        *(Line2D([], [], color=style.colour, ls=style.dash, lw=1.2, label=name) for name, style in fronts.items()),
    ]
    if any(panel.points["selected"].any() for panel in front.panels):
        ring: dict[str, Any] = {"ls": "", "marker": "o", "ms": 9, "color": "white", "mec": "black"}
        found.append(Line2D([], [], label="selected on validation", **ring))
    if any(panel.points["knee"].any() for panel in front.panels):
        diamond: dict[str, Any] = {"ls": "", "marker": "D", "ms": 8, "color": "white", "mec": "black"}
        found.append(Line2D([], [], label="knee of a front", **diamond))
    if any((~panel.points["on_own_front"]).any() for panel in front.panels):
        faint: dict[str, Any] = {"ls": "", "marker": "o", "color": NEUTRAL, "alpha": FAINT}
        found.append(Line2D([], [], label="off its front", **faint))
    if any(panel.surely_on.any() for panel in front.panels):
        found.append(Line2D([], [], ls="", marker="o", color="0.75", label="surely on the front", **SURE))
    if any(len(panel.curves) > 1 for panel in front.panels):
        found.append(Line2D([], [], color=NEUTRAL, lw=3, alpha=0.35, label="joint front, numbered"))
    if front.scale is not None:
        label = f"{front.scale.name} in order, all else equal"
        found.append(Line2D([], [], color="0.55", lw=0.8, ls="--", label=label))
    if counts := list_seed_counts(front):
        lows, middles, highs = (_join_or(places) for places in zip(*map(count_attaining, counts), strict=True))
        seeds = f"of {_join_or(counts)} seeds"
        found.append(Line2D([], [], color=NEUTRAL, lw=1, ls=":", label=f"attained by {middles} {seeds}"))
        found.append(Patch(color=NEUTRAL, alpha=0.12, label=f"attained by {lows} to {highs} {seeds}"))
    if many:
        found.append(Line2D([], [], ls="", marker="o", ms=2.5, color="0.75", label="one seed"))
    found_here = [
        f"a seed {why}"
        for kind, why in EXCLUDED.items()
        if any((panel.points[kind] > 0).any() for panel in front.panels)
    ]
    if found_here:
        found.append(Line2D([], [], ls="", marker="o", mfc="none", color=NEUTRAL, label=", or ".join(found_here)))
    return found


def _join_or(counts: Sequence[int]) -> str:
    """Join different numbers: "3", "3 or 2"."""
    return " or ".join(map(str, dict.fromkeys(counts)))


def plot_front(front: FrontData, register: Register | None = None, width: float = WIDTH, log: bool = False) -> Chart:
    """Plot fronts, with a panel for each group of accuracies that are measured on the same terms."""
    keys = assign_keys(front, register or Register())
    return Chart(size_front(front, width), partial(draw_front, front=front, keys=keys, log=log), keys.words)
