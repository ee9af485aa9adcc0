"""Budgets: records counted by hand, each epoch once, and plans cut where the budget ends."""

from __future__ import annotations

from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from search.execution.budget_tracker import (
    SweepCost,
    TrainingRecords,
    compute_cost,
    count_affordable,
    find_exceeded_budget,
    read_training_records,
)
from search.schema.budget import Budget
from trainers.record_io import Row

from ..helpers import Tiny

units = st.sampled_from(SweepCost._fields)


def budget(**knobs: Any) -> Budget:
    return Budget.model_validate(knobs)


def training(epochs: int, by: dict[int, str] | None = None, final: float | None = None) -> TrainingRecords:
    """Record a training: each epoch 10 forwards, 5 backwards, 3 s of training and 1 s of evaluation."""
    rows: list[Row] = [{"epoch": e, "forwards": 10, "backwards": 5} for e in range(epochs)]
    costs: list[Row] = [{"epoch": e, "seconds": 3.0, "evaluate_seconds": 1.0} for e in range(epochs)]
    costs = [row | ({"by": by[row["epoch"]]} if by and row["epoch"] in by else {}) for row in costs]
    return TrainingRecords(rows, costs + ([] if final is None else [{"final_seconds": final}]))


def test_the_cost_is_the_sum_computed_by_hand() -> None:
    trainings = {"a": training(4, final=4.0), "b": training(6, by={0: "a", 1: "a", 2: "a", 3: "b"}), "c": training(0)}
    runs = [{"wall_seconds": 30.0}, {"started": "and killed"}, {"wall_seconds": 12.0}]
    assert compute_cost(trainings, 0.5, runs) == SweepCost(7 * 15, (4 * 4 + 4 + 3 * 4) * 0.5 / 3600, 42.0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5))
def test_a_shared_epoch_counts_once(lengths: list[int]) -> None:
    """All go on from the longest: what they have in common is its own."""
    longest = max(lengths)
    family = {str(i): training(n, by=dict.fromkeys(range(n), "first")) for i, n in enumerate(lengths)}
    found = compute_cost({"first": training(longest)} | family, 0, [])
    assert found.passes == longest * 15


def test_a_real_training_costs_the_sum_of_its_records(tmp_path: Path) -> None:
    """Each of 96 images an epoch: as many forwards and backwards as the attack has steps, and those of the update."""
    tiny = Tiny(tmp_path / "study", search__axes={"method": {"grid": ["pgd-at"]}}, profile=None, trial__epochs=3)
    assert read_training_records(tiny.store.folder) == {}
    assert tiny.run(0) == "completed"
    found = compute_cost(read_training_records(tiny.store.folder), 1.0, [])
    steps = tiny.plan.trials[0].config.method.attack.steps  # type: ignore[union-attr]
    assert found.passes == 3 * 96 * 2 * (steps + 1)
    assert found.gpu_hours > 0


@given(units, st.integers(1, 100), st.integers(0, 200))
def test_a_budget_is_used_up_when_all_of_it_is_spent(unit: str, allowed: int, used: int) -> None:
    found = find_exceeded_budget(budget(**{unit: allowed}), SweepCost(**{unit: used}))
    assert (found is not None) == (used >= allowed)
    assert find_exceeded_budget(budget(), SweepCost(**{unit: used})) is None


SENTENCES = {
    "the budget of 1e+12 forwards and backwards is used up": {"passes": "1e12"},
    "the budget of 8 GPU hours is used up": {"gpu_hours": 8},
    "the budget of 1 h 30 min of wall time is used up": {"wall": "90m"},
}


@pytest.mark.parametrize(("sentence", "knobs"), SENTENCES.items())
def test_the_sentence_names_the_budget(sentence: str, knobs: dict[str, Any]) -> None:
    assert find_exceeded_budget(budget(**knobs), SweepCost(10**13, 1e6, 1e6)) == sentence


@given(st.lists(st.integers(0, 20), max_size=8), st.integers(1, 60), st.integers(1, 8))
def test_a_plan_is_cut_before_the_first_training_that_goes_over(added: list[int], epochs: int, trials: int) -> None:
    n = count_affordable(budget(epochs=epochs, trials=trials), added)
    totals = list(accumulate(added))
    assert n <= min(len(added), trials)
    assert all(total <= epochs for total in totals[:n])
    assert n == len(added) or n == trials or totals[n] > epochs


@given(st.lists(st.integers(0, 20), max_size=8))
def test_without_a_budget_all_trainings_are_affordable(added: list[int]) -> None:
    assert count_affordable(budget(wall=1, passes=1, gpu_hours=1), added) == len(added)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("8h", 28800),
        ("90m", 5400),
        ("1h30m", 5400),
        ("1 d 2 h", 93600),
        ("1.5h", 5400),
        ("45s", 45),
        (60, 60),
        ("8", 8),
    ],
)
def test_written_times_are_parsed(text: str | int, seconds: float) -> None:
    assert budget(wall=text).wall == seconds


@pytest.mark.parametrize("wrong", ["h", "8x", "-1h", "8h30", "1:30", 0, "0h", [8]])
def test_an_invalid_time_is_refused(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        budget(wall=wrong)
