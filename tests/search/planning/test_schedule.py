"""Which training goes on next: laws of any schedule over any tree, whatever fails on the way."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.planning.plan import Plan
from search.planning.schedule import Schedule, Task
from search.planning.stage_tree import StageTree

from ..trees import chain_of

words = st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=8)


def plan_of(
    letters: list[str],
    needs: dict[int, str] | None = None,
    makes: dict[int, str] | None = None,
    rests: Iterable[int] = (),
) -> Any:
    """Return a plan of trainings whose epochs are letters; equal beginnings are shared."""
    trials = [
        SimpleNamespace(
            chain=chain_of(word),
            final=chain_of(word).final,
            start=None,
            config=SimpleNamespace(epochs=len(word)),
            requires={needs[i]} if needs and i in needs else set(),
            produces=(makes or {}).get(i),
        )
        for i, word in enumerate(letters)
    ]
    chains = [trial.chain for trial in trials]
    tree = StageTree(chains, [[epoch for epoch in rests if epoch < len(chain)] for chain in chains])
    return SimpleNamespace(trials=trials, tree=tree)


def make_schedule(letters: list[str], at: dict[int, int] | None = None, **more: Any) -> Schedule:
    plan: Plan = plan_of(letters, **more)
    return Schedule(plan, range(len(letters)), at or {})


def started(schedule: Schedule) -> list[int]:
    """Return all that may start at once."""
    tasks = []
    while task := schedule.next_task():
        tasks.append(task.i)
    return tasks


def run(schedule: Schedule, task: Task) -> int:
    """Train a task to its end, storing what others wait for; how many epochs that took."""
    for epoch in [*schedule.running[task.i], task.until]:
        schedule.record_state(task.i, epoch)
    schedule.release(task.i, ended=task.until == schedule.plan.trials[task.i].config.epochs)
    return task.until - task.since


def test_the_longest_remaining_path_starts_first() -> None:
    assert started(make_schedule(["a", "baaa", "ccc"])) == [1, 2, 0]


def test_path_of_an_upstream_training_includes_its_dependents() -> None:
    schedule = make_schedule(["aaaa", "b", "cccccc"], needs={2: "ranking"}, makes={1: "ranking"})
    assert started(schedule) == [1, 0]


def test_training_that_shares_most_epochs_breaks_ties() -> None:
    schedule = make_schedule(["aabb", "aaab", "aaaa"])
    assert started(schedule)[0] in (1, 2)


def test_training_waits_for_a_shared_state_and_continues_from_it() -> None:
    schedule = make_schedule(["aaa", "aab"])
    assert started(schedule) == [0]
    schedule.record_state(0, 2)
    assert schedule.next_task() == Task(1, since=2, until=3)


def test_late_state_releases_no_training() -> None:
    schedule = make_schedule(["aaaa", "aabb"])
    assert started(schedule) == [0]
    schedule.record_state(0, 1)
    assert schedule.next_task() is None


def test_another_training_replaces_a_lost_one_that_was_awaited() -> None:
    schedule = make_schedule(["aaa", "aab", "aac"])
    assert started(schedule) == [0]
    schedule.release(0, ended=True)
    assert started(schedule) == [1]
    schedule.record_state(1, 2)
    assert schedule.next_task() == Task(2, since=2, until=3)


def test_a_training_that_lost_its_worker_between_its_last_state_and_its_result_begins_again() -> None:
    schedule = make_schedule(["aaaa"])
    task = schedule.next_task()
    assert task
    schedule.record_state(0, 4)
    schedule.begin_again(0)
    again = schedule.next_task()
    assert again and (again.since, again.until) == (4, 4) and started(schedule) == []


def test_stored_state_is_not_awaited() -> None:
    assert sorted(started(make_schedule(["aaa", "aab"], at={0: 2, 1: 2}))) == [0, 1]


def test_a_trial_waits_until_its_ranking_is_made() -> None:
    schedule = make_schedule(["aa", "bb"], needs={1: "ranking"}, makes={0: "ranking"})
    assert started(schedule) == [0]
    schedule.release(0, ended=True)
    assert schedule.next_task() is None
    schedule.mark_ready("ranking")
    assert started(schedule) == [1]


def test_dependents_of_a_failed_ranking_never_start() -> None:
    schedule = make_schedule(["aa", "bb"], needs={1: "ranking"})
    schedule.drop_dependents("ranking")
    assert started(schedule) == [0]
    assert schedule.unfinished == {0}


def test_training_pauses_at_its_limit_until_it_is_raised() -> None:
    schedule = make_schedule(["aaaa"])
    schedule.epoch_limit = lambda i: 2
    assert run(schedule, Task(*schedule.next_task())) == 2
    assert schedule.next_task() is None
    schedule.epoch_limit = lambda i: 4
    schedule.requeue(list(schedule.unfinished))
    assert schedule.next_task() == Task(0, since=2, until=4)


def test_trainings_at_a_common_limit_share_the_stored_state() -> None:
    schedule = make_schedule(["aaab", "aaac"], rests=[2])
    schedule.epoch_limit = lambda i: 2
    assert run(schedule, schedule.next_task()) + run(schedule, schedule.next_task()) == 2


def test_stopped_training_gets_a_task_without_epochs() -> None:
    schedule = make_schedule(["aaaa"])
    schedule.epoch_limit = lambda i: 2
    run(schedule, schedule.next_task())
    schedule.stops[0] = {"epoch": 2}
    schedule.requeue(list(schedule.unfinished))
    assert schedule.next_task() == Task(0, since=2, until=2, stop={"epoch": 2})


def test_exclusive_training_runs_last_and_by_itself() -> None:
    schedule = make_schedule(["aaaaaa", "b", "c"])
    schedule.exclusive = {0, 2}
    assert started(schedule) == [1]
    run(schedule, Task(1, 0, 1))
    assert started(schedule) == [0]
    schedule.add([])
    assert schedule.next_task() is None
    run(schedule, Task(0, 0, 6))
    assert started(schedule) == [2]


def test_no_training_waits_for_a_state_of_an_exclusive_one() -> None:
    schedule = make_schedule(["aaaa", "aab", "aac"])
    schedule.exclusive = {0}
    assert started(schedule) == [1]
    schedule.record_state(1, 2)
    assert started(schedule) == [2]


@given(words, st.sets(st.integers(0, 7)), st.randoms(use_true_random=False))
def test_all_trainings_end_with_any_exclusive_set(letters: list[str], alone: set[int], random: Any) -> None:
    schedule = make_schedule(letters)
    schedule.exclusive = alone
    running: list[Task] = []
    while schedule.unfinished:
        while len(running) < 3 and (task := schedule.next_task()):
            running.append(task)
        assert running, "all that is left waits for nobody"
        assert len(running) == 1 or not {task.i for task in running} & alone
        run(schedule, running.pop(random.randrange(len(running))))


@given(words, st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_distinct_epoch_is_trained_exactly_once(letters: list[str], workers: int, random: Any) -> None:
    schedule = make_schedule(letters)
    trained, running = 0, []
    while schedule.unfinished:
        while len(running) < workers and (task := schedule.next_task()):
            trained += task.until - task.since
            running.append(task)
        assert running, "all that is left waits for nobody"
        task = running[random.randrange(len(running))]
        if ahead := schedule.running[task.i]:
            schedule.record_state(task.i, ahead[0])
        else:
            schedule.record_state(task.i, task.until)
            schedule.release(task.i, ended=True)
            running.remove(task)
    assert trained == schedule.plan.tree.distinct


@given(words, st.integers(1, 4), st.randoms(use_true_random=False))
def test_all_other_trainings_end_after_any_loss(letters: list[str], workers: int, random: Any) -> None:
    schedule = make_schedule(letters)
    running: list[Task] = []
    ended = set()
    while schedule.unfinished:
        while len(running) < workers and (task := schedule.next_task()):
            running.append(task)
        assert running, "all that is left waits for nobody"
        task = running.pop(random.randrange(len(running)))
        if random.random() < 0.3:
            schedule.release(task.i, ended=True)
        else:
            run(schedule, task)
        ended.add(task.i)
    assert ended == set(range(len(letters)))


@pytest.mark.parametrize("workers", [1, 3])
@given(letters=words, limits=st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_with_rungs_too_no_epoch_is_trained_twice(workers: int, letters: list[str], limits: list[int]) -> None:
    schedule = make_schedule(letters, rests=limits)
    trained = 0
    for limit in [*sorted(limits), 6]:
        schedule.epoch_limit = lambda i, limit=limit: min(limit, schedule.plan.trials[i].config.epochs)  # type: ignore[misc]
        schedule.requeue(list(schedule.unfinished))
        while tasks := [task for _ in range(workers) if (task := schedule.next_task())]:
            trained += sum(run(schedule, task) for task in tasks)
    assert not schedule.unfinished
    assert trained == schedule.plan.tree.distinct


def test_count_waiting_groups_by_awaited_training_or_name() -> None:
    schedule = make_schedule(["aaab", "aaac", "aaad", "bbb", "c"], needs={4: "ranking"}, makes={3: "ranking"})
    assert schedule.count_waiting() == {}
    assert sorted(started(schedule)) == [0, 3]
    assert schedule.count_waiting() == {0: 2, "ranking": 1}
    schedule.record_state(0, 3)
    assert schedule.count_waiting() == {"ranking": 1}
