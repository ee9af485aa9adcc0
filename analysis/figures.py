"""Shared parts of all figures: the style sheet, panels, legends that fit, percent axes, and saving.

A figure has three functions: `collect_…` selects its numbers from the records into a NamedTuple of arrays, `size_…`
returns its size in inches, and `draw_…` draws these arrays on axes.
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
from trainers.record_io import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

TITLE_LETTERS_PER_INCH = 12.0  # of a panel's title, in bold
LABEL_LETTERS_PER_INCH = 13  # of an axis label
ROW_LETTERS_PER_INCH = 14  # of a row's name
WIDTH = 5.2  # inches, the default; at this width 9-point type is still legible on a phone
MIN_WIDTH, MAX_WIDTH = 2.5, 12.0  # inches that an option accepts
MIN_PANEL = 1.6  # inches; a narrower panel is not readable
MAX_SHARED_SPAN = 3.0  # times the widest panel's range: up to this span all panels share one range
LOG_RATIO = 30.0  # of the largest to the smallest value, above which an axis is logarithmic
MAX_LEGEND_COLUMNS = 4
Draw = Callable[["Figure"], None]


class FigureSpec(NamedTuple):
    """The specification of a figure: its file name, title, caption, size in inches and draw function."""

    slug: str
    title: str
    caption: str
    size: tuple[float, float]
    draw: Draw


def parse_width(text: str) -> float:
    """Return the width of figures in inches from an option. Raises argparse.ArgumentTypeError."""
    try:
        width = float(text)
    except ValueError:
        width = math.nan
    if not MIN_WIDTH <= width <= MAX_WIDTH:
        raise ArgumentTypeError(
            f"{text}: expected inches from {MIN_WIDTH:g} to {MAX_WIDTH:g}, such as 3.25 for a column of two"
        )
    return width


def save_figure(draw: Draw, size: tuple[float, float], paths: Sequence[Path]) -> None:
    """Draw a figure once in the house style and write a PNG, SVG or PDF per path, each atomically.

    This function calls the backends directly, because `savefig` draws everything a second time to compute the layout.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with as_file(files("analysis") / "house.mplstyle") as style, matplotlib.rc_context(fname=style):
        figure = Figure(figsize=size, dpi=matplotlib.rcParams["savefig.dpi"], layout="constrained")
        draw(figure)
        for path in paths:
            write_atomic(path, _render(figure, path.suffix))
            figure.set_layout_engine("none")  # keep the layout for the next format


def _render(figure: Figure, suffix: str) -> bytes:
    """Return the bytes of a figure, without the date and version that would make equal figures differ."""
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


