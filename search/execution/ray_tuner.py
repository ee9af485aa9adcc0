"""Running a plan's unfinished trials on Ray Tune, in a cluster that is up."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from search.cluster import private_folder
from search.execution.graceful_stop import GracefulStop
from search.execution.job_queue import JobQueue
from search.execution.lost_workers import LostWorkerCallback
from search.execution.ray_liveness import RayLivenessMonitor
from search.execution.trainable import TrialTrainable
from search.monitor.live import LiveView
from search.monitor.trackers import TrackerCallback
from search.ray_env import NeverPickled, tune
from search.schema.resources import Resources
from search.signals import Interrupt
from trainers.arrays import Source
from trainers.record_io import Place


class _StopWhen(NeverPickled, tune.Stopper):
    """Ends the whole run once nothing can be stored: every further trial would meet it."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def __call__(self, trial_id: str, result: dict) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._queue.trouble is not None


def scratch(folder: Place) -> Path:
    """Where Tune keeps its own files, for this process alone: beside the sweep, or here if that lies behind a URL.

    Tune checks that a node sees them only when it stores checkpoints, and it stores none.
    """
    if isinstance(folder, Path):
        return folder / ".tune"
    return private_folder.create_folder() / "tune"


def run(
    queue: JobQueue, sources: dict[str, Source], resources: Resources, watch: LiveView, feed: TrackerCallback,
    interrupt: Interrupt, slots: int, scratch: Path,
) -> str | None:  # fmt: skip
    """Run what the queue hands out until it is finished, interrupted, or nothing can be stored any more.

    Success is judged from the store by the caller; returned is what else went wrong, if anything did.
    """
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(slots)  # else actors of a custom searcher start one by one
    asked = {kind.lower(): amount for kind, amount in resources.amounts.items()}
    trainable = tune.with_resources(tune.with_parameters(TrialTrainable, sources=sources), asked)
    losses = LostWorkerCallback(queue)
    callbacks = [watch, feed, losses, GracefulStop(interrupt, watch.console)]
    try:
        with RayLivenessMonitor(interrupt, watch.console):
            while True:
                try:
                    interrupt.running = True
                    _tuner(queue, trainable, callbacks, scratch).fit()
                    return queue.trouble
                except Exception as error:
                    if not losses.survived(error):
                        return queue.trouble or f"{type(error).__name__}: {error}"
                except KeyboardInterrupt:
                    if not interrupt.failure:
                        raise
                    return interrupt.failure
                finally:
                    interrupt.running = False
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _tuner(queue: JobQueue, trainable: Any, callbacks: list[Any], scratch: Path) -> Any:
    shutil.rmtree(scratch, ignore_errors=True)  # Tune's own files, never read again
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(search_alg=queue, num_samples=-1, reuse_actors=True),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(scratch),
            verbose=0,
            callbacks=callbacks,
            stop=_StopWhen(queue),
            failure_config=tune.FailureConfig(max_failures=0),  # the queue knows whether to try again
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
