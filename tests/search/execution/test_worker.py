"""A worker between two jobs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import search.execution.worker
from search.execution.session import Session
from search.execution.worker import Worker
from search.planning.jobs import Job
from trainers.data import Data

from ..helpers import Tiny

PLAIN: dict[str, Any] = {"profile": None, "search__axes": None}


@pytest.fixture
def without_collector() -> Iterator[None]:
    """Only counts of references free memory, as they do between two collections."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("changes", [{}, {"trial__average": {"name": "ema", "momentum": 0.9}}])
def test_nothing_of_a_session_lives_once_its_job_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_collector: None, changes: dict[str, Any]
) -> None:
    """Else an idle worker keeps network, data and best weights on its GPU until it gets another job."""
    parts: list[weakref.ref[Any]] = []

    class Watched(Session):
        def __init__(self, job: Job, data: Data) -> None:
            super().__init__(job, data)
            trainer = self.trainer
            parts.extend(map(weakref.ref, (self, trainer, trainer.net.module, trainer.examples, trainer.optimizer)))

    monkeypatch.setattr(search.execution.worker, "Session", Watched)
    run = Tiny(tmp_path / "sweep", **(PLAIN | changes))
    worker = Worker(run.sweep.sources.loaded)
    worker.begin(run.job(0))
    while (report := worker.step()).outcome == "running":
        assert all(part() is not None for part in parts)
    assert report.outcome == "completed"
    assert len(parts) == 5 and all(part() is None for part in parts)
    worker.pause()
