"""A clean stop: once one is asked for, all that runs ends its epoch and stores it, and then Tune is told."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from search.environment import Unpickled, ray, tune
from search.interrupt import Interrupt

SECONDS = 90.0  # batch schedulers give two minutes (--signal=TERM@120), of which Ray's own end takes some


class Grace(Unpickled, tune.Callback):
    """Tune itself would give a worker ten seconds, which an epoch may well take."""

    def __init__(self, interrupt: Interrupt, console: Console) -> None:
        self._interrupt, self._console = interrupt, console
        self._told = False

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        if not self._interrupt.code or self._told:
            return
        self._told = True
        self._console.print(
            f"Stopping: what runs ends its epoch and stores it, {SECONDS:g} s at most; once more ends at once.",
            soft_wrap=True,
        )
        actors = [trial.temporary_state.ray_actor for trial in trials if trial.status == trial.RUNNING]
        stored = [actor.pause.remote() for actor in actors if actor is not None]
        if stored:
            ray.wait(stored, num_returns=len(stored), timeout=SECONDS)
        self._interrupt.tell()
