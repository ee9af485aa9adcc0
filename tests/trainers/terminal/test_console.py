"""What a user called a thing is shown as it is: it is no markup, and steers no terminal."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from trainers.terminal.console import Console
from trainers.terminal.text import escape_controls, escape_lines

ROOT = Path(__file__).parents[3]
NAMES = ("[/b]", "[red]x[/red]", ":smile:", "[link=http://x]y", r"\[b]")


def shown(*renderables: object, **options: object) -> str:
    file = StringIO()
    Console(file=file, width=60, force_terminal=True, color_system="truecolor").print(*renderables, **options)
    return file.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_markup_is_text_wherever_it_stands(name: str) -> None:
    table = Table(name, title=name, box=None, caption=name)
    table.add_row(name)
    text = re.sub(r"\x1b\[[\d;]*m", "", shown(name, table))
    assert text.count(name) == 5


def test_numbers_are_not_coloured() -> None:
    assert shown("3 of 4 at /tmp/x") == "3 of 4 at /tmp/x\n"


def test_control_characters_are_shown_as_escapes() -> None:
    table = Table("name", box=None)
    table.add_row("a\x1b[2Jb")
    assert "\x1b[2J" not in shown(Text("a\x1b[2Jb"), table, "\x9b2J\u202e")
    assert shown("a\x1b[2Jb\nc\x9b") == "a\\x1b[2Jb\nc\\x9b\n"
    assert shown(Text("bold", style="bold")) == "\x1b[1mbold\x1b[0m\n"  # its own are sent


def test_lines_are_kept_where_text_has_some_and_shown_where_it_should_have_none() -> None:
    assert escape_lines("a\nb\x1b\tc") == "a\nb\\x1b\tc"
    assert escape_controls("a\nb\r\u2028é€λ") == "a\\nb\\r\\u2028é€λ"


def test_a_paragraph_has_hanging_lines_on_a_terminal_and_is_one_line_in_a_pipe() -> None:
    text = "some words and a-hyphen " * 60
    file = StringIO()
    Console(file=file, width=40, force_terminal=True).print_paragraph(text + "\x1b", "* ", "    ")
    first, *others = file.getvalue().splitlines()
    assert first.startswith("* some") and all(line.startswith("    ") and len(line) <= 40 for line in others)
    assert "\\x1b" in others[-1] and " ".join([first[2:], *others]).split() == [*text.split(), "\\x1b"]
    file = StringIO()
    Console(file=file).print_paragraph(text, "* ", "    ")
    assert file.getvalue() == f"* {text.rstrip()}\n"


def test_no_other_console_is_used() -> None:
    modules = [path for package in ("search", "analysis", "trainers") for path in (ROOT / package).rglob("*.py")]
    assert len(modules) > 100
    others = re.compile(
        r"from rich\.console import .*Console\b|from rich import print|rich\.get_console|(?<![\w.])print\("
    )
    found = {path.relative_to(ROOT).as_posix() for path in modules if others.search(path.read_text())}
    assert found <= {
        "search/bench/__main__.py",  # JSON for its parent
        "search/bench/measurements.py",
        "search/cluster/node_report.py",  # code for another process
        "search/doctor/__main__.py",  # JSON
        "search/doctor/section_process.py",  # JSON for its parent
        "trainers/bench.py",
        "trainers/bench_attacks.py",
        "trainers/bench_order.py",
        "trainers/columns.py",  # Markdown for a file
        "trainers/terminal/streams.py",  # where a console cannot write
    }


def test_a_pipe_gets_lines_without_padding_and_columns_that_align() -> None:
    table = Table(box=None, title="a title", caption="a caption")
    for justify in ("left", "center", "right"):
        table.add_column(justify, justify=justify)  # type: ignore[arg-type]
    table.add_row("a", "b", "c")
    table.add_row("a longer one", "and one\nof two lines", "another")
    terminal, piped = StringIO(), StringIO()
    Console(file=terminal, width=60, force_terminal=True, color_system=None).print(table, Text("of its own  ", end=" "))
    Console(file=piped, width=60).print(table, Text("of its own  ", end=" "))
    lines = piped.getvalue().split("\n")
    assert lines[:-1] == [line.rstrip() for line in terminal.getvalue().split("\n")][:-1]
    assert [line.split() for line in lines if "longer" in line] == [["a", "longer", "one", "and", "one", "another"]]
