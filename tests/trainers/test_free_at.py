"""Free training: replays are updates, and one perturbation goes on from batch to batch."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from trainers.free_at import COLUMN, Free
from trainers.state import InstanceState
from trainers.step import Batch, Net

from .helpers import images, seeded, steep, visit


def trained(net: Net, batches: list[Batch], method: Free, lr: float = 0.1) -> list[Any]:
    """Return what is recorded at each update of plain SGD."""
    seen = []
    for batch in batches:
        for loss, columns in method.losses(net, batch, seeded()):
            net.module.zero_grad()
            loss.backward()
            with torch.no_grad():
                for parameter in net.module.parameters():
                    parameter -= lr * parameter.grad
            seen.append(columns)
    return seen


def two_batches(state: InstanceState | None = None) -> list[Batch]:
    first, second = images(8, seed=0), images(5, seed=7)
    state = state or first.state
    return [visit(batch.x, batch.y, state) for batch in (first, second)]


def by_hand(net: Net, batches: list[Batch], epsilon: float, replays: int, lr: float = 0.1) -> Tensor:
    """Run algorithm 1 of Shafahi et al. 2019 as it is printed; the network is trained in place, delta is returned."""
    delta = torch.zeros_like(batches[0].x)
    for batch in batches:
        n = len(batch.x)
        for _ in range(replays):
            x = (batch.x + delta[:n]).clamp(0, 1).requires_grad_()
            parameters = list(net.module.parameters())
            risk = functional.cross_entropy(net.module(x), batch.y)
            *gradients, upward = torch.autograd.grad(risk, [*parameters, x])
            with torch.no_grad():
                for parameter, gradient in zip(parameters, gradients, strict=True):
                    parameter -= lr * gradient
            delta[:n] = (delta[:n] + epsilon * upward.sign()).clamp(-epsilon, epsilon)
    return delta


@pytest.mark.parametrize("replays", [1, 3])
def test_free_training_is_the_printed_algorithm(replays: int) -> None:
    ours, reference, batches = steep(), steep(), two_batches()
    trained(ours, batches, Free(epsilon=0.05, replays=replays))
    delta = by_hand(reference, batches, 0.05, replays)
    for one, other in zip(ours.module.parameters(), reference.module.parameters(), strict=True):
        torch.testing.assert_close(one, other)
    assert batches[0].state is not None
    torch.testing.assert_close(batches[0].state.columns[COLUMN], delta)


def test_the_second_replay_is_fgsm_from_the_image() -> None:
    """With the gradient of the first, taken before its update."""
    net, [batch, _] = steep(), two_batches()
    x = batch.x.clone().requires_grad_()
    (upward,) = torch.autograd.grad(functional.cross_entropy(net.module(x), batch.y), x)
    points, features_and_logits = [], net.features_and_logits
    net.features_and_logits = lambda x: (points.append(x.detach()), features_and_logits(x))[1]  # type: ignore[method-assign,func-returns-value]
    trained(net, [batch], Free(epsilon=0.05, replays=2))
    assert torch.equal(points[0], batch.x)
    assert torch.equal(points[1], (batch.x + 0.05 * upward.sign()).clamp(0, 1))


def test_the_perturbation_persists_and_a_smaller_batch_uses_a_part_of_it() -> None:
    [first, second] = two_batches()
    assert first.state is not None
    net = steep()
    trained(net, [first], Free(epsilon=0.05, replays=2))
    after = first.state.columns[COLUMN].clone()
    assert after.shape == first.x.shape and after.abs().max() == pytest.approx(0.05)
    trained(net, [second], Free(epsilon=0.05, replays=1))
    assert torch.equal(first.state.columns[COLUMN][5:], after[5:])
    assert not torch.equal(first.state.columns[COLUMN][:5], after[:5])


def test_further_examples_of_a_larger_batch_begin_from_a_zero_perturbation() -> None:
    """A last batch that is joined is larger than those before, whose perturbation goes on in it."""
    [larger, smaller] = two_batches()
    assert larger.state is not None
    net = steep()
    trained(net, [smaller], Free(epsilon=0.05, replays=2))
    before = larger.state.columns[COLUMN].clone()
    padded = visit(larger.x, larger.y, InstanceState(8, torch.device("cpu")))
    assert padded.state is not None and len(before) == 5 and before.any()
    padded.state.columns[COLUMN] = torch.cat([before, torch.zeros_like(larger.x[5:])])
    twin = deepcopy(net)
    trained(net, [larger], Free(epsilon=0.05, replays=2))
    trained(twin, [padded], Free(epsilon=0.05, replays=2))
    assert torch.equal(larger.state.columns[COLUMN], padded.state.columns[COLUMN])


def test_an_update_a_replay_each_of_one_forward_and_one_backward(tiny: Any, trainer: Any) -> None:
    config = tiny(method={"kind": "free", "epsilon": 0.1, "replays": 5})
    row = trainer(config).run_epoch(config.stage(0)).row
    assert row["updates"] == 2 * 5  # of two batches
    assert row["examples"] == row["forwards"] == row["backwards"] == 60 * 5


def test_the_perturbation_goes_on_from_one_epoch_to_the_next(tiny: Any, trainer: Any) -> None:
    config = tiny(method={"kind": "free", "epsilon": 0.1, "replays": 2})
    ready = trainer(config)
    ready.run_epoch(config.stage(0))
    assert ready.examples.state.columns[COLUMN].shape == (32, 1, 8, 8)
    forgetful = trainer(config)
    forgetful.load_state_dict(ready.state_dict())
    forgetful.examples.state.columns[COLUMN].zero_()
    rows = [each.run_epoch(config.stage(1)).row["train_loss"] for each in (ready, forgetful)]
    assert rows[0] != rows[1]


def test_free_training_without_an_update_between_losses_is_refused() -> None:
    [batch, _] = two_batches()
    with pytest.raises(TypeError, match="an update from each loss"):
        list(Free(replays=2).losses(steep(), batch, seeded()))
