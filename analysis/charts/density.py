"""The figure of counts in bins: where the examples of each configuration lie, darker for more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.panels import create_panels, list_settings, size_panels, title_panels
from analysis.charts.saving import WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE_ROOM = 0.2  # of the range of a panel, above its bins


class Density(NamedTuple):
    """Counts of examples by two quantities, in panels of configurations."""

    table: pd.DataFrame  # with setting, choice, configuration, x_lo, x_hi, y_lo, y_hi, count
    x_title: str
    y_title: str
    notes: Mapping[str, str] = {}  # configuration -> a line in its panel, such as its correlation

    def split(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Return the rows of each panel, by setting and name; panels of a setting are consecutive."""
        groups = self.table.groupby(["setting", "choice"], sort=False)
        found = {(str(setting), str(name)): rows for (setting, name), rows in groups}
        order = list(dict.fromkeys(setting for setting, _ in found))
        return dict(sorted(found.items(), key=lambda item: order.index(item[0][0])))


def show_difficulty(counts: pd.DataFrame, correlations: pd.DataFrame, title: str) -> Density:
    """Return the panels of `count_examples`, each with Spearman's correlation and its interval.

    `correlations` is the table of `correlate_examples`.
    """
    quantity = counts["quantity"].iloc[0]
    ranked = correlations[(correlations["quantity"] == quantity) & (correlations["coefficient"] == "spearman")]
    notes = {}
    for row in ranked.to_dict("records"):
        known = np.isfinite(row["lo"])
        ends = f" ({row['lo']:.2f}, {row['hi']:.2f})" if known else ""
        notes[row["configuration"]] = f"ρ {row['mean']:.2f}{ends}".replace("-", "−")
    names = {"d_lo": "x_lo", "d_hi": "x_hi", "value_lo": "y_lo", "value_hi": "y_hi"}
    return Density(counts.rename(columns=names), "difficulty d (1: easiest)", title, notes)


def show_kappa(counts: pd.DataFrame) -> Density:
    """Return the panels of `tabulate_kappa_and_weight`."""
    columns = {"x_lo": counts["kappa"] - 0.5, "x_hi": counts["kappa"] + 0.5}
    columns |= {"y_lo": counts["weight_lo"], "y_hi": counts["weight_hi"]}
    return Density(counts.assign(**columns), "κ", "weight in the loss")


def size_density(info: Density, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches."""
    keys = list(info.split())
    wide, height = size_panels(title_panels(keys), list_settings(keys), width)
    return wide, height + 0.7


def draw_density(figure: Figure, info: Density) -> None:
    """Draw a panel per configuration, darker for more examples; one logarithmic scale serves all panels."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import StrMethodFormatter

    panels = info.split()
    plots = create_panels(figure, title_panels(panels), list_settings(panels), info.x_title, info.y_title)
    norm = LogNorm(1, max(2, int(info.table["count"].max())))
    for plot, rows in zip(plots, panels.values(), strict=True):
        x_lo, x_hi, y_lo, y_hi = (rows[name].to_numpy(float) for name in ("x_lo", "x_hi", "y_lo", "y_hi"))
        corners = np.stack([[x_lo, y_lo], [x_hi, y_lo], [x_hi, y_hi], [x_lo, y_hi]]).transpose(2, 0, 1)
        drawn = PolyCollection(list(corners), array=rows["count"].to_numpy(float), cmap="cividis_r", norm=norm)
        plot.add_collection(drawn)
        low, high = float(info.table["y_lo"].min()), float(info.table["y_hi"].max())
        plot.set(xlim=(info.table["x_lo"].min(), info.table["x_hi"].max()))
        plot.set(ylim=(low, high + NOTE_ROOM * bool(info.notes) * (high - low)))
        note = info.notes.get(str(rows["configuration"].iloc[0]), "")
        plot.text(0.02, 0.99, note, transform=plot.transAxes, fontsize=7, va="top")
        plot.grid(False)
        plot.locator_params(nbins=3)
    bar = figure.colorbar(drawn, ax=plots, location="bottom", label="examples", shrink=0.7, aspect=40)
    bar.formatter = StrMethodFormatter("{x:,.0f}")
    bar.minorticks_off()
