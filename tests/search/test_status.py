"""search.status: the status from the records alone, once or repeatedly, while others write and remove files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import search.status
from search.planning.plan import Plan
from search.status import main
from search.store.lock import acquire_lock
from trainers.record_io import append_rows, write_json

from .helpers import ROOT, hash_files, smoke
from .made_up import MadeUp


@pytest.fixture
def sweep(tmp_path: Path, planned: Callable[..., Plan]) -> Path:
    """A sweep with a completed, a diverged, a failed, a begun and two planned trainings."""
    plan = planned(smoke())
    folder = tmp_path / "made_up"
    write_json(folder / "plan.json", plan.to_json("made_up"))
    for trial, status in zip(plan.trials, ("completed", "diverged", "failed", "running"), strict=False):
        path = folder / "trials" / trial.id
        path.mkdir(parents=True)
        rows = [{"epoch": 0}, {"epoch": 1, "val_clean_acc": 0.75, "val_pgd_acc": 0.5}, {"epoch": 2}]
        append_rows(path / "epochs.jsonl", rows)
        cost = {"seconds": 20.0, "evaluate_seconds": 10.0, "images_per_s": 5.0, "by": trial.id}
        append_rows(path / "cost.jsonl", [{"epoch": e} | cost for e in range(3)])
        if status == "failed":
            (path / "error.txt").write_text("Traceback ...\nValueError: no\n")
        elif status != "running":
            write_json(path / "result.json", {"status": status, "chain": trial.final, "epochs": 3})
    return folder


def test_trainings_are_counted_and_unfinished_ones_shown(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = hash_files(sweep)
    assert main([str(sweep)]) == 1
    out = capsys.readouterr().out
    assert "made_up  not running now" in out
    assert " 2 of 6 · 1 diverged · 1 failed · 1 begun\n" in out
    assert out.count("3/6") == 2
    assert out.count(" 75.0%") == 2
    assert "spent     6 min 00 s, 2 min 00 s of it evaluation\n" in out
    assert "roughly 8 min 06 s left on 1 process\n" in out, "the planned ones by the passes of the others"
    assert hash_files(sweep) == before


def test_the_command_that_carries_on_is_the_last_line_of_a_sweep_that_was_killed(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "python -m search.run made_up.yaml --set 'search.axes.subset.grid=[all]'"
    runs = [{"command": f"{typed} --fresh"}, {"command": "python -m search.measure made_up --distances"}]
    write_json(sweep / "provenance.json", {"runs": runs})
    assert main([str(sweep)]) == 1
    assert capsys.readouterr().out.splitlines()[-2:] == ["All is kept; this command carries on:", f"  {typed}"]
    write_json(sweep / "provenance.json", {"runs": [*runs, {"command": typed, "spent": "its budget is used up"}]})
    assert main([str(sweep)]) == 1
    assert "A larger budget in the space, or by --set, and this command carries on:" in capsys.readouterr().out
    acquire_lock(sweep)
    assert main([str(sweep)]) == 1
    assert "carries on" not in capsys.readouterr().out, "it runs"


def test_a_result_of_another_plan_does_not_count(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in sweep.glob("trials/*/result.json"):
        write_json(path, {"status": "completed", "chain": "another"})
    assert main([str(sweep)]) == 1
    assert " 0 of 6 · 1 failed" in capsys.readouterr().out


def test_a_finished_sweep_ends_with_code_0(
    sweep: Path, planned: Callable[..., Plan], capsys: pytest.CaptureFixture[str]
) -> None:
    for trial in planned(smoke()).trials:
        write_json(
            sweep / "trials" / trial.id / "result.json", {"status": "stopped", "chain": trial.final, "epochs": 6}
        )
    for more in ([], ["--watch"]):
        assert main([str(sweep), *more]) == 0
        assert "6 of 6" in capsys.readouterr().out


def test_savings_by_sharing_are_shown_in_epochs_and_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = MadeUp(tmp_path / "shared", ["aaaaab", "aaaaac"])
    made.train(0, 6)
    made.train(1, 6, taken=5)
    for i in (0, 1):
        made.end(i)
    assert main([str(made.folder)]) == 0
    out = capsys.readouterr().out
    assert "7 of 7 · sharing saves 41.7%" in out
    assert "saved     5 of the 12 epochs asked for\n" in out
    assert "spent     29 s, 15 s of it evaluation · without sharing 44 s\n" in out


def test_the_width_of_a_pipe_follows_the_environment(
    sweep: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def width() -> int:
        main([str(sweep)])
        return max(map(len, capsys.readouterr().out.splitlines()))

    assert 80 < width() <= 160
    monkeypatch.setenv("COLUMNS", "80")
    assert width() <= 80


def test_a_locked_sweep_is_shown_as_running(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acquire_lock(sweep)
    assert main([str(sweep)]) == 1
    assert "made_up  running" in capsys.readouterr().out


def test_a_folder_without_a_sweep_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path}: no sweep is stored there (no plan.json)\n"


@pytest.mark.parametrize("interval", ["0", "-1", "nan"])
def test_an_invalid_interval_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], interval: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path), "--watch", "--interval", interval])
    assert caught.value.code == 2
    assert f"--interval should be a number of seconds above 0; got {interval}" in capsys.readouterr().err


@pytest.mark.long
def test_files_may_vanish_while_the_status_is_read(sweep: Path) -> None:
    """A running sweep writes each checkpoint and record under a temporary name and renames it."""
    stop, began = threading.Event(), next(sweep.glob("trials/*/epochs.jsonl")).parent

    def churn() -> None:
        while not stop.is_set():
            temporary = sweep / "stages" / ".tmp-1"
            temporary.mkdir(parents=True)
            for i in range(20):
                (temporary / f"{i}").touch()
                (began / f".{i}.tmp").touch()
            for path in (*temporary.iterdir(), temporary):
                with suppress(OSError):
                    path.rmdir() if path.is_dir() else path.unlink()
            for i in range(20):
                (began / f".{i}.tmp").unlink()
            text = (began / "cost.jsonl").read_bytes()
            (began / ".again").write_bytes(text)
            os.replace(began / ".again", began / "cost.jsonl")

    churning = threading.Thread(target=churn)
    churning.start()
    try:
        codes = {main([str(sweep)]) for _ in range(60)}
    finally:
        stop.set()
        churning.join()
    assert codes == {1}


def test_watching_ends_once_all_trainings_ended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.status, "PLAIN_SECONDS", 0.01)
    made = MadeUp(tmp_path / "watched", ["aa"])
    made.train(0, 1)

    def go_on() -> None:
        made.train(0, 2, since=1)
        made.end(0)

    threading.Timer(0.2, go_on).start()
    assert main([str(made.folder), "--watch", "--interval", "0.01"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.startswith("0 of 1 training ended, 1 of 2 epochs trained, roughly 3 s left on 1 process")
    assert last == "1 of 1 training ended, 2 of 2 epochs trained"


def test_ctrl_c_ends_watching(sweep: Path) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "search.status", str(sweep), "--watch"], cwd=ROOT, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert watching.stdout is not None
    watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _, errors = watching.communicate(timeout=30)
    assert (watching.returncode, errors) == (130, "")


def test_the_status_imports_neither_ray_nor_torch_nor_pydantic() -> None:
    """These take seconds to import."""
    code = (
        "import json, sys, search.status; print(json.dumps(sorted({'ray', 'torch', 'pydantic'} & sys.modules.keys())))"
    )
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert json.loads(out) == []


@pytest.mark.long
@pytest.mark.timeout(60)
def test_the_status_of_1000_trainings_of_200_epochs_is_quick(tmp_path: Path) -> None:
    made = MadeUp(tmp_path / "large", ["a" * 200])
    made.train(0, 200)
    made.end(0)
    texts = {path.name: path.read_text() for path in made.place(0).iterdir()}
    many = MadeUp(tmp_path / "large", [f"{i:04d}{'a' * 196}" for i in range(1000)])
    for i in range(1000):
        for name, text in texts.items():
            (many.place(i) / name).write_text(
                text.replace(made.ids[0], many.ids[i]).replace(made.finals[0], many.finals[i])
            )
    began = time.process_time()
    assert main([str(many.folder)]) == 0
    took = time.process_time() - began
    print(f"1,000 trainings of 200 epochs: {took:.2f} s")
    assert took < 10
