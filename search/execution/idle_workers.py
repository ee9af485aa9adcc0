"""Workers without a job, which stay while results may decide on further jobs.

Tune keeps one idle actor and ends all others, and it gives up an actor that is still starting as soon as another is
free. Once workers had been idle, one process alone would do all that follows where trainings are shorter than the start
of a worker, which takes seconds: after each generation of a search, and where trainings waited for a ranking.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from search.execution.job_queue import JobQueue
from search.ray_env import tune_controller


class IdleWorkers(tune_controller._ObjectCache):
    """Tune's cache of idle actors. All ask for the same resources, so that none stands in the way of another."""

    def __init__(self, queue: JobQueue, may_keep_one: bool = True) -> None:
        super().__init__(may_keep_one=may_keep_one)
        self._queue = queue

    def cache_object(self, key: Any, obj: Any) -> bool:
        """Keep an idle actor; return False if it has to end, as a training runs alone for want of memory."""
        if self._queue.trains_alone:
            return bool(super().cache_object(key, obj))
        self._cached_objects[key].append(obj)
        self._num_cached_objects += 1
        return True

    def flush_cached_objects(self, force_all: bool = False) -> Iterator[Any]:
        """Yield the actors that have to end: all once nothing is left to train."""
        if force_all or self._queue.trains_alone:
            yield from super().flush_cached_objects(force_all=force_all)


@contextmanager
def keep_idle_workers(queue: JobQueue) -> Iterator[None]:
    """Let Tune keep its idle workers until the queue has nothing left."""
    of_tune = tune_controller._ObjectCache
    tune_controller._ObjectCache = partial(IdleWorkers, queue)
    try:
        yield
    finally:
        tune_controller._ObjectCache = of_tune
