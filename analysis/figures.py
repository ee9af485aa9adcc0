"""What all figures share: the house style, colours that colour-blind readers can tell apart, and saving.

A figure is an info function from records to a NamedTuple of arrays, and a draw function from that to axes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.axes import ALL, SEPARATOR
from trainers.records import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

LETTERS = 29  # of a title that fit the narrower panels of two in a row, in bold
PER_INCH = 13  # letters of an axis' name
WIDTH = 5.2  # inches; at this width 9-point type is still legible on a phone
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7A5195")  # after Okabe and Ito
NEUTRAL = "#444444"
NEAR = 3.0  # times the widest panel's range, within which all panels share one
LEGEND = 80  # letters of a line of the legend
WIDE = 30.0  # times the least value, from which on a knob is drawn on a logarithmic scale
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
Draw = Callable[["Figure"], None]


class Drawing(NamedTuple):
    """A figure to be: its file name, what the page says of it, its size in inches and how to draw it."""

    slug: str
    title: str
    caption: str
    size: tuple[float, float]
    draw: Draw


def save(draw: Draw, size: tuple[float, float], paths: Sequence[Path]) -> None:
    """Draw once in the house style and write a PNG, SVG or PDF per path, each whole or not at all.

    The backends are called directly: `savefig` draws everything twice to find out what it already knows.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with as_file(files("analysis") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        figure = Figure(figsize=size, dpi=matplotlib.rcParams["savefig.dpi"], layout="constrained")
        draw(figure)
        for path in paths:
            write_atomic(path, _rendered(figure, path.suffix))
            figure.set_layout_engine("none")  # laid out once, not again for each format


def _rendered(figure: Figure, suffix: str) -> bytes:
    """The bytes of a figure, without the date and version that would make equal figures differ."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = BytesIO()
    if suffix == ".png":
        FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    elif suffix == ".svg":
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    else:
        FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()


def panels(figure: Figure, titles: Collection[str], xlabel: str, ylabel: str) -> list[Plot]:
    """A panel a title, two in a row; the lowest of each column carries the horizontal axis' name."""
    count = len(titles)
    columns = min(2, count)
    plots = list(figure.subplots(-(-count // columns), columns, squeeze=False, sharex=True).ravel())
    for plot in plots[count:]:
        plot.remove()
    for plot in plots[max(0, count - columns) : count]:
        plot.set_xlabel(xlabel)
        plot.tick_params(labelbottom=True)
    for plot, title in zip(plots, titles, strict=False):
        plot.set_title(wrapped(title))
    figure.supylabel(stacked(ylabel, figure.get_figheight()), fontsize=9)
    return plots[:count]


def near(limits: Sequence[tuple[float, float]]) -> bool:
    """Whether ranges lie so near each other that curves stay legible in one that holds them all."""
    widest = max(high - low for low, high in limits)
    return max(high for _, high in limits) - min(low for low, _ in limits) <= NEAR * widest


def level(plots: Sequence[Plot], limits: Sequence[tuple[float, float]]) -> None:
    """Give panels one range, or as many points each, so that equal slopes look equal; `limits`: each one's own."""
    whole = min(low for low, _ in limits), max(high for _, high in limits)
    ranges = [whole] * len(limits) if near(limits) else list(limits)
    span = max(high - low for low, high in ranges)
    for plot, (low, high) in zip(plots, ranges, strict=True):
        top = min((low + high + span) / 2, 1.01)  # no accuracy lies above 1
        plot.set(ylim=(top - span, top))


def panels_size(titles: Collection[str]) -> tuple[float, float]:
    """The size of a figure of panels with these titles; lines beyond the second make their row higher."""
    lines = [max(2, wrapped(title).count("\n") + 1) for title in titles]
    rows = [max(lines[start : start + 2]) for start in range(0, len(lines), 2)]
    return WIDTH, 0.9 + sum(1.45 + 0.15 * row for row in rows)


def legend_columns(names: Collection[str]) -> int:
    """How many of these names stand side by side in a legend."""
    return max(1, min(3, LEGEND // (max(map(len, names), default=0) + 8)))


def wrapped(title: str) -> str:
    """A title in lines that fit a panel, broken where its parts meet, and inside a part only where that is too long."""
    return "\n".join(short for line in title.splitlines() for short in _lines(line.split(SEPARATOR)))


def measured(name: str) -> str:
    """The title of a panel of accuracies in percent, broken first where the attack begins."""
    return wrapped(f"{name} (%)".replace(", ", ",\n", 1))


def _lines(parts: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for part in parts:
        joined = SEPARATOR.join([*lines[-1:], part])
        if lines and len(joined) <= LETTERS:
            lines[-1] = joined
        else:
            lines += wrap(part, LETTERS)
    return lines


def stacked(name: str, inches: float) -> str:
    """An axis' name in lines of so many inches, broken first where the attack begins: a figure cuts what is longer."""
    most = int(PER_INCH * inches)
    lines = [name] if len(name) <= most else name.replace(", ", ",\n", 1).splitlines()
    return "\n".join(short for line in lines for short in wrap(line, most))


def colours(labels: Sequence[str]) -> dict[str, str]:
    """A colour per label in their order; training on everything is neutral, and none stands for two labels."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    chosen = [label for label in labels if label != ALL]
    many = [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 0.9, len(chosen)))]
    paint = dict(zip(chosen, PALETTE if len(chosen) <= len(PALETTE) else many, strict=False))
    return {label: paint.get(label, NEUTRAL) for label in labels}


def percent(axis: Plot, which: str = "y") -> None:
    """Write an axis of shares in percent."""
    from matplotlib.ticker import FuncFormatter

    ticks = axis.yaxis if which == "y" else axis.xaxis
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}".replace("-", "−")))
