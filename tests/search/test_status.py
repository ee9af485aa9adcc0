"""Where a sweep stands: from its records alone, while others write and remove files."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from search.locking import lock
from search.plan import Plan
from search.status import main
from trainers.records import append_rows, write_json

from .helpers import smoke, snapshot


@pytest.fixture
def sweep(tmp_path: Path, planned: Callable[..., Plan]) -> Path:
    """A completed, a diverged, a failed, a begun and two planned trainings."""
    plan = planned(smoke())
    folder = tmp_path / "made_up"
    write_json(folder / "plan.json", plan.to_json("made_up"))
    for trial, status in zip(plan.trials, ("completed", "diverged", "failed", "running"), strict=False):
        path = folder / "trials" / trial.id
        path.mkdir(parents=True)
        rows = [{"epoch": 0}, {"epoch": 1, "val_clean_acc": 0.75, "val_pgd_acc": 0.5}, {"epoch": 2}]
        append_rows(path / "epochs.jsonl", rows)
        append_rows(path / "cost.jsonl", [{"epoch": e, "seconds": 20.0, "evaluate_seconds": 10.0} for e in range(3)])
        if status == "failed":
            (path / "error.txt").write_text("Traceback ...\nValueError: no\n")
        elif status != "running":
            write_json(path / "result.json", {"status": status, "chain": trial.final})
    return folder


def test_it_counts_and_shows_what_is_open(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = snapshot(sweep)
    assert main([str(sweep)]) == 1
    out = capsys.readouterr().out
    assert "made_up: 2 planned, 1 completed, 1 diverged, 1 failed, 1 begun" in out
    assert "not running now" in out
    assert out.count("3/6") == 2
    assert out.count("75.0%") == out.count("50.0%") == 2
    assert "spent: 4 min 00 s of training, 2 min 00 s of evaluation" in out
    assert snapshot(sweep) == before


def test_a_result_that_is_not_of_this_plan_does_not_count(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sweep.glob("trials/*/result.json"):
        write_json(path, {"status": "completed", "chain": "another"})
    assert main([str(sweep)]) == 1
    assert "completed" not in capsys.readouterr().out


def test_all_ended(sweep: Path, planned: Callable[..., Plan], capsys: pytest.CaptureFixture[str]) -> None:
    for trial in planned(smoke()).trials:
        write_json(sweep / "trials" / trial.id / "result.json", {"status": "completed", "chain": trial.final})
    assert main([str(sweep)]) == 0
    assert "made_up: 6 completed" in capsys.readouterr().out


def test_a_sweep_that_is_held_is_running_now(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock(sweep)
    assert main([str(sweep)]) == 1
    assert "\nrunning now" in capsys.readouterr().out


def test_no_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: no sweep is stored there (no plan.json)\n"


def test_files_may_vanish_while_it_looks(sweep: Path) -> None:
    """As they do where a sweep runs: each checkpoint and record is written under a temporary name and renamed."""
    stop, began = threading.Event(), next(sweep.glob("trials/*/epochs.jsonl")).parent

    def churn() -> None:
        while not stop.is_set():
            temporary = sweep / "stages" / ".tmp-1"
            temporary.mkdir(parents=True)
            for i in range(20):
                (temporary / f"{i}").touch()
                (began / f".{i}.tmp").touch()
            shutil.rmtree(temporary)
            for i in range(20):
                (began / f".{i}.tmp").unlink()

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        codes = {main([str(sweep)]) for _ in range(60)}
    finally:
        stop.set()
        churning.join()
    assert codes == {1}
