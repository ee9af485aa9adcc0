"""Retry decisions: whether a training is tried again after its worker was killed or ran out of memory.

lost_workers (Ray) reports such a worker to the queue (job_queue), which asks here and puts the training back on the
schedule. The next try resumes from the deepest stored state.
"""

from __future__ import annotations


class Retries:
    """Counts consecutive failures of each training without progress.

    Failures with progress between them do not add up: a worker that is killed now and then is no fault of the training.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit  # times in a row without a deeper stored state
        self._lost: dict[int, tuple[int, int]] = {}  # training -> stored epochs at its last failure, failures there
        self._alone: set[int] = set()  # trainings that had their one try without others beside them

    def lost(self, i: int, at: int) -> bool:
        """Return whether to retry a training whose worker died, with its deepest state after `at` epochs."""
        before, times = self._lost.get(i, (at, 0))
        times = times + 1 if at <= before else 1
        self._lost[i] = max(at, before), times
        return times <= self.limit

    def forgive(self, i: int) -> None:
        """Forget the losses of a training, which were the fault of a GPU."""
        self._lost.pop(i, None)

    def out_of_memory(self, i: int) -> bool:
        """Return whether to retry a training that ran out of memory: once, with nothing beside it."""
        first = i not in self._alone
        self._alone.add(i)
        return first
