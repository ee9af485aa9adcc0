"""The index of a package's commands."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from analysis.__main__ import main
from trainers.terminal.commands import list_commands

GUARD = '\nif __name__ == "__main__":\n    raise SystemExit(1)\n'


def test_modules_and_packages_that_run_are_listed_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "__init__.py": "",
        "__main__.py": '"""Print the commands."""' + GUARD,
        "draw.py": '"""Draw a figure: `python -m indexed.draw FILE`.\n\nMore.\n"""\nraise ImportError' + GUARD,
        "status.py": '"""python -m indexed.status RUN: show where it stands."""' + GUARD,
        "library.py": '"""Nothing to run."""\nNAME = "__main__"\n',
        "bench/__init__.py": '"""Measurements."""',
        "bench/__main__.py": '"""Measure the driver."""',
        "bench/parts.py": '"""Parts."""',
    }
    for name, text in files.items():
        path = tmp_path / "indexed" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    assert list_commands("indexed") == {
        "indexed.bench": "Measure the driver.",
        "indexed.draw": "Draw a figure.",
        "indexed.status": "show where it stands.",
    }


def test_a_package_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        list_commands("no_such_package")


def test_analysis_prints_a_line_a_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert main([]) == 0
    *lines, empty, hint = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == [
        f"analysis.{name}" for name in ("agreement", "markdown", "mirror", "pareto", "report")
    ]
    assert all(line.endswith(".") and len(line.split()) > 5 for line in lines)
    assert empty == "" and hint == "python -m analysis.COMMAND --help explains one."
