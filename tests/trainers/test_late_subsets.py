"""Late subsets: all examples until `start`, then a cut by a profile, by chance, or by what the training recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trainers.config import Compute, TrialConfig
from trainers.evaluate import Evaluation
from trainers.plain_subsets import All
from trainers.scores import SCORES, rank_recorded
from trainers.state_chain import Surroundings, chain
from trainers.trainer import Epoch, Trainer

from .helpers import train_all

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
START, EPOCHS = 3, 5
AROUND = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")
DROPS = {"name": "sgd", "lr": {"name": "piecewise", "values": [0.1, 0.01], "drops": [0.6]}}
ITSELF = {"name": "ranked", "size": 20, "by": "self", "start": START}
ROBUST = {"attack": {"epsilon": 0.05, "steps": 3}}


@pytest.fixture
def config(tiny: Tiny) -> Callable[..., TrialConfig]:
    """Five epochs of 60 examples in batches so small that some are learned."""

    def make(subset: dict[str, Any], **changes: Any) -> TrialConfig:
        return tiny(**{"method": ROBUST, "subset": subset, "batch_size": 4, "epochs": EPOCHS} | changes)

    return make


def list_visited(epochs: list[Epoch]) -> list[list[int]]:
    return [np.flatnonzero(~np.isnan(epoch.instances["loss"])).tolist() for epoch in epochs]


@pytest.mark.parametrize("subset", [{"name": "random", "size": 20, "start": START}, ITSELF])
def test_a_late_subset_uses_all_examples_until_its_start(config: Any, trainer: Make, subset: Any) -> None:
    trial = config(subset)
    visited = list_visited(train_all(trainer(trial), trial))
    assert visited[:START] == [list(range(60))] * START
    assert len(visited[START]) == 20 and visited[START] == visited[START + 1]


def test_a_late_subset_starts_from_the_weights_of_a_training_on_all(config: Any, trainer: Make) -> None:
    late, whole = config(ITSELF), config({"name": "all"})
    rows = [[epoch.row for epoch in train_all(trainer(trial), trial)] for trial in (late, whole)]
    assert rows[0][:START] == rows[1][:START] and rows[0][START] != rows[1][START]


@pytest.mark.parametrize(
    "score", ["instability", "difficulty", "difficulty_last", "gradient_norm", "kappa", "first_learned"]
)
@pytest.mark.parametrize("window", [None, 1, 2])
def test_a_training_cuts_by_its_own_record(config: Any, trainer: Make, score: str, window: int | None) -> None:
    trial = config(ITSELF | {"score": score, "window": window})
    epochs = train_all(trainer(trial, gradient_norm=True), trial)
    names = ("correct", "loss", "gradient_norm", "kappa")
    counted = epochs[START - (window or START) : START]
    values = SCORES[score]({name: np.stack([epoch.instances[name] for epoch in counted]) for name in names})
    kept = list_visited(epochs)[START]
    left = sorted(set(range(60)) - set(kept))
    assert values[kept].max() <= values[left].min()


def test_a_training_chooses_once(config: Any, trainer: Make) -> None:
    """A later record, which ranks otherwise, changes nothing; nor does reading the subset once training has ended."""
    trial = config(ITSELF)
    ready = trainer(trial)
    epochs = train_all(ready, trial)
    assert ready.selected(trial.stage(EPOCHS - 1)).tolist() == list_visited(epochs)[START]


def test_a_chosen_subset_is_part_of_the_state(config: Any, trainer: Make) -> None:
    trial = config(ITSELF)
    first = trainer(trial)
    epochs = train_all(first, config(ITSELF, epochs=EPOCHS))
    resumed = trainer(trial)
    resumed.load_state_dict(first.state_dict())
    assert resumed.selected(trial.stage(EPOCHS - 1)).tolist() == list_visited(epochs)[-1]


def test_a_training_without_its_record_is_refused(config: Any, trainer: Make) -> None:
    trial = config(ITSELF | {"start": 1})
    ready = trainer(trial)
    ready.run_epoch(trial.stage(0))
    with pytest.raises(ValueError, match="chosen by the records of the epochs before, and none are here"):
        ready.run_epoch(trial.stage(1))


def name_states(config: TrialConfig, ranking: str | None = None) -> list[str]:
    return list(chain(config, Evaluation(epsilon=0.1), AROUND, ranking))


@given(start=st.integers(1, EPOCHS - 1), sizes=st.tuples(st.integers(1, 30), st.integers(31, 60)))
def test_subsets_of_all_sizes_share_the_epochs_before_their_start(start: int, sizes: tuple[int, int]) -> None:
    """So do those by a profile, by chance, by the training itself, and a training on all examples."""
    kinds: list[dict[str, Any]] = [{"name": "all"}]
    for size in sizes:
        late = {"size": size, "start": start}
        kinds += [{"name": "random"} | late, {"name": "ranked"} | late, {"name": "ranked", "by": "self"} | late]
    links = [name_states(TrialConfig.model_validate({"subset": kind, "epochs": EPOCHS}), "ranks") for kind in kinds]
    for epoch in range(EPOCHS + 1):
        distinct = {states[epoch] for states in links}
        assert len(distinct) == (1 if epoch <= start else len(kinds))


def test_a_subset_without_a_start_keeps_its_name() -> None:
    """A start of 0 is no start: it neither is written nor names a state."""
    plain: dict[str, Any] = {"name": "ranked", "size": 20}
    configs = [TrialConfig.model_validate({"subset": subset, "epochs": 4}) for subset in (plain, plain | {"start": 0})]
    assert configs[0].model_dump() == configs[1].model_dump()
    assert "start" not in configs[0].model_dump()["subset"]
    assert name_states(configs[0], "ranks") == name_states(configs[1], "ranks")


@pytest.mark.parametrize(("start", "first"), [("60%", 3), ("first drop", 3), (2, 2), ("0%", 0), ("100%", 5)])
def test_a_start_is_an_epoch_a_share_or_the_first_drop(config: Any, start: Any, first: int) -> None:
    trial = config({"name": "random", "size": 20, "start": start}, optimizer=DROPS)
    assert [isinstance(trial.stage(epoch).subset, All) for epoch in range(EPOCHS)] == [e < first for e in range(EPOCHS)]


@pytest.mark.parametrize(
    "path",
    ["subset.start", "method.weight.burn_in", "method.target.burn_in", "method.awp.burn_in", "average.burn_in"],
)
def test_every_start_may_be_the_first_drop(path: str) -> None:
    """It is read as the epoch of the training's own first drop, so that one training has one configuration."""
    pieces: dict[str, dict[str, Any]] = {
        "subset": {"subset": {"name": "random", "size": 20}},
        "weight": {"method": {"weight": {"name": "gair"}}},
        "target": {"method": {"target": {"name": "running-average"}}},
        "awp": {"method": {"awp": {"gamma": 0.01}}},
        "average": {"average": {"name": "swa"}},
    }
    *parents, knob = path.split(".")
    configs = []
    for value in ("first drop", 6):
        tree: dict[str, Any] = {"epochs": 10, "optimizer": DROPS} | pieces[parents[-1]]
        node = tree
        for parent in parents[:-1]:
            node = node[parent]
        node[parents[-1]] = node[parents[-1]] | {knob: value}
        configs.append(TrialConfig.model_validate(tree).model_dump())
    assert configs[0] == configs[1]


