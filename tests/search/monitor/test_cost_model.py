"""The cost model: which trainings are comparable, and what time follows for those that were not trained yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from search.monitor.cost_model import CostKey, CostModel, Costs, TimeLeft, cost_key
from search.planning.plan import Plan
from trainers.record_io import Row, canonical
from trainers.record_shapes import check_training

from ..helpers import smoke
from ..made_up import CONFIG

Build = Callable[..., Row]


@pytest.fixture
def planned_row(planned: Callable[..., Plan]) -> Build:
    """Builds the row in plan.json of a trial with these settings."""

    def build(**changes: Any) -> Row:
        trial = {"data": {"name": "digits", "train": 100}, "model": {"name": "mlp", "hidden": [4]}, "method": "gairat"}
        space = {f"trial__{key}": value for key, value in (trial | {"epochs": 2, "subset": "all"} | changes).items()}
        plan = planned(smoke(profile=None, search__axes={}, **space))
        return next(row for row in plan.to_json("study")["trials"] if row["kind"] == "trial")

    return build


def estimate(model: CostModel, key: CostKey, epochs: int = 1, ends: bool = False) -> float:
    return model.estimate([(key, epochs, ends)]).seconds


def method(**weight: Any) -> Row:
    return {"method": {"base": "gairat", "weight": weight}}


@pytest.mark.parametrize(
    "other",
    [
        method(lam=3.0),
        method(lam="inf"),
        method(burn_in="80%"),
        {"method": {"base": "gairat", "attack": {"epsilon": 0.3, "step_size": "epsilon/2"}}},
        {"data": {"name": "digits", "train": 100, "label_noise": 0.1}},
        {"epochs": 7},
    ],
)
def test_strengths_of_a_method_and_drawn_labels_cost_no_time(planned_row: Build, other: Row) -> None:
    assert cost_key(planned_row(**other), {}) == cost_key(planned_row(), {})


@pytest.mark.parametrize(
    "other",
    [
        {"method": {"base": "gairat", "attack": {"steps": 20}}},
        {"method": {"base": "gairat", "attack": {"tau": 1}}},
        {"method": {"base": "gairat", "awp": {"gamma": 0.01}}},
        {"method": "standard"},
        {"model": {"name": "mlp", "hidden": [8]}},
        {"data": {"name": "digits", "train": 200}},
        {"batch_size": 7},
    ],
)
def test_pieces_steps_and_sizes_cost_time(planned_row: Build, other: Row) -> None:
    assert cost_key(planned_row(**other), {}).training != cost_key(planned_row(), {}).training


def test_methods_with_equal_passes_are_comparable(planned_row: Build) -> None:
    pgd, gairat = (planned_row(method=name) for name in ("pgd-at", "gairat"))
    assert pgd["passes"] == gairat["passes"]
    assert cost_key(pgd, {}) == cost_key(gairat, {})


@pytest.mark.parametrize(
    ("subset", "fraction"),
    [
        ("all", 1.0),
        ({"name": "random", "size": "25%"}, 0.25),
        ({"name": "random", "size": 25}, 0.25),
    ],
)
def test_a_subset_takes_its_fraction_of_an_epoch(planned_row: Build, subset: Any, fraction: float) -> None:
    row, model = planned_row(subset=subset), CostModel()
    model.add_costs(cost_key(planned_row(), {}), Costs(epochs=4, train=40.0, evaluate=8.0, evaluations=4))
    assert row["fraction"] == fraction
    assert estimate(model, cost_key(row, {})) == fraction * 10 + 2


def test_a_count_of_unknown_data_is_comparable_to_the_same_count_alone(planned_row: Build) -> None:
    data = {"name": "digits", "val": 60, "test": 60}
    some, same, other = (planned_row(data=data, subset={"name": "random", "size": size}) for size in (9, 9, 8))
    assert some["fraction"] is None
    assert cost_key(some, {}) == cost_key(same, {})
    assert cost_key(other, {}).training != cost_key(some, {}).training


def test_a_published_size_tells_the_fraction_of_a_count(planned_row: Build) -> None:
    data = {"name": "cifar10", "val": 1000, "root": "not-downloaded"}
    assert planned_row(data=data, subset={"name": "random", "size": 4_900})["fraction"] == 0.1


def test_a_plan_of_an_earlier_version_compares_whole_methods_and_sizes() -> None:
    old: Row = {"config": CONFIG, "id": "a", "kind": "trial", "configuration": "a"}
    assert cost_key(check_training(old), {}) == cost_key(old | {"config": dict(CONFIG)}, {})
    for change in (
        {"method": CONFIG["method"] | {"loss": {"name": "trades", "beta": 6.0}}},
        {"subset": {"name": "random", "size": "25%"}},
        {"subset": {"name": "ranked", "size": None, "band": [0.5, 1.0]}},
    ):
        assert cost_key(old | {"config": CONFIG | change}, {}).training != cost_key(old, {}).training


@pytest.mark.parametrize(
    "damage", [{"passes": [1.0]}, {"passes": "many"}, {"fraction": 0.0}, {"fraction": -1.0}, {"fraction": "all"}]
)
def test_passes_and_fractions_that_no_plan_has_are_refused(planned_row: Build, damage: Row) -> None:
    row = planned_row()
    assert canonical(check_training(row)) == canonical(row)
    with pytest.raises(ValueError, match=next(iter(damage))):
        check_training(row | damage)


EVALUATION: Row = {"every": 5, "steps": 10, "final": {"pgd20": {"name": "pgd"}}}
RARER: Row = EVALUATION | {"along": {"fgsm": {"every": 10}}}


@pytest.mark.parametrize(
    ("recorded", "other", "seconds"),
    [
        (EVALUATION, EVALUATION, 30.0 + 6 * 3.0 + 7.0),
        (EVALUATION, EVALUATION | {"every": 2}, 30.0 + 15 * 3.0 + 7.0),
        (EVALUATION, EVALUATION | {"every": 7}, 30.0 + 5 * 3.0 + 7.0),  # 7, 14, 21, 28 and the last
        (EVALUATION, EVALUATION | {"final": {}}, 30.0 + 6 * 3.0),
        (EVALUATION, EVALUATION | {"min_perturbation": {}}, 30.0 + 6 * 3.0),
        (EVALUATION, EVALUATION | {"steps": 20}, 30.0),
        (RARER, EVALUATION | {"every": 3, "along": {"fgsm": {"every": 6}}}, 30.0 + 10 * 3.0 + 7.0),
        (RARER, EVALUATION | {"along": {"fgsm": {}}}, 30.0),
    ],
)
def test_evaluations_are_counted_however_often_and_long_a_comparable_training_was_evaluated(
    recorded: Row, other: Row, seconds: float
) -> None:
    """Ten epochs with two evaluations are recorded; thirty are to come."""
    row, model = {"config": CONFIG}, CostModel()
    costs = Costs(epochs=10, train=10.0, evaluate=6.0, evaluations=2, final=7.0, final_evaluations=1)
    model.add_costs(cost_key(row, recorded), costs)
    left = model.estimate([(cost_key(row, other), 30, True)])
    assert (left.seconds, left.unmeasured) == (seconds, int(seconds not in (55.0, 82.0, 52.0, 67.0)))


def test_an_interval_of_no_epochs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"evaluate\.every is 0"):
        cost_key({"config": CONFIG}, {"every": 0})


def test_a_probe_counts_for_each_part_that_was_not_recorded() -> None:
    """A sweep with another final attack is recorded, and then one of this kind, part by part."""
    key, model = CostKey("a", "b", "c", 1.0, every=2), CostModel()
    other = key._replace(training="other", network="other")
    costs = Costs(epochs=4, train=40.0, evaluate=6.0, evaluations=2, final=70.0, final_evaluations=1)
    model.add_probed(key, costs)
    model.add_costs(other, Costs(epochs=1, train=5.0))
    assert model.estimate([(key, 4, True), (key, 0, True), (other, 1, False)]) == TimeLeft(
        116.0 + 70.0 + 5.0, 0, unmeasured=1, probed=1, probed_evaluations=1, final=140.0
    )
    parts = (Costs(epochs=1, train=2.0), Costs(evaluate=1.0, evaluations=1), Costs(final=9.0, final_evaluations=1))
    for part, seconds, probed in zip(parts, (8.0 + 76.0, 8.0 + 2.0 + 70.0, 8.0 + 2.0 + 9.0), (1, 1, 0), strict=True):
        assert not model.is_recorded(key)
        model.add_costs(key, part)
        assert model.estimate([(key, 4, True)]) == TimeLeft(
            seconds, 0, probed_evaluations=probed, final=70.0 if probed else 9.0
        )
    assert model.is_recorded(key)


def test_a_probe_of_a_kind_counts_rather_than_the_final_evaluation_of_others(planned_row: Build) -> None:
    """AutoAttack ends early on networks that standard training made, and not on robust ones."""
    pgd, standard = cost_key(planned_row(method="pgd-at"), {}), cost_key(planned_row(method="standard"), {})
    model = CostModel()
    model.add_costs(standard, Costs(epochs=1, train=1.0, evaluate=1.0, evaluations=1, final=2.0, final_evaluations=1))
    assert estimate(model, pgd, 0, ends=True) == 2.0
    model.add_probed(pgd, Costs(epochs=1, train=9.0, evaluate=1.0, evaluations=1, final=50.0, final_evaluations=1))
    assert estimate(model, pgd, 0, ends=True) == 50.0


def test_trainings_without_a_comparable_one_are_counted_and_not_guessed() -> None:
    known, other, model = CostKey("a", "a", "a", 1.0), CostKey("b", "b", "b", 1.0), CostModel()
    model.add_costs(known, Costs(epochs=1, train=2.0, evaluations=1, final=1.0, final_evaluations=1))
    left = model.estimate([(known, 10, True), (known, 5, False), (known, 0, True), (other, 3, True), (other, 0, True)])
    assert left == TimeLeft(20.0 + 1.0 + 10.0 + 1.0, unknown=1, unmeasured=0, final=1.0 + 1.0)
    left = model.estimate([(known._replace(evaluation="c"), 10, True), (known, 5, False)])
    assert left == TimeLeft(20.0 + 10.0 + 1.0, unknown=0, unmeasured=1, final=1.0)


def test_other_passes_through_the_same_network_take_their_share_of_its_time(planned_row: Build) -> None:
    """PGD takes ten steps and an update, standard training the update: 10 and 1 forwards and backwards, and 1 more."""
    pgd, standard = cost_key(planned_row(method="pgd-at"), {}), cost_key(planned_row(method="standard"), {})
    half = cost_key(planned_row(method="standard", subset={"name": "random", "size": "50%"}), {})
    wider = cost_key(planned_row(method="standard", model={"name": "mlp", "hidden": [5]}), {})
    model = CostModel()
    model.add_costs(pgd, Costs(epochs=2, train=46.0, evaluate=8.0, evaluations=2, final=5.0, final_evaluations=1))
    assert (estimate(model, standard), estimate(model, half)) == (3.0 + 4.0, 1.5 + 4.0)
    assert estimate(model, standard, 0, ends=True) == 5.0
    assert not model.is_recorded(standard)
    assert model.estimate([(pgd, 1, False), (standard, 1, False), (wider, 1, False)]) == TimeLeft(34.0, 1, by_passes=1)
    model.add_costs(standard, Costs(epochs=1, train=9.0, evaluate=1.0, evaluations=1))
    assert estimate(model, standard) == 10.0, "what is recorded takes precedence"
    assert estimate(model, half) == 4.5 + 1.0


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (TimeLeft(1.0, 0, probed=3, by_passes=4), ""),
        (TimeLeft(1.0, 1), "not counting 1 training of a kind that was not timed yet"),
        (TimeLeft(1.0, 30), "not counting 30 trainings of kinds that were not timed yet"),
        (TimeLeft(1.0, 0, 2), "not counting the evaluation of 2 trainings of kinds that were not timed yet"),
        (TimeLeft(1.0, 0, further=2), "not counting 2 further measurements of kinds that were not timed yet"),
        (TimeLeft(1.0, 1, 1),
         "not counting 1 training and the evaluation of 1 training of kinds that were not timed yet"),
    ],
)  # fmt: skip
def test_what_an_estimate_does_not_count_is_said(left: TimeLeft, words: str) -> None:
    assert left.uncounted == words


def test_costs_of_epochs_and_of_the_final_evaluation_are_summed_apart() -> None:
    costs = Costs()
    for row in (
        {"seconds": 2.0, "evaluate_seconds": 1.0},
        {"seconds": 3.0, "evaluate_seconds": 0.5},
        {"final_seconds": 4.0},
    ):
        costs.add(row)
    assert costs == Costs(epochs=2, train=5.0, evaluate=1.5, final=4.0, final_evaluations=1, evaluations=2)
    assert costs.seconds == 10.5
    costs.add({"seconds": 1.0, "evaluate_seconds": 0.001}, is_evaluated=False)
    assert costs == Costs(epochs=3, train=6.0, evaluate=1.501, final=4.0, final_evaluations=1, evaluations=2)
