"""The soak: what counts as trained again, how files are damaged, and that a sweep survives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from search.soak.__main__ import main
from search.soak.faults import FAULTS
from search.soak.process import DAMAGES, SweepProcess, count_retrained, read_costs, sum_retrained_seconds

from .helpers import SMOKE


def line(epoch: int, seconds: float) -> str:
    return json.dumps({"epoch": epoch, "seconds": seconds, "evaluate_seconds": 1.0})


def test_epochs_whose_costs_changed_were_trained_again() -> None:
    before = {"a": [line(0, 1.0), line(1, 2.0), line(2, 3.0)], "b": [line(0, 1.0)], "c": ['{"epoch": 0, "sec']}
    assert count_retrained(before, before) == 0
    assert count_retrained(before, {"a": [line(0, 1.0), line(1, 9.0), line(2, 9.0)], "b": before["b"]}) == 2
    assert sum_retrained_seconds(before, {"a": [line(0, 1.0), line(1, 9.0), line(2, 9.0)], "b": before["b"]}) == 3.0
    assert count_retrained(before, {}) == 3
    assert count_retrained({}, before) == 0


def test_a_final_evaluation_is_no_epoch() -> None:
    before = {"a": [line(0, 1.0), '{"final_seconds": 3.0}']}
    assert count_retrained(before, {"a": [line(0, 1.0), '{"final_seconds": 4.0}']}) == 0


def test_cost_lines_are_read_unparsed(tmp_path: Path) -> None:
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "cost.jsonl").write_text("x\ny")
    assert read_costs(tmp_path) == {"a": ["x", "y"]}


@pytest.mark.parametrize("damage", DAMAGES)
def test_each_damage_changes_the_content(damage: str) -> None:
    content = b"0123456789"
    assert DAMAGES[damage](content) != content


PROGRAM = """
import signal, sys, time
time.sleep(0.3)
def asked(number, frame):
    print("Stopped, as asked.", flush=True)
    {}
signal.signal(signal.SIGTERM, asked)
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("ends", "wrong"),
    [
        ("sys.exit(143)", None),
        ("sys.exit(0)", None),  # it had just ended
        ("sys.exit(1)", "ended with code 1 and ['Stopped, as asked.']"),
        (
            "signal.signal(15, signal.SIG_DFL); signal.raise_signal(15)",
            "ended with code -15 and ['Stopped, as asked.']",
        ),
    ],
)
def test_a_stopped_driver_must_end_with_the_code_of_its_signal(tmp_path: Path, ends: str, wrong: str | None) -> None:
    """The signal is not sent before the driver handles it."""
    driver = SweepProcess("-c", PROGRAM.format(ends), scratch=tmp_path, program=())
    assert FAULTS["sigterm"].strike(driver, tmp_path, Random(0)) == wrong


@pytest.mark.long
def test_a_stopped_driver_must_end_without_a_traceback(tmp_path: Path) -> None:
    ends = "try: 1 / 0\n    except ZeroDivisionError: __import__('traceback').print_exc(); sys.exit(143)"
    driver = SweepProcess("-c", PROGRAM.format(ends), scratch=tmp_path, program=())
    with pytest.raises(AssertionError, match="Traceback"):
        FAULTS["sigterm"].strike(driver, tmp_path, Random(0))


@pytest.mark.parametrize("faults", ["flood", "kill=often", "kill,,"])
def test_an_unknown_fault_is_refused(faults: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(SMOKE), "--faults", faults]) == 2
    assert capsys.readouterr().err.startswith("error: --faults ")


def test_a_missing_space_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.yaml")]) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    yield tmp_path


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_sweep_survives_every_fault(temporary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    longer = ["--set", "trial.epochs=60", "--set", "evaluate.every=30"]
    times = "kill=3,workers=3,sigint=1,sigterm=1,raylet=1,torn=3"
    assert main([str(SMOKE), *longer, "--minutes", "0.5", "--faults", times]) == 0
    out = capsys.readouterr().out
    assert "are those of the undisturbed one, bit for bit." in out
    assert out.count("as it should be") == 6
    assert not list(temporary.glob("soak-*"))
