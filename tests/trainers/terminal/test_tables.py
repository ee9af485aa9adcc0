"""Tables fit their console with headers of at most two lines, and use one line where there is room."""

from __future__ import annotations

import io

import pytest
from rich.table import Table

from trainers.terminal.console import Console
from trainers.terminal.tables import break_in_two, print_table

HEADERS = (
    "configuration",
    "clean on 500 images %",
    "AutoAttack custom %",
    "AutoAttack custom %, last epoch",
    "difference",
)


def printed(width: int | None) -> list[str]:
    """Return the lines of a table that takes 114 columns, 74 with headers of two lines."""
    options = {} if width is None else {"width": width}
    shown = io.StringIO()
    table = Table(title="a title that says more than the table is wide", box=None, pad_edge=False)
    for header in HEADERS:
        table.add_column(header, no_wrap=header != "configuration")
    for row in (("pgd · all", *["98.1 ± 0.1"] * 4), ("trades · friendly", *["76.9 ± 0.7"] * 4)):
        table.add_row(*row)
    print_table(Console(file=shown, **options), table)
    return [line.rstrip() for line in shown.getvalue().splitlines()]


@pytest.mark.parametrize("width", [76, 80, 100])
def test_headers_have_two_lines_where_one_is_too_wide(width: int) -> None:
    title, first, second, *rows = printed(width)
    assert title == "a title that says more than the table is wide"
    assert max(map(len, (first, second, *rows))) <= width
    assert [row.split("  ")[0] for row in rows] == ["pgd · all", "trades · friendly"]
    assert first.split() == ["clean", "on", "500", "AutoAttack", "AutoAttack", "custom"]
    assert "difference" in second


@pytest.mark.parametrize("width", [120, None])
def test_headers_have_one_line_where_there_is_room(width: int | None) -> None:
    _, header, *rows = printed(width)
    assert [word for word in HEADERS if word in header] == list(HEADERS)
    assert len(rows) == 2


def test_columns_move_together_before_numbers_are_broken() -> None:
    *_, first, second = printed(71)
    assert first.count("98.1 ± 0.1") == 4 and second.count("76.9 ± 0.7") == 4
    assert "  98.1 ± 0.1  98.1" not in first


@pytest.mark.parametrize(
    ("header", "width", "lines"),
    [
        ("AutoAttack custom %", 8, ["AutoAttack", "custom %"]),
        ("without last", 1, ["without", "last"]),
        ("difference", 3, ["difference"]),
        ("last epoch %", 12, ["last epoch %"]),
        ("n", 0, ["n"]),
    ],
)
def test_a_header_is_broken_between_words_into_two_lines_at_most(header: str, width: int, lines: list[str]) -> None:
    assert break_in_two(header, width).splitlines() == lines


@pytest.mark.parametrize(("columns", "lines"), [(None, 1), ("80", 6)])
def test_a_pipe_gets_whole_lines_unless_its_environment_sets_columns(
    columns: str | None, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    shown = io.StringIO()
    Console(file=shown).print("one two " * 60)
    assert len(shown.getvalue().splitlines()) == lines
