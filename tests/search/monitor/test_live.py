"""What a running sweep says of itself: on a terminal, in a log, and to another terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import search.monitor.live
import search.status
from search.monitor.heartbeat import Heartbeat
from search.monitor.live import LiveView
from search.planning.schedule import Schedule
from search.store.lock import acquire
from trainers.terminal.console import Console

from ..made_up import MadeUp
from ..planning.test_schedule import plan_of


class Run:
    """A sweep of which only the records and the schedule go on."""

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
        trial = self.tune(task.i)
        self.watch.on_trial_start(0, [], trial)
        return task.i

    def end(self, i: int) -> None:
        self.schedule.release(i, ended=True)
        self.watch.on_trial_complete(0, [], self.tune(i))

    def tune(self, i: int) -> Any:
        return SimpleNamespace(trial_id=str(i), config={"trial": self.records.ids[i]})

    def beat(self) -> None:
        self.watch._looked = self.watch._wrote = self.watch._spoke = float("-inf")
        self.watch.on_step_end(0, [])

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


def test_in_a_log_each_end_is_a_line_and_now_and_then_the_whole(run: Callable[..., Run]) -> None:
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


def test_what_begins_and_ends_between_two_looks_is_told_too_and_so_is_its_twin(run: Callable[..., Run]) -> None:
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


def test_several_tasks_of_one_training_are_one_training(run: Callable[..., Run]) -> None:
    it = run("aaaa")
    for until in (2, 4):
        i = it.start()
        it.records.train(i, until, since=until - 2)
        it.beat()
        if until == 2:
            it.schedule.release(i, ended=False)
            it.watch.on_trial_complete(0, [], it.tune(i))
            it.beat()
            assert it.watch._standing().states == {"paused": 1}
    it.records.end(i)
    it.end(i)
    it.beat()
    assert it.said.count("completed") == 1
    assert it.watch._standing().states == {"completed": 1}


def test_what_was_stopped_and_is_finished_after_all_counts_once(run: Callable[..., Run]) -> None:
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


def test_another_terminal_sees_what_runs_and_what_waits_for_it(
    run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    it = run("aaab", "aaac", "dddd")
    acquire(it.records.folder)
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


def test_what_a_run_freed_is_added_to_what_the_runs_before_did(run: Callable[..., Run], tmp_path: Path) -> None:
    first = run("aaaa")
    first.watch.__exit__()
    assert Heartbeat.read(tmp_path / "study") == Heartbeat(first.watch._began, 2, freed=2048, forgotten=3)
    again = run("aaaa")
    again.beat()
    assert again.watch._now().freed == 4096


def test_a_worker_that_was_lost_is_no_training_that_runs(run: Callable[..., Run]) -> None:
    it = run("aaaa")
    i = it.start()
    it.records.train(i, 2)
    it.beat()
    it.schedule.release(i, ended=True)
    it.watch.on_trial_error(0, [], it.tune(i))
    it.beat()
    assert it.watch._standing().states == {"lost": 1}


def test_on_a_terminal_a_picture_is_drawn_in_place_and_wiped_at_the_end(run: Callable[..., Run]) -> None:
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


def test_what_cannot_be_shown_does_not_end_the_sweep(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    it = run("aaaa")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(search.monitor.heartbeat.Heartbeat, "write", full)
    it.start()
    it.beat()
    (it.records.folder / "plan.json").unlink()
    it.beat()


def test_what_will_be_tried_again_has_not_failed(run: Callable[..., Run]) -> None:
    """Whoever hung has written down where."""
    it = run("aaaa")
    i = it.start()
    it.records.train(i, 2)
    (it.records.folder / "trials" / it.records.ids[i] / "error.txt").write_text("it hung\n")
    it.schedule.release(i, ended=False)
    it.watch.again(it.records.ids[i], "it hung")
    it.beat()
    assert f"again: {it.records.ids[i]}: it hung\n" in it.said
    assert "failed" not in it.said
