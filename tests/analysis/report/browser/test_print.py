"""On paper the page is light, without controls, on A4, with every column of the table and its header on each sheet."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from .conftest import Opener

SHEETS = 7
A4 = (595, 842)  # points
HEADERS = "#configurations .tbl.tall thead th"


def print_page(opened) -> list[str]:  # type: ignore[no-untyped-def]
    """Print a page and return the text of each sheet, in lower case, with plain spaces and hyphens."""
    reader = PdfReader(BytesIO(opened.page.pdf(prefer_css_page_size=True)))
    for sheet in reader.pages:
        assert abs(float(sheet.mediabox.width) - A4[0]) < 2 and abs(float(sheet.mediabox.height) - A4[1]) < 2
    return [make_plain(sheet.extract_text()) for sheet in reader.pages]


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
    assert rows and len(sheets) <= SHEETS
    for word in ("filter by name", "reset", "to the answer"):
        assert word not in text, "controls stay on the screen"


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
