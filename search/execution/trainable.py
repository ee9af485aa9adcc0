"""A worker as Ray Tune runs it. Kept thin, for Ray only executes."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from search.execution.failures import ASSERT_WORDS, GpuFault
from search.execution.worker import Worker
from search.planning.jobs import Job, Report
from search.ray_env import ray, tune  # first: it prepares what Ray reads on import
from trainers.arrays import Source

PARKED = "parked"  # the outcome of a worker that occupies a retired GPU, and trains nothing
PARKED_SECONDS = 1.0  # between two reports of a parked worker
EXIT_SECONDS = 5.0  # after a fault of its GPU; Ray has its error after milliseconds
EXIT_CODE = 71


class TrialTrainable(tune.Trainable):
    """Trains one job after another in the same actor, which Tune reuses.

    On a GPU that is no longer used it hands its job back and stays, so that Ray gives this share of the GPU to nobody.
    """

    def setup(self, config: dict[str, Any], sources: dict[str, Source] | None = None) -> None:
        if sources is not None:  # a reused actor keeps what it has
            self._worker = Worker(sources)
            self._gpu = find_gpu()
        self._parked = self._gpu in config["retired"]
        if not self._parked:
            self._worker.begin(job_of(config))

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train a slice of the job. A fault of the GPU ends the process: a new one gets a new CUDA context."""
        if self._parked:
            time.sleep(PARKED_SECONDS)
            return {"outcome": PARKED, "gpu": self._gpu, "done": False, "epoch": -1}
        try:
            return result_of(self._worker.step()) | {"gpu": self._gpu}
        except GpuFault as fault:
            end = threading.Timer(EXIT_SECONDS, os._exit, (EXIT_CODE,))
            end.daemon = True
            end.start()
            blamed = self._gpu and ASSERT_WORDS not in str(fault)
            raise GpuFault(f"{fault} [{self._gpu}]" if blamed else str(fault)) from None

    def pause(self) -> None:
        """Store what was trained since the last checkpoint; called between two steps."""
        self._worker.pause()

    def cleanup(self) -> None:
        """Store what was trained, as Ray stops the trial."""
        self.pause()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Do nothing: the store has the checkpoints, not Ray."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Do nothing: setup and the store do it."""


def find_gpu() -> str:
    """Return the name of the GPU that this worker may use, by its number in nvidia-smi; empty if Ray gave it none."""
    if not ray.is_initialized():  # outside a worker, where the next call would start a Ray
        return ""
    context = ray.get_runtime_context()
    gpus = context.get_accelerator_ids().get("GPU", [])
    return f"GPU {gpus[0]} of node {socket.gethostname()} ({context.get_node_id()[:6]})" if gpus else ""


def config_of(job: Job, retired: Collection[str] = ()) -> dict[str, Any]:
    """Return a job as Tune's config: text, for Tune copies and walks it; keys keep the order of config.yaml.

    `retired`: the GPUs that are no longer used.
    """
    return {"trial": job.trial, "job": json.dumps(asdict(job)), "retired": sorted(retired)}


def job_of(config: dict[str, Any]) -> Job:
    return Job(**json.loads(config["job"]))


def result_of(report: Report) -> dict[str, Any]:
    """Return a report as Tune's result; `epoch` is the searcher's metric, which Tune wants in each."""
    epoch = report.rows[-1]["epoch"] if report.rows else -1
    return vars(report) | {"done": report.outcome != "running", "epoch": epoch}


def report_of(result: dict[str, Any]) -> Report:
    return Report(result["outcome"], result["stored"], result["rows"], result["why"])
