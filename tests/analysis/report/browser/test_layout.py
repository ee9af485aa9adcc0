"""The page fits every width, and every text on it can be read, in the light and in the dark."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from .conftest import Opener

WIDTHS = (390, 768, 1100, 1600)
BETWEEN = (768,)
PAGES = ("study", "search", "unfinished", "hostile", "compared", "named")
TALLEST = 5500  # pixels, at a width of 1100
BAR = 48  # of one line

CLIPPED = """() => [...document.querySelectorAll('svg.fig text')].filter((text) => {
  const [box, figure] = [text, text.ownerSVGElement].map((element) => element.getBoundingClientRect());
  return box.width && (box.left < figure.left - 1 || box.right > figure.right + 1);
}).map((text) => text.textContent)"""

FAINT = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


@pytest.fixture(params=PAGES)
def page(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    "width", [pytest.param(width, marks=[pytest.mark.slow] * (width in BETWEEN)) for width in WIDTHS]
)
def test_no_width_scrolls_sideways_or_clips_a_label(page: Path, width: int, open_page: Opener) -> None:
    opened = open_page(page, width)
    assert opened.count("#front svg[role=application]") >= 1
    wide = """() => [...document.querySelectorAll('main *')].filter((e) => !e.closest('.tbl, svg'))
      .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
    assert opened.run("document.documentElement.scrollWidth <= innerWidth"), opened.run(wide)
    assert opened.run(CLIPPED) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_long_name_in_a_forest_ends_before_its_numbers(named: Path, width: int, open_page: Opener) -> None:
    opened = open_page(named, width)
    meet = """() => [...document.querySelectorAll('#forest .contrast')].filter((row) => {
      const [name, numbers] = [...row.querySelectorAll('text')].map((text) => text.getBoundingClientRect());
      const apart = name.right < numbers.left || name.bottom < numbers.top + 4;
      return !apart || [...row.querySelectorAll('path')].some((path) => {
        const box = path.getBoundingClientRect();
        return box.left < name.right && name.left < box.right && box.top < name.bottom - 4 && name.top < box.bottom;
      });
    }).map((row) => row.textContent)"""
    assert opened.count("#forest .contrast") >= 2 and opened.run(meet) == []


@pytest.mark.parametrize(("width", "least"), [(390, 350), (1100, 500), (1600, 600)])
def test_the_images_of_a_gallery_are_large_enough_to_see(
    study: Path, width: int, least: int, open_page: Opener
) -> None:
    opened = open_page(study, width)
    sizes = opened.run("""() => [...document.querySelectorAll('#examples figure[id^="gallery"] img')].map((image) => {
      const box = image.getBoundingClientRect();
      return [box.width, box.right, (box.width / box.height) / (image.naturalWidth / image.naturalHeight)];
    })""")
    assert len(sizes) == 2, "one a ranking"
    for wide, right, stretch in sizes:
        assert wide >= least and right <= width and stretch == pytest.approx(1, abs=0.01)


# labels of a front that lie on the middle of a mark
COVERING = """() => [...document.querySelectorAll('#front svg.fig')].flatMap((svg) => {
  const marks = [...svg.querySelectorAll('.pt')].map((mark) => mark.getBoundingClientRect())
    .map((box) => [(box.left + box.right) / 2, (box.top + box.bottom) / 2]);
  return [...svg.querySelectorAll('.over text')].filter((text) => {
    const box = text.getBoundingClientRect();
    return marks.some(([x, y]) => x > box.left - 3 && x < box.right + 3 && y > box.top && y < box.bottom);
  }).map((text) => text.textContent);
})"""


@pytest.mark.parametrize("width", [390, 1100])
@pytest.mark.parametrize("y", ["test_pgd20_acc", "test_aa_acc"])
@pytest.mark.parametrize("checkpoint", ["best", "last"])
def test_no_label_of_a_front_covers_a_mark(study: Path, width: int, y: str, checkpoint: str, open_page: Opener) -> None:
    opened = open_page(study, width, address=f"#?y={y}&at={checkpoint}")
    assert opened.count("#front .over text") >= 2 and opened.run(COVERING) == []


# of each figure of Python that is no gallery: its width, that of its column, its own, and whether it is stretched
SHOWN = """() => [...document.querySelectorAll('.still figure:not([id^="gallery"]) img')].map((image) => {
  const box = image.getBoundingClientRect();
  const stretch = (box.width / box.height) / (image.naturalWidth / image.naturalHeight);
  return [box.width, image.parentElement.getBoundingClientRect().width, image.naturalWidth, stretch];
})"""
COLUMN = 480  # px, at which letters of 8 points in a figure of 5.5 inches have 9 px and more