def place_panels(problems: Sequence[str], width: float) -> list[tuple[int, int]]:
    """Return the row and column of each panel. A problem begins a new row, unless every problem has only one panel."""
    many = max(problems.count(problem) for problem in problems) > 1
    groups = list(dict.fromkeys(problems)) if many else [None]
    counts = [problems.count(group) if group is not None else len(problems) for group in groups]
    most = max(1, int(width / MIN_PANEL))
    columns = -(-max(counts) // -(-max(counts) // most))  # the fewest rows, filled evenly
    places, row = [], 0
    for count in counts:
        places += [(row + place // columns, place % columns) for place in range(count)]
        row += -(-count // columns)
    return places


def create_panels(
    figure: Figure, titles: Sequence[str], problems: Sequence[str], xlabel: str, ylabel: str
) -> list[Plot]:
    """Create one panel per title; each problem begins a row and the lowest panel of each column has the x label.

    `problems` names the problem of each panel; panels of one problem are consecutive.
    """
    width = figure.get_figwidth()
    places = place_panels(problems, width)
    rows, columns = (1 + max(indices) for indices in zip(*places, strict=True))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    plots: list[Plot] = [grid[row, column] for row, column in places]
    for plot in set(grid.ravel().tolist()) - set(plots):
        plot.remove()
    for column in range(columns):
        lowest = grid[max(row for row, other in places if other == column), column]
        lowest.set_xlabel(wrap_axis_label(xlabel, (width - 0.5) / columns - 0.15))
        lowest.tick_params(labelbottom=True)
    for plot, title in zip(plots, titles, strict=True):
        plot.set_title(wrap_title(title, count_title_letters(width, columns)))
    figure.supylabel(wrap_axis_label(ylabel, figure.get_figheight()), fontsize=9)
    return plots


def title_panels(keys: Iterable[tuple[str, str]]) -> list[str]:
    """Return the titles of panels with these (setting, method) keys: the method, and below it the setting."""
    return ["\n".join(filter(None, (method, setting))) for setting, method in keys]


def list_settings(keys: Iterable[tuple[str, str]]) -> list[str]:
    """Return the setting of each panel, from its (setting, method) key."""
    return [setting for setting, _ in keys]


def count_title_letters(width: float, columns: int) -> int:
    """Return the number of letters that fit one line of a panel's title."""
    return int(TITLE_LETTERS_PER_INCH * ((width - 0.5) / columns - 0.15))


def can_share_range(limits: Sequence[tuple[float, float]]) -> bool:
    """Return whether ranges are so close that curves stay legible in one range that covers all of them."""
    widest = max(high - low for low, high in limits)
    return max(high for _, high in limits) - min(low for low, _ in limits) <= MAX_SHARED_SPAN * widest


def align_ranges(plots: Sequence[Plot], limits: Sequence[tuple[float, float]]) -> None:
    """Give all panels one range, or ranges of one span, so that equal slopes look equal; `limits` has one per panel."""
    for plot, limit in zip(plots, equalize_ranges(limits), strict=True):
        plot.set(ylim=limit)


def equalize_ranges(limits: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return one common range per panel if the ranges are close, else ranges of equal span."""
    whole = min(low for low, _ in limits), max(high for _, high in limits)
    ranges = [whole] * len(limits) if can_share_range(limits) else list(limits)
    span = max(high - low for low, high in ranges)
    tops = [min((low + high + span) / 2, 1.01) for low, high in ranges]  # no accuracy lies above 1
    return [(top - span, top) for top in tops]


def describe_axis_start(limits: Sequence[tuple[float, float]]) -> str:
    """Return a sentence about vertical axes that do not begin at 0 %; empty if all do."""
    lows = [low for low, _ in equalize_ranges(limits)]
    if max(lows) <= 0:
        return ""
    least, most = (f"{100 * max(low, 0):.0f}" for low in (min(lows), max(lows)))
    where = least if least == most else f"{least} to {most}"
    return f" Vertical axes begin at {where} %, not at 0; lower values are cut off."


def size_panels(titles: Sequence[str], problems: Sequence[str], width: float) -> tuple[float, float]:
    """Return the size of a figure of panels; a title of more than two lines makes its row higher."""
    places = place_panels(problems, width)
    columns = 1 + max(column for _, column in places)
    lines: dict[int, int] = {}
    for (row, _), title in zip(places, titles, strict=True):
        lines[row] = max(lines.get(row, 2), wrap_title(title, count_title_letters(width, columns)).count("\n") + 1)
    return width, 0.7 + sum(1.45 + 0.15 * row for row in lines.values())


def draw_legend(figure: Figure, handles: Sequence[Any]) -> None:
    """Draw a legend below a figure in as many columns as fit, wrap long names, and enlarge the figure to hold it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer, room = FigureCanvasAgg(figure).get_renderer(), 0.98 * figure.bbox.width
    for columns in range(min(len(handles), MAX_LEGEND_COLUMNS), 0, -1):
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


def wrap_title(title: str, most: int) -> str:
    """Wrap a title to lines of at most `most` letters: between its parts, and inside a part only if that is longer."""
    return "\n".join(short for line in title.splitlines() for short in wrap_parts(line.split(SEPARATOR), most))


def wrap_metric_title(name: str, most: int) -> str:
    """Wrap the title of a panel of accuracies in percent, first before the attack."""
    return wrap_title(f"{name} (%)".replace(", ", ",\n", 1), most)


def wrap_parts(parts: Sequence[str], most: int) -> list[str]:
    """Join parts to lines of at most `most` letters; wrap a part only if it is longer than a line."""
    lines: list[str] = []
    for part in parts:
        joined = SEPARATOR.join([*lines[-1:], part])
        if lines and len(joined) <= most:
            lines[-1] = joined
        else:
            lines += wrap(part, most)
    return lines


def wrap_axis_label(name: str, inches: float) -> str:
    """Wrap an axis label to lines of so many inches, first before the attack: a figure would cut off a longer line."""
    most = int(LABEL_LETTERS_PER_INCH * inches)
    lines = [name] if len(name) <= most else name.replace(", ", ",\n", 1).splitlines()
    return "\n".join(short for line in lines for short in wrap(line, most))


def write_percent(axis: Plot, which: str = "y") -> None:
    """Write the ticks of an axis of fractions in percent."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    ticks = axis.yaxis if which == "y" else axis.xaxis
    ticks.set_major_locator(MaxNLocator(nbins=6, min_n_ticks=3))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}".replace("-", "−")))
