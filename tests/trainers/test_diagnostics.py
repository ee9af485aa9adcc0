"""Diagnostics after named epochs: recorded apart, and no bit of the training or of its other records moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from trainers.averaging import temporary_weights
from trainers.config import Compute, TrialConfig
from trainers.diagnostics.block import truncate_diagnostics
from trainers.evaluate import Evaluation
from trainers.state_chain import Surroundings, chain
from trainers.trainer import Trainer

FLAT: dict[str, Any] = {"flatness": {"after": [1, "75%", "100%"], "images": 20, "steps": 3}}
Make = Callable[..., Trainer]


def config_of(tiny: Callable[..., TrialConfig], **changes: Any) -> TrialConfig:
    method = {"attack": {"epsilon": 0.1, "steps": 2}}
    return tiny(epochs=4, optimizer={"name": "sgd", "lr": 0.1}, method=method, **changes)


def run(ready: Trainer) -> tuple[list[Any], list[dict[str, np.ndarray]]]:
    """Return the rows and arrays of all epochs, and the diagnostics after each."""
    epochs, diagnosed = [], []
    for epoch in range(ready.config.epochs):
        epochs.append(ready.run_epoch(ready.config.stage(epoch))[:2])
        diagnosed.append(ready.diagnose())
    return epochs, diagnosed


def same(one: Any, other: Any) -> bool:
    """Return whether rows and arrays are equal, bit for bit."""
    return all(
        a[0] == b[0] and a[1].keys() == b[1].keys() and all(a[1][k].tobytes() == b[1][k].tobytes() for k in a[1])
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize(
    "more",
    [
        {"average": {"name": "ema", "momentum": 0.5}},
        pytest.param({"model": {"name": "digits_cnn"}}, marks=pytest.mark.long),
    ],
    ids=["averaged", "batch statistics"],
)
def test_measuring_them_moves_no_bit_of_a_training(tiny: Any, trainer: Make, more: dict[str, Any]) -> None:
    config = config_of(tiny, **more)
    plain, measured = trainer(config), trainer(config, diagnostics=FLAT)
    (rows, nothing), (others, diagnosed) = run(plain), run(measured)
    assert same(rows, others) and not any(nothing) and any(diagnosed)
    states = [trainer.net.module.state_dict().values() for trainer in (plain, measured)]
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
    assert plain.final()[:2] == measured.final()[:2]


def test_each_is_measured_after_the_epochs_named_and_counts_its_passes(tiny: Any, trainer: Make) -> None:
    _, diagnosed = run(trainer(config_of(tiny), diagnostics=FLAT))
    assert [arrays["flatness_epochs"].tolist() if arrays else None for arrays in diagnosed] == [[0], None, [2], [3]]
    last = diagnosed[3]
    assert last["flatness_friendly"].shape == last["flatness_adversarial"].shape == (1, 20)
    (forwards,), (backwards,) = last["flatness_forwards"], last["flatness_backwards"]
    assert 20 * (3 + 1 + 2) <= forwards == backwards <= 20 * (3 + 1) * 2  # PGD-3 and a look; the friendly one stops


def test_weights_measured_are_the_averaged_ones(tiny: Any, trained: Make) -> None:
    config = config_of(tiny, average={"name": "ema", "momentum": 0.9})
    ready = trained(config, diagnostics=FLAT)
    found = ready.diagnose()
    with temporary_weights(ready.net.module, ready.measured_state()):
        ready.mean = None
        expected = ready.diagnose()
    assert np.array_equal(found["flatness_adversarial"], expected["flatness_adversarial"])
    assert not np.array_equal(ready.diagnose()["flatness_adversarial"], expected["flatness_adversarial"])


def test_a_share_of_few_epochs_is_one_at_least(tiny: Any, trainer: Make) -> None:
    ready = trainer(config_of(tiny), diagnostics={"flatness": {"after": ["1%"], "images": 10, "steps": 2}})
    assert [bool(arrays) for arrays in run(ready)[1]] == [True, False, False, False]


def links(epochs: int = 4, **diagnostics: Any) -> list[str]:
    config = TrialConfig.model_validate({"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": epochs})
    around = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")
    return [*chain(config, Evaluation.model_validate({"diagnostics": diagnostics}), around, None)]


def test_states_have_other_names_only_from_the_first_diagnostic_on() -> None:
    bare = links()
    assert links() == [*chain(*_pieces({}))] == bare
    late, early = links(flatness={"after": [3]}), links(flatness={"after": [1, 3]})
    assert late[:3] == bare[:3] and late[3] != bare[3]
    assert early[0] == bare[0] and not set(early[1:]) & {*bare, *late}
    assert links(flatness={"after": [3], "images": 50})[3] != late[3]
    assert links(flatness={"after": ["75%"]}) == late
    assert links(epochs=8, flatness={"after": [3]})[:4] == late[:4]


def _pieces(evaluation: dict[str, Any]) -> Any:
    config = TrialConfig.model_validate({"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 4})
    around = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")
    return config, Evaluation.model_validate(evaluation), around, None


def test_a_block_without_any_is_no_part_of_an_evaluation() -> None:
    for evaluation in (Evaluation(), Evaluation.model_validate({"diagnostics": {}})):
        assert "diagnostics" not in evaluation.model_dump() and evaluation.curve() == Evaluation().curve()
    assert "diagnostics" not in Evaluation.model_validate({"diagnostics": FLAT}).curve()


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"after": [0]}, "at least 1"), ({"after": ["0%"]}, "at least 1"), ({"after": [0.5]}, "percent"),
        ({"after": []}, "at least 1 item"), ({"steps": 1}, "greater than or equal to 2"), ({"epsilon": 8.0}, "8/255"),
    ],
)  # fmt: skip
def test_settings_that_measure_nothing_are_refused(knobs: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Evaluation.model_validate({"diagnostics": {"flatness": knobs}})


def test_truncating_keeps_what_was_measured_before() -> None:
    arrays = {
        "a_epochs": np.array([0, 3]), "a_x": np.array([[1], [2]]), "b_epochs": np.array([3]), "b_x": np.array([5]),
    }  # fmt: skip
    kept = truncate_diagnostics(arrays, 3)
    assert {name: values.tolist() for name, values in kept.items()} == {"a_epochs": [0], "a_x": [[1]]}
