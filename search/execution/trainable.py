"""The trial as Ray Tune runs it: slices of a session. Kept thin, for Ray only executes."""

from __future__ import annotations

import json
from typing import Any

from search.execution.failures import StepOutcome, record_failure, release_memory
from search.execution.session import Session
from search.execution.watchdog import Watchdog
from search.planning.jobs import Job
from search.ray_env import tune  # first: it prepares what Ray reads on import
from trainers.arrays import Source
from trainers.config import TrialConfig
from trainers.data import Data, prepare_data


class TrialTrainable(tune.Trainable):
    """Trains one job after another in the same process, so that imports and data are paid for once."""

    def setup(self, config: dict[str, Any], sources: dict[str, Source] | None = None) -> None:
        if sources is not None:  # a reused actor keeps what it has
            self._sources = sources
            self._data: dict[str, Data] = {}
        self._job = Job(**json.loads(config["job"]))
        self._session: Session | None = None  # made at the first step: a spare actor must touch nothing

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        with Watchdog(self._job):
            return self._step()

    def _step(self) -> dict[str, Any]:
        latest: dict[str, Any] = {"stored": 0, "rows": []}
        try:
            if self._session is None:
                self._session = Session(self._job, self._prepared())
            came = StepOutcome(self._session.advance(self._job.slice_seconds))
            latest = self._session.latest | {"stored": self._session.stored, "rows": self._session.take_new_rows()}
        except Exception as error:  # told, not raised: Tune would make a lost worker of it
            came = record_failure(self._job, error)
        if came.outcome == "out of memory":
            self._session = None
            release_memory()
        report = {"done": came.outcome != "running", "outcome": came.outcome, "why": came.why}
        return report | {"trial": self._job.trial, "epoch": -1} | latest

    def _prepared(self) -> Data:
        if self._job.data not in self._data:
            self._data.clear()  # one at a time: a data set may be large
            config = TrialConfig.model_validate(self._job.config)
            self._data[self._job.data] = prepare_data(self._sources[self._job.source], config.data)
        return self._data[self._job.data]

    def pause(self) -> None:
        """Keep what was trained since the last checkpoint; called between two steps."""
        if self._session is not None:
            self._session.pause()

    def cleanup(self) -> None:
        """Called when Ray stops the trial."""
        self.pause()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the store remembers, Ray does not."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing: setup and the store do it."""
