"""A clean stop: once one is asked for, all that runs ends its epoch and stores it, and then Tune is told."""

from __future__ import annotations

import os
import time
from typing import Any

from search.ray_env import NeverPickled, ray, tune
from search.signals import Interrupt
from trainers.formatting import format_duration
from trainers.terminal.console import Console

SECONDS = 90.0  # where nobody says when the job ends; batch schedulers mostly give two minutes
LONGEST = 3600.0  # where that is long from now, for what hangs
AFTER = 30.0  # what is kept of the time for Ray's own end


def patience(now: float) -> float:
    """Seconds that may be waited, asked to stop at time.time() `now`.

    SEARCH_ENDS_AT in the environment says when the job is killed, in seconds since 1970; the Slurm script sets it.
    """
    try:
        left = float(os.environ.get("SEARCH_ENDS_AT", "")) - now - AFTER
    except ValueError:
        return SECONDS
    return min(left, LONGEST) if left > 0 else SECONDS


class GracefulStop(NeverPickled, tune.Callback):
    """Tune itself would give a worker ten seconds, which an epoch may well take."""

    def __init__(self, interrupt: Interrupt, console: Console) -> None:
        self._interrupt, self._console = interrupt, console
        self._told = False

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        if not self._interrupt.exit_code or self._told:
            return
        self._told = True
        seconds = patience(time.time())
        self._console.print(
            f"Stopping: what runs ends its epoch and stores it, {format_duration(seconds)} at most; "
            "once more ends at once.",
            soft_wrap=True,
        )
        actors = [trial.temporary_state.ray_actor for trial in trials if trial.status == trial.RUNNING]
        stored = [actor.pause.remote() for actor in actors if actor is not None]
        if stored:
            ray.wait(stored, num_returns=len(stored), timeout=seconds)
        self._interrupt.stop_tune()
