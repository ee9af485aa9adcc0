"""What a running sweep shows: on a terminal, in a log, and to another terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import search.monitor.live
import search.monitor.screen
import search.monitor.sweep_status
import search.status
from search.monitor.cost_model import Costs
from search.monitor.heartbeat import Heartbeat
from search.monitor.live import LiveView
from search.monitor.reader import SweepReader
from search.monitor.screen import format_headline
from search.monitor.sweep_status import compute_status
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
        """End the task."""
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
    for opened in open_runs:
        opened.watch.__exit__()


def test_a_log_has_a_line_for_each_end_and_a_headline_now_and_then(run: Callable[..., Run]) -> None:
    live = run("aaab", "aaac", "dddd")
    i = live.start()
    live.records.train(i, 4)
    live.beat()
    live.records.end(i, clean=0.75, robust=0.5)
    live.end(i)
    live.beat()
    live.beat()
    whole, ended, again, _ = live.said.splitlines()
    assert whole.startswith("0 of 3 trainings ended, 4 of 9 epochs trained, 0 s so far, roughly ")
    assert ended == f"[1/3] completed: {live.records.ids[i]} (validation at epoch 3: clean 75.0%, PGD 50.0%)"
    assert again.startswith("1 of 3 trainings ended, 4 of 9 epochs trained")


def test_the_first_progress_is_a_line_at_once(run: Callable[..., Run]) -> None:
    live = run("aaaa")
    i = live.start()
    (live.records.place(i) / "epochs.jsonl").touch()

    def look() -> None:
        live.watch._read_at = float("-inf")  # an update is due, a plain line is not
        live.watch.on_step()

    look()
    assert live.said == ""
    write_json(live.records.place(i) / "epoch.json", {"epoch": 0, "share": 0.001, "seconds": 3.6})
    look()
    look()
    (line,) = live.said.splitlines()
    assert line.startswith("0 of 1 training ended, 0.001 of 4 epochs trained, 0 s so far, roughly 4 h 00 min left")
    assert line.endswith(" left, not counting the evaluation of 1 training of a kind that was not timed yet")


def test_a_training_without_progress_for_long_is_probed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, asked = Run(tmp_path / "study", ["aaaa", "bbbb"]), list[list[int]]()

    def probe(trainings: Iterable[int]) -> dict[int, Costs]:
        asked.append(list(trainings))
        return {0: Costs(epochs=4, train=360.0, evaluate=36.0, final=20.0, final_evaluations=1, evaluations=4)}

    live.watch._probe = probe
    with live.watch:
        live.start()
        monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 60.0)
        live.beat()
        assert asked == [], "the run has just begun"
        monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 0.0)
        live.watch._read_at = float("-inf")
        live.watch.on_step()
        live.beat()
        assert asked == [[0, 1]]
        assert "about 6 min 56 s left by a probe" in live.said.splitlines()[-1]  # (8 epochs of 99 s + 2 x 20 s) / 2
        live.watch._write_heartbeat()
        elsewhere = compute_status(SweepReader(live.watch.reader.folder), Heartbeat.read(tmp_path / "study"), True)
        assert "about 6 min 56 s left by a probe" in format_headline(elsewhere), "search.status says the same"
        live.records.train(0, 1, seconds=2.0)
        live.beat()
        line = live.said.splitlines()[-1]  # of the other training, the longest: 4 epochs of 3 s and 20 s
        assert line.endswith(" 32 s left"), "what is recorded takes precedence, and the probe tells the rest"


def test_after_a_long_probe_the_display_goes_on_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 0.0)
    live = Run(tmp_path / "study", ["aaaa"])

    def probe(trainings: Iterable[int]) -> dict[int, Costs]:
        live.watch._read_at -= 1000.0  # as if the update had begun as long ago
        return {}

    live.watch._probe = probe
    with live.watch:
        live.start()
        live.beat()
        assert live.watch._read_seconds < 500.0, "the pause is in proportion to the reading alone"


def test_a_probe_that_fails_ends_no_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.monitor.live, "PROBE_SECONDS", 0.0)
    live = Run(tmp_path / "study", ["aaaa"])

    def probe(trainings: Iterable[int]) -> dict[int, Costs]:
        raise ValueError("model: the images are too small")

    live.watch._probe = probe
    with live.watch:
        live.start()
        live.beat()
        assert "time left not known yet" in live.said


def test_trainings_that_start_and_end_between_two_updates_are_reported_with_their_duplicates(
    run: Callable[..., Run],
) -> None:
    live = run("aaaa", "bbbb", "dddd")
    begun = [live.start(), live.start()]
    for i in begun:
        live.records.train(i, 4)
        live.records.end(i)
        live.end(i)
    (twin,) = {0, 1, 2} - set(begun)
    live.records.train(twin, 4)
    live.records.end(twin)  # by adoption
    live.beat()
    assert [line.partition("]")[0] for line in live.said.splitlines() if "completed" in line] == [
        "[1/3",
        "[2/3",
        "[3/3",
    ]


def test_tasks_of_one_training_are_reported_as_one_training(run: Callable[..., Run]) -> None:
    live = run("aaaa")
    for until in (2, 4):
        i = live.start()
        live.records.train(i, until, since=until - 2)
        live.beat()
        if until == 2:
            live.schedule.release(i, ended=False)
            live.leave(i)
            live.beat()
            assert live.watch._compute_status().states == {"paused": 1}
    live.records.end(i)
    live.end(i)
    live.beat()
    assert live.said.count("completed") == 1
    assert live.watch._compute_status().states == {"completed": 1}


def test_a_stopped_training_that_is_resumed_counts_once(run: Callable[..., Run]) -> None:
    live = run("aaaa", "bbbb")
    for since, status in ((0, "stopped"), (2, "completed")):
        i = live.start()
        live.records.train(i, since + 2, since=since)
        live.beat()
        live.records.end(i, status)
        live.end(i)
        live.beat()
        live.schedule.add([i])
    lines = [line.partition(": ")[0] for line in live.said.splitlines() if line.startswith("[")]
    assert lines == ["[1/2] stopped", "[1/2] completed"]


def test_trainings_that_ended_before_are_counted_as_measured(
    run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AutoAttack measures trainings of which all have ended: lines say how many, how many are done, and the time."""
    live = run("aaaa", "bbbb", "dddd")
    for i in range(3):
        live.records.train(i, 4)
        live.records.end(i)
    live.watch.__enter__()
    live.schedule.unfinished.clear()
    live.schedule.measured.update((0, 2))
    live.schedule.add((0, 2))
    first = live.start()
    live.beat()
    assert live.said.splitlines()[-1] == (
        "3 of 3 trainings ended, 0 of 2 measured further (1 now), 12 of 12 epochs trained, 0 s so far, "
        "time left not known yet"
    )
    clock = SimpleNamespace(now=time.time() + 60.0)  # the first takes a minute
    for module in (search.monitor.live, search.monitor.sweep_status, search.monitor.screen):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: clock.now, monotonic=time.monotonic))
    live.end(first)
    second = live.start()
    clock.now += 20.0
    live.beat()
    assert "1 of 2 measured further (1 now)" in live.said.splitlines()[-1]
    assert live.said.splitlines()[-1].endswith("1 min 20 s so far, about 40 s left")
    acquire_lock(live.records.folder)
    assert search.status.main([str(live.records.folder)]) == 1
    out = capsys.readouterr().out
    assert "about 40 s left\n" in out and " 1 of 2 further · 1 now\n" in out, "as another terminal shows it"
    live.schedule.release(second, ended=False)  # it is tried again
    live.leave(second)
    live.beat()
    assert f"[1/2] measured: {live.records.ids[first]}" in live.said
    assert "1 of 2 measured further (0 now)" in live.said.splitlines()[-1]
    assert live.said.splitlines()[-1].endswith("about 1 min 20 s left"), "what was lost counts as well"
    assert live.start() == second
    clock.now += 200.0
    live.beat()
    assert live.said.splitlines()[-1].endswith("about 8 s left, then the report"), (
        "one that takes longer than the mean has some left"
    )
    (live.records.place(second) / "error.txt").write_text("ValueError: no memory\n")
    live.end(second)
    live.beat()
    live.beat()
    lines = [line for line in live.said.splitlines() if line.startswith("[")]
    assert lines[1:] == [f"[2/2] failed: {live.records.ids[second]}"]
    assert live.said.splitlines()[-1] == "3 of 3 trainings ended, 12 of 12 epochs trained"


