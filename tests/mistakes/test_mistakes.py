"""What a user may get wrong, or find damaged, through the real commands: no traceback, the culprit named, nothing lost.

The corpus lies in cases/, a file each; corpus.py says how a case is written.
"""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.command
from search.run import main as run
from search.storing.locking import lock

from ..search.hand import Hand
from ..search.helpers import SMOKE
from .corpus import CASES, contents, paths, read


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Train what a command would give to Ray in this process, without the report behind it; locks end with the test."""
    with ExitStack() as released:
        monkeypatch.setattr(search.command, "lock", lambda folder: released.callback(lock(folder)))
        monkeypatch.setattr(search.command, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        monkeypatch.setenv("RAY_ADDRESS", "")
        Hand(None).patch(monkeypatch)
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.yaml and its finished sweep, results/tiny; to be copied."""
    here = tmp_path_factory.mktemp("finished")
    shutil.copy(SMOKE, here / "tiny.yaml")
    with pytest.MonkeyPatch.context() as patched, ExitStack() as released:
        patched.chdir(here)
        patched.setattr(search.command, "lock", lambda folder: released.callback(lock(folder)))
        patched.setattr(search.command, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        patched.setenv("RAY_ADDRESS", "")
        Hand(None).patch(patched)
        assert run(["tiny.yaml"]) == 0
    return here


def _code(name: str, arguments: list[str]) -> int:
    try:
        code = importlib.import_module(name).main(arguments)
    except SystemExit as error:
        code = error.code
    assert isinstance(code, int), f"{name} ended with {code!r}, which is no exit code"
    return code


@pytest.mark.parametrize("path", paths(), ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_a_mistake_is_told(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    by_hand: None,
) -> None:
    case, here = read(path), tmp_path / "here"
    if case.sweep:
        shutil.copytree(request.getfixturevalue("finished"), here, symlinks=True)
    here.mkdir(exist_ok=True)
    case.set_up(here)
    monkeypatch.chdir(here)
    monkeypatch.setenv("COLUMNS", "200")
    before = contents(tmp_path)
    capsys.readouterr()
    code = _code(str(case.run[0]), [str(argument) for argument in case.run[1:]])
    printed = "".join(capsys.readouterr())
    seen = " ".join(printed.split())
    assert "Traceback" not in printed, printed
    assert code == case.code, printed
    assert [said for said in case.says if " ".join(said.split()) not in seen] == [], printed
    assert [said for said in case.never if " ".join(said.split()) in seen] == [], printed
    if not case.may_write:
        assert contents(tmp_path) == before, "files changed"


def test_no_two_cases_are_the_same() -> None:
    cases = {path: read(path).model_dump_json(exclude={"right"}) for path in paths()}
    twice = [str(path) for path, case in cases.items() if list(cases.values()).count(case) > 1]
    assert twice == []
