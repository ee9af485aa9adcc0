"""The figures of the theory, one for each theorem and one for the corollary; each takes a table of `settings`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analysis.charts.chart import Chart, FigureSpec
from analysis.charts.styles import DASHES, MARKERS, NEUTRAL, PALETTE, Style
from analysis.charts.text import count_title_letters, draw_legend, wrap_title, write_percent
from analysis.theory.interpolation import Mixture, NoiseTerms, compute_alignment, compute_robust_error
from analysis.theory.settings import DRAWN, RATIOS, TOY_NOISE, GapCurve, describe_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MIN_PAIR = 4.5  # inches; in a narrower figure the two panels lie one below the other
HEIGHT = 2.4  # inches of a panel
LABELS = 0.3  # inches of a panel that wide tick labels take from its title
FLOOR = 1e-6  # of 1 − cosine, where lines end
NARROW = 100  # times the least value: up to this an axis has ticks between the powers of ten too


def size_pair(width: float) -> tuple[float, float]:
    """Return the size in inches of a figure of two panels; its legend comes on top."""
    return width, HEIGHT if width >= MIN_PAIR else 2 * HEIGHT


def specify_figures(
    descents: pd.DataFrame,
    toy: pd.DataFrame,
    errors: pd.DataFrame,
    gaps: Sequence[GapCurve],
    bounds: pd.DataFrame,
    variances: pd.DataFrame,
    width: float,
) -> Iterator[FigureSpec]:
    """Specify the four figures, from the tables of `settings`."""
    size = size_pair(width)
    yield FigureSpec(
        "theorem_1",
        "Theorem 1: convergence to the max-margin vector",
        "Gradient descent from 0 on the adversarial logistic loss: below the margin of the data (solid) its direction "
        "converges to ŵ, above (dashed) it does not. One training set a panel.",
        Chart(size, lambda figure: draw_descents(figure, descents)),
    )
    yield FigureSpec(
        "theorem_2",
        "Theorem 2: exact robust test error",
        f"Lines: formula. Points: attacks on {errors['n'].iloc[0]:,} random test points, the same for all, ± one "
        "binomial standard error (left); computed ŵ (right). One training set a size.",
        Chart(size, lambda figure: draw_errors(figure, toy, errors, DRAWN)),
    )
    yield FigureSpec(
        "corollary_1",
        "Corollary 1: the gap between hard and easy training sets",
        "Robust test error after training on the hardest less that on the easiest component, for ε at which both "
        "training sets are separable. One training set a panel.",
        Chart(size, lambda figure: draw_gaps(figure, gaps)),
    )
    yield FigureSpec(
        "theorem_3",
        "Theorem 3: lower bound of the Lipschitz constant",
        "Left: the bound for a ResNet-18 on 32 × 32 images; a line begins where the condition on δ first holds. Right: "
        "the part of γ that makes hard components differ from easy ones.",
        Chart(size, lambda figure: draw_bounds(figure, bounds, variances)),
    )


def draw_descents(figure: Figure, table: pd.DataFrame) -> None:
    """Draw 1 − cosine along the steps; a panel per training set, a line per ratio of ε to the margin."""
    from matplotlib.lines import Line2D

    groups = [rows for _, rows in table.groupby(["examples", "dimensions", "normalized"], sort=False)]
    firsts = [rows.iloc[0] for rows in groups]
    kinds = ["normalized steps" if first["normalized"] else "plain steps" for first in firsts]
    sizes = [describe_size(first["examples"], first["dimensions"]) for first in firsts]
    titles = [f"{size}\n{kind}" for size, kind in zip(sizes, kinds, strict=True)]
    styles = {
        ratio: style._replace(dash="-" if ratio < 1 else "--")
        for ratio, style in zip(RATIOS, _cycle(len(RATIOS)), strict=True)
    }
    for plot, rows in zip(_create_pair(figure, titles), groups, strict=True):
        for ratio, style in styles.items():
            line = rows[rows["ratio"] == ratio]
            distance = np.maximum(1 - line["cosine"], FLOOR)
            plot.plot(line["step"], distance, style.dash, color=style.colour, marker=style.marker, ms=3.5)
        plot.axhline(1e-3, color=NEUTRAL, lw=0.8, zorder=1)
        plot.annotate("cosine .999", (1, 1e-3), (0, -2), textcoords="offset points", fontsize=7, va="top")
        plot.set(xlabel="steps", ylabel="1 − cosine to ŵ")
        _make_logarithmic(plot)
    handles = [
        Line2D([], [], color=s.colour, marker=s.marker, ls=s.dash, ms=3.5, label=f"ε = {r:g} × margin")
        for r, s in styles.items()
    ]
    draw_legend(figure, handles)


def draw_errors(figure: Figure, toy: pd.DataFrame, table: pd.DataFrame, mixture: Mixture) -> None:
    """Draw the robust test error along ε for the first size, and g along r for it and the small example."""
    from matplotlib.lines import Line2D

    n, m = table[["examples", "dimensions"]].iloc[0]
    first = table[table["examples"] == n]
    left, right = _create_pair(figure, [f"Error after training\n{describe_size(n, m)}", "Alignment of ŵ with η"])
    left.set(xlabel="ε (l2)", ylabel="robust test error (%)", ylim=(0, 1.02))
    right.set(xlabel="r of the training set", ylabel="g")
    by_distance = {f"trained at r = {r:g}": rows for r, rows in first.groupby("r")}
    by_size = {describe_size(*TOY_NOISE.shape): toy, describe_size(n, m): first.drop_duplicates("r")}
    styles = dict(zip([*by_distance, *by_size], _cycle(len(by_distance) + len(by_size)), strict=True))
    for name, rows in by_distance.items():
        style, radii = styles[name], np.linspace(0, rows["epsilon"].max(), 100)
        left.plot(
            radii, compute_robust_error(mixture, rows["alignment"].iloc[0], radii), style.dash, color=style.colour
        )
        left.errorbar(rows["epsilon"], rows["error"], rows["se"], color=style.colour, marker=style.marker, ls="", ms=4)
    for name, rows in by_size.items():
        style, distances = styles[name], np.linspace(0, table["r"].max(), 100)
        terms = NoiseTerms(*rows[list(NoiseTerms._fields)].iloc[0])
        right.plot(distances, compute_alignment(terms, distances), style.dash, color=style.colour)
        right.plot(rows["r"], rows["alignment_direct"], style.marker, color=style.colour, ms=4)
    right.set_ylim(None, 1.02)
    write_percent(left)
    handles = [
        Line2D([], [], color=s.colour, marker=s.marker, ls=s.dash, ms=4, label=name) for name, s in styles.items()
    ]
    draw_legend(figure, handles)


def draw_gaps(figure: Figure, curves: Sequence[GapCurve]) -> None:
    """Draw the gap along ε; shade where it certainly rises and where it certainly falls."""
    from matplotlib.patches import Patch

    rises: dict[str, Any] = {"color": PALETTE[2], "alpha": 0.25, "lw": 0}
    falls: dict[str, Any] = {"color": PALETTE[1], "alpha": 0.2, "lw": 0, "hatch": "//"}
    for plot, curve in zip(_create_pair(figure, [curve.name for curve in curves]), curves, strict=True):
        radii = np.linspace(0, curve.margin, 400, endpoint=False)
        plot.plot(radii, curve.compute(radii), color=PALETTE[0])
        plot.axvspan(0, min(curve.turn.rises_to, curve.margin), **rises)
        if curve.turn.falls_from < curve.margin:
            plot.axvspan(curve.turn.falls_from, curve.margin, **falls)
        plot.set(xlim=(0, curve.margin), ylim=(0, None), xlabel="ε (l2), up to the margin", ylabel="gap (points)")
        write_percent(plot)
    handles = [
        Patch(label="the gap certainly rises", **rises),
        Patch(label="the gap certainly falls", **falls),
    ]
    draw_legend(figure, handles)


def draw_bounds(figure: Figure, bounds: pd.DataFrame, variances: pd.DataFrame) -> None:
    """Draw the bound along γ for each number of examples, and the variance of the label along r."""
    from matplotlib.lines import Line2D

    left, right = _create_pair(figure, ["Lower bound of Lip(f)", "Variance σ² of the label"])
    left.set(xlabel="γ", ylabel="bound of Lip(f)")
    right.set(xlabel="r of the component", ylabel="σ²", ylim=(0, 1.02))
    sizes = sorted(bounds["examples"].unique())
    styles = dict(zip(sizes, _cycle(len(sizes)), strict=True))
    for n, style in styles.items():
        rows = bounds[(bounds["examples"] == n) & bounds["bound"].notna()]
        left.plot(rows["gamma"], rows["bound"], style.dash, color=style.colour)
        left.plot(rows["gamma"].iloc[:1], rows["bound"].iloc[:1], style.marker, color=style.colour, ms=4)
    left.set_xlim(bounds["gamma"].min(), None)
    _make_logarithmic(left)
    right.plot(variances["r"], variances["variance"], color=PALETTE[0])
    handles = [
        Line2D([], [], color=s.colour, marker=s.marker, ls=s.dash, ms=4, label=f"{n:,} examples")
        for n, s in styles.items()
    ]
    draw_legend(figure, handles)


def _cycle(count: int) -> list[Style]:
    """Return styles that differ in colour and in marker, and from their neighbours in dashes."""
    return [Style(PALETTE[place], MARKERS[place], DASHES[place % len(DASHES)]) for place in range(count)]


def _create_pair(figure: Figure, titles: Sequence[str]) -> list[Plot]:
    """Create two panels, beside each other if they fit."""
    width = figure.get_figwidth()
    columns = 2 if width >= MIN_PAIR else 1
    plots: list[Plot] = list(figure.subplots(3 - columns, columns, squeeze=False).ravel())
    for plot, title in zip(plots, titles, strict=True):
        plot.set_title(wrap_title(title, count_title_letters(width - LABELS * columns, columns)))
    return plots


def _make_logarithmic(plot: Plot) -> None:
    """Make both axes logarithmic, with plain numbers at the ticks, as the house style parses no mathematics."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plot.set(xscale="log", yscale="log")
    for axis in (plot.xaxis, plot.yaxis):
        low, high = axis.get_view_interval()
        narrow = high < NARROW * low
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,), numticks=8))
        axis.set_major_formatter(
            FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:f}".rstrip("0"))
        )
        axis.set_minor_formatter(NullFormatter())
