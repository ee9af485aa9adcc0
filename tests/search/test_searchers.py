"""The queue: profile trainings first, a trial cut by a ranking only once it is made, and never a wait for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ray.tune.search import Searcher

from search.plan import Plan, Planned
from search.searchers import Queue
from search.session import Job

from .helpers import smoke


def job(trial: Planned) -> Job:
    return Job("folder", trial.id, {}, {}, trial.data, "source", trial.ranks, trial.final, 1, 0.0)


@pytest.fixture
def plan(planned: Callable[..., Plan]) -> Plan:
    """Two profile trainings, then pgd/all, pgd/friendly, trades/all, trades/friendly."""
    return planned(smoke())


def queue(plan: Plan, made: list[str], why: str | None = None, ready: set[str] | None = None) -> Queue:
    def rank(ranks: str) -> str | None:
        made.append(ranks)
        return why

    return Queue(plan.trials, job, rank, ready or set())


def names(plan: Plan) -> list[str]:
    return [trial.id for trial in plan.trials]


def started(suggestion: Any) -> str:
    return str(suggestion["job"]["trial"])


def test_a_trial_waits_for_its_ranking_and_others_go_first(plan: Plan) -> None:
    made: list[str] = []
    it, known = queue(plan, made), names(plan)
    assert [started(it.suggest(str(i))) for i in range(4)] == [known[0], known[1], known[2], known[4]]
    assert it.suggest("4") is None
    it.on_trial_complete("0")
    assert it.suggest("4") is None
    assert not made
    it.on_trial_complete("1")
    assert made == [plan.trials[0].ranks]
    assert [started(it.suggest(str(i))) for i in (4, 5)] == [known[3], known[5]]
    assert it.suggest("6") == Searcher.FINISHED


def test_a_ranking_that_exists_is_not_waited_for(plan: Plan) -> None:
    it = queue(plan, [], ready={str(plan.trials[0].ranks)})
    assert [started(it.suggest(str(i))) for i in range(6)] == names(plan)


def test_a_ranking_that_cannot_be_made_takes_its_trials_out(plan: Plan) -> None:
    it = queue(plan, [], why="a profile training diverged")
    for i in range(4):
        it.suggest(str(i))
    for i in range(2):
        it.on_trial_complete(str(i), error=True)
    assert it.blocked == {plan.trials[0].ranks: "a profile training diverged"}
    assert it.suggest("4") == Searcher.FINISHED


def test_with_nothing_running_it_never_asks_to_wait(plan: Plan) -> None:
    """Tune would ask for ever; as when profile trainings ended in an earlier run without making a ranking."""
    ranked = [trial for trial in plan.trials if trial.kind == "trial" and trial.ranks]
    assert Queue(ranked, job, lambda ranks: None, set()).suggest("0") == Searcher.FINISHED
