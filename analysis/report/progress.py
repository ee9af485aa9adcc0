"""How far a sweep is, in one word and two counts that every part of a report repeats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from analysis.results.search_block import is_search
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, DIVERGED, OPEN, STOPPED

SETTLED = (COMPLETED, DIVERGED, STOPPED)  # outcomes that training the sweep again would not change
RUNNING, INTERRUPTED, ENDED, COMPLETE = "running", "interrupted", "ended", "complete"
STATES = (RUNNING, INTERRUPTED, ENDED, COMPLETE)  # of several sweeps the first that one is in


class Progress(NamedTuple):
    """How far a sweep is.

    `state` is "complete" if each trial has an outcome, and "ended" if some failed or lost their result. With trials
    that have not ended it is "interrupted" if the last run noted its end, else "running".
    """

    state: str
    ended: int  # trials
    planned: int

    @property
    def text(self) -> str:
        """The state and the counts in words: "interrupted, 41 of 90"."""
        return f"{self.state}, {self.ended} of {self.planned}"


def measure_progress(sweep: Sweep) -> Progress:
    """Measure how far a sweep is, by its records and by what its last run noted."""
    states = sweep.study_trials["status"]
    if states.isin(SETTLED).all():
        state = RUNNING if _grows(sweep) else COMPLETE
    elif not states.isin(OPEN).any():
        state = ENDED
    else:
        state = RUNNING if _is_live(sweep) else INTERRUPTED
    return Progress(state, int((~states.isin(OPEN)).sum()), len(states))


def join_progress(sweeps: Sequence[Sweep]) -> Progress:
    """Add up how far several sweeps are; the state is that of the least finished one."""
    found = [measure_progress(sweep) for sweep in sweeps]
    state = min((each.state for each in found), key=STATES.index)
    return Progress(state, sum(each.ended for each in found), sum(each.planned for each in found))


def _is_live(sweep: Sweep) -> bool:
    """Return whether the last run has not noted its end."""
    return bool(sweep.runs) and "ended" not in sweep.runs[-1]


def _grows(sweep: Sweep) -> bool:
    """Return whether a search may draw further configurations though all that it drew have ended."""
    return _is_live(sweep) and is_search(sweep)
