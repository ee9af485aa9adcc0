"""The driver's view of its sweep: a live display on a terminal, plain lines elsewhere, and now.json.

Other processes read now.json. The progress comes from the records. Tune only triggers the updates, and the schedule
says what runs and what waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from rich.live import Live

from search.exceptions import NoSweep
from search.monitor.callback import Callback
from search.monitor.cost_model import Costs
from search.monitor.disk_usage import PAUSE_FACTOR, DiskUsageMonitor
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import build_screen, format_headline, redraw
from search.monitor.sweep_status import SweepStatus, compute_status
from search.monitor.trial_progress import ENDED, TrialProgress
from search.planning.jobs import Job
from search.planning.retention import StateRetention
from search.planning.schedule import Schedule
from search.store.remote import stat_version
from trainers.best import CLEAN, ROBUST
from trainers.record_io import Place
from trainers.terminal.console import Console

LIVE_SECONDS = 0.5  # between two updates of the live display
PLAIN_SECONDS = 15.0  # between two plain lines
PROBE_SECONDS = 8.0  # from the start of the run; a training whose steps take seconds has made no progress then
HEARTBEAT_SECONDS = 1.0  # between two writes of now.json
Probe = Callable[[Iterable[int]], Mapping[int, Costs]]


class LiveView(Callback):
    """Reads the records of running trainings, at most twice a second, and shows the status of the sweep."""

    def __init__(
        self, console: Console, folder: Place, schedule: Schedule, retention: StateRetention, slots: int,
        probe: Probe = lambda trainings: {}, expected_trials: int = 0,
    ) -> None:  # fmt: skip
        """Show a sweep; `probe` estimates the costs of trainings, by position, if none makes progress for long.

        `expected_trials` is the number of trials that a search in generations will have planned in the end.
        """
        self.console, self.schedule, self.retention, self.slots = console, schedule, retention, slots
        self.reader = SweepReader(folder)
        self._began = time.time()
        self._earlier = Heartbeat.read(folder) or Heartbeat(0.0, 0)  # of the last run: its freed bytes count as well
        self._written = Heartbeat(0.0, 0)  # the content of now.json
        self._running: dict[str, str] = {}  # Tune's trial -> training; other started trainings wait for a process
        self._measuring: dict[str, float] = {}  # Tune's trial that only measures -> when that began
        self._measured_seconds = 0.0  # of such trials that ended
        self._watched: set[int] = set()  # trainings that ran and whose end is not reported yet
        self._read_at = self._printed_at = self._written_at = time.monotonic()
        self._read_seconds = 0.0  # duration of the last reading; behind a URL this is long
        self._ended: set[str] = set()  # trainings reported as ended: one that is resumed after a stop ends only once
        self._measured: set[int] = set()  # trainings reported as measured further
        self._expected_trials = expected_trials
        self._probe: Probe | None = probe  # None: it was made
        self._probed: dict[str, Costs] = {}  # one training of each kind -> the estimate for all of them
        self._shows_progress = False  # whether a plain line was printed since a training made its first progress
        self._live: Live | None = None
        self._disk_usage: DiskUsageMonitor | None = None

    def __enter__(self) -> LiveView:
        self.reader.read_records(since=self._began)
        self._ended = {progress.name for progress in self.reader.progress if progress.status in ENDED}
        if self.console.is_terminal:
            self._disk_usage = DiskUsageMonitor(self.reader.folder)
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._write_heartbeat()
        return self

    def __exit__(self, *error: Any) -> None:
        self._running.clear()
        self._measuring.clear()
        with suppress(OSError, NoSweep):
            self.look()
            self._write_heartbeat()
        if self._live:
            self._live.stop()

    def on_start(self, task: str, job: Job) -> None:
        self._running[task] = job.trial
        if job.trial in {self.reader.planned[i].id for i in self.schedule.measured}:
            self._measuring[task] = time.time()
        self._watched |= self.schedule.running.keys()  # at once, as it may end before the next update

    def on_end(self, task: str, job: Job) -> None:
        self._running.pop(task, None)
        if (since := self._measuring.pop(task, None)) is not None:
            self._measured_seconds += time.time() - since

    def report_retry(self, name: str, why: str) -> None:
        """Report that a training failed and will be tried again."""
        if not self._live:
            self.console.print(f"retry: {name}: {why}", soft_wrap=True)

    def on_step(self) -> None:
        if time.monotonic() - self._read_at > max(LIVE_SECONDS, PAUSE_FACTOR * self._read_seconds):
            with suppress(OSError, NoSweep):  # a failing display must not end the sweep
                self.look()

    def look(self) -> None:
        """Read what is new in the records, and show it."""
        self._read_at = time.monotonic()
        try:
            self._read_news()
        finally:
            self._read_seconds = time.monotonic() - self._read_at  # without a probe, which is made once
        self._show_news()

    def _read_news(self) -> None:
        self.reader.read_plan()
        running = self.schedule.running.keys()
        self._watched |= running
        over = self._watched - running
        # once one has ended all are read, as others may be the same training under another name
        self.reader.read_records(None if over else self._watched, self._began)
        if over:
            over |= {
                i
                for i, progress in enumerate(self.reader.progress)
                if progress.status in ENDED and progress.name not in self._ended
            }
        for i in sorted(over):
            self._report_end(i)
        self._report_measured()
        if self._read_at - self._written_at > HEARTBEAT_SECONDS:
            self._write_heartbeat()

    def _show_news(self) -> None:
        is_first = self._makes_first_progress() or self._probe_if_late()
        if self._live:
            size = self._disk_usage.bytes if self._disk_usage else None
            redraw(self._live, build_screen(self._compute_status(), self.console, size, self.console.height - 1))
        elif self._read_at - self._printed_at > PLAIN_SECONDS or is_first:
            self._printed_at = self._read_at
            self.console.print(format_headline(self._compute_status()), soft_wrap=True)

    def _makes_first_progress(self) -> bool:
        """Return True once: when a running training has a part of an epoch or more, and so an estimate of the time."""
        if self._shows_progress:
            return False
        running = (self.reader.progress[i] for i in self.schedule.running)
        self._shows_progress = any(progress.running_epoch.fraction or progress.billed.epochs for progress in running)
        return self._shows_progress

    def _probe_if_late(self) -> bool:
        """Return True once: when no training has made progress for so long that a probe has estimated the time."""
        if self._shows_progress or self._probe is None or time.time() - self._began < PROBE_SECONDS:
            return False
        probe, self._probe = self._probe, None
        costs: Mapping[int, Costs] = {}
        with suppress(Exception):  # a training that cannot be probed tells what is wrong itself
            costs = probe(sorted(self.schedule.unfinished))
        by_key = {self.reader.planned[i].cost_key: (self.reader.planned[i].id, found) for i, found in costs.items()}
        self._probed = dict(by_key.values())
        return bool(self._probed)

    def _report_end(self, i: int) -> None:
        """Report a training that does not run any more, unless it waits for its turn."""
        progress, is_open = self.reader.progress[i], i in self.schedule.unfinished
        if i in self.schedule.measured and progress.name in self._ended:
            self._watched.discard(i)
            return
        ended = progress.status in ENDED or (progress.status == "failed" and not is_open)
        if ended or is_open:
            self._watched.discard(i)
        self._ended |= {progress.name} if progress.status in ENDED else set()
        if ended and not self._live:
            count = f"[{len(self._ended)}/{len(self.reader.progress)}]"
            line = f"{count} {progress.status}: {progress.name}{_format_accuracies(progress)}"
            self.console.print(line, soft_wrap=True)

    def _report_measured(self) -> None:
        """Report the trainings that had ended before and are measured now; of one that failed, say so."""
        measured = self.schedule.measured
        for i in sorted(measured - self.schedule.unfinished - self._measured):
            self._measured.add(i)
            if not self._live:
                progress = self.reader.progress[i]
                error = stat_version(progress.folder / "error.txt")
                how = "failed" if error and error.modified >= self._began else "measured"
                self.console.print(f"[{len(self._measured)}/{len(measured)}] {how}: {progress.name}", soft_wrap=True)

    def _compute_status(self) -> SweepStatus:
        return compute_status(self.reader, self._build_heartbeat(), is_running=True)

    def _build_heartbeat(self) -> Heartbeat:
        planned, schedule = self.reader.planned, self.schedule
        lost = self._watched - schedule.running.keys() - schedule.unfinished
        left_out = (
            i
            for i, progress in enumerate(self.reader.progress)
            if i not in schedule.unfinished and progress.status in ("planned", "begun")
        )
        return Heartbeat(
            began=self._began,
            slots=self.slots,
            running=tuple(self._running.values()),
            lost=tuple(planned[i].id for i in lost),
            left_out=tuple(planned[i].id for i in left_out),
            waiting={self._name_awaited(awaited): n for awaited, n in schedule.count_waiting().items()},
            freed=self._earlier.freed + self.retention.freed,
            forgotten=self._earlier.forgotten + self.retention.forgotten,
            to_measure=len(schedule.measured),
            measured=len(schedule.measured - schedule.unfinished),
            measured_seconds=self._measured_seconds,
            measuring_since=tuple(self._measuring.values()),
            expected_trials=self._expected_trials,
            probed=self._probed,
        )

    def _name_awaited(self, awaited: int | str) -> str:
        """Return the name of something that trainings wait for: a training, a ranking or weights."""
        if isinstance(awaited, int):
            return self.reader.planned[awaited].id
        return "a ranking" if awaited in self.schedule.plan.rankings else awaited

    def _write_heartbeat(self) -> None:
        """Write now.json for search.status, if its content has changed."""
        heartbeat, self._written_at = self._build_heartbeat(), time.monotonic()
        if heartbeat != self._written:
            with suppress(OSError):  # a full disk
                heartbeat.write(self.reader.folder)
                self._written = heartbeat


def _format_accuracies(progress: TrialProgress) -> str:
    best = progress.best
    if ROBUST not in best:
        return ""
    return f" (validation at epoch {best['epoch']}: clean {best[CLEAN]:.1%}, PGD {best[ROBUST]:.1%})"
