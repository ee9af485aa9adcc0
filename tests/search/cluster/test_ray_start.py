"""Ray that does not start in the time that it waits, as on a busy machine, is started again."""

from __future__ import annotations

from typing import Any

import pytest

from search.cluster.ray_cluster import ATTEMPTS, connect
from search.exceptions import Infeasible
from search.ray_env import ray

SLOW = RuntimeError("The current node timed out during startup.")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of Ray, which starts at the last attempt."""
    asked: list[str] = []

    def start(**options: Any) -> None:
        asked.append("start")
        if asked.count("start") < ATTEMPTS:
            raise SLOW

    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setattr(ray, "shutdown", lambda: asked.append("shutdown"))
    return asked


def test_ray_is_started_again_on_this_machine(calls: list[str]) -> None:
    with connect(None):
        assert calls == [*["start", "shutdown"] * (ATTEMPTS - 1), "start"]


def test_the_last_error_is_told(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**options: Any) -> None:
        calls.append("start")
        raise SLOW

    monkeypatch.setattr(ray, "init", fail)
    told = f"did not start on this machine: {SLOW}; tried {ATTEMPTS} times"
    with pytest.raises(Infeasible, match=told), connect(None):
        pytest.fail("Ray started")
    assert calls.count("start") == ATTEMPTS


def test_a_cluster_that_does_not_answer_is_asked_once(calls: list[str]) -> None:
    with pytest.raises(Infeasible, match="does not answer at auto"), connect("auto"):
        pytest.fail("joined")
    assert calls.count("start") == 1


def test_an_interrupt_is_not_tried_again(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(**options: Any) -> None:
        calls.append("start")
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "init", interrupt)
    with pytest.raises(KeyboardInterrupt), connect(None):
        pytest.fail("Ray started")
    assert calls.count("start") == 1
