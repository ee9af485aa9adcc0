"""Lost workers: classified by the messages of Ray and reported to the queue, which decides on a retry (retries)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from search.execution.job_queue import JobQueue
from search.ray_env import NeverPickled, ray, tune

VICTIM_MESSAGE = re.compile(r"Selected to kill: \(Actor\((\w+)\)(?:.*?actual memory used=([\d.]+) ?GB)?")
NODE_MESSAGE = re.compile(r"[Mm]emory on the node .*?was ([\d.]+) ?GB used / ([\d.]+) ?GB limit")
LOW_MEMORY = "low on memory"  # in the message of Ray's memory monitor


class LostWorkerCallback(NeverPickled, tune.Callback):
    """Reports tasks whose worker was lost to the queue."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._actors: dict[str, str] = {}  # task -> id of its worker in Ray

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        file = Path(trial.error_file)
        self._queue.lose(trial.trial_id, *classify_loss(file.read_text(errors="replace") if file.exists() else ""))

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
                self._queue.lose(task, *classify_loss(str(cause)))
        self._queue.release_all()
        return True


def classify_loss(text: str) -> tuple[str, str]:
    """Return the outcome of a task whose worker was lost, "lost" or "out of memory", and the reason by Ray's text."""
    if LOW_MEMORY in text:
        worker_use = next((f", which held {used} GB," for _, used in VICTIM_MESSAGE.findall(text) if used), "")
        node = NODE_MESSAGE.search(text)
        node_use = f" when {node[1]} of {node[2]} GB were in use" if node else ""
        return "out of memory", f"out of memory: Ray ended its worker{worker_use}{node_use}"
    if "node has died" in text or "node was terminated" in text or "node died" in text:
        return "lost", "its node died"
    if "worker process has died" in text:
        return "lost", "its worker died"
    lines = text.strip().splitlines()
    return "lost", f"its worker was lost: {lines[-1].strip()}" if lines else "its worker was lost"
