"""A sweep that an earlier version of the program stored is shown, and resumed to the same bits.

`stored/*.zip` holds a space, the folder of a sweep of it that was killed with two of six trainings missing, and the
records of the whole sweep as that version made them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from trainers.record_reader import read_json, read_rows
from trainers.state_chain import training_code

from ..helpers import ROOT

pytestmark = pytest.mark.long

STORED = Path(__file__).parent / "stored" / "before_the_rooms.zip"
COMPARED = ("epochs.jsonl", "config.yaml")


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    with ZipFile(STORED) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "unfinished" / "trials").mkdir(exist_ok=True)
    return tmp_path


TRAIN = """
import sys
import search.run.driver
from search.cli import exit_with
from search.execution.in_process_backend import InProcessBackend
from search.run.__main__ import main
search.run.driver._report = lambda *_: None
exit_with(lambda: main(sys.argv[1:], InProcessBackend(2)))
"""


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    """Type a command; search.run trains in its own process and draws no report, as bits are compared alone."""
    command = ["-c", TRAIN, *words[1:]] if words[0] == "search.run" else ["-m", *words]
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=250)


def test_shows_the_status_and_the_report_of_a_stored_sweep(unpacked: Path) -> None:
    shown = typed("search.status", str(unpacked / "unfinished"))
    assert shown.returncode == 1, shown.stderr  # two trainings have no result
    assert "4 of 6" in shown.stdout
    reported = typed("analysis.report", str(unpacked / "unfinished"))
    assert reported.returncode == 0, reported.stderr
    assert (unpacked / "unfinished" / "report" / "index.html").exists()


@pytest.mark.long
def test_resumes_a_stored_sweep_to_the_bits_of_the_earlier_version(unpacked: Path) -> None:
    run = ("search.run", str(unpacked / "space.yaml"), "--results", str(unpacked))
    stored = read_json(unpacked / "unfinished" / "provenance.json") or {}
    if stored["runs"][-1]["training_code"] != training_code():
        refused = typed(*run, "--name", "unfinished")
        assert (refused.returncode, "--accept-code-change" in refused.stderr) == (2, True), refused.stderr

    resumed = typed(*run, "--name", "unfinished", "--accept-code-change")
    assert resumed.returncode == 0, resumed.stderr
    assert typed(*run, "--name", "anew").returncode == 0

    expected = {path.name: path for path in (unpacked / "expected").iterdir()}
    assert {path.name for path in (unpacked / "unfinished" / "trials").iterdir()} == set(expected)
    for name, there in expected.items():
        for record in COMPARED:
            again = (unpacked / "unfinished" / "trials" / name / record).read_bytes()
            anew = (unpacked / "anew" / "trials" / name / record).read_bytes()
            if anew == (there / record).read_bytes():  # this machine computes the bits of the one that stored them
                assert again == anew, (name, record)
            else:
                assert close(unpacked / "unfinished" / "trials" / name, there), (name, record)


def close(folder: Path, expected: Path) -> bool:
    """Return whether two records tell of the same training on machines whose arithmetic differs in the last bits."""
    rows, others = (read_rows(path / "epochs.jsonl") for path in (folder, expected))
    losses = [abs(row["train_loss"] - other["train_loss"]) for row, other in zip(rows, others, strict=True)]
    return max(losses) < 0.05
