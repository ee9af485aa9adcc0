"""What a running sweep shows: on a terminal, in a log, and to another terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import search.monitor.live
import search.status
from search.monitor.cost_model import Costs
from search.monitor.heartbeat import Heartbeat
from search.monitor.live import LiveView
from search.planning.schedule import Schedule
from search.store.lock import acquire_lock
from trainers.record_io import write_json
from trainers.terminal.console import Console

from ..made_up import MadeUp
from ..planning.test_schedule import plan_of


class Run:
    """A sweep of which only the records and the schedule advance."""

    def __init__(self, folder: Path, words: list[str], terminal: bool = False) -> None:
        self.records = MadeUp(folder, words)
        plan = plan_of(words)
        plan.rankings = {}
        self.schedule = Schedule(plan, range(len(words)), {})
        self.console = Console(file=StringIO(), width=100, height=30, force_terminal=terminal)
        keeper: Any = SimpleNamespace(freed=2048, forgotten=3)
        self.watch = LiveView(self.console, folder, self.schedule, keeper, slots=2)

    def start(self) -> int:
        task = self.schedule.next_task()
        assert task is not None
        self.watch.on_start(str(task.i), self.records.job(task.i))
        return task.i

    def end(self, i: int) -> None:
        self.schedule.release(i, ended=True)
        self.leave(i)

    def leave(self, i: int) -> None:
        """The task is over."""
        self.watch.on_end(str(i), self.records.job(i))

    def beat(self) -> None:
        self.watch._read_at = self.watch._written_at = self.watch._printed_at = float("-inf")
        self.watch.on_step()

    @property
    def said(self) -> str:
        text: str = self.console.file.getvalue()  # type: ignore[attr-defined]
        return text


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Run]]:
    open_runs: list[Run] = []

    def begin(*words: str, terminal: bool = False) -> Run:
        open_runs.append(Run(tmp_path / "study", list(words), terminal))
        open_runs[-1].watch.__enter__()
        return open_runs[-1]

    yield begin
    for it in open_runs:
        it.watch.__exit__()


def test_a_log_has_a_line_for_each_end_and_a_headline_now_and_then(run: Callable[..., Run]) -> None:
    it = run("aaab", "aaac", "dddd")
    i = it.start()
    it.records.train(i, 4)
    it.beat()
    it.records.end(i, clean=0.75, robust=0.5)
    it.end(i)
    it.beat()
    it.beat()
    whole, ended, again, _ = it.said.splitlines()
    assert whole.startswith("0 of 3 trainings ended, 4 of 9 epochs trained, 0 s so far, about ")
    assert ended == f"[1/3] completed: {it.records.ids[i]} (validation at epoch 3: clean 75.0%, PGD 50.0%)"
    assert again.startswith("1 of 3 trainings ended, 4 of 9 epochs trained")


def test_the_first_progress_is_a_line_at_once(run: Callable[..., Run]) -> None:
    it = run("aaaa")
    i = it.start()
    (it.records.place(i) / "epochs.jsonl").touch()

    def look() -> None:
        it.watch._read_at = float("-inf")  # an update is due, a plain line is not
        it.watch.on_step()

    look()
    assert it.said == ""
    write_json(it.records.place(i) / "epoch.json", {"epoch": 0, "share": 0.001, "seconds": 3.6})
    look()
    look()
    (line,) = it.said.splitlines()
    assert line.startswith("0 of 1 training ended, 0.001 of 4 epochs trained, 0 s so far, about 4 h 00 min left")
    assert line.endswith(" left beside evaluation"), "no evaluation is measured yet"


def test_a_training_without_progress_for_long_is_probed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it, asked = Run(tmp_path / "study", ["aaaa", "bbbb"]), list[list[int]]()

    def probe(trainings: Iterable[int]) -> dict[int, Costs]:
        asked.append(list(trainings))
        return {0: Costs(epochs=4, train=360.0, evaluate=36.0, final=20.0, final_evaluations=1)}

    it.watch._probe = probe
    with it.watch:
        it.start()
        monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 60.0)
        it.beat()
        assert asked == [], "the run has just begun"
        monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 0.0)
        it.watch._read_at = float("-inf")
        it.watch.on_step()
        it.beat()
        assert asked == [[0, 1]]
        assert "about 6 min 56 s left by a probe" in it.said.splitlines()[-1]  # (8 epochs of 99 s + 2 x 20 s) / 2
        it.records.train(0, 1, seconds=2.0)
        it.beat()
        assert it.said.splitlines()[-1].endswith(" left"), "what is recorded takes precedence"


def test_a_probe_that_fails_ends_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 0.0)
    it = Run(tmp_path / "study", ["aaaa"])

    def probe(trainings: Iterable[int]) -> dict[int, Costs]:
        raise ValueError("model: the images are too small")

    it.watch._probe = probe
    with it.watch:
        it.start()
        it.beat()
        assert "time left not known yet" in it.said


def test_trainings_that_start_and_end_between_two_updates_are_reported_with_their_duplicates(
    run: Callable[..., Run],
) -> None:
    it = run("aaaa", "bbbb", "dddd")
    begun = [it.start(), it.start()]
    for i in begun:
        it.records.train(i, 4)
        it.records.end(i)
        it.end(i)
    (twin,) = {0, 1, 2} - set(begun)
    it.records.train(twin, 4)
    it.records.end(twin)  # by adoption
    it.beat()
    assert [line.partition("]")[0] for line in it.said.splitlines() if "completed" in line] == ["[1/3", "[2/3", "[3/3"]


def test_tasks_of_one_training_are_reported_as_one_training(run: Callable[..., Run]) -> None:
    it = run("aaaa")
    for until in (2, 4):
        i = it.start()
        it.records.train(i, until, since=until - 2)
        it.beat()
        if until == 2:
            it.schedule.release(i, ended=False)
            it.leave(i)
            it.beat()
            assert it.watch._compute_status().states == {"paused": 1}
    it.records.end(i)
    it.end(i)
    it.beat()
    assert it.said.count("completed") == 1
    assert it.watch._compute_status().states == {"completed": 1}


def test_a_stopped_training_that_is_resumed_counts_once(run: Callable[..., Run]) -> None:
    it = run("aaaa", "bbbb")
    for since, status in ((0, "stopped"), (2, "completed")):
        i = it.start()
        it.records.train(i, since + 2, since=since)
        it.beat()
        it.records.end(i, status)
        it.end(i)
        it.beat()
        it.schedule.add([i])
    lines = [line.partition(": ")[0] for line in it.said.splitlines() if line.startswith("[")]
    assert lines == ["[1/2] stopped", "[1/2] completed"]


def test_another_terminal_sees_running_and_waiting_trainings(
    run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    it = run("aaab", "aaac", "dddd")
    acquire_lock(it.records.folder)
    first = it.start()
    it.records.train(first, 1)
    assert it.start() == 2
    assert it.schedule.next_task() is None
    it.beat()
    now = Heartbeat.read(it.records.folder)
    assert now is not None
    assert (now.running, now.waiting) == ((it.records.ids[first], it.records.ids[2]), {it.records.ids[first]: 1})
    assert (now.freed, now.forgotten, now.slots) == (2048, 3, 2)
    assert search.status.main([str(it.records.folder)]) == 1
    out = capsys.readouterr().out
    assert f"waiting   1 for {it.records.ids[first]}\n" in out
    assert "2 of 2 processes busy" in out
    assert "2.05 kB freed" in out


def test_bytes_freed_by_earlier_runs_are_added(run: Callable[..., Run], tmp_path: Path) -> None:
    first = run("aaaa")
    first.watch.__exit__()
    assert Heartbeat.read(tmp_path / "study") == Heartbeat(first.watch._began, 2, freed=2048, forgotten=3)
    again = run("aaaa")
    again.beat()
    assert again.watch._build_heartbeat().freed == 4096


def test_a_training_whose_worker_was_lost_does_not_run(run: Callable[..., Run]) -> None:
    it = run("aaaa")
    i = it.start()
    it.records.train(i, 2)
    it.beat()
    it.schedule.release(i, ended=True)
    it.leave(i)
    it.beat()
    assert it.watch._compute_status().states == {"lost": 1}


def test_the_live_view_redraws_in_place_and_is_wiped_at_the_end(run: Callable[..., Run]) -> None:
    it = run("aaab", "aaac", "dddd", terminal=True)
    i = it.start()
    it.records.train(i, 2)
    it.beat()
    assert "1 of 2 processes busy" in it.said
    assert it.said.count("\x1b[?2026h") == it.said.count("\x1b[?2026l") == 1
    it.records.end(i)
    it.end(i)
    it.beat()
    assert "[1/3]" not in it.said


def test_a_failing_display_does_not_end_the_sweep(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    it = run("aaaa")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(search.monitor.heartbeat.Heartbeat, "write", full)
    it.start()
    it.beat()
    (it.records.folder / "plan.json").unlink()
    it.beat()


def test_a_training_that_is_retried_has_not_failed(run: Callable[..., Run]) -> None:
    """The error file of a training that hung says where."""
    it = run("aaaa")
    i = it.start()
    it.records.train(i, 2)
    (it.records.folder / "trials" / it.records.ids[i] / "error.txt").write_text("it hung\n")
    it.schedule.release(i, ended=False)
    it.watch.report_retry(it.records.ids[i], "it hung")
    it.beat()
    assert f"retry: {it.records.ids[i]}: it hung\n" in it.said
    assert "failed" not in it.said
