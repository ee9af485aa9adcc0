"""Objectives: what a search may select by, and what a configuration's seeds come to, by hand-checkable numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from search.sampling.outcomes import Outcome, outcome
from search.schema.blocks import Search
from search.schema.objectives import OBJECTIVES
from trainers.data import Split
from trainers.evaluate import Evaluation
from trainers.measure import evaluate_epoch
from trainers.models import MLP
from trainers.record_io import Row
from trainers.step import Net

shares = st.floats(0, 1)


def result(status: str = "completed", last: float = 0.5, **best: float) -> Row:
    clean, pgd = best.get("clean", 0.8), best.get("pgd", 0.4)
    return {
        "status": status,
        "best": {"epoch": 3, "val_clean_acc": clean, "val_pgd_acc": pgd, "test_pgd_acc": 0.1},
        "last": {"epoch": 9, "val_clean_acc": clean, "val_pgd_acc": last, "test_pgd_acc": 0.1},
    }


def searching(**knobs: Any) -> Search:
    return Search.model_validate(knobs)


def test_every_validation_metric_that_a_trial_measures_can_be_an_objective() -> None:
    module = MLP(hidden=(2,)).build(1, 2, 2)
    split = Split(torch.zeros(6, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0, 1, 0, 1]))
    row, _ = evaluate_epoch(Net(module, "fp32", False), Evaluation(steps=1), {"val": split, "test": split}, 0)
    assert [name for name in row if name.startswith("val_")] == list(OBJECTIVES)


def test_a_value_is_the_mean_of_the_seeds_with_its_standard_error() -> None:
    found = outcome(searching(), "a", {3: result(pgd=0.2), 5: result(pgd=0.4), 8: result(pgd=0.6)})
    assert (found.configuration, found.status, found.seeds, found.censored) == ("a", "completed", (3, 5, 8), False)
    assert found.values == pytest.approx({"val_clean_acc": 0.8, "val_pgd_acc": 0.4})
    assert found.errors == pytest.approx({"val_clean_acc": 0, "val_pgd_acc": 0.2 / math.sqrt(3)})


def test_one_seed_has_no_standard_error() -> None:
    found = outcome(searching(), "a", {0: result()})
    assert (found.values, found.errors) == ({"val_clean_acc": 0.8, "val_pgd_acc": 0.4}, None)


def test_checkpoint_selects_the_metrics() -> None:
    found = outcome(searching(objectives={"val_pgd_acc": "max"}, checkpoint="last"), "a", {0: result(last=0.3)})
    assert found.values == {"val_pgd_acc": 0.3}


@given(st.permutations(range(4)))
def test_mean_is_identical_in_any_order_of_seeds(order: list[int]) -> None:
    rows = {seed: result(pgd=0.1 + seed / 7) for seed in range(4)}
    assert outcome(searching(), "a", {seed: rows[seed] for seed in order}) == outcome(searching(), "a", rows)


WORST = {
    "diverged": {0: result(), 1: {"status": "diverged"}},
    "failed": {0: {"status": "diverged"}, 1: None, 2: result()},
    "stopped": {0: result("stopped"), 1: result()},
}


@pytest.mark.parametrize(("status", "results"), WORST.items())
def test_status_of_a_configuration_is_that_of_its_worst_seed(status: str, results: dict[int, Row | None]) -> None:
    found = outcome(searching(), "a", results)
    assert found.status == status
    assert found.censored == (status == "stopped")
    assert (found.values is None) == (status != "stopped")


@pytest.mark.parametrize(
    "results",
    [
        {},
        {0: result(pgd=math.nan), 1: result()},
        {0: result(), 1: {"status": "stopped", "best": {"epoch": 0, "val_clean_acc": 0.5}}},
        {0: {"status": "stopped"}},
    ],
)
def test_unmeasured_configuration_is_failed(results: dict[int, Row | None]) -> None:
    found = outcome(searching(constraints=["val_pgd_acc >= 0.1"]), "a", results)
    assert found == Outcome("a", "failed", tuple(results))


@given(shares, shares)
def test_violation_is_the_distance_to_the_bound(bound: float, value: float) -> None:
    search = searching(constraints=[f"val_clean_acc >= {bound!r}", f"val_clean_acc <= {bound!r}"])
    low, high = (outcome(search, "a", {0: result(clean=value)}).violations or {}).values()
    assert (low > 0) == (value < bound)
    assert (high > 0) == (value > bound)
    assert low == -high


def test_a_constraint_may_be_written_in_percent_and_without_spaces() -> None:
    plain, percent, tight = searching(
        constraints=["val_clean_acc >= 0.8", " val_clean_acc>=80 %", "val_clean_acc>=8e-1"]
    ).constraints
    assert plain == percent == tight
    assert str(plain) == "val_clean_acc >= 0.8"


def test_a_constraint_holds_for_the_mean_whether_it_is_an_objective_or_not() -> None:
    search = searching(objectives={"val_pgd_acc": "max"}, constraints=["val_clean_acc >= 0.75"])
    found = outcome(search, "a", {0: result(clean=0.7), 1: result(clean=0.9)})
    assert found.values == {"val_pgd_acc": 0.4}
    assert found.violations == pytest.approx({"val_clean_acc >= 0.75": -0.05})
