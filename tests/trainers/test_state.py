"""What is remembered of examples: by which method, how much of it, and through a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.state import InstanceState
from trainers.trainer import Trainer

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]

# Which rows remember what of an example beside who was right at its last visit (every training does)
REMEMBERED: dict[str, dict[str, tuple[int, ...]]] = {
    "atta": {"perturbation": (1, 10, 10)},
    "atta-reweight": {"perturbation": (1, 10, 10)},
    "atta-adaptive": {"perturbation": (1, 10, 10), "target": (10,)},
    "atta-reweight-adaptive": {"perturbation": (1, 10, 10), "target": (10,)},
    "fgsm-pgi": {"perturbation": (1, 10, 10), "running_gradient": (1, 10, 10)},
    "iat": {"epsilon": ()},
    "mma": {"margin": ()},
    "self-adaptive": {"target": (10,)},
}  # fmt: skip


def device() -> torch.device:
    return torch.device("cpu")


def test_a_column_is_made_at_first_use_and_then_the_same() -> None:
    state = InstanceState(5, device())
    first = state.column("radius", fill=0.5)
    assert first.tolist() == [0.5] * 5 and first.dtype == torch.float32
    first[2] = 1
    assert state.column("radius", fill=9.0) is first
    assert state.column("target", (3,)).shape == (5, 3)
    assert state.column("right", dtype=torch.bool).dtype == torch.bool
    assert list(state.columns) == ["radius", "target", "right"]


def test_a_state_is_loaded_by_copy() -> None:
    one, other = InstanceState(3, device()), InstanceState(3, device())
    one.column("radius")[1] = 2
    other.column("old")
    other.load_state_dict(one.state_dict())
    one.columns["radius"][1] = 7
    assert other.columns.keys() == {"radius"} and other.columns["radius"].tolist() == [0, 2, 0]


@pytest.mark.parametrize("name", METHODS)
def test_state_that_each_method_remembers(tiny: Tiny, trained: Make, name: str) -> None:
    data = {"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1}
    after = trained(tiny(method=METHODS[name].at(99, 100).model_dump(), data=data, epochs=1))
    columns = {column: tuple(value.shape) for column, value in after.examples.state.columns.items()}
    expected = {column: (60, *shape) for column, shape in REMEMBERED.get(name, {}).items()}
    if name == "free-at":
        expected = {"replayed": (32, 1, 8, 8)}  # of a batch, not of the examples
    assert columns == expected | {"correct": (60,)}


@pytest.mark.parametrize("name", REMEMBERED)
def test_a_method_that_remembers_goes_on_otherwise_without_its_memory(tiny: Tiny, trainer: Make, name: str) -> None:
    """That a resumed training is the same is the contract's; here that it hangs on what was remembered."""
    config = tiny(method=METHODS[name].at(99, 100).model_dump())
    ready, forgetful = trainer(config), trainer(config)
    ready.run_epoch(config.stage(0))
    state: dict[str, Any] = ready.state_dict()
    forgetful.load_state_dict(state | {"examples": {"correct": state["examples"]["correct"]}})
    after = [each.run_epoch(config.stage(1)).row for each in (ready, forgetful)]
    assert after[0]["train_loss"] != after[1]["train_loss"]


def test_the_half_sized_memory_is_half_the_size(tiny: Tiny, trained: Make) -> None:
    def size(half: bool) -> int:
        start = {"name": "previous", "half": half}
        after = trained(tiny(method={"base": "atta", "attack": {"start": start}}, epochs=1))
        return after.examples.state.columns["perturbation"].nbytes

    assert size(False) == 2 * size(True) == 60 * 64 * 4
