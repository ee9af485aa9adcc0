"""Train jobs in a process, on any backend: one session after another, a slice at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

import torch

from search.execution.failures import GpuFault, record_failure, release_memory
from search.execution.session import Session
from search.execution.watchdog import Watchdog
from search.planning.jobs import Job, Report
from trainers.arrays import Source
from trainers.config import TrialConfig
from trainers.data import Data, prepare_data


class Worker:
    """Trains one job after another in the same process, so that imports and data are paid for once."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self._sources = sources
        self._data: dict[tuple[str, str], Data] = {}
        self._session: Session | None = None

    def begin(self, job: Job) -> None:
        """Take a job; the session is made at the first step, as a spare worker must touch no file."""
        self.job = job
        self._session = None

    def step(self) -> Report:
        """Train a slice of the job. An error is part of the report, not raised: Ray would make a lost worker of it.

        Raises GpuFault if this process cannot use its GPU any more, and is therefore to be lost.
        """
        with Watchdog(self.job):
            report = self._step()
        if report.outcome == "lost":
            self._abandon_session()
            raise GpuFault(report.why)
        if report.outcome != "running":
            self._session = None
            if report.outcome == "out of memory" or torch.cuda.is_initialized():  # it takes 0.2 s or more
                release_memory()
        return report

    def _step(self) -> Report:
        try:
            if self._session is None:
                self._session = Session(self.job, self._prepared())
            outcome = self._session.advance(self.job.slice_seconds)
            return Report(outcome, self._session.stored, [dict(row) for row in self._session.take_new_rows()])
        except Exception as error:
            failure = record_failure(self.job, error)
        return Report(failure.outcome, why=failure.why)

    def _abandon_session(self) -> None:
        """Drop the session without its state, which is on the GPU; a checkpoint that is being written is finished."""
        if self._session is not None:
            with suppress(OSError):
                self._session.wait_for_writer()
            self._session = None

    def _prepared(self) -> Data:
        key = self.job.data, self.job.source  # of which corrupted test sets may be a part of the source alone
        if key not in self._data:
            self._data.clear()  # one at a time: a data set may be large
            config = TrialConfig.model_validate(self.job.config)
            self._data[key] = prepare_data(self._sources[self.job.source], config.data)
        return self._data[key]

    def pause(self) -> None:
        """Store what was trained since the last checkpoint; to be called between two steps."""
        if self._session is not None:
            self._session.pause()
