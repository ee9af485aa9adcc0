"""On paper the page is light, without controls, on A4, with every column of the table and its header on each sheet."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from .conftest import Opener
from .reading import Opened

SHEETS = 5  # of a study without what is folded on the screen
A4 = (595, 842)  # points
HEADERS = "#configurations .tbl.tall thead th"


def print_page(opened: Opened) -> list[str]:
    """Print a page and return the text of each sheet, in lower case, with plain spaces and hyphens."""
    reader = PdfReader(BytesIO(opened.page.pdf(prefer_css_page_size=True)))
    for sheet in reader.pages:
        assert abs(float(sheet.mediabox.width) - A4[0]) < 2 and abs(float(sheet.mediabox.height) - A4[1]) < 2
    return [make_plain(sheet.extract_text()) for sheet in reader.pages]


def list_summaries(opened: Opened) -> list[str]:
    """List what stands folded on the screen, but the figures as files, which are of no use on paper."""
    return [make_plain(text) for text in opened.page.locator("details:not(.noprint) > summary").all_inner_texts()]


def make_plain(text: str) -> str:
    """Turn a text as it is drawn to lower case, with plain spaces and hyphens."""
    return " ".join(text.replace("\u2011", "-").split()).lower()


def test_a_study_prints_every_column_under_a_repeated_header(study: Path, open_page: Opener) -> None:
    opened = open_page(study, color_scheme="dark")
    words = {word for header in opened.page.locator(HEADERS).all() for word in make_plain(header.inner_text()).split()}
    sheets = print_page(opened)
    text = " ".join(sheets)
    assert len(words) >= 8 and [word for word in words if word not in text] == []
    rows = [sheet for sheet in sheets if sheet.count("friendly-108") + sheet.count("friendly 108") >= 3]
    assert rows
    for word in ("filter by name", "reset", "to the answer"):
        assert word not in text, "controls stay on the screen"


def test_a_study_takes_few_sheets_without_what_is_folded(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.run("document.querySelectorAll('details').forEach((details) => details.remove())")
    assert len(print_page(opened)) <= SHEETS


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_folded_on_the_screen_is_open_on_paper(study: Path, scripts: bool, open_page: Opener) -> None:
    opened = open_page(study, java_script_enabled=scripts)
    captions = opened.page.locator("details:not(.noprint) p.note").all()
    firsts = [" ".join(make_plain(caption.text_content() or "").split()[:4]) for caption in captions]
    text = " ".join(print_page(opened))
    assert len(firsts) >= 4 and [words for words in firsts if words not in text] == []
    assert [summary for summary in list_summaries(opened) if summary not in text] == []
    assert "best epoch on test" in text and "validation would select" in text, "the findings, to their words"


@pytest.mark.parametrize("page", ["study", "search"])
def test_no_table_is_wider_than_a_sheet(page: str, request: pytest.FixtureRequest, open_page: Opener) -> None:
    """The browser would shrink all sheets to the width of the widest table."""
    opened = open_page(request.getfixturevalue(page), 688)  # px of a sheet between its margins
    opened.run("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    opened.rest()
    wide = """() => [...document.querySelectorAll('main table, main figure, main dl')]
      .filter((e) => e.getBoundingClientRect().right > 689).map((e) => e.textContent.slice(0, 60))"""
    assert opened.run(wide) == []


def test_a_long_table_repeats_its_header(search: Path, open_page: Opener) -> None:
    opened = open_page(search)
    first = opened.page.locator("#configurations table.data thead th").nth(1).inner_text()
    sheets = print_page(opened)
    with_rows = [sheet for sheet in sheets if sheet.count("trades") + sheet.count("mart") >= 12]
    assert len(with_rows) >= 2 and all(make_plain(first) in sheet for sheet in with_rows)


@pytest.mark.parametrize("page", ["study", "search", "few"])
def test_the_end_of_a_page_is_on_its_last_sheet(page: str, request: pytest.FixtureRequest, open_page: Opener) -> None:
    """Though figures are drawn anew for paper, and the sheets are counted before."""
    opened = open_page(request.getfixturevalue(page), color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    assert opened.run(theme) == "dark"
    assert "written from records by" in print_page(opened)[-1]
    assert opened.run(theme) == "dark" and opened.run("!('paper' in document.documentElement.dataset)")


@pytest.mark.parametrize("page", ["study", "search"])
def test_figures_have_the_size_of_paper_before_its_sheets_are_counted(
    page: str, request: pytest.FixtureRequest, open_page: Opener
) -> None:
    opened = open_page(request.getfixturevalue(page))
    sizes = "[...document.querySelectorAll('svg.fig')].map((svg) => svg.viewBox.baseVal.height)"
    opened.run("dispatchEvent(new Event('beforeprint'))")
    counted = opened.run(sizes)
    opened.page.emulate_media(media="print")
    opened.rest()
    assert counted == pytest.approx(opened.run(sizes), abs=2)


def test_paper_is_light(study: Path, open_page: Opener) -> None:
    opened = open_page(study, color_scheme="dark")
    opened.page.emulate_media(media="print")
    opened.rest()
    assert opened.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.count("nav") == opened.count("#controls") == opened.count("#theme") == 0
    assert opened.run("[...document.querySelectorAll('.tbl')].every((box) => box.scrollHeight <= box.clientHeight + 1)")


def test_the_figures_of_a_single_setting_have_the_width_of_a_sheet(few: Path, open_page: Opener) -> None:
    opened = open_page(few, 688)
    opened.run("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    opened.rest()
    for name in ("front", "curves"):
        width = opened.run(f"document.querySelector('#{name} svg.fig').getBoundingClientRect().width")
        assert width > 680 and opened.count(f"#{name} svg.fig") == 1


def test_a_gallery_has_a_row_of_a_sheet(study: Path, open_page: Opener) -> None:
    opened = open_page(study)
    opened.page.emulate_media(media="print")
    opened.rest()
    images = opened.page.locator('#examples figure[id^="gallery"] img').all()
    boxes = [box for image in images if (box := image.bounding_box())]
    assert len(boxes) == 2 and boxes[1]["y"] >= boxes[0]["y"] + boxes[0]["height"]
    for box in boxes:
        assert box["width"] == pytest.approx(120 * 96 / 25.4, abs=1) and 0.8 < box["height"] / box["width"] < 1.1


def test_a_long_key_ends_before_its_value(few: Path, open_page: Opener) -> None:
    opened = open_page(few, 688)
    opened.page.emulate_media(media="print")
    over = """(key) => [...document.querySelectorAll('#provenance dt')].filter((dt) => {
      dt.textContent = key;
      const text = document.createRange();
      text.selectNodeContents(dt);
      return text.getBoundingClientRect().right > dt.nextElementSibling.getBoundingClientRect().left;
    }).length"""
    assert opened.run(over, "method.attack.epsilon.of_a_key_that_is_long") == 0


def test_commands_are_broken_between_arguments_alone(few: Path, open_page: Opener) -> None:
    """A line that ends in `--` reads as if an argument `--` and one `set` stood there."""
    opened = open_page(few)
    broken = """() => [...document.querySelectorAll('#provenance dd .word')].flatMap((word) => {
      const cell = word.parentElement, text = document.createRange();
      text.selectNodeContents(word);
      return Array.from({length: 40}, (_, i) => {
        cell.style.width = `${90 + 5 * i}px`; // wider than a word
        return text.getBoundingClientRect().height > 25;
      });
    })"""
    opened.run("""() => {
      for (const word of document.querySelectorAll('#provenance dd .word')) word.textContent = '--set-a-b';
    }""")
    found = opened.run(broken)
    assert len(found) >= 8 * 40 and not any(found)


def test_tags_stand_beside_the_name_in_its_line(few: Path, open_page: Opener) -> None:
    opened = open_page(few, 688)
    opened.page.emulate_media(media="print")
    middles = """() => [...document.querySelectorAll('#configurations td:has(.tag)')].map((cell) => {
      const boxes = [...cell.children].map((child) => child.querySelector('span') ?? child);
      const middles = boxes.map((box) => box.getBoundingClientRect()).map((box) => (box.top + box.bottom) / 2);
      return Math.max(...middles) - Math.min(...middles);
    })"""
    offsets = opened.run(middles)
    assert offsets and max(offsets) < 6


def test_the_front_of_one_row_is_as_tall_on_paper_as_on_a_screen(study: Path, open_page: Opener) -> None:
    """It was a flat strip on the first sheet, with room below."""
    opened = open_page(study, 688)
    opened.run("dispatchEvent(new Event('beforeprint'))")
    opened.page.emulate_media(media="print")
    opened.rest()
    boxes = "[...document.querySelectorAll('#front svg.fig')].map((svg) => svg.getBoundingClientRect())"
    shapes = opened.run(f"{boxes}.map((box) => box.height / box.width)")
    assert len(shapes) == 2 and min(shapes) > 0.8
    text = print_page(open_page(study))[0]
    assert "clean against robust accuracy on test" in text, "the figure is on the first sheet, with its caption"


@pytest.mark.parametrize("page", ["study", "search"])
def test_the_last_column_stands_apart_and_below_its_header(
    page: str, request: pytest.FixtureRequest, open_page: Opener
) -> None:
    """It read "19 s 3": the seeds stood to the left of their header, beside the time."""
    opened = open_page(request.getfixturevalue(page), 688)
    opened.page.emulate_media(media="print")
    opened.rest()
    measure = """() => {
      const box = (cell) => { const text = document.createRange(); text.selectNodeContents(cell);
        return text.getBoundingClientRect(); };
      const [head, row] = ['thead tr:last-child', 'tbody tr:not(.group)'].map((rows) => {
        const cells = document.querySelectorAll(`#configurations .tbl.tall ${rows}`)[0].children;
        return [...cells].slice(-2).map(box);
      });
      return [row[1].left - row[0].right, Math.abs(row[1].right - head[1].right)];
    }"""
    apart, aside = opened.run(measure)
    assert apart > 8 and aside < 1
