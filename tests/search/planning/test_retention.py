"""States are kept exactly as long as a training needs them, or as the user pins them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.jobs import Job
from search.planning.retention import StateRetention, select_finished, select_superseded
from search.planning.schedule import Schedule
from search.schema.blocks import Keep

from .test_schedule import plan_of, words


class Shelf:
    """A store of which only the names of its states matter."""

    def __init__(self) -> None:
        self.states: set[str] = set()

    def drop_state(self, name: str) -> int:
        there = name in self.states
        self.states.discard(name)
        return int(there)


def played(letters: list[str], keep: Keep, random: Any = None) -> tuple[Any, Shelf, list[int]]:
    """Run a sweep with one worker: what is left on the shelf, and how many states stood there after each step."""
    plan, shelf, seen = plan_of(letters), Shelf(), []
    schedule, keeper = Schedule(plan, range(len(letters)), {}), StateRetention(shelf, plan, keep)  # type: ignore[arg-type]
    keeper.add(list(range(len(letters))), {})
    while task := schedule.next_task():
        chain = plan.trials[task.i].chain
        assert task.since == 0 or chain[task.since] in shelf.states, "what a task goes on from is there"
        for epoch in (*schedule.running[task.i], task.until):
            shelf.states.add(chain[epoch])
            schedule.record_state(task.i, epoch)
            keeper.record_state(task.i, epoch)
            seen.append(len(shelf.states))
        schedule.release(task.i, ended=True)
        keeper.record_end(task.i)
    assert not schedule.unfinished
    return plan, shelf, seen


def test_fork_is_deleted_after_the_last_training_that_needs_it() -> None:
    plan, shelf, seen = played(["aaa", "aab", "acc"], "best")
    assert shelf.states == {trial.final for trial in plan.trials}
    assert max(seen) <= 4


@pytest.mark.long
@given(words)
def test_every_needed_state_exists_and_none_remains_at_the_end(letters: list[str]) -> None:
    plan, shelf, _ = played(letters, "none")
    assert not shelf.states
    plan, shelf, _ = played(letters, "best")
    assert shelf.states == {trial.final for trial in plan.trials}


@given(words)
def test_keep_forks_keeps_forks(letters: list[str]) -> None:
    plan, shelf, _ = played(letters, "forks")
    forks = {trial.chain[e] for i, trial in enumerate(plan.trials) for e in plan.tree.forks(i)}
    assert shelf.states == forks | {trial.final for trial in plan.trials}


@pytest.mark.parametrize("keep", ["best", "none"])
@given(letters=words, ended=st.integers(0, 8))
def test_unneeded_forks_of_an_interrupted_sweep_are_deleted(keep: Keep, letters: list[str], ended: int) -> None:
    plan, shelf = plan_of(letters), Shelf()
    shelf.states = {trial.chain[e] for i, trial in enumerate(plan.trials) for e in plan.tree.forks(i)}
    todo = list(range(len(letters)))[ended:]
    at = {i: max(plan.tree.forks(i), default=0) for i in todo}
    keeper = StateRetention(shelf, plan, keep)  # type: ignore[arg-type]
    keeper.add(todo, at)
    keeper.forget_leftovers(set(shelf.states))
    wanted = {plan.trials[i].chain[at[i]] for i in todo if at[i]}
    finals = {trial.final for trial in plan.trials} if keep == "best" else set()
    assert wanted <= shelf.states <= wanted | finals


def job(keep: Keep, forks: tuple[int, ...] = ()) -> Job:
    return cast(Job, SimpleNamespace(keep=keep, forks=forks))


def test_a_worker_deletes_its_checkpoints_but_for_the_newest_two_and_those_of_forks() -> None:
    saved = [0, 2, 4, 6, 8]
    assert select_superseded(job("best"), saved) == select_superseded(job("none"), saved) == [2, 4]
    assert select_superseded(job("best", forks=(4,)), saved) == [2]
    assert select_superseded(job("all"), saved) == []
    assert select_superseded(job("best"), [0, 2, 4]) == []


@pytest.mark.parametrize("keep", ["none", "forks", "best", "all"])
@pytest.mark.parametrize("completed", [True, False])
def test_an_ended_training_keeps_its_last_state_if_it_completed_and_keep_allows_it(keep: Keep, completed: bool) -> None:
    deleted = {"all": [], "none": [1, 3, 4]}.get(keep, [1, 3] if completed else [1, 3, 4])
    assert select_finished(job(keep, forks=(2,)), 4, completed) == deleted
