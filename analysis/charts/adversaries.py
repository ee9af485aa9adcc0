"""The figure of images beside their adversaries: easy and hard examples of each class, with labels and difficulty."""

from __future__ import annotations

from functools import partial
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.saving import WIDTH
from analysis.charts.text import NOTE_LETTERS_PER_INCH, NOTE_SIZE
from analysis.measures.gallery import Pairs
from trainers.extremes import PER_CLASS

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

NAME = 0.3  # inches, of the name of a class at the left
GAP = 0.15  # inches, between the easiest and the hardest
CAPTION = 0.125  # inches, of a line below an image
BETWEEN = 0.09  # inches, between the rows of two classes
TOP = 0.22  # inches
NOTE_ROW = 0.11  # inches of a line of a note
SIZE = 6.5  # points, of the captions
MISLED = "#b65300"  # of a predicted label that is not the given one


def size_adversaries(info: Pairs, width: float = WIDTH, note: str = "") -> tuple[float, float]:
    """Return the size of the figure in inches."""
    lines = len(wrap(note, int(NOTE_LETTERS_PER_INCH * width)))
    return width, TOP + len(info.classes) * _row(info, width) + 0.05 + NOTE_ROW * lines


def draw_adversaries(figure: Figure, info: Pairs, note: str = "") -> None:
    """Draw a row of images a class and their adversaries below: label and d under the first, prediction under these."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    figure.set_layout_engine("none")
    plot = figure.add_axes((0, 0, 1, 1))
    plot.set(xlim=(0, width), ylim=(height, 0))
    plot.axis("off")
    side = _side(info, width)
    for row, name in enumerate(info.classes):
        top = TOP + row * _row(info, width)
        plot.text(NAME / 2, top + side + CAPTION / 2, name, rotation=90, fontsize=7.5, ha="center", va="center")
        for column in np.flatnonzero(info.shown[row]).tolist():
            _draw_pair(plot, info, row, column, (_left(info, column, width), top), side)
    for place, title in enumerate(info.ends):
        plot.text(_left(info, place * PER_CLASS, width), TOP - 0.06, title, fontsize=8, weight="bold", va="bottom")
    y = TOP + len(info.classes) * _row(info, width)
    for line in wrap(note, int(NOTE_LETTERS_PER_INCH * width)):
        plot.text(0.05, y + NOTE_ROW / 2, line, fontsize=NOTE_SIZE, va="center")
        y += NOTE_ROW


def _draw_pair(plot: Plot, info: Pairs, row: int, column: int, corner: tuple[float, float], side: float) -> None:
    """Draw an image and below it its adversary, with their captions."""
    left, top = corner
    label, predicted = int(info.labels[row, column]), int(info.predicted[row, column])
    d = f"{info.difficulty[row, column]:.2f}"
    below = f"{label}  {'1.0' if d == '1.00' else d.removeprefix('0')}"
    for place, (image, text, colour) in enumerate(
        (
            (info.images[row, column], below, "black"),
            (info.adversaries[row, column], str(predicted), "black" if predicted == label else MISLED),
        )
    ):
        y = top + place * (side + CAPTION)
        pixels = np.broadcast_to(image, (*image.shape[:2], 3))
        plot.imshow(pixels, extent=(left, left + side, y + side, y), interpolation="nearest", aspect="auto")
        plot.text(left + side / 2, y + side + CAPTION / 2, text, fontsize=SIZE, ha="center", va="center", color=colour)


def _side(info: Pairs, width: float) -> float:
    """Return the side of an image in inches."""
    return (width - NAME - GAP) / info.shown.shape[1] - 0.04


def _row(info: Pairs, width: float) -> float:
    """Return the height of the row of a class in inches: an image, its adversary, and their captions."""
    return 2 * (_side(info, width) + CAPTION) + BETWEEN


def _left(info: Pairs, column: int, width: float) -> float:
    """Return where an image begins, in inches."""
    return NAME + column * (_side(info, width) + 0.04) + GAP * (column >= PER_CLASS)


def plot_adversaries(info: Pairs, width: float = WIDTH, note: str = "") -> Chart:
    """Plot images beside their adversaries, with a note below."""
    return Chart(size_adversaries(info, width, note), partial(draw_adversaries, info=info, note=note), note)
