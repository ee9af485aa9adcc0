"""What all figures share: the house style, panels, legends that fit, and saving.

A figure is an info function from records to a NamedTuple of arrays, and a draw function from that to axes.
"""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, NamedTuple

from analysis.axes import SEPARATOR
from trainers.records import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

BOLD = 12.0  # letters an inch of a panel's title, in bold
PER_INCH = 13  # letters of an axis' name
SMALL_PER_INCH = 14  # letters of a row's name
WIDTH = 5.2  # inches, unless others are asked for; at this width 9-point type is still legible on a phone
NARROW, BROADEST = 2.5, 12.0  # inches that figures can be asked to be wide
PANEL = 1.6  # inches of the narrowest panel that is readable
NEAR = 3.0  # times the widest panel's range, within which all panels share one
WIDE = 30.0  # times the least value, from which on a knob is drawn on a logarithmic scale
MOST_COLUMNS = 4  # of a legend
Draw = Callable[["Figure"], None]


class FigureSpec(NamedTuple):
    """A figure to be: its file name, what the page says of it, its size in inches and how to draw it."""

    slug: str
    title: str
    caption: str
    size: tuple[float, float]
    draw: Draw


def inches(text: str) -> float:
    """A width of figures, as an option gives it. Raises argparse.ArgumentTypeError."""
    try:
        width = float(text)
    except ValueError:
        width = math.nan
    if not NARROW <= width <= BROADEST:
        raise ArgumentTypeError(
            f"{text}: expected inches from {NARROW:g} to {BROADEST:g}, such as 3.25 for a column of two"
        )
    return width


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


