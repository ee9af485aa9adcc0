"""The queue of jobs: what becomes of a training whose worker is lost at the end of its last epoch."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from search.execution.job_queue import JobQueue
from search.execution.retries import Retries
from search.planning.jobs import Report

from ..planning.test_schedule import make_schedule


@pytest.fixture
def listener() -> Mock:
    """A listener to whom the last state of the training is known, as it was stored before the worker died."""
    return Mock(find_stored_epochs=Mock(return_value=4))


@pytest.fixture
def queue(listener: Mock) -> JobQueue:
    job: Any = Mock()
    return JobQueue(make_schedule(["aaaa"]), job, listener, Retries(1))


@pytest.mark.parametrize("outcome", ["lost", "out of memory"])
def test_a_training_whose_result_was_lost_with_its_worker_is_handed_out_again(
    queue: JobQueue, listener: Mock, outcome: str
) -> None:
    assert queue.begin("one")
    queue.lose("one", outcome, "its worker died")
    assert listener.on_retry.call_count == 1
    assert queue.begin("two"), "all its epochs are stored, and its result is not"
    queue.end("two", Report("completed", 4))
    assert queue.begin("three") is None and listener.on_end.call_args.args[:2] == (0, "completed")


def test_so_is_one_whose_run_the_backend_ended(queue: JobQueue) -> None:
    assert queue.begin("one")
    queue.report("one", Report("running", 4))
    queue.release_all()
    assert queue.begin("two")
