"""Reading growing files: each row is read once, whatever is appended, replaced or torn meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.monitor.jsonl_tail import JsonlTail
from trainers.record_io import Row, append_rows, write_atomic


def rows(*numbers: int) -> list[Row]:
    return [{"n": n} for n in numbers]


def test_each_complete_row_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    tail = JsonlTail(path)
    assert tail.read_new() == (False, [])
    append_rows(path, rows(0, 1))
    assert tail.read_new() == (True, rows(0, 1))
    with path.open("a") as file:
        file.write('{"n":')
    assert tail.read_new() == (False, [])
    with path.open("a") as file:
        file.write("2}\n")
    assert tail.read_new() == (False, rows(2))
    assert tail.read_new() == (False, [])


def test_a_replaced_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    tail = JsonlTail(path)
    append_rows(path, rows(0, 1, 2))
    tail.read_new()
    write_atomic(path, '{"n":7}\n')
    assert tail.read_new() == (True, rows(7))
    path.unlink()
    assert tail.read_new() == (True, [])
    assert tail.read_new() == (False, [])


@pytest.mark.long
@given(st.lists(st.tuples(st.sampled_from(["append", "replace", "tear", "mend"]), st.integers(0, 99)), max_size=12))
def test_rows_read_are_always_the_readable_rows_of_the_file(tmp_path_factory: object, steps: list) -> None:
    folder = tmp_path_factory.mktemp("tail")  # type: ignore[attr-defined]
    path, seen = folder / "rows.jsonl", []
    tail = JsonlTail(path)
    whole: list[int] = []  # as far as it can be read
    torn = False
    for what, n in steps:
        if what == "append":
            append_rows(path, rows(n))
            whole += [] if torn else [n]
        elif what == "tear":
            with path.open("a") as file:
                file.write("{broken\n")
            torn = True
        else:
            whole = whole[: n % 3] if what == "replace" else whole
            write_atomic(path, "".join(f'{{"n":{m}}}\n' for m in whole))
            torn = False
        anew, found = tail.read_new()
        seen = found if anew else seen + found
        assert seen == rows(*whole)
