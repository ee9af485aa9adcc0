"""Text in figures: wrapped titles and labels, legends that fit, ticks in percent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from analysis.results.axes import SEPARATOR

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

TITLE_LETTERS_PER_INCH = 12.0  # of a panel's title, in bold
LABEL_LETTERS_PER_INCH = 13  # of an axis label
ROW_LETTERS_PER_INCH = 14  # of a row's name
LOG_RATIO = 30.0  # of the largest to the smallest value, above which an axis is logarithmic
NOTE_SIZE = 6.5  # points
NOTE_LETTERS_PER_INCH = 19.5
MAX_LEGEND_COLUMNS = 4
FEW_KEYS = 6  # that one column of a legend may have
COMPACT = {"fontsize": 7, "handlelength": 1.4, "handletextpad": 0.5, "columnspacing": 0.9, "labelspacing": 0.3}
TICKS_PER_INCH = 3  # along x, of numbers such as 0.25
BRACKETED = re.compile(r"\([^()]*\)")
FIELD = re.compile(r"(?:(?<=, )|(?<=: )|^)[^ ,]+ [^ ,]+(?=,|$)")  # of a problem, such as "label_noise 0.1"
HELD = "\ue000"  # stands for a space at which no line ends, while a text is wrapped
ROUND_STEPS = (1, 2, 5, 10)  # between ticks: 70, 75, 80 reads faster than 70, 74, 78


def count_title_letters(width: float, columns: int) -> int:
    """Return the number of letters that fit one line of a panel's title."""
    return int(TITLE_LETTERS_PER_INCH * ((width - 0.5) / columns - 0.15))


def draw_legend(figure: Figure, handles: Sequence[Any], note: str = "") -> None:
    """Draw a legend below a figure in as many columns as fit, wrap long names, and enlarge the figure to hold it.

    A note stands above the keys, in small type. Nothing is drawn without handles and note.
    """
    if not handles and not note:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    renderer, room = FigureCanvasAgg(figure).get_renderer(), 0.98 * figure.bbox.width
    small = "\n".join(wrap(note, int(NOTE_LETTERS_PER_INCH * figure.get_figwidth()))) or None
    titled: dict[str, Any] = {"title": small, "title_fontsize": NOTE_SIZE, "alignment": "left"} if small else {}
    most = max(1, min(len(handles), MAX_LEGEND_COLUMNS))
    tries: list[tuple[int, dict[str, Any]]] = [(columns, {}) for columns in range(most, 1, -1)]
    if len(handles) > FEW_KEYS:  # one column of so many keys would be as tall as a panel
        tries += [(columns, COMPACT) for columns in range(most, 1, -1)]
    for columns, look in [*tries, (1, {})]:
        drawn = figure.legend(handles=handles, loc="outside lower center", ncols=columns, **titled, **look)
        width = drawn.get_window_extent(renderer).width
        if width <= room or columns == 1:
            break
        drawn.remove()
    if width > room and handles:
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
            lines += _wrap_words(part, most)
    return lines


def _wrap_words(text: str, most: int) -> list[str]:
    """Wrap a text to lines of at most `most` letters, within brackets or a field only if it is longer than a line."""
    held = text
    for kept in (BRACKETED, FIELD):
        held = kept.sub(lambda found: found[0].replace(" ", HELD if len(found[0]) <= most else " "), held)
    return [line.replace(HELD, " ") for line in wrap(held, most)]


def wrap_axis_label(name: str, inches: float) -> str:
    """Wrap an axis label to lines of so many inches, first before the attack: a figure would cut off a longer line."""
    most = int(LABEL_LETTERS_PER_INCH * inches)
    lines = [name] if len(name) <= most else name.replace(", ", ",\n", 1).splitlines()
    return "\n".join(short for line in lines for short in _wrap_words(line, most))


def use_logarithm(plot: Plot) -> None:
    """Make the vertical axis logarithmic, with ticks at 1, 2 and 5 times powers of ten as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    plot.set_yscale("log")
    low, high = plot.get_ylim()
    few = high < 100 * low  # decades need no ticks between them
    plot.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    plot.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}"))
    plot.yaxis.set_minor_formatter(NullFormatter())


def count_ticks(inches: float) -> int:
    """Return the number of intervals between ticks along x whose numbers do not touch."""
    return max(2, int(TICKS_PER_INCH * inches))


def write_percent(axis: Plot, which: str = "y", log: bool = False, most: int = 6) -> None:
    """Write the ticks of an axis of fractions in percent, in at most `most` intervals.

    Those of a logarithmic axis are at round values.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    ticks, locator = (
        axis.yaxis if which == "y" else axis.xaxis,
        MaxNLocator(nbins=most, min_n_ticks=min(3, most), steps=ROUND_STEPS),
    )
    low, high = axis.get_ylim() if which == "y" else axis.get_xlim()
    if log:  # the locator of logarithms has one or two ticks in the range of accuracies
        ticks.set_minor_locator(NullLocator())
    ticks.set_major_locator(FixedLocator(list(locator.tick_values(low, high))) if log else locator)
    ticks.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g}".replace("-", "−")))
