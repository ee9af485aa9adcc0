"""The figure of counts in bins: where the examples of each configuration lie, darker for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart
from analysis.charts.panels import create_panels, list_settings, size_panels, split_by_setting, title_panels
from analysis.charts.saving import WIDTH
from analysis.charts.text import draw_legend
from analysis.measures.figure_table import TidyTable
from analysis.results.axes import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NOTE_ROOM = 0.14  # of the range of a panel, above its bins, for each line of a note
CLOSE = 3  # the ratio of two counts whose numbers would touch below the scale


class Density(NamedTuple):
    """Counts of examples by two quantities, in panels of configurations."""

    table: pd.DataFrame  # with setting, choice, configuration, x_lo, x_hi, y_lo, y_hi, count
    x_title: str
    y_title: str
    notes: Mapping[str, str] = {}  # configuration -> lines in its panel, such as its correlation

    def split(self) -> dict[tuple[str, str], pd.DataFrame]:
        """Return the rows of each panel, by setting and name; panels of a setting are consecutive."""
        return split_by_setting(self.table, "choice")


def show_difficulty(counts: pd.DataFrame, correlations: pd.DataFrame, title: str) -> Density:
    """Return the panels of `count_examples`, each with Spearman's correlation and its interval.

    `correlations` is the table of `correlate_examples`.
    """
    quantity = counts["quantity"].iloc[0]
    ranked = correlations[(correlations["quantity"] == quantity) & (correlations["coefficient"] == "spearman")]
    notes = {
        row["configuration"]: write_correlation("ρ", row["mean"], row["lo"], row["hi"])
        for row in ranked.to_dict("records")
    }
    names = {"d_lo": "x_lo", "d_hi": "x_hi", "value_lo": "y_lo", "value_hi": "y_hi"}
    return Density(counts.rename(columns=names), "difficulty d (1: easiest)", title, notes)


def show_scatter(table: TidyTable) -> Density:
    """Return the panels of `tabulate_scatter`, each with Pearson's and Spearman's correlation and their intervals."""
    return _show_pairs(table, (("r", "pearson"), ("ρ", "spearman")))


def show_ranks(table: TidyTable) -> Density:
    """Return the panels of `tabulate_scatter`, each with ρ and n: the examples of a training, × trainings or pairs."""
    info = _show_pairs(table, (("ρ", "spearman"),))
    notes = dict(info.notes)
    for key, rows in info.table.groupby("configuration", sort=False):
        n = int(rows["n"].iloc[0])
        each = f" × {n}" if n > 1 else ""
        notes[str(key)] += f"\nn {rows['count'].sum() // n:,}{each}"
    return info._replace(notes=notes)


def _show_pairs(table: TidyTable, coefficients: Sequence[tuple[str, str]]) -> Density:
    """Return the panels of `tabulate_scatter`; each has a line for each coefficient, by letter and name."""
    points, several = table.points, table.points["line"].nunique() > 1
    keys = points["panel"] + SEPARATOR + points["line"]
    shown = points.assign(setting=points["panel"], choice=points["line"] if several else "", configuration=keys)
    firsts = shown.drop_duplicates("configuration").to_dict("records")
    notes = {
        row["configuration"]: "\n".join(
            write_correlation(letter, *(row[f"{name}{end}"] for end in ("", "_lo", "_hi")))
            for letter, name in coefficients
        )
        for row in firsts
    }
    shown = shown.rename(columns={"lo": "y_lo", "hi": "y_hi"})
    return Density(shown, table.x_title, table.y_title, notes)


def write_correlation(letter: str, mean: float, lo: float, hi: float) -> str:
    """Write a correlation and its interval: "ρ 0.84 (0.81, 0.87)"; a dash where all values of a quantity are equal."""
    if not np.isfinite(mean):
        return f"{letter} –"
    ends = f" ({lo:.2f}, {hi:.2f})" if np.isfinite(lo) else ""
    return f"{letter} {mean:.2f}{ends}".replace("-", "−")


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


def draw_density(figure: Figure, info: Density, note: str = "") -> None:
    """Draw a panel per configuration, darker for more examples; one logarithmic scale serves all panels.

    A note stands below the panels, in small type.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm
    from matplotlib.ticker import StrMethodFormatter

    panels = info.split()
    plots = create_panels(figure, title_panels(panels), list_settings(panels), info.x_title, info.y_title)
    room = NOTE_ROOM * max((words.count("\n") + 1 for words in info.notes.values()), default=0)
    most = max(2, int(info.table["count"].max()))
    norm = LogNorm(1, most)
    for plot, rows in zip(plots, panels.values(), strict=True):
        x_lo, x_hi, y_lo, y_hi = (rows[name].to_numpy(float) for name in ("x_lo", "x_hi", "y_lo", "y_hi"))
        corners = np.stack([[x_lo, y_lo], [x_hi, y_lo], [x_hi, y_hi], [x_lo, y_hi]]).transpose(2, 0, 1)
        drawn = PolyCollection(list(corners), array=rows["count"].to_numpy(float), cmap="cividis_r", norm=norm)
        plot.add_collection(drawn)
        low, high = float(info.table["y_lo"].min()), float(info.table["y_hi"].max())
        plot.set(xlim=(info.table["x_lo"].min(), info.table["x_hi"].max()))
        plot.set(ylim=(low, high + room * (high - low)))
        words = info.notes.get(str(rows["configuration"].iloc[0]), "")
        plot.text(0.02, 0.99, words, transform=plot.transAxes, fontsize=7, va="top")
        plot.grid(False)
        plot.locator_params(nbins=3)
    bar = figure.colorbar(drawn, ax=plots, location="bottom", label="examples", shrink=0.7, aspect=40)
    bar.formatter = StrMethodFormatter("{x:,.0f}")
    bar.minorticks_off()
    powers = [10**power for power in range(len(str(most)))]
    bar.set_ticks([power for power in powers if power <= most / CLOSE] + [most])
    draw_legend(figure, [], note)


def plot_density(info: Density, width: float = WIDTH, note: str = "") -> Chart:
    """Plot counts of examples in bins, with a note below."""
    return Chart(size_density(info, width), partial(draw_density, info=info, note=note), note)
