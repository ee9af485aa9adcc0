"""A graceful stop: running trials finish and store their epochs before Tune ends the run."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from search.ray_env import NeverPickled, ray, tune
from search.signals import Interrupt
from trainers.formatting import format_duration
from trainers.terminal.console import Console

DEFAULT_GRACE = 90.0  # seconds if the end of the job is unknown; batch schedulers mostly give two minutes
MAX_GRACE = 3600.0  # seconds if the job ends much later, because a trial may hang
SHUTDOWN_SECONDS = 30.0  # reserved for the shutdown of Ray


def compute_grace_period(now: float) -> float:
    """Return the seconds to wait for running trials after a request to stop at `now` (time.time()).

    The environment variable SEARCH_ENDS_AT holds the time when the job is killed, in seconds since 1970; the Slurm
    script sets it.
    """
    try:
        left = float(os.environ.get("SEARCH_ENDS_AT", "")) - now - SHUTDOWN_SECONDS
    except ValueError:
        return DEFAULT_GRACE
    return min(left, MAX_GRACE) if left > 0 else DEFAULT_GRACE


class GracefulStop(NeverPickled, tune.Callback):
    """Pauses running trials before Tune stops them: Tune gives a worker ten seconds, and an epoch may take more."""

    def __init__(self, interrupt: Interrupt, console: Console) -> None:
        self._interrupt, self._console = interrupt, console
        self._requested = False

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        if not self._interrupt.exit_code or self._requested:
            return
        self._requested = True
        actors = [trial.temporary_state.ray_actor for trial in trials if trial.status == trial.RUNNING]
        stored = [actor.pause.remote() for actor in actors if actor is not None]
        if stored:
            seconds = compute_grace_period(time.time())
            self._console.print(
                f"Stopping: running trainings finish and store their epochs, {format_duration(seconds)} at most; "
                "interrupt again to end at once."
            )
            ray.wait(stored, num_returns=len(stored), timeout=seconds)
        else:
            self._console.print("Stopping: no training runs, so that nothing has to be stored first.")
        signal.raise_signal(signal.SIGUSR1)  # Tune stops at this one, however Ctrl-C is handled