@pytest.mark.parametrize("width", [390, 1100, 688])
@pytest.mark.parametrize("media", ["screen", "print"])
def test_a_folded_figure_has_its_own_width_as_far_as_its_column_reaches(
    study: Path, width: int, media: Literal["screen", "print"], open_page: Opener
) -> None:
    opened = open_page(study, width)
    opened.run("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    opened.page.emulate_media(media=media)
    opened.rest()
    found = opened.run(SHOWN)
    assert len(found) >= 3
    for wide, column, own, stretch in found:
        assert wide == pytest.approx(min(column, own), abs=1) and stretch == pytest.approx(1, abs=0.01)
        assert column >= min(COLUMN, width - 40)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_edge_of_a_table_is_shaded_while_columns_lie_beyond_it(study: Path, theme: str, open_page: Opener) -> None:
    opened = open_page(study, 768, color_scheme=theme)
    table = opened.page.locator("#configurations .tbl.tall")
    assert table.evaluate("(box) => box.scrollWidth > box.clientWidth + 100")
    header = table.locator("thead").bounding_box()
    assert header
    table.scroll_into_view_if_needed()

    def read_edge() -> float:
        """Return the mean difference of the last pixels of the rows from the ground."""
        pixels = np.asarray(Image.open(BytesIO(table.screenshot())).convert("L"), dtype=float)
        return float(np.abs(pixels[int(header["height"]) + 4 :, -8:-2] - np.median(pixels)).mean())

    shaded = read_edge()
    table.evaluate("(box) => box.scrollTo(box.scrollWidth, 0)")
    opened.rest()
    assert shaded > 3 * read_edge()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_has_enough_contrast(page: Path, theme: str, open_page: Opener) -> None:
    opened = open_page(page, color_scheme=theme)
    assert opened.run("document.documentElement.dataset.theme") == theme
    opened.focus_front()
    opened.press("Home", "Enter")  # with a card, a tip and a kept row
    opened.rest()
    assert opened.count("#tip") == opened.count("#cards .card") == 1
    assert opened.run(FAINT) == []


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_without_results_says_so(begun: Path, width: int, open_page: Opener) -> None:
    opened = open_page(begun, width)
    assert opened.run("document.documentElement.scrollWidth <= innerWidth")
    assert "no " in opened.text("#answer .empty").lower()
    assert opened.count("#configurations tr[data-i]") == 12 and opened.run(FAINT) == []


def test_the_measure_of_contrast_finds_a_faint_text(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.run("document.querySelector('h1').style.color = '#999'")
    opened.run("document.querySelector('#front svg.fig text').style.fill = '#aaa'")
    assert len(opened.run(FAINT)) == 2


def test_the_answer_comes_first(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    place = "(selector) => document.querySelector(selector).getBoundingClientRect()"
    assert opened.run(f"({place})('h1').top") < 120
    assert opened.run(f"({place})('#front').top") < 560, "the front begins on the first screen"


@pytest.mark.parametrize("kind", ["study", "search"])
def test_a_page_is_short_and_its_bar_takes_one_line(
    kind: str, request: pytest.FixtureRequest, open_page: Opener
) -> None:
    opened = open_page(request.getfixturevalue(kind))
    assert opened.run("document.documentElement.scrollHeight") <= TALLEST
    assert opened.run("document.querySelector('#top').offsetHeight") <= BAR


def test_numbers_stand_beside_the_names_on_a_phone(study: Path, open_page: Opener) -> None:
    opened = open_page(study, 390)
    wide = "document.querySelector('#configurations tbody td').offsetWidth"
    assert 100 < opened.run(wide) <= 200


def test_the_names_of_what_a_figure_shows_are_whole(study: Path, open_page: Opener) -> None:
    """Above a figure; those of the axes of the front stand beside the axes too, and may be cut."""
    opened = open_page(study)
    cut = """() => [...document.querySelectorAll("select:not(#controls *)")].filter((select) => {
      const wide = select.offsetWidth;
      select.style.maxWidth = "none";
      const whole = select.offsetWidth;
      select.style.maxWidth = "";
      return whole > wide;
    }).map((select) => select.id)"""
    assert opened.count("#curves-metric") == 1 and opened.page.evaluate(cut) == []


def test_the_theme_changes_and_stays(study: Path, open_page: Opener) -> None:
    opened = open_page(study, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(ground)
    opened.page.click("#theme")
    assert opened.run(ground) != light
    opened.page.reload()
    assert opened.run("document.documentElement.dataset.theme") == "dark"


def test_the_files_of_figures_need_no_scrolling(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    box = opened.page.get_by_label("Figures as files")
    box.evaluate("(box) => (box.closest('details').open = true)")
    links = box.evaluate(
        "(box) => [...box.querySelectorAll('a')].map((a) => a.getBoundingClientRect().right - box.clientWidth)"
    )
    left = box.evaluate("(box) => box.getBoundingClientRect().left")
    assert len(links) >= 6 and max(links) <= left
    assert box.evaluate("(box) => box.scrollWidth <= box.clientWidth")


def test_a_figure_of_python_has_the_ground_of_the_page_in_the_dark(study: Path, open_page: Opener) -> None:
    opened = open_page(study, color_scheme="dark")
    opened.run("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    image = opened.page.locator("#overfitting img")
    pixels = np.asarray(Image.open(BytesIO(image.screenshot())).convert("RGB"), dtype=float)
    assert np.abs(np.median(pixels, axis=(0, 1)) - (0x14, 0x17, 0x1A)).max() <= 1
