"""Draw every figure that some runs have the data for on a sheet: `python -m analysis.papers.contact_sheet --help`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from analysis.charts.chart import Chart
from analysis.charts.saving import parse_image, render_pixels, save_figure
from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.papers.catalogue import FIGURES
from analysis.papers.drawing import draw_paper_figure
from analysis.papers.row import PaperFigure, find_usable
from analysis.results.sweep import Sweep, open_sweeps
from trainers.formatting import format_count, format_list
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUPS = tuple(dict.fromkeys(name.partition(":")[0] for name in FIGURES))
COLUMNS = 4
WIDTH, MAX_HEIGHT, GAP = 8.4, 12.0, 0.12  # inches of a page, and between thumbnails
COLUMN = (WIDTH - GAP) / COLUMNS - GAP  # inches
TALLEST = 1.7  # times the width of a column; a taller figure becomes narrower
DRAWN_WIDTHS = (3.25, 5.5)  # inches at which a figure is drawn before it is made small, and one that is tall
TITLE_SIZE, TITLE_LINE, TITLE_LETTERS = 6.5, 0.12, 36  # points, inches, letters of a line


class Thumbnail(NamedTuple):
    """A figure made small: its name and title, and its pixels, (height, width, 4)."""

    name: str
    title: str
    pixels: np.ndarray

    @property
    def size(self) -> tuple[float, float]:
        """Its width and height on the page in inches."""
        height, width, _ = self.pixels.shape
        scale = min(COLUMN / width, TALLEST * COLUMN / height)
        return width * scale, height * scale

    @property
    def text(self) -> list[str]:
        """The lines above it: its name, and its title."""
        return [self.name, *wrap(self.title, TITLE_LETTERS)]

    @property
    def room(self) -> float:
        """The inches of a column that it takes."""
        return TITLE_LINE * len(self.text) + self.size[1] + GAP


class Place(NamedTuple):
    """Where a thumbnail lies: its page and column, both from 0, and its distance from the top in inches."""

    page: int
    column: int
    top: float


def choose_runs(row: PaperFigure, sweeps: Sequence[Sweep]) -> list[Sweep]:
    """Return the runs that a thumbnail is drawn from: those of its own study if there are any, else the first usable.

    The runs that a figure joins all stay, and so do those by whose PGD trainings it orders examples, of its own studies
    first. Empty if no run has its data.
    """
    usable, _ = find_usable(row, sweeps)
    if not usable or row.choice.join:
        return usable
    studies = [Path(study).name for study in row.study.split(", ")]
    own = [sweep for sweep in usable if sweep.study in studies]
    others = [sweep for sweep in sweeps if row.reference and sweep not in usable]
    return [(own or usable)[0], *sorted(others, key=lambda sweep: sweep.study not in studies)]


def draw_thumbnails(rows: Sequence[PaperFigure], sweeps: Sequence[Sweep]) -> Iterator[Thumbnail | str]:
    """Yield a thumbnail of each figure, or the name of one that the runs lack the data for."""
    for row in rows:
        runs = [] if row.lacks else choose_runs(row, sweeps)
        try:
            drawn = _draw(row, runs) if runs else None
        except SweepError:  # the trials have nothing of it
            drawn = None
        yield Thumbnail(row.name, row.title, render_pixels(drawn.draw, drawn.size)) if drawn else row.name


def _draw(row: PaperFigure, runs: Sequence[Sweep]) -> Chart:
    """Draw a figure at the width of a column, or of a page if it were too tall."""
    narrow, wide = DRAWN_WIDTHS
    chart = draw_paper_figure(row, runs, width=narrow).spec.chart
    return chart if chart.size[1] <= TALLEST * chart.size[0] else draw_paper_figure(row, runs, width=wide).spec.chart


def place_thumbnails(rooms: Sequence[float]) -> list[Place]:
    """Place thumbnails of these heights in inches, each in the shortest column, on as many pages as they need."""
    places, page, bottoms = [], 0, [0.0] * COLUMNS
    for room in rooms:
        column = int(np.argmin(bottoms))
        if bottoms[column] and bottoms[column] + room > MAX_HEIGHT:
            page, column, bottoms = page + 1, 0, [0.0] * COLUMNS
        places.append(Place(page, column, bottoms[column]))
        bottoms[column] += room
    return places


def draw_page(figure: Figure, placed: Sequence[tuple[Place, Thumbnail]]) -> None:
    """Draw a page: above each thumbnail its name in bold type, and its title."""
    figure.set_layout_engine("none")
    height = figure.get_figheight()
    for place, thumbnail in placed:
        x, y = GAP + place.column * (COLUMN + GAP), GAP + place.top
        for number, line in enumerate(thumbnail.text):
            weight = "normal" if number else "bold"
            figure.text(x / WIDTH, 1 - y / height, line, fontsize=TITLE_SIZE, va="top", weight=weight)
            y += TITLE_LINE
        wide, high = thumbnail.size
        plot = figure.add_axes((x / WIDTH, 1 - (y + high) / height, wide / WIDTH, high / height))
        plot.imshow(thumbnail.pixels, aspect="auto")
        plot.axis("off")


def save_sheet(thumbnails: Sequence[Thumbnail], path: Path) -> list[Path]:
    """Write the pages of a sheet and return their paths: sheet.png, sheet_2.png, and so on."""
    places = place_thumbnails([thumbnail.room for thumbnail in thumbnails])
    paths = []
    for page in range(1 + max(place.page for place in places)):
        placed = [pair for pair in zip(places, thumbnails, strict=True) if pair[0].page == page]
        height = GAP + max(place.top + thumbnail.room for place, thumbnail in placed)
        paths.append(path if page == 0 else path.with_stem(f"{path.stem}_{page + 1}"))
        save_figure(partial(draw_page, placed=placed), (WIDTH, height), paths[-1:])
    return paths


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the sheet of some runs, and name the figures that they lack the data for."""
    options = _build_parser().parse_args(arguments)
    rows = [row for name, row in FIGURES.items() if options.of in (None, name.partition(":")[0])]
    with open_sweeps(options.run) as sweeps:
        found = list(draw_thumbnails(rows, sweeps))
        thumbnails = [one for one in found if isinstance(one, Thumbnail)]
        if not thumbnails:
            where = format_list([sweep.where for sweep in sweeps])
            raise SweepError(f"{where}: no figure can be drawn from it; `python -m analysis.figure --list` says why")
        paths = save_sheet(thumbnails, options.output)
    missing = [one for one in found if isinstance(one, str)]
    lacks = f"\nWithout data: {', '.join(missing)}" if missing else ""
    drawn = format_count(len(thumbnails), "figure")
    Console().print(f"{drawn} in {format_list(paths)}{lacks}", soft_wrap=True)
    return 0


def _build_parser() -> Parser:
    parser = Parser(
        prog="python -m analysis.papers.contact_sheet",
        description="Draw every figure of the papers that some runs have the data for, as thumbnails on a page.",
    )
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/gairat_lambda")
    parser.add_argument(
        "-o", "--output", type=parse_image, required=True, metavar="FILE",
        help="file to write: .png, .svg or .pdf; further pages are FILE_2, FILE_3, and so on",
    )  # fmt: skip
    parser.add_argument("--of", choices=GROUPS, help="draw only the figures of one paper, or the diagnostics")
    return parser


if __name__ == "__main__":
    run_and_exit(main)
