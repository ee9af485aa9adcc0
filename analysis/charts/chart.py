"""A chart of measured data at a size: drawn in a notebook, on a figure, or into files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

from analysis.charts.saving import Draw, parse_image, save_figure

Page = TypeVar("Page")


class Chart(NamedTuple):
    """What the functions `plot_…` return: a size in inches, a function that draws, and what is left out.

    A notebook shows it as an image. `draw` draws it on a figure of matplotlib.
    """

    size: tuple[float, float]
    draw: Draw
    note: str = ""  # which rows or panels it leaves out, as a sentence
    sheets: int = 1  # a long chart has several, of which this is one

    def save(self, *paths: Path | str) -> None:
        """Write a PNG, SVG or PDF per path. Raises argparse.ArgumentTypeError for another ending."""
        save_figure(self.draw, self.size, [parse_image(str(path)) for path in paths])

    def _repr_png_(self) -> bytes:
        with TemporaryDirectory() as folder:
            path = Path(folder, "chart.png")
            self.save(path)
            return path.read_bytes()


class FigureSpec(NamedTuple):
    """The specification of a figure: its file name, title, caption, chart, and the call that makes the chart."""

    slug: str
    title: str
    caption: str
    chart: Chart
    call: str = ""


def pick_sheet(pages: Sequence[Page], sheet: int) -> Page:
    """Return a sheet by its number, from 1. Raises ValueError if there is none."""
    if not 1 <= sheet <= len(pages):
        raise ValueError(f"sheet={sheet}: expected a number from 1 to {len(pages)}")
    return pages[sheet - 1]
