"""What a sweep shows while it runs: a live view on a terminal, plain lines elsewhere, and now.json for other terminals.

The records say how trainings go on; Tune only gives the beat, and the schedule says what runs and what waits.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from rich.live import Live

from search.exceptions import NoSweep
from search.monitor.disk_usage import PAUSE, DiskUsageMonitor
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import draw, headline, screen
from search.monitor.sweep_status import SweepStatus, standing
from search.monitor.trial_progress import ENDED, TrialProgress
from search.planning.retention import StateRetention
from search.planning.schedule import Schedule
from search.ray_env import Unpickled, tune
from trainers.best import CLEAN, ROBUST
from trainers.record_io import Place
from trainers.terminal.console import Console

LIVE_SECONDS = 0.5  # between two looks, and two pictures
PLAIN_SECONDS = 15.0  # between two lines
NOW_SECONDS = 1.0


class LiveView(Unpickled, tune.Callback):
    """Looks at the records of what runs, at most twice a second, and shows where the sweep stands."""

    def __init__(self, console: Console, folder: Place, schedule: Schedule, keeper: StateRetention, slots: int) -> None:
        self.console, self.schedule, self.keeper, self.slots = console, schedule, keeper, slots
        self.ledger = SweepReader(folder)
        self._began = time.time()
        self._before = Heartbeat.read(folder) or Heartbeat(0.0, 0)  # the last run's, whose freed bytes stay freed
        self._told = Heartbeat(0.0, 0)  # what now.json says
        self._at_work: dict[str, str] = {}  # by Tune's trial: others that were handed out wait for a process
        self._watched: set[int] = set()  # trainings that ran and whose end is not told yet
        self._looked = self._spoke = self._wrote = time.monotonic()
        self._took = 0.0  # seconds for a look: behind a URL, many
        self._ended: set[str] = set()  # as told: whoever was stopped and is finished after all ends but once
        self._live: Live | None = None
        self._gauge: DiskUsageMonitor | None = None

    def __enter__(self) -> LiveView:
        self.ledger.look(since=self._began)
        self._ended = {it.name for it in self.ledger.seen if it.status in ENDED}
        if self.console.is_terminal:
            self._gauge = DiskUsageMonitor(self.ledger.folder)
            self._live = Live(console=self.console, auto_refresh=False, transient=True)
            self._live.start()
        self._tell()
        return self

    def __exit__(self, *error: Any) -> None:
        self._at_work.clear()
        with suppress(OSError, NoSweep):
            self._look()
            self._tell()
        if self._live:
            self._live.stop()

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._at_work[trial.trial_id] = trial.config["trial"]
        self._watched |= self.schedule.running.keys()  # now, for it may end before the next look

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._at_work.pop(trial.trial_id, None)

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._at_work.pop(trial.trial_id, None)

    def again(self, name: str, why: str) -> None:
        """A training came to no end, and will be tried again."""
        if not self._live:
            self.console.print(f"again: {name}: {why}", soft_wrap=True)

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        if time.monotonic() - self._looked > max(LIVE_SECONDS, PAUSE * self._took):
            with suppress(OSError, NoSweep):  # what cannot be shown must not end the sweep
                self._look()
            self._took = time.monotonic() - self._looked

    def _look(self) -> None:
        self._looked = time.monotonic()
        self.ledger.grow()
        now = self.schedule.running.keys()
        self._watched |= now
        over = self._watched - now
        self.ledger.look(None if over else self._watched, self._began)  # others may be the same as one that ended
        if over:
            over |= {i for i, it in enumerate(self.ledger.seen) if it.status in ENDED and it.name not in self._ended}
        for i in sorted(over):
            self._over(i)
        if self._looked - self._wrote > NOW_SECONDS:
            self._tell()
        if self._live:
            stored = self._gauge.bytes if self._gauge else None
            draw(self._live, screen(self._standing(), self.console, stored, self.console.height - 1))
        elif self._looked - self._spoke > PLAIN_SECONDS:
            self._spoke = self._looked
            self.console.print(headline(self._standing()), soft_wrap=True)

    def _over(self, i: int) -> None:
        """A training does not run any more: it ended, or waits for its turn."""
        seen = self.ledger.seen[i]
        ended = seen.status in ENDED or (seen.status == "failed" and i not in self.schedule.unfinished)
        if ended or i in self.schedule.unfinished:
            self._watched.discard(i)
        self._ended |= {seen.name} if seen.status in ENDED else set()
        if ended and not self._live:
            line = f"[{len(self._ended)}/{len(self.ledger.seen)}] {seen.status}: {seen.name}{_accuracies(seen)}"
            self.console.print(line, soft_wrap=True)

    def _standing(self) -> SweepStatus:
        return standing(self.ledger, self._now(), held=True)

    def _now(self) -> Heartbeat:
        names, seen = self.ledger.entries, self.ledger.seen
        lost = self._watched - self.schedule.running.keys() - self.schedule.unfinished
        left_out = (
            i for i in range(len(seen)) if i not in self.schedule.unfinished and seen[i].status in ("planned", "begun")
        )
        return Heartbeat(
            began=self._began,
            slots=self.slots,
            running=tuple(self._at_work.values()),
            lost=tuple(names[i].id for i in lost),
            left_out=tuple(names[i].id for i in left_out),
            waiting={self._called(what): n for what, n in self.schedule.count_waiting().items()},
            freed=self._before.freed + self.keeper.freed,
            forgotten=self._before.forgotten + self.keeper.forgotten,
        )

    def _called(self, what: int | str) -> str:
        """What trainings wait for."""
        if isinstance(what, int):
            return self.ledger.entries[what].id
        return "a ranking" if what in self.schedule.plan.rankings else what

    def _tell(self) -> None:
        """Leave what only this process knows for search.status to read."""
        now, self._wrote = self._now(), time.monotonic()
        if now != self._told:
            with suppress(OSError):  # a full disk
                now.write(self.ledger.folder)
                self._told = now


def _accuracies(seen: TrialProgress) -> str:
    if ROBUST not in seen.best:
        return ""
    clean, robust = (f"{seen.best[name]:.1%}" for name in (CLEAN, ROBUST))
    return f" (validation at epoch {seen.best['epoch']}: clean {clean}, PGD {robust})"
