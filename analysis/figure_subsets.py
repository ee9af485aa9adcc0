"""Figures of accuracy against the size of a subset, and of the friendliest and most problematic images."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from analysis.axes import ALL
from analysis.classes import abbreviate_class
from analysis.difficulty import find_class_names
from analysis.figures import WIDTH, align_ranges, create_panels, draw_legend, list_settings, title_panels, write_percent
from analysis.instances import Ranking, read_images
from analysis.results import Results
from analysis.styles import Register, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes as Plot
    from matplotlib.figure import Figure

MAX_PANELS = 12  # of a problem
PER_CLASS = 5
MAX_CLASSES = 10  # the first ones are shown
FRAME, FLIPPED = (255, 255, 255), (213, 94, 0)
TILE = 32  # pixels, the approximate size of an image


class SizeLine(NamedTuple):
    """Accuracy of one kind of subset against its size k."""

    kind: str
    k: np.ndarray  # (n,)
    selected: np.ndarray  # (n, 2) mean and s.e. at the epoch selected on validation
    last: np.ndarray  # (n, 2)


class Sizes(NamedTuple):
    """Accuracies against size, with a panel per setting and method."""

    y_title: str
    panels: dict[tuple[str, str], list[SizeLine]]  # (setting, method)
    left_out: int  # panels that did not fit

    @property
    def titles(self) -> list[str]:
        """Return the title of each panel."""
        return title_panels(self.panels)

    @property
    def settings(self) -> list[str]:
        """Return the setting of each panel."""
        return list_settings(self.panels)

    @property
    def limits(self) -> list[tuple[float, float]]:
        """Return the limits of each panel, which enclose the values with their errors."""
        found = []
        for lines in self.panels.values():
            ends = [
                pair[:, 0] + sign * np.nan_to_num(pair[:, 1]) for line in lines for pair in line[2:] for sign in (-1, 1)
            ]
            low, high = float(np.nanmin(np.concatenate(ends))), float(np.nanmax(np.concatenate(ends)))
            margin = 0.1 * max(high - low, 0.01)
            found.append((low - margin, high + margin))
        return found


class Gallery(NamedTuple):
    """A wall of images with a row per class: friendliest on the left, most problematic on the right."""

    wall: np.ndarray  # (H, W, 3) uint8
    classes: list[str]  # that are shown, as written on the axis
    known: int  # number of all classes
    tile: int  # pixels from one image to the next
    flips: list[tuple[float, float, int]]  # x, y of a flipped example and its label before the flip


def collect_sizes(table: pd.DataFrame, metric: str, y_title: str) -> Sizes | None:
    """Collect from `analysis.difficulty.sizes` the panels in which some kind has two sizes; None without any."""
    if table.empty:
        return None
    panels: dict[tuple[str, str], list[SizeLine]] = {}
    several_sizes = table.groupby(["setting", "family", "subset_kind"])["subset_size"].transform("size") > 1
    drawn = several_sizes.groupby([table["setting"], table["family"]]).transform("any")
    for (setting, family, kind), found in table[drawn].groupby(["setting", "family", "subset_kind"], sort=False):
        columns = {c: found[[f"{c}_{metric}_mean", f"{c}_{metric}_sem"]].to_numpy() for c in ("best", "last")}
        line = SizeLine(str(kind), found["subset_size"].to_numpy(), columns["best"], columns["last"])
        panels.setdefault((str(setting), str(family)), []).append(line)
    problems = dict.fromkeys(setting for setting, _ in panels)
    kept = [key for problem in problems for key in [key for key in panels if key[0] == problem][:MAX_PANELS]]
    shown = {key: panels[key] for key in kept}
    return Sizes(y_title, shown, len(panels) - len(shown)) if shown else None


def draw_sizes(figure: Figure, info: Sizes, register: Register) -> None:
    """Draw filled marks for the selected epoch, open marks for the last, and a horizontal line for training on all."""
    paint = register.assign_styles(line.kind for lines in info.panels.values() for line in lines)
    plots = create_panels(figure, info.titles, info.settings, "examples trained on", f"{info.y_title} (%)")
    for plot, lines in zip(plots, info.panels.values(), strict=True):
        for line in lines:
            _draw_size_line(plot, line, paint[line.kind])
        plot.locator_params(axis="x", nbins=4, integer=True)
        plot.margins(x=0.1)
        write_percent(plot)
    align_ranges(plots, info.limits)
    selects = any(np.isfinite(line.selected[:, 0]).any() for lines in info.panels.values() for line in lines)
    draw_legend(figure, _make_size_handles(paint, selects))


def _draw_size_line(plot: Plot, line: SizeLine, style: Style) -> None:
    for found, fill, dash in ((line.last, "white", ":"), (line.selected, style.colour, "-")):
        if line.kind == ALL:
            plot.axhline(found[:, 0].mean(), color=style.colour, ls=dash, lw=0.8)
        plot.errorbar(
            line.k, found[:, 0], yerr=found[:, 1], color=style.colour, marker=style.marker, mfc=fill, ls=dash, ms=4.5,
            elinewidth=0.9, capsize=2,
        )  # fmt: skip


def _make_size_handles(paint: dict[str, Style], selects: bool) -> list[object]:
    from matplotlib.lines import Line2D

    kinds = [Line2D([], [], color=style.colour, marker=style.marker, label=kind) for kind, style in paint.items()]
    chosen = [Line2D([], [], color="0.5", marker="o", label="selected epoch")] * selects
    return [*kinds, *chosen, Line2D([], [], color="0.5", marker="o", mfc="white", ls=":", label="last epoch")]


def collect_gallery(results: Results, ranking: Ranking) -> Gallery | None:
    """Collect the friendliest and most problematic examples of each class by a ranking; None without images."""
    images = read_images(results.folder / "profile" / f"{ranking.name}.images.npz", ranking.index, results.damage)
    if images is None:
        return None
    known = np.unique(ranking.y)
    rows = {int(c): select_extremes(ranking.rank, ranking.y == c) for c in known[:MAX_CLASSES]}
    names = find_class_names(results, ranking)
    zoom = max(1, TILE // images.shape[1])
    tile, gap = zoom * images.shape[1] + 4, zoom * images.shape[1] // 2
    wall = np.full((tile * len(rows), 2 * PER_CLASS * tile + gap, 3), 255, dtype=np.uint8)
    flips = []
    for row, chosen in enumerate(rows.values()):
        for column, place in enumerate(chosen):
            if place >= 0:
                left, top = column * tile + gap * (column >= PER_CLASS), row * tile
                wall[top : top + tile, left : left + tile] = _frame_image(images[place], zoom, ranking.flipped[place])
                if ranking.flipped[place]:
                    flips.append((left + 2.0, top + tile - 3.0, int(ranking.y_clean[place])))
    return Gallery(wall, [abbreviate_class(label, names) for label in rows], len(known), tile, flips)


def select_extremes(rank: np.ndarray, member: np.ndarray, count: int = PER_CLASS) -> np.ndarray:
    """Select the friendliest and the most problematic members, (2 count,); -1 where a class has too few."""
    order = np.flatnonzero(member)
    order = order[np.argsort(rank[order], kind="stable")]
    half = min(count, len(order) // 2)
    chosen = np.full(2 * count, -1)
    chosen[:half] = order[:half]
    chosen[2 * count - half :] = order[len(order) - half :]
    return chosen


def size_gallery(info: Gallery, width: float = WIDTH) -> tuple[float, float]:
    """Return the size of the figure in inches, from the proportions of the wall and the room for labels."""
    return width, 0.92 * width * info.wall.shape[0] / info.wall.shape[1] + 0.25


def draw_gallery(plot: Plot, info: Gallery) -> None:
    """Draw the wall of images; a thick frame and the label before the flip mark a flipped example."""
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


def _frame_image(image: np.ndarray, zoom: int, is_flipped: bool) -> np.ndarray:
    """Return one image enlarged, in RGB, within a frame of two pixels."""
    large = np.repeat(np.repeat(np.broadcast_to(image, (*image.shape[:2], 3)), zoom, 0), zoom, 1)
    tile = np.empty((large.shape[0] + 4, large.shape[1] + 4, 3), dtype=np.uint8)
    tile[:] = FLIPPED if is_flipped else FRAME
    tile[2:-2, 2:-2] = large
    return tile
