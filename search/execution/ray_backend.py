"""Trainings on Ray Tune, on this machine alone or in a cluster."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.cluster import private_folder
from search.cluster.capacity import count_slots
from search.cluster.gpu_packing import measure_gpu_share
from search.cluster.nodes import check_nodes, list_notes
from search.cluster.ray_cluster import open_cluster
from search.execution.backend import Capacity, Workload
from search.execution.gpu_faults import GpuFaults
from search.execution.graceful_stop import GracefulStop
from search.execution.idle_workers import keep_idle_workers
from search.execution.job_queue import JobQueue
from search.execution.lost_workers import LostWorkerCallback
from search.execution.ray_liveness import RayLivenessMonitor
from search.execution.trainable import PARKED, TrialTrainable, config_of, report_of
from search.monitor.callback import Callback
from search.planning.jobs import Job
from search.ray_env import NeverPickled, tune
from trainers.record_io import Place


class RayBackend:
    """Runs each task as a Tune trial, in an actor of a process of its own."""

    def __init__(self, address: str | None) -> None:
        """Join the Ray cluster at `address`; without one, start Ray on this machine alone."""
        self._address = address

    @contextmanager
    def prepare(self, workload: Workload) -> Iterator[Capacity]:
        """Join Ray, ask each node whether it would train what was planned, and measure what `gpus: auto` means."""
        with open_cluster(self._address, workload.interrupt):
            nodes = check_nodes(self._address, workload.folder, workload.resources)
            for note in list_notes(nodes):
                workload.tell(note)
            resources = measure_gpu_share(
                workload.plan, workload.sources, workload.resources, workload.folder, nodes, workload.console
            )
            yield Capacity(count_slots(resources), resources, nodes)

    def run(self, workload: Workload, capacity: Capacity, queue: JobQueue, callbacks: Sequence[Callback]) -> str | None:
        """Run Tune, and run it again where it died of a worker that Ray ended for want of memory."""
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(capacity.slots)  # else actors of a searcher start one by one
        amounts = {kind.lower(): amount for kind, amount in capacity.resources.amounts.items()}
        trainable = tune.with_resources(tune.with_parameters(TrialTrainable, sources=workload.sources), amounts)
        interrupt, scratch = workload.interrupt, scratch_of(workload.folder)
        faults = GpuFaults()
        searcher = TuneSearcher(queue, faults, lambda: count_slots(capacity.resources))
        lost = LostWorkerCallback(queue, searcher.jobs, faults, workload.tell)
        tune_callbacks = [TuneCallback(searcher.jobs, callbacks), lost, GracefulStop(interrupt, workload.console)]
        try:
            with RayLivenessMonitor(interrupt, workload.console), keep_idle_workers(queue):
                while True:
                    try:
                        searcher.parked.clear()  # their workers ended with the last run of Tune
                        interrupt.listening = tune_listens
                        _tuner(searcher, queue, trainable, tune_callbacks, scratch).fit()
                        return queue.failure
                    except Exception as error:
                        if not lost.recover(error):
                            return queue.failure or f"{type(error).__name__}: {error}"
                    except KeyboardInterrupt:
                        if not interrupt.failure:
                            raise
                        return interrupt.failure
                    finally:
                        interrupt.listening = None
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


class TuneSearcher(NeverPickled, tune.search.Searcher):
    """The job queue as a searcher of Tune, whose trials are the queue's tasks. The queue decides on retries."""

    def __init__(self, queue: JobQueue, faults: GpuFaults, slots: Callable[[], int]) -> None:
        """Suggest the tasks of a queue; `slots` returns how many trainings the cluster holds at once."""
        super().__init__(metric="epoch", mode="max")
        self._queue, self._faults, self._slots = queue, faults, slots
        self.jobs: dict[str, Job] = {}  # by task, which is Tune's id of a trial
        self.parked: set[str] = set()  # tasks whose workers occupy retired GPUs
        self.finished = False

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        job = self._queue.begin(trial_id)
        if job is not None:
            self.jobs[trial_id] = job
            return config_of(job, self._faults.retired)
        self.finished = not self._queue.running
        return self.FINISHED if self.finished else None  # with nothing running None would block for ever

    def on_trial_result(self, trial_id: str, result: dict) -> None:
        if result["outcome"] == PARKED:
            self._park(trial_id)
        else:
            self._queue.report(trial_id, report_of(result))

    def _park(self, task: str) -> None:
        """Take back the job of a worker that came up on a retired GPU; it stays there, so that no other one does."""
        if task in self.parked:
            return
        self.parked.add(task)
        self._queue.end(task, None)
        if len(self.parked) >= self._slots():
            worst = "; ".join(f"{gpu}: {why}" for gpu, why in sorted(self._faults.retired.items()))
            self._queue.failure = self._queue.failure or f"no GPU is left, as each lost its workers ({worst})"

    def on_trial_complete(self, trial_id: str, result: dict | None = None, error: bool = False) -> None:
        """End a task; one that ended by an error is for LostWorkerCallback, which is called next and knows which."""
        if trial_id in self.parked:
            self.parked.discard(trial_id)  # the run is over, or its node died
        elif not error:
            self._queue.end(trial_id, report_of(result) if result and "outcome" in result else None)

    def save(self, checkpoint_path: str) -> None:
        """Do nothing: the records have it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Do nothing: the records have it all."""


