"""A worker as Ray Tune runs it. Kept thin, for Ray only executes."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from search.execution.worker import Worker
from search.planning.jobs import Job, Report
from search.ray_env import tune  # first: it prepares what Ray reads on import
from trainers.arrays import Source


class TrialTrainable(tune.Trainable):
    """Trains one job after another in the same actor, which Tune reuses."""

    def setup(self, config: dict[str, Any], sources: dict[str, Source] | None = None) -> None:
        if sources is not None:  # a reused actor keeps what it has
            self._worker = Worker(sources)
        self._worker.begin(job_of(config))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        return result_of(self._worker.step())

    def pause(self) -> None:
        """Store what was trained since the last checkpoint; called between two steps."""
        self._worker.pause()

    def cleanup(self) -> None:
        """Called when Ray stops the trial."""
        self.pause()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the store has the checkpoints, not Ray."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: setup and the store do it."""


def config_of(job: Job) -> dict[str, Any]:
    """Return a job as Tune's config: text, for Tune copies and walks it; keys keep the order of config.yaml."""
    return {"trial": job.trial, "job": json.dumps(asdict(job))}


def job_of(config: dict[str, Any]) -> Job:
    return Job(**json.loads(config["job"]))


def result_of(report: Report) -> dict[str, Any]:
    """Return a report as Tune's result; `epoch` is the searcher's metric, which Tune wants in each."""
    epoch = report.rows[-1]["epoch"] if report.rows else -1
    return vars(report) | {"done": report.outcome != "running", "epoch": epoch}


def report_of(result: dict[str, Any]) -> Report:
    return Report(result["outcome"], result["stored"], result["rows"], result["why"])
