"""Every kind of stored file, damaged in every way: each reader shows the rest, and the same command makes it again.

By default each in two of a few ways, with -m slow in all.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import search.run.driver
from search.store.lock import acquire_lock

from ..search.helpers import hash_records, spread
from .commands import end_of
from .damages import ALL, CHANGES, DIRECTORY, LOOP, PIPE, QUICK, damage

pytestmark = pytest.mark.long

KINDS = {  # of files -> who names them where they are damaged; None: nobody, for nothing hangs on them
    "plan.json": "search.status",
    "space.yaml": "search.run",
    "provenance.json": "analysis.markdown",
    "now.json": None,
    "trials/method=pgd*all*/result.json": "search.status",
    "trials/method=pgd*all*/epochs.jsonl": "analysis.markdown",
    "trials/method=pgd*all*/cost.jsonl": "search.status",
    "trials/method=pgd*all*/instances.npz": "analysis.agreement",
    "trials/method=pgd*all*/config.yaml": "search.run",
    "trials/profile*1001/result.json": "search.status",
    "profile/ranks-????????????.npz": None,  # made again by every run
    "profile/*.images.npz": None,
    "profile/*.adversaries.npz": None,
    "stages/*/*/stage.json": None,  # nothing of a finished sweep is looked for there
    "stages/*/*/state.pt": None,
}
REST = [how for how in ALL if how not in QUICK]
READERS = {  # and the codes that they may end with
    "search.status": (["results/tiny"], (0, 1, 2)),
    "analysis.markdown": (["results/tiny"], (0, 2)),
    "analysis.agreement": (["results/tiny"], (0, 2)),
    "search.replay": (["results/tiny"], (0, 2)),
    "search.run": (["tiny.yaml"], (0,)),
}


def _unseen(path: Path, how: str) -> bool:
    """Return whether nobody can tell: costs are times without a checksum, and a last line without its end is being
    written; a mapping may be a space; and JSON says the same without its last line break.
    """
    if path.name == "cost.jsonl":
        return how in CHANGES or (path.is_file() and not path.read_bytes().endswith(b"\n"))
    return (path.name == "space.yaml" and "{" in how) or (path.suffix == ".json" and how == "without its last byte")


@pytest.mark.parametrize(
    ("kind", "how"),
    [*spread(KINDS, QUICK), *(pytest.param(kind, how, marks=pytest.mark.slow) for kind in KINDS for how in REST)],
)
def test_damaged_file_is_named_and_made_again_while_readers_show_the_rest(
    kind: str,
    how: str,
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_process: None,
) -> None:
    here = tmp_path / "here"
    shutil.copytree(finished, here, symlinks=True)
    monkeypatch.chdir(here)
    monkeypatch.setattr(
        search.run.driver, "acquire_lock", lambda folder: acquire_lock(folder)()
    )  # each command is a process of its own
    folder = here / "results" / "tiny"
    path = sorted(folder.glob(kind))[0]
    before = path.read_bytes()
    damage(path, how)
    changed = not path.is_file() or path.read_bytes() != before
    answers = {}
    for name, (arguments, codes) in READERS.items():
        code, answers[name] = end_of(name, arguments, capsys)
        assert code in codes, f"{name} ended with {code}: {answers[name]}"
        assert "Traceback" not in answers[name], f"{name}: {answers[name]}"
    teller = KINDS[kind]
    if teller and changed and not _unseen(path, how):
        told = " ".join(answers[teller].split())
        assert "damaged" in told and path.name in told, answers[teller]
    assert hash_records(folder) == hash_records(finished / "results" / "tiny"), "made again, or never lost"
    code, again = end_of("search.run", ["tiny.yaml"], capsys)
    assert code == 0 and "damaged" not in again, again


@pytest.mark.parametrize("how", ["half", "a further line b'3'", "b'[]' in its place", DIRECTORY, LOOP, PIPE])
@pytest.mark.parametrize("kind", list(KINDS))
def test_a_damaged_sweep_keeps_no_other_from_being_planned(
    kind: str, how: str, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    here = tmp_path / "here"
    shutil.copytree(finished, here, symlinks=True)
    monkeypatch.chdir(here)
    damage(sorted((here / "results" / "tiny").glob(kind))[0], how)
    code, printed = end_of("search.run", ["tiny.yaml", "--name", "another", "--dry-run"], capsys)
    assert code == 0 and "Traceback" not in printed, printed
