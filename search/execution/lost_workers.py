"""Workers that were lost: what Ray says of them, judged and handed to the queue."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from search.execution.job_queue import JobQueue
from search.ray_env import NeverPickled, ray, tune

VICTIM = re.compile(r"Selected to kill: \(Actor\((\w+)\)(?:.*?actual memory used=([\d.]+) ?GB)?")
NODE = re.compile(r"[Mm]emory on the node .*?was ([\d.]+) ?GB used / ([\d.]+) ?GB limit")
LOW = "low on memory"  # in what Ray's memory monitor says


class LostWorkerCallback(NeverPickled, tune.Callback):
    """Hears from Tune of tasks that ended with their worker."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._actors: dict[str, str] = {}  # Ray's name of each task's worker

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._actors[trial.trial_id] = trial.temporary_state.ray_actor._actor_id.hex()

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        file = Path(trial.error_file)
        self._queue.lost(trial.trial_id, *judged(file.read_text(errors="replace") if file.exists() else ""))

    def survived(self, error: BaseException) -> bool:
        """Whether the sweep can go on after an error that ended all that ran; what goes on is in the queue again.

        Ray kills a worker when a node's memory runs out, and Tune makes no loss of one trial of that, but its own end.
        """
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ray.exceptions.OutOfMemoryError):
            cause = cause.__cause__ or cause.__context__
        if cause is None:
            return False
        victims = {actor for actor, _ in VICTIM.findall(str(cause))}
        known = victims & {self._actors.get(task) for task in self._queue.running}
        for task in self._queue.running:
            if not known or self._actors.get(task) in known:  # it may have been killed before it was known
                self._queue.lost(task, *judged(str(cause)))
        self._queue.cut_off()
        return True


def judged(text: str) -> tuple[str, str]:
    """The outcome of a task whose worker was lost, "lost" or "out of memory", and why, from what Ray says of it."""
    if LOW in text:
        held = next((f", which held {used} GB," for _, used in VICTIM.findall(text) if used), "")
        node = NODE.search(text)
        full = f" when {node[1]} of {node[2]} GB were in use" if node else ""
        return "out of memory", f"out of memory: Ray ended its worker{held}{full}"
    if "node has died" in text or "node was terminated" in text or "node died" in text:
        return "lost", "its node died"
    if "worker process has died" in text:
        return "lost", "its worker died"
    lines = text.strip().splitlines()
    return "lost", f"its worker was lost: {lines[-1].strip()}" if lines else "its worker was lost"
