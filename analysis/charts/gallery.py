"""The figure of the friendliest and most problematic images of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.saving import WIDTH
from analysis.measures.gallery import Gallery
from trainers.extremes import PER_CLASS

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot

FRAME, FLIPPED = (255, 255, 255), (213, 94, 0)
TILE = 96  # pixels, the approximate size of an image; more than are shown, so that pixels of it have sharp edges
BORDER = 16  # sides of an image to the width of its frame


class Wall(NamedTuple):
    """A wall of images with a row per class: friendliest on the left, most problematic on the right."""

    pixels: np.ndarray  # (H, W, 3) uint8
    tile: int  # pixels from one image to the next
    flips: list[tuple[float, float, int]]  # x, y of a flipped example and its label before the flip


def build_wall(info: Gallery) -> Wall:
    """Enlarge the images by a whole number, frame them, and place them on a white wall."""
    height = info.images.shape[2]
    zoom = max(1, TILE // height)
    border = max(2, zoom * height // BORDER)
    tile, gap = zoom * height + 2 * border, zoom * height // 2
    pixels = np.full((tile * len(info.classes), 2 * PER_CLASS * tile + gap, 3), 255, dtype=np.uint8)
    flips = []
    for row, column in np.argwhere(info.shown).tolist():
        left, top = column * tile + gap * (column >= PER_CLASS), row * tile
        framed = _frame_image(info.images[row, column], zoom, border, bool(info.flipped[row, column]))
        pixels[top : top + tile, left : left + tile] = framed
        if info.flipped[row, column]:
            flips.append((left + border, top + tile - border - 1.0, int(info.y_clean[row, column])))
    return Wall(pixels, tile, flips)


def size_gallery(info: Gallery, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches, from the proportions of the wall and the room for labels."""
    height, room, _ = build_wall(info).pixels.shape
    return width, 0.92 * width * height / room + 0.25


def draw_gallery(plot: Plot, info: Gallery) -> None:
    """Draw the wall of images; a thick frame and the label before the flip mark a flipped example."""
    wall = build_wall(info)
    plot.imshow(wall.pixels, interpolation="none")  # SVG and PDF hold the wall itself, a page scales it once
    rows = [(row + 0.5) * wall.tile for row in range(len(info.classes))]
    plot.set_yticks(rows, info.classes, parse_math=False)
    centres = [PER_CLASS * wall.tile / 2, wall.pixels.shape[1] - PER_CLASS * wall.tile / 2]
    plot.set_xticks(centres, ["← friendliest", "most problematic →"])
    plot.set_ylabel("class, as labelled")
    plot.tick_params(length=0)
    plot.grid(False)
    plot.spines[:].set_visible(False)
    for x, y, label in wall.flips:
        plot.text(x, y, f"was {label}", fontsize=7, va="bottom", bbox={"fc": "white", "ec": "none", "pad": 0.6})


def _frame_image(image: np.ndarray, zoom: int, border: int, is_flipped: bool) -> np.ndarray:
    """Return one image enlarged, in RGB, within a frame."""
    large = np.repeat(np.repeat(np.broadcast_to(image, (*image.shape[:2], 3)), zoom, 0), zoom, 1)
    tile = np.empty((large.shape[0] + 2 * border, large.shape[1] + 2 * border, 3), dtype=np.uint8)
    tile[:] = FLIPPED if is_flipped else FRAME
    tile[border:-border, border:-border] = large
    return tile


def plot_gallery(info: Gallery, width: float = WIDTH) -> Chart:
    """Plot the friendliest and most problematic images of each class."""
    return Chart(size_gallery(info, width), lambda figure: draw_gallery(figure.subplots(), info))
