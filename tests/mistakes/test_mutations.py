"""Spaces, data and folders that a seed has spoilt: every command ends with a code of its own, never with a traceback.

`-m slow` draws 5,000 of them; a failing number is to become a case of the corpus.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest

from trainers.record_reader import read_json

from ..search.helpers import hash_records
from . import spoiling
from .commands import end_of
from .corpus import contents

pytestmark = pytest.mark.long

BLOCK, SECONDS = 25, 30  # mutations of one test; of processor time that a command may take, where a good one takes one
READERS: Sequence[tuple[str, list[str]]] = (  # beside the status of the sweep
    ("analysis.markdown", ["results/tiny"]),
    ("analysis.agreement", ["results/tiny"]),
    ("search.replay", ["results/tiny"]),
    ("search.run", ["tiny.yaml", "--name", "other", "--reuse", "results/tiny", "--dry-run"]),
)


def blocks(quick: int, slow: int) -> list[Any]:
    """Return numbers of blocks: `quick` by default, `slow` in all with -m slow."""
    return [*range(quick), *(pytest.param(i, marks=pytest.mark.slow) for i in range(quick, slow))]


def randoms(block: int) -> Iterator[tuple[int, Random]]:
    return ((number, Random(number)) for number in range(block * BLOCK, (block + 1) * BLOCK))


def folders(block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, Random, Path]]:
    """Yield the mutations of a block, each in an empty folder that is the working one."""
    for number, random in randoms(block):
        here = tmp_path / str(number)
        here.mkdir()
        monkeypatch.chdir(here)
        yield number, random, here


def planned_or_refused(of: str, arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fail unless a space is planned or refused, and nothing is written."""
    before = contents(here.parent)
    ended(of, "search.run", arguments, (0, 2), capsys)
    assert contents(here.parent) == before, f"mutation {of}: files changed"


def ended(
    of: str, command: str, arguments: list[str], codes: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> int:
    """Return the code of a command. Fail unless it is one of these, told without a traceback and in time."""
    began = process_time()
    code, printed = end_of(command, arguments, capsys)
    context = f"mutation {of}: {command} {arguments} ended with {code}: {printed}"
    assert code in codes and "Traceback" not in printed, context
    assert code != 2 or "rror: " in printed, context
    assert process_time() - began < SECONDS, context
    return code


def lost(here: Path, good: Path) -> list[str]:
    """Return the records that say another thing than before; if a JSON key stands there twice, the last one counts."""
    now, before = hash_records(here), hash_records(good)
    changed = [name for name in now.keys() | before.keys() if now.get(name) != before.get(name)]
    return [name for name in changed if not name.endswith(".json") or read_json(here / name) != read_json(good / name)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", blocks(3, 80))
def test_a_spoilt_space_is_planned_or_refused(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, random, here in folders(block, tmp_path, monkeypatch):
        typed = spoiling.space(random)
        typed.write(here)
        planned_or_refused(str(number), typed.arguments, here, capsys)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", blocks(2, 40))
def test_spoilt_data_is_planned_or_refused(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what a space names. A bit of a picture that is another is still a picture."""
    for number, random, here in folders(block, tmp_path, monkeypatch):
        spoilt = spoiling.data(here, random)
        planned_or_refused(f"{number}, of {spoilt.name}", ["space.yaml", "--dry-run"], here, capsys)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", blocks(1, 80))
def test_a_spoilt_folder_is_read_or_refused(
    block: int,
    finished: Path,
    asked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_process: None,
) -> None:
    """By the readers, and by the command that ran it, which makes again what is spoilt, or refuses it."""
    for number, random in randoms(block):
        good, here = random.choice([finished, asked]), tmp_path / str(number)
        shutil.copytree(good, here, symlinks=True)
        monkeypatch.chdir(here)
        spoilt, believable = spoiling.folder(here / "results" / "tiny", random)
        of = f"{number}, of {good.name} {spoilt.relative_to(here)}"
        ended(of, "search.status", ["results/tiny"], (0, 1, 2), capsys)
        ended(of, *random.choice(READERS), (0, 2), capsys)
        code = ended(of, "search.run", ["tiny.yaml"], (0, 2), capsys)
        if code == 0 and not believable:
            assert not lost(here / "results" / "tiny", good / "results" / "tiny"), f"mutation {of}"
        shutil.rmtree(here)
