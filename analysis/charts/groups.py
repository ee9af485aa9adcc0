"""The figure of difficulty groups along training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.saving import WIDTH
from analysis.charts.text import count_title_letters, draw_legend, wrap_title, write_percent
from analysis.measures.difficulty import CURVES, GroupCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

SHOWN_GROUPS = (0, 3, 6, 9)
SHOWN_RANKINGS = 2  # side by side
TITLES = {
    "loss": "loss",
    "correct": "accuracy (%)",
    "feature_norm": "feature norm",
    "t_max": "largest entry of the target",
}
FRACTIONS = ("correct",)  # the curves of groups that are in [0, 1]


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
        plots[row, 0].set_ylabel(TITLES[name])
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
