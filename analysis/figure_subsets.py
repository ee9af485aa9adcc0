"""What a subset's size is worth, and what the ranking calls friendly and problematic."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import ALL
from analysis.classes import short_label
from analysis.difficulty import names_of
from analysis.figures import WIDTH, colours, level, panels, percent
from analysis.instances import Ranking, read_images
from analysis.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MOST_PANELS = 12
PER_CLASS = 5
CLASSES = 10  # of more classes the first ten are shown
FRAME, FLIPPED = (255, 255, 255), (213, 94, 0)
TILE = 32  # pixels an image is shown with, about


class SizeLine(NamedTuple):
    """Accuracy of one kind of subset against its size k."""

    kind: str
    k: np.ndarray  # (n,)
    selected: np.ndarray  # (n, 2) mean and s.e. at the epoch chosen on validation
    last: np.ndarray  # (n, 2)


class Sizes(NamedTuple):
    """A panel per setting and method."""

    y_title: str
    panels: dict[str, list[SizeLine]]
    left_out: int  # panels that did not fit


class Gallery(NamedTuple):
    """A wall of images: a row a class, friendliest on the left, most problematic on the right."""

    wall: np.ndarray  # (H, W, 3) uint8
    classes: list[str]  # as a reader sees them
    tile: int  # pixels from one image to the next
    flips: list[tuple[float, float, int]]  # x, y of a flipped example and its label before the flip


def sizes_info(table: pd.DataFrame, metric: str, y_title: str) -> Sizes | None:
    """From `analysis.difficulty.sizes`: the panels where some kind has two sizes; None where there are none."""
    if table.empty:
        return None
    panels: dict[str, list[SizeLine]] = {}
    for (setting, family, kind), found in table.groupby(["setting", "family", "subset_kind"], sort=False):
        columns = {c: found[[f"{c}_{metric}_mean", f"{c}_{metric}_sem"]].to_numpy() for c in ("best", "last")}
        line = SizeLine(str(kind), found["subset_size"].to_numpy(), columns["best"], columns["last"])
        panels.setdefault("\n".join(filter(None, (str(family), str(setting)))), []).append(line)
    several = {name: its for name, its in panels.items() if any(len(line.k) > 1 for line in its)}
    shown = dict(list(several.items())[:MOST_PANELS])
    return Sizes(y_title, shown, len(several) - len(shown)) if shown else None


def draw_sizes(figure: Figure, info: Sizes) -> None:
    """Filled: selected on validation; open: last epoch. Training on all is a level line."""
    paint = colours(list(dict.fromkeys(line.kind for lines in info.panels.values() for line in lines)))
    every = np.concatenate([line.k for lines in info.panels.values() for line in lines])
    apart = 0.008 * np.ptp(every)
    plots = panels(figure, info.panels, "examples trained on", f"{info.y_title} (%)")
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        for place, line in enumerate(lines):
            _draw_size(plot, line, paint[line.kind], (place - (len(lines) - 1) / 2) * 3 * apart, apart)
        plot.margins(y=0.1)
        plot.locator_params(axis="x", nbins=5, integer=True)
        percent(plot)
    level(plots, [plot.get_ylim() for plot in plots])
    selects = any(np.isfinite(line.selected[:, 0]).any() for lines in info.panels.values() for line in lines)
    figure.legend(handles=_size_handles(paint, selects), loc="outside lower center", ncols=3)


def _draw_size(plot: Plot, line: SizeLine, colour: str, shift: float, apart: float) -> None:
    for found, fill, style, aside in ((line.selected, colour, "-", -apart), (line.last, "white", ":", apart)):
        if line.kind == ALL:
            plot.axhline(found[:, 0].mean(), color=colour, ls=style, lw=0.8)
        plot.errorbar(
            line.k + shift + aside, found[:, 0], yerr=found[:, 1], color=colour, marker="o", mfc=fill, ls=style, ms=4.5
        )


def _size_handles(paint: dict[str, str], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    kinds = [Line2D([], [], color=colour, marker="o", label=kind) for kind, colour in paint.items()]
    chosen = [Line2D([], [], color="0.6", marker="o", label="selected epoch")] * selects
    return [*kinds, *chosen, Line2D([], [], color="0.6", marker="o", mfc="white", ls=":", label="last epoch")]


def gallery_info(results: Results, ranking: Ranking) -> Gallery | None:
    """The friendliest and most problematic examples of each class by the ranking; None without images."""
    images = read_images(results.folder / "profile" / f"{ranking.name}.images.npz", ranking.index, results.damage)
    if images is None:
        return None
    rows = {int(c): extremes(ranking.rank, ranking.y == c) for c in np.unique(ranking.y)[:CLASSES]}
    names = names_of(results, ranking)
    zoom = max(1, TILE // images.shape[1])
    tile, gap = zoom * images.shape[1] + 4, zoom * images.shape[1] // 2
    wall = np.full((tile * len(rows), 2 * PER_CLASS * tile + gap, 3), 255, dtype=np.uint8)
    flips = []
    for row, chosen in enumerate(rows.values()):
        for column, place in enumerate(chosen):
            if place >= 0:
                left, top = column * tile + gap * (column >= PER_CLASS), row * tile
                wall[top : top + tile, left : left + tile] = _framed(images[place], zoom, ranking.flipped[place])
                if ranking.flipped[place]:
                    flips.append((left + 2.0, top + tile - 3.0, int(ranking.y_clean[place])))
    return Gallery(wall, [short_label(label, names) for label in rows], tile, flips)


def extremes(rank: np.ndarray, member: np.ndarray, count: int = PER_CLASS) -> np.ndarray:
    """The friendliest and the most problematic members, (2 count,); -1 where a class has too few."""
    order = np.flatnonzero(member)
    order = order[np.argsort(rank[order], kind="stable")]
    half = min(count, len(order) // 2)
    chosen = np.full(2 * count, -1)
    chosen[:half] = order[:half]
    chosen[2 * count - half :] = order[len(order) - half :]
    return chosen


def gallery_size(info: Gallery) -> tuple[float, float]:
    """As high as the wall is at the width that its labels leave."""
    return WIDTH, 0.92 * WIDTH * info.wall.shape[0] / info.wall.shape[1] + 0.25


def draw_gallery(plot: Plot, info: Gallery) -> None:
    """The wall of images; a thick frame and the label before the flip mark a flipped example."""
    plot.imshow(info.wall, interpolation="nearest")
    rows = [(row + 0.5) * info.tile for row in range(len(info.classes))]
    plot.set_yticks(rows, info.classes, parse_math=False)
    centres = [PER_CLASS * info.tile / 2, info.wall.shape[1] - PER_CLASS * info.tile / 2]
    plot.set_xticks(centres, ["← friendliest", "most problematic →"])
    plot.set_ylabel("class, as labelled")
    plot.tick_params(length=0)
    plot.grid(False)
    plot.spines[:].set_visible(False)
    for x, y, label in info.flips:
        plot.text(x, y, f"was {label}", fontsize=6, va="bottom", bbox={"fc": "white", "ec": "none", "pad": 0.6})


def _framed(image: np.ndarray, zoom: int, is_flipped: bool) -> np.ndarray:
    """One image enlarged, in RGB, within a frame of two pixels."""
    large = np.repeat(np.repeat(np.broadcast_to(image, (*image.shape[:2], 3)), zoom, 0), zoom, 1)
    tile = np.empty((large.shape[0] + 4, large.shape[1] + 4, 3), dtype=np.uint8)
    tile[:] = FLIPPED if is_flipped else FRAME
    tile[2:-2, 2:-2] = large
    return tile