class TuneCallback(NeverPickled, tune.Callback):
    """Calls a sweep's callbacks when Tune calls."""

    def __init__(self, jobs: Mapping[str, Job], callbacks: Sequence[Callback]) -> None:
        self._jobs, self._callbacks = jobs, callbacks
        self._parked: set[str] = set()  # their tasks are over, and Tune's trials go on

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        for callback in self._callbacks:
            callback.on_start(trial.trial_id, self._jobs[trial.trial_id])

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:
        if result["outcome"] == PARKED:
            self.on_trial_complete(iteration, trials, trial)
            self._parked.add(trial.trial_id)
            return
        for callback in self._callbacks:
            callback.on_report(trial.trial_id, self._jobs[trial.trial_id])

    def on_trial_complete(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        if trial.trial_id in self._parked:
            return
        for callback in self._callbacks:
            callback.on_end(trial.trial_id, self._jobs[trial.trial_id])

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self.on_trial_complete(iteration, trials, trial)

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        for callback in self._callbacks:
            callback.on_step()


class _StopWhen(NeverPickled, tune.Stopper):
    """Ends the whole run once every further trial would fail alike, and parked workers once nothing is left to train.

    Every further trial fails alike where nothing can be stored, and where no GPU is left.
    """

    def __init__(self, queue: JobQueue, searcher: TuneSearcher) -> None:
        self._queue, self._searcher = queue, searcher

    def __call__(self, trial_id: str, result: dict) -> bool:
        return self._searcher.finished and trial_id in self._searcher.parked

    def stop_all(self) -> bool:
        return self._queue.failure is not None


def tune_listens() -> bool:
    """Return whether Tune has set its handler of the signal by which GracefulStop ends it."""
    return signal.getsignal(signal.SIGUSR1) is not signal.SIG_DFL


def scratch_of(folder: Place) -> Path:
    """Return the folder of Tune's own files, for this process alone: beside the sweep, or local if it is behind a URL.

    Tune checks that a node sees them only when it stores checkpoints, and it stores none.
    """
    if isinstance(folder, Path):
        return folder / ".tune"
    return private_folder.create_folder() / "tune"


def _tuner(searcher: TuneSearcher, queue: JobQueue, trainable: Any, callbacks: list[Any], scratch: Path) -> Any:
    shutil.rmtree(scratch, ignore_errors=True)  # Tune's own files, never read again
    return tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(search_alg=searcher, num_samples=-1, reuse_actors=True),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(scratch),
            verbose=0,
            callbacks=callbacks,
            stop=_StopWhen(queue, searcher),
            failure_config=tune.FailureConfig(max_failures=0),  # the queue knows whether to try again
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        ),
    )
