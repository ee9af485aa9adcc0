"""Lost workers: classified by the messages of Ray and reported to the queue, which decides on a retry (retries).

A GPU that loses one worker after another (gpu_faults) is no longer used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from search.execution.gpu_faults import MAX_STRIKES, GpuFaults
from search.execution.job_queue import JobQueue
from search.planning.jobs import Job
from search.ray_env import NeverPickled, ray, tune

VICTIM_MESSAGE = re.compile(r"Selected to kill: \(Actor\((\w+)\)(?:.*?actual memory used=([\d.]+) ?GB)?")
NODE_MESSAGE = re.compile(r"[Mm]emory on the node .*?was ([\d.]+) ?GB used / ([\d.]+) ?GB limit")
ENDED_BY_TRAINING = ("paused", "completed", "diverged", "stopped")
LOW_MEMORY = "low on memory"  # in the message of Ray's memory monitor
GPU_MESSAGE = re.compile(r"GpuFault: (.*?)(?: \[(GPU [^\]]*)\])?$", re.MULTILINE)  # of trainable


class Loss(NamedTuple):
    """The loss of a worker."""

    outcome: str  # of its task: "lost" or "out of memory"
    why: str
    gpu: str = ""  # whose fault it is; empty if it is that of no GPU


class LostWorkerCallback(NeverPickled, tune.Callback):
    """Reports tasks whose worker was lost to the queue, and retires GPUs."""

    def __init__(
        self, queue: JobQueue, jobs: Mapping[str, Job], faults: GpuFaults, tell: Callable[[str], None]
    ) -> None:
        """Watch the tasks of `jobs`, which are by task; `tell` prints a note."""
        self._queue, self._jobs, self._faults, self._tell = queue, jobs, faults, tell
        self._actors: dict[str, str] = {}  # task -> id of its worker in Ray

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()
        self._faults.record_start(trial.trial_id)

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict, **info: Any) -> None:
        if result.get("rows") or result["outcome"] in ENDED_BY_TRAINING:
            self._faults.record_progress(self._jobs[trial.trial_id].trial, result["gpu"])

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        file, task = Path(trial.error_file), trial.trial_id
        loss = classify_loss(file.read_text(errors="replace") if file.exists() else "")
        if loss.gpu and self._faults.record_loss(task, self._jobs[task].trial, loss.gpu, loss.why):
            self._tell(
                f"{loss.gpu} is no longer used: it lost {MAX_STRIKES} workers in a row, the last by {loss.why}. Its "
                "trainings go on elsewhere. Look at `nvidia-smi -q` and at the kernel's log of that node; the next run "
                "tries it again"
            )
        self._queue.lose(task, loss.outcome, loss.why, excused=loss.gpu in self._faults.retired)

    def recover(self, error: BaseException) -> bool:
        """Report killed tasks as lost and release the others after an error that ended the run.

        When the memory of a node runs out, Ray kills one worker, and Tune ends the whole run instead of one trial.
        Returns False if the error has another cause.
        """
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ray.exceptions.OutOfMemoryError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            return False
        victims = {actor for actor, _ in VICTIM_MESSAGE.findall(str(cause))}
        known = victims & {self._actors.get(task) for task in self._queue.running}
        for task in self._queue.running:
            if not known or self._actors.get(task) in known:  # a worker may be killed before on_trial_start
                self._queue.lose(task, *classify_loss(str(cause))[:2])
        self._queue.release_all()
        return True


def classify_loss(text: str) -> Loss:
    """Return how a worker was lost, by Ray's text."""
    if LOW_MEMORY in text:
        worker_use = next((f", which held {used} GB," for _, used in VICTIM_MESSAGE.findall(text) if used), "")
        node = NODE_MESSAGE.search(text)
        node_use = f" when {node[1]} of {node[2]} GB were in use" if node else ""
        return Loss("out of memory", f"out of memory: Ray ended its worker{worker_use}{node_use}")
    if faults := GPU_MESSAGE.findall(text):
        return Loss("lost", *faults[-1])
    if "node has died" in text or "node was terminated" in text or "node died" in text:
        return Loss("lost", "its node died")
    if "worker process has died" in text:
        return Loss("lost", "its worker died")
    lines = text.strip().splitlines()
    return Loss("lost", f"its worker was lost: {lines[-1].strip()}" if lines else "its worker was lost")
