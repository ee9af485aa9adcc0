"""The index names every command of a package, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trainers.terminal.index import commands, print_index

COMMAND = '"""{doc}"""\n\nif __name__ == "__main__":\n    raise SystemExit\n'


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two commands and other modules, whose import would fail."""
    folder = tmp_path / "made_up"
    (folder / "show").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "__main__.py").write_text(COMMAND.format(doc="List the commands."))
    (folder / "draw.py").write_text(COMMAND.format(doc="python -m made_up.draw RUN [RUN ...]: draw a run.\n\nMore."))
    (folder / "show" / "__main__.py").write_text(COMMAND.format(doc="Show a run: all of it."))
    (folder / "show" / "broken.py").write_text('"""No command."""\nimport nothing_of_this_name\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "made_up", raising=False)
    return folder


def test_commands_are_found_without_an_import(package: Path) -> None:
    assert commands("made_up") == {"made_up.draw": "Draw a run.", "made_up.show": "Show a run: all of it."}


def test_a_line_is_printed_for_each(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert print_index("made_up", []) == 0
    assert capsys.readouterr().out == (
        "python -m made_up.draw  Draw a run.\npython -m made_up.show  Show a run: all of it.\n"
    )


@pytest.mark.parametrize(
    ("word", "hint"),
    {"drow": "did you mean python -m made_up.draw?", "zzz": "python -m made_up lists all"}.items(),
)
def test_a_word_is_refused_and_gets_the_nearest_command(
    word: str, hint: str, package: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        print_index("made_up", [word, "results/friendly_k"])
    assert ended.value.code == 2
    assert f"{word}: a command is a module; {hint}" in capsys.readouterr().err


def test_the_packages_have_their_commands() -> None:
    assert {"trainers.bench", "trainers.columns"} <= commands("trainers").keys()
    assert "search.run" in commands("search") and "analysis.report" in commands("analysis")


def test_lines_are_wrapped_where_columns_say_so(
    package: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert print_index("made_up", []) == 0
    assert capsys.readouterr().out == (
        "python -m made_up.draw\n               Draw a run.\n"
        "python -m made_up.show\n               Show a run: all of it.\n"
    )
