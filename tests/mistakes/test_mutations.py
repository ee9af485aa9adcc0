"""Spaces and folders that a seed has spoilt: every command ends with a code of its own, and never with a traceback.

`-m slow` draws 5,000 of them; a failing number is to become a case of the corpus.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

import pytest

from search.run import main

from ..search.helpers import ROOT
from .commands import end_of
from .corpus import contents
from .mutations import damaged, mutated

SPACES = [ROOT / "spaces" / name for name in ("smoke.yaml", "gairat_lambda.yaml", "finetune.yaml", "friendly_k.yaml")]
BLOCK, QUICK, SLOW = 25, 0, 100  # mutations of one test; how many tests of each kind run by default, and with -m slow
BLOCKS = [*range(QUICK), *(pytest.param(i, marks=pytest.mark.slow) for i in range(QUICK, SLOW))]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_spoilt_space_is_planned_or_refused(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        random = Random(number)
        source = SPACES[0] if random.random() < 0.7 else random.choice(SPACES[1:])
        Path("space.yaml").write_text(mutated(source.read_text(), random))
        before = contents(tmp_path)
        code, printed = end_of(main, ["space.yaml", "--dry-run"], capsys)
        assert code in (0, 2), f"mutation {number} of {source.name}: {printed}"
        assert "Traceback" not in printed, f"mutation {number} of {source.name}: {printed}"
        assert code == 0 or "error: " in printed, f"mutation {number} of {source.name}: {printed}"
        assert contents(tmp_path) == before, f"mutation {number} of {source.name}: files changed"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("block", BLOCKS)
def test_a_spoilt_folder_is_read_or_refused(
    block: int,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    by_hand: None,
) -> None:
    """By the readers, and by the command that ran it, which may make again what is spoilt."""
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        random, here = Random(number), tmp_path / str(number)
        shutil.copytree(finished, here, symlinks=True)
        monkeypatch.chdir(here)
        spoilt = damaged(here / "results" / "tiny", random).relative_to(here)
        for name, arguments, codes in (
            ("search.status", ["results/tiny"], (0, 1, 2)),
            ("analysis.markdown", ["results/tiny"], (0, 2)),
            ("search.run", ["tiny.yaml"], (0, 2)),
        ):
            code, printed = end_of(name, arguments, capsys)
            assert code in codes, f"mutation {number}, of {spoilt}, {name} ended with {code}: {printed}"
            assert "Traceback" not in printed, f"mutation {number}, of {spoilt}, {name}: {printed}"
        shutil.rmtree(here)
