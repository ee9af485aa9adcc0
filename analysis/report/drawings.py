"""Figures of a page as files, and as images in it: those that scripts draw for readers without scripts alone."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from analysis.charts.saving import FigureSpec, save_figure
from analysis.report.data import ReportData
from analysis.report.figures import (
    specify_classes,
    specify_curves,
    specify_effects,
    specify_front,
    specify_gaps,
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
    "examples": (specify_rankings, ("groups", "gallery")),
}
DRAWN = "drawn"  # the part of all figures that scripts draw too


class Drawing(NamedTuple):
    """A drawn figure: an image, words, files in several formats, and the call that specifies it."""

    slug: str
    title: str
    caption: str
    source: str  # a data: URL
    links: dict[str, str]
    call: str


def draw_figures(
    found: ReportData, folder: Path, link: str, width: float, advance: Callable[[], None]
) -> dict[str, list[Drawing]]:
    """Draw all figures of a report into a folder, which the page links as `link`; return them by part of the page."""
    drawn: dict[str, list[Drawing]] = {DRAWN: []}
    for part, (specify, unscripted) in PARTS.items():
        drawn[part] = []
        for spec in specify(found, width):
            to = part if spec.slug.startswith(unscripted) else DRAWN
            drawn[to].append(draw_figure(spec, folder, link, f"{specify.__name__}(data, {width:g})"))
        advance()
    return drawn


def draw_figure(spec: FigureSpec, folder: Path, link: str, call: str) -> Drawing:
    """Draw a figure as SVG, PNG and PDF."""
    save_figure(spec.draw, spec.size, [folder / f"{spec.slug}.{kind}" for kind in ("png", "svg", "pdf")])
    links = {kind.upper(): f"{link}/{spec.slug}.{kind}" for kind in FORMATS}
    return Drawing(spec.slug, spec.title, spec.caption, embed_figure(folder, spec.slug), links, call)


def embed_figure(folder: Path, slug: str) -> str:
    """Return a drawn figure as a data: URL: the SVG, or the PNG if the SVG is too large."""
    vector = folder / f"{slug}.svg"
    path, kind = (vector, "svg+xml") if vector.stat().st_size < HEAVY else (folder / f"{slug}.png", "png")
    return f"data:image/{kind};base64,{b64encode(path.read_bytes()).decode('ascii')}"


def list_links(drawings: Iterable[Drawing]) -> list[Drawing]:
    """Return the drawings once each, in order."""
    return list({drawing.slug: drawing for drawing in drawings}.values())