def test_another_terminal_sees_running_and_waiting_trainings(
    run: Callable[..., Run], capsys: pytest.CaptureFixture[str]
) -> None:
    live = run("aaab", "aaac", "dddd")
    acquire_lock(live.records.folder)
    first = live.start()
    live.records.train(first, 1)
    assert live.start() == 2
    assert live.schedule.next_task() is None
    live.beat()
    now = Heartbeat.read(live.records.folder)
    assert now is not None
    assert (now.running, now.waiting) == ((live.records.ids[first], live.records.ids[2]), {live.records.ids[first]: 1})
    assert (now.freed, now.forgotten, now.slots) == (2048, 3, 2)
    assert search.status.main([str(live.records.folder)]) == 1
    out = capsys.readouterr().out
    assert f"waiting   1 for {live.records.ids[first]}\n" in out
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
    live = run("aaaa")
    i = live.start()
    live.records.train(i, 2)
    live.beat()
    live.schedule.release(i, ended=True)
    live.leave(i)
    live.beat()
    assert live.watch._compute_status().states == {"lost": 1}


def test_the_live_view_redraws_in_place_and_is_wiped_at_the_end(run: Callable[..., Run]) -> None:
    live = run("aaab", "aaac", "dddd", terminal=True)
    i = live.start()
    live.records.train(i, 2)
    live.beat()
    assert "1 of 2 processes busy" in live.said
    assert live.said.count("\x1b[?2026h") == live.said.count("\x1b[?2026l") == 1
    live.records.end(i)
    live.end(i)
    live.beat()
    assert "[1/3]" not in live.said


def test_a_failing_display_does_not_end_the_sweep(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    live = run("aaaa")

    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(search.monitor.heartbeat.Heartbeat, "write", full)
    live.start()
    live.beat()
    (live.records.folder / "plan.json").unlink()
    live.beat()


def test_a_training_that_is_retried_has_not_failed(run: Callable[..., Run]) -> None:
    """The error file of a training that hung says where."""
    live = run("aaaa")
    i = live.start()
    live.records.train(i, 2)
    (live.records.folder / "trials" / live.records.ids[i] / "error.txt").write_text("it hung\n")
    live.schedule.release(i, ended=False)
    live.watch.report_retry(live.records.ids[i], "it hung")
    live.beat()
    assert f"retry: {live.records.ids[i]}: it hung\n" in live.said
    assert "failed" not in live.said
