"""The queue: a trial only once the ranking and the weights that it needs are made, and never a wait for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ray.tune.search import Searcher

from search.plan import Plan, Planned
from search.searchers import Queue
from search.session import Job

from .helpers import smoke

RANKED = {"name": "ranked", "side": "friendly", "size": "75%"}


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


def test_a_trial_waits_for_the_pretraining_of_its_seed_alone(planned: Callable[..., Plan]) -> None:
    axes = {"method": {"grid": {"pgd": "pgd-at", "trades": "trades"}}}
    plan = planned(smoke(pretrain={"trial": {"epochs": 2}}, search__axes=axes, search__replicates=2, profile=None))
    first, second, *trials = plan.trials
    made: list[str] = []
    it = queue(plan, made)
    assert [started(it.suggest(str(i))) for i in range(2)] == [first.id, second.id]
    assert it.suggest("2") is None
    it.on_trial_complete("1")
    assert made == [second.id]
    assert [started(it.suggest(str(i))) for i in (2, 3)] == [trial.id for trial in trials if trial.config.seed == 1]
    assert it.suggest("4") is None


def test_a_pretraining_that_failed_takes_out_the_trials_of_its_seed(planned: Callable[..., Plan]) -> None:
    plan = planned(smoke(pretrain={"trial": {"epochs": 2}}, search__axes={}, search__replicates=2, profile=None))
    it = queue(plan, [], why="it diverged", ready={plan.trials[1].id})
    it.suggest("0")
    it.on_trial_complete("0", error=True)
    assert it.blocked == {plan.trials[0].id: "it diverged"}
    assert [started(it.suggest(str(i))) for i in (1, 2)] == [plan.trials[1].id, plan.trials[3].id]
    assert it.suggest("3") == Searcher.FINISHED


def test_a_trial_may_need_both(planned: Callable[..., Plan]) -> None:
    plan = planned(smoke(pretrain={"trial": {"epochs": 2}}, search__axes={}, trial__subset=RANKED))
    *profiles, first, trial = plan.trials
    assert trial.needs == {profiles[0].ranks, first.id}
    it = queue(plan, [])
    for i in range(3):
        it.suggest(str(i))
    it.on_trial_complete("2")
    assert it.suggest("3") is None
    for i in range(2):
        it.on_trial_complete(str(i))
    assert started(it.suggest("3")) == trial.id


def test_with_nothing_running_it_never_asks_to_wait(plan: Plan) -> None:
    """Tune would ask for ever; as when profile trainings ended in an earlier run without making a ranking."""
    ranked = [trial for trial in plan.trials if trial.kind == "trial" and trial.ranks]
    assert Queue(ranked, job, lambda ranks: None, set()).suggest("0") == Searcher.FINISHED
