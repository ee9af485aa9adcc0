"""Figures of a page as files, and as images in it: those that scripts draw for readers without scripts alone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from analysis.charts.chart import FigureSpec
from analysis.report.data import ReportData
from analysis.report.figures import (
    specify_classes,
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
    specify_groups,
    specify_importance,
    specify_knobs,
    specify_rankings,
)

FORMATS = ("svg", "png", "pdf")
HEAVY = 400_000  # bytes, above which a PNG is embedded instead of the SVG
Specify = Callable[[ReportData, float], Iterator[FigureSpec]]
# part of the page -> what specifies its figures, and the beginnings of the names of those that no script draws
PARTS: dict[str, tuple[Specify, tuple[str, ...]]] = {
    "front": (specify_front, ()),
    "sizes": (specify_effects, ("k_",)),
    "knobs": (specify_knobs, ("along_",)),
    "importance": (specify_importance, ()),
    "curves": (specify_curves, ()),
    "overfitting": (specify_gaps, ("overfitting",)),
    "classes": (specify_classes, ()),
    "examples": (specify_rankings, ("gallery",)),
    "groups": (specify_groups, ("groups",)),
}
DRAWN = "drawn"  # the part of all figures that scripts draw too: for readers without scripts


class Drawing(NamedTuple):
    """A drawn figure: an image, words, files in several formats, and the call that draws it."""

    slug: str
    title: str
    caption: str
    source: str  # a data: URL
    links: dict[str, str]
    call: str


Figures = dict[str, list[Drawing]]  # by part of the page


def draw_figures(found: ReportData, folder: Path, width: float, advance: Callable[[], None] = lambda: None) -> Figures:
    """Draw all figures of a report into a folder beside the page, and return them by part of the page."""
    figures: Figures = {part: [] for part in (DRAWN, *PARTS)}
    for part, (specify, unscripted) in PARTS.items():
        for spec in specify(found, width):
            place = part if spec.slug.startswith(unscripted) else DRAWN
            figures[place].append(draw_figure(spec, folder))
        advance()
    return figures


def draw_figure(spec: FigureSpec, folder: Path) -> Drawing:
    """Draw a figure as SVG, PNG and PDF."""
    spec.chart.save(*(folder / f"{spec.slug}.{kind}" for kind in ("png", "svg", "pdf")))
    links = {kind.upper(): f"{folder.name}/{quote(spec.slug)}.{kind}" for kind in FORMATS}
    return Drawing(spec.slug, spec.title, spec.caption, embed_figure(folder, spec.slug), links, spec.call)


def embed_figure(folder: Path, slug: str) -> str:
    """Return a drawn figure as a data: URL: the SVG, or the PNG if the SVG is too large."""
    vector = folder / f"{slug}.svg"
    path, kind = (vector, "svg+xml") if vector.stat().st_size < HEAVY else (folder / f"{slug}.png", "png")
    return f"data:image/{kind};base64,{b64encode(path.read_bytes()).decode('ascii')}"
