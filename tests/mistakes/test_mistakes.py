"""What a user may get wrong, or find damaged, through the real commands: no traceback, the culprit named, nothing lost.

The corpus lies in cases/, a file each; corpus.py says how a case is written.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .commands import end_of
from .corpus import CASES, contents, paths, read


@pytest.mark.parametrize("path", paths(), ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_mistake_is_reported_without_traceback_or_loss(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    in_process: None,
) -> None:
    case, here = read(path), tmp_path / "here"
    if case.sweep:
        shutil.copytree(request.getfixturevalue("finished"), here, symlinks=True)
    here.mkdir(exist_ok=True)
    case.set_up(here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", "200")
    before = contents(tmp_path)
    code, printed = end_of(str(case.run[0]), [str(argument) for argument in case.run[1:]], capsys)
    seen = " ".join(printed.split())
    assert "Traceback" not in printed, printed
    assert code == case.code, printed
    assert [words for words in case.says if " ".join(words.split()) not in seen] == [], printed
    assert [words for words in case.never if " ".join(words.split()) in seen] == [], printed
    if not case.may_write:
        assert contents(tmp_path) == before, "files changed"


@pytest.mark.long
def test_no_two_cases_are_the_same() -> None:
    cases = {path: read(path).model_dump_json(exclude={"right"}) for path in paths()}
    twice = [str(path) for path, case in cases.items() if list(cases.values()).count(case) > 1]
    assert twice == []
