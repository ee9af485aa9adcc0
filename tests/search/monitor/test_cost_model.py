"""What trainings take, as their kin took: who is kin, and what follows for those that were not trained yet."""

from __future__ import annotations

from typing import Any

import pytest

from search.monitor.cost_model import CostKey, CostModel, Costs, cost_key, estimate_time
from trainers.config import TrialConfig
from trainers.record_io import Row

from ..made_up import CONFIG


def config(**changes: Any) -> Row:
    tree: dict[str, Any] = {"data": {"name": "digits", "train": 100}, "model": "mlp", "method": "gairat", "epochs": 2}
    tree["model"], tree["subset"] = {"name": "mlp", "hidden": [4]}, {"name": "all"}
    return TrialConfig.model_validate(tree | changes).model_dump(mode="json")


def method(**weight: Any) -> Row:
    return config(method={"base": "gairat", "weight": weight})


@pytest.mark.parametrize(
    "other",
    [
        method(lam=3.0),
        method(lam="inf"),
        method(burn_in="80%"),
        config(method={"base": "gairat", "attack": {"epsilon": 0.3, "step_size": "epsilon/2"}}),
        config(data={"name": "digits", "train": 100, "label_noise": 0.1}),
        config(epochs=7),
    ],
)
def test_strengths_and_draws_cost_no_time(other: Row) -> None:
    assert cost_key(other, {}) == cost_key(config(), {})


@pytest.mark.parametrize(
    "other",
    [
        config(method="trades"),
        config(method={"base": "gairat", "attack": {"steps": 20}}),
        config(method={"base": "gairat", "attack": {"tau": 1}}),
        config(method={"base": "gairat", "awp": {"gamma": 0.01}}),
        config(model={"name": "mlp", "hidden": [8]}),
        config(data={"name": "digits", "train": 200}),
        config(batch_size=7),
    ],
)
def test_pieces_steps_and_sizes_do(other: Row) -> None:
    assert cost_key(other, {}).trained != cost_key(config(), {}).trained


def test_a_subset_takes_its_share_of_an_epoch() -> None:
    pace = CostModel()
    pace.add(cost_key(CONFIG, {}), Costs(epochs=4, train=40.0, evaluate=8.0, final=3.0, ended=1))
    for size in ("25%", 25):
        assert pace.epoch(cost_key(CONFIG | {"subset": {"name": "random", "size": size}}, {})) == 0.25 * 10 + 2
    assert (
        pace.epoch(cost_key(CONFIG | {"subset": {"name": "ranked", "size": None, "band": [0.5, 1.0]}}, {}))
        == 0.5 * 10 + 2
    )


def test_a_count_of_unknown_data_is_kin_to_the_same_count_alone() -> None:
    whole = CONFIG | {"data": {"name": "cifar10", "train": None}}
    some, same, others = (cost_key(whole | {"subset": {"name": "random", "size": n}}, {}) for n in (9, 9, 8))
    assert some == same
    assert others.trained != some.trained


def test_how_long_an_evaluation_takes_is_known_of_the_same_evaluation_alone() -> None:
    pace = CostModel()
    pace.add(cost_key(CONFIG, {"every": 1}), Costs(epochs=2, train=20.0, evaluate=6.0, final=5.0, ended=1))
    assert pace.epoch(cost_key(CONFIG, {"every": 1})) == 13.0
    assert pace.epoch(cost_key(CONFIG, {"every": 9})) == 10.0
    assert (pace.final(cost_key(CONFIG, {"every": 1})), pace.final(cost_key(CONFIG, {"every": 9}))) == (5.0, 0.0)


def test_what_has_no_measured_kin_is_counted_and_not_guessed() -> None:
    pace = CostModel()
    known, stranger = CostKey("a", "a", 1.0), CostKey("b", "b", 1.0)
    pace.add(known, Costs(epochs=1, train=2.0, final=1.0, ended=1))
    left = estimate_time(
        pace, [(known, 10, True), (known, 5, False), (known, 0, True), (stranger, 3, True), (stranger, 0, True)]
    )
    assert left == (20.0 + 1.0 + 10.0 + 1.0, 1, 0)
    assert estimate_time(pace, [(known._replace(measured="c"), 10, True), (known, 5, False)]) == (20.0 + 10.0, 0, 1)


def test_costs_of_epochs_and_of_the_end_are_told_apart() -> None:
    costs = Costs()
    for row in (
        {"seconds": 2.0, "evaluate_seconds": 1.0},
        {"seconds": 3.0, "evaluate_seconds": 0.5},
        {"final_seconds": 4.0},
    ):
        costs.add(row)
    assert costs == Costs(epochs=2, train=5.0, evaluate=1.5, final=4.0, ended=1)
    assert costs.seconds == 10.5
