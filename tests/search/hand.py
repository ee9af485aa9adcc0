"""A sweep without Ray: its queue served by hand, in this process, as Tune serves it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

import search.execution.sweep
import search.planning.jobs
from search.execution.job_queue import JobQueue
from search.execution.trainable import TrialTrainable
from search.store.checkpoint_writer import wait_for_writes

from .helpers import Tiny

Disturb = Callable[["Hand", int], None]


class Hand:
    """Runs so many tasks in turns, an epoch at a time, and lets a test interfere before each."""

    def __init__(self, tiny: Tiny | None, slots: int = 2, disturb: Disturb = lambda hand, turn: None) -> None:
        self._tiny, self.slots, self.disturb = tiny, slots, disturb
        self.running: dict[str, TrialTrainable] = {}
        self.epochs = 0  # trained
        self._names = iter(range(10**9))

    @property
    def tiny(self) -> Tiny:
        assert self._tiny, "this hand was given no sweep of its own"
        return self._tiny

    def run(self, monkeypatch: pytest.MonkeyPatch) -> int:
        """The sweep's exit code."""
        with monkeypatch.context() as patched:
            self.patch(patched)
            code = self.tiny.sweep.run(None, "the command")
            self.tiny.sweep.conclude()
            return code

    def patch(self, patched: pytest.MonkeyPatch) -> None:
        """Let any sweep of this process be served by this hand, and not by Ray."""
        patched.setattr(search.execution.sweep, "cluster", lambda *arguments: nullcontext())
        patched.setattr(search.execution.sweep, "check_nodes", lambda *arguments: [])
        patched.setattr(
            search.execution.sweep, "measure_gpu_share", lambda plan, loaded, resources, *arguments: resources
        )
        patched.setattr(search.execution.sweep, "slots", lambda resources: self.slots)
        patched.setattr(search.execution.sweep, "run", self._serve)
        patched.setattr(search.planning.jobs, "choose_slice_seconds", lambda workers: 1e-9)  # an epoch a step

    def lose(self, task: str, outcome: str = "lost", why: str = "its worker died") -> None:
        """A worker is gone, with all that it had not stored."""
        wait_for_writes()
        del self.running[task]
        self._queue.lost(task, outcome, why)

    def trains(self, task: str) -> int:
        """Which training of the plan a task is."""
        ids = [trial.id for trial in self.tiny.plan.trials]
        return ids.index(self.running[task]._job.trial)

    def _serve(self, queue: JobQueue, sources: Any, resources: Any, watch: Any, *rest: Any) -> str | None:
        self._queue, self.running = queue, {}
        for turn in range(10_000):
            self._fill(sources)
            if not self.running:
                return queue.trouble
            self.disturb(self, turn)
            for task in list(self.running):
                self._step(task)
            watch.on_step_end(turn, [])
            if queue.trouble:
                for trial in self.running.values():
                    trial.cleanup()
                return queue.trouble
        pytest.fail("it does not get on")

    def _fill(self, sources: Any) -> None:
        while len(self.running) < self.slots:
            task = str(next(self._names))
            config = self._queue.suggest(task)
            if not isinstance(config, dict):
                assert config is None or not self.running, "it was finished too early"
                return
            self.running[task] = TrialTrainable.__new__(TrialTrainable)
            self.running[task].setup(config, sources=sources)

    def _step(self, task: str) -> None:
        if task not in self.running:
            return
        report = self.running[task].step()
        self.epochs += report["epoch"] >= 0
        if report["done"]:
            del self.running[task]
            self._queue.on_trial_complete(task, result=report)
        else:
            self._queue.on_trial_result(task, report)