def arranged(problems: Sequence[str], width: float) -> list[tuple[int, int]]:
    """The row and column of each panel: a problem begins a new row, unless each problem has one panel only."""
    many = max(problems.count(problem) for problem in problems) > 1
    groups = list(dict.fromkeys(problems)) if many else [None]
    counts = [problems.count(group) if group is not None else len(problems) for group in groups]
    most = max(1, int(width / PANEL))
    columns = -(-max(counts) // -(-max(counts) // most))  # as even as the fewest rows allow
    places, row = [], 0
    for count in counts:
        places += [(row + place // columns, place % columns) for place in range(count)]
        row += -(-count // columns)
    return places


def panels(figure: Figure, titles: Sequence[str], problems: Sequence[str], xlabel: str, ylabel: str) -> list[Plot]:
    """A panel a title, one problem a row; the lowest of each column carries the horizontal axis' name.

    `problems`: of each panel, in order, those of one problem one after the other.
    """
    width = figure.get_figwidth()
    places = arranged(problems, width)
    rows, columns = (1 + max(its) for its in zip(*places, strict=True))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    plots: list[Plot] = [grid[row, column] for row, column in places]
    for plot in set(grid.ravel().tolist()) - set(plots):
        plot.remove()
    for column in range(columns):
        lowest = grid[max(row for row, its in places if its == column), column]
        lowest.set_xlabel(stacked(xlabel, (width - 0.5) / columns - 0.15))
        lowest.tick_params(labelbottom=True)
    for plot, title in zip(plots, titles, strict=True):
        plot.set_title(wrapped(title, letters(width, columns)))
    figure.supylabel(stacked(ylabel, figure.get_figheight()), fontsize=9)
    return plots


def titles_of(keys: Iterable[tuple[str, str]]) -> list[str]:
    """What panels of a (setting, method) each are titled: the method, and below it the setting."""
    return ["\n".join(filter(None, (method, setting))) for setting, method in keys]


def settings_of(keys: Iterable[tuple[str, str]]) -> list[str]:
    """The problem of each panel."""
    return [setting for setting, _ in keys]


def letters(width: float, columns: int) -> int:
    """How many letters of a panel's title fit it."""
    return int(BOLD * ((width - 0.5) / columns - 0.15))


def near(limits: Sequence[tuple[float, float]]) -> bool:
    """Whether ranges lie so near each other that curves stay legible in one that holds them all."""
    widest = max(high - low for low, high in limits)
    return max(high for _, high in limits) - min(low for low, _ in limits) <= NEAR * widest


def level(plots: Sequence[Plot], limits: Sequence[tuple[float, float]]) -> None:
    """Give panels one range, or as many points each, so that equal slopes look equal; `limits`: each one's own."""
    for plot, limit in zip(plots, levelled(limits), strict=True):
        plot.set(ylim=limit)


def levelled(limits: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The ranges that `level` gives to panels."""
    whole = min(low for low, _ in limits), max(high for _, high in limits)
    ranges = [whole] * len(limits) if near(limits) else list(limits)
    span = max(high - low for low, high in ranges)
    tops = [min((low + high + span) / 2, 1.01) for low, high in ranges]  # no accuracy lies above 1
    return [(top - span, top) for top in tops]


def cut_off(limits: Sequence[tuple[float, float]]) -> str:
    """What to say of vertical axes that do not begin at 0 %; empty where all do."""
    lows = [low for low, _ in levelled(limits)]
    if max(lows) <= 0:
        return ""
    least, most = (f"{100 * max(low, 0):.0f}" for low in (min(lows), max(lows)))
    where = least if least == most else f"{least} to {most}"
    return f" Vertical axes begin at {where} %, not at 0: what lies below is cut off."


def panels_size(titles: Sequence[str], problems: Sequence[str], width: float) -> tuple[float, float]:
    """The size of a figure of panels with these titles; lines beyond the second make their row higher."""
    places = arranged(problems, width)
    columns = 1 + max(column for _, column in places)
    lines: dict[int, int] = {}
    for (row, _), title in zip(places, titles, strict=True):
        lines[row] = max(lines.get(row, 2), wrapped(title, letters(width, columns)).count("\n") + 1)
    return width, 0.7 + sum(1.45 + 0.15 * row for row in lines.values())


def legend(figure: Figure, handles: Sequence[Any]) -> None:
    """A legend below a figure, which grows by its height: in as many columns as fit, a name broken that does not."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer, room = FigureCanvasAgg(figure).get_renderer(), 0.98 * figure.bbox.width
    for columns in range(min(len(handles), MOST_COLUMNS), 0, -1):
        drawn = figure.legend(handles=handles, loc="outside lower center", ncols=columns)
        width = drawn.get_window_extent(renderer).width
        if width <= room or columns == 1:
            break
        drawn.remove()
    if width > room:
        widest = max(text.get_window_extent(renderer).width for text in drawn.get_texts())
        longest = max(len(text.get_text()) for text in drawn.get_texts())
        fitting = int(longest * (room - (width - widest)) / widest)
        for text in drawn.get_texts():
            text.set_text("\n".join(wrap(text.get_text(), max(8, fitting))))
    figure.set_figheight(figure.get_figheight() + drawn.get_window_extent(renderer).height / figure.dpi)


def wrapped(title: str, most: int) -> str:
    """A title in lines of so many letters, broken where its parts meet, and inside a part only where that is longer."""
    return "\n".join(short for line in title.splitlines() for short in _lines(line.split(SEPARATOR), most))


def measured(name: str, most: int) -> str:
    """The title of a panel of accuracies in percent, broken first where the attack begins."""
    return wrapped(f"{name} (%)".replace(", ", ",\n", 1), most)


def _lines(parts: Sequence[str], most: int) -> list[str]:
    lines: list[str] = []
    for part in parts:
        joined = SEPARATOR.join([*lines[-1:], part])
        if lines and len(joined) <= most:
            lines[-1] = joined
        else:
            lines += wrap(part, most)
    return lines


def stacked(name: str, inches: float) -> str:
    """An axis' name in lines of so many inches, broken first where the attack begins: a figure cuts what is longer."""
    most = int(PER_INCH * inches)
    lines = [name] if len(name) <= most else name.replace(", ", ",\n", 1).splitlines()
    return "\n".join(short for line in lines for short in wrap(line, most))


def percent(axis: Plot, which: str = "y") -> None:
    """Write an axis of shares in percent."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ticks = axis.yaxis if which == "y" else axis.xaxis
    ticks.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}".replace("-", "−")))
