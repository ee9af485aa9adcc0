"""Figures as files: their width, the house style, and PNG, SVG and PDF."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.charts.fonts import register_fonts
from analysis.charts.glyphs import find_missing, use_fallbacks, warn_of_missing
from trainers.record_io import write_atomic

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 5.2  # inches, the default; at this width 9-point type is still legible on a phone
MIN_WIDTH, MAX_WIDTH = 2.5, 12.0  # inches that an option accepts
IMAGES = (".png", ".svg", ".pdf")
Draw = Callable[["Figure"], None]


def parse_image(text: str, more: Sequence[str] = ()) -> Path:
    """Return the path of an image from an option; `more` are further endings. Raises argparse.ArgumentTypeError."""
    path, endings = Path(text), (*IMAGES, *more)
    if path.suffix not in endings:
        *all_but_last, last = endings
        raise ArgumentTypeError(f"{text}: expected a name ending in {', '.join(all_but_last)} or {last}")
    if path.is_dir():
        raise ArgumentTypeError(f"{text}: is a folder; name a file")
    return path


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


@contextmanager
def _draw_in_house_style(draw: Draw, size: tuple[float, float]) -> Iterator[Figure]:
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    register_fonts()
    with (
        as_file(files("analysis.charts") / "house.mplstyle") as style,
        matplotlib.rc_context(fname=style),
        use_fallbacks(),
    ):
        figure = Figure(figsize=size, dpi=matplotlib.rcParams["savefig.dpi"], layout="constrained")
        draw(figure)
        yield figure
        if missing := find_missing(text.get_text() for text in figure.findobj(Text)):
            warn_of_missing(missing)


def render_pixels(draw: Draw, size: tuple[float, float]) -> np.ndarray:
    """Draw a figure in the house style and return its pixels, (height, width, 4) uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    with _draw_in_house_style(draw, size) as figure:
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())


def save_figure(draw: Draw, size: tuple[float, float], paths: Sequence[Path]) -> None:
    """Draw a figure once in the house style and write a PNG, SVG or PDF per path, each atomically.

    This function calls the backends directly, because `savefig` draws everything a second time to compute the layout.
    Pixels come first, because the other backends leave their own resolution on the figure.
    """
    with _draw_in_house_style(draw, size) as figure:
        for path in sorted(paths, key=lambda path: path.suffix != ".png"):
            write_atomic(path, _render(figure, path.suffix))
            figure.set_layout_engine("none")  # keep the layout for the next format


def _render(figure: Figure, suffix: str) -> bytes:
    """Return the bytes of a figure, without the date and version that would make equal figures differ."""
    buffer = BytesIO()  # each backend is imported where it is used, as that of PDF takes a while
    if suffix == ".png":
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        pixels = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")  # the ground is white
        pixels.save(buffer, "png", dpi=(figure.dpi, figure.dpi), compress_level=1)  # the least of the processor
    elif suffix == ".svg":
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
    else:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf

        FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()