def test_selection_may_begin_with_the_first_drop(config: Any) -> None:
    assert config({"name": "all"}, optimizer=DROPS, select={"from": "first drop"}).select_from == 3


@pytest.mark.parametrize(
    ("subset", "complaint"),
    [
        ({"start": "first drop"}, "never drops"),
        ({"start": "second drop"}, "first drop"),
        ({"by": "self"}, "give a `start` of at least 1"),
        ({"by": "self", "start": "0%"}, "give a `start` of at least 1"),
        ({"by": "self", "start": 2, "score": "min_perturbation"}, "needs a profile"),
        ({"start": 2, "window": 2}, "it is for `by: self`"),
        ({"start": None}, "`start` is a number of epochs"),
    ],
)
def test_a_mistaken_start_is_explained(config: Any, subset: Any, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        config({"name": "ranked", "size": 20} | subset, optimizer={"name": "sgd", "lr": 0.1})


def test_a_rank_by_steps_needs_an_attack_that_counts_them(config: Any) -> None:
    with pytest.raises(ValidationError, match="which this method does not record"):
        config(ITSELF | {"score": "kappa"}, method={"base": "standard"})


def test_a_record_without_an_example_ranks_nothing() -> None:
    correct = np.array([[1, 255], [0, 255]], np.uint8)
    with pytest.raises(ValueError, match="1 of 2 examples were never trained on"):
        rank_recorded({"correct": correct}, "instability")
