"""Weight averaging: the network that is measured is a mean of the networks that training passed through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.knobs import BurnIn, Knobs, Real, to_epochs
from trainers.passes import Passes
from trainers.tensor_lists import copy_tensors

State = dict[str, Tensor]
Statistics = Literal["recomputed", "network", "averaged"]


class _Average(Knobs):
    """The common base of both averages.

    `statistics` says where the BatchNorm statistics of the mean come from. averaged: they are averaged like weights.
    network: they are copied from the network that is trained. recomputed: the averaged network passes over the epoch's
    training images, augmented but not attacked, to measure them; this costs a forward pass per example and epoch.
    Counters and other integers are copied.
    """

    burn_in: BurnIn = 0

    def at(self, epoch: int, epochs: int) -> Any:
        """Return this average without its burn-in, or None for an epoch within the burn-in."""
        return None if epoch < to_epochs(self.burn_in, epochs) else self.model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True


class EMA(_Average):
    """After every batch: mean <- momentum mean + (1 - momentum) weights; Rebuffi et al. 2021, arXiv:2103.01946.

    The average is updated after the method has restored weights that it perturbed (trainers/awp.py), and after free-at
    has made all its updates on the batch.
    The code of Rebuffi et al. copies the statistics of the network and lets the momentum rise from 0.1 as
    (1 + t) / (10 + t), so that the first weights are soon forgotten. Here the momentum is constant; over only a few
    hundred updates an average of any kind lags behind. Many other code bases average the statistics too, which is the
    default here.
    """

    name: Literal["ema"] = "ema"
    momentum: Annotated[Real, Field(ge=0, lt=1)] = 0.999
    statistics: Annotated[Statistics, Field(exclude_if=lambda statistics: statistics == "averaged")] = "averaged"
    every_batch: ClassVar[bool] = True

    def weight_of_new(self, count: int) -> float:
        """Return the weight of the newest network in the mean; `count` includes it."""
        return 1 - self.momentum


class SWA(_Average):
    """The plain mean of the weights at the ends of epochs; Izmailov et al. 2018, arXiv:1803.05407.

    Chen et al. 2021 ('Robust overfitting may be mitigated by properly learned smoothening') use it against robust
    overfitting. Both recompute the BatchNorm statistics (sec. 3.2 of Izmailov et al.), on images that are not attacked.
    """

    name: Literal["swa"] = "swa"
    burn_in: BurnIn = "50%"
    statistics: Statistics = "recomputed"
    every_batch: ClassVar[bool] = False

    def weight_of_new(self, count: int) -> float:
        """Return the weight of the newest network in the mean of `count`."""
        return 1 / count


Average = Annotated[EMA | SWA, Field(discriminator="name")]


def averaging_passes(average: EMA | SWA) -> Passes:
    """Return what averaging costs for an example in an epoch: at most a forward, for networks with BatchNorm."""
    recomputed = average.statistics == "recomputed"
    return Passes(forwards=recomputed, fewer_forwards=recomputed)


class AveragedWeights:
    """The mean of the network states so far, and the number of networks in it."""

    def __init__(self, state: State, count: int = 0) -> None:
        self.state, self.count = state, count

    @staticmethod
    def from_network(network: nn.Module) -> AveragedWeights:
        """Return an average that starts at a network's present state, before any update."""
        return AveragedWeights({name: value.clone() for name, value in network.state_dict().items()})

    @torch.no_grad()
    def update(self, network: nn.Module, average: EMA | SWA) -> None:
        """Add the network's present state to the mean."""
        self.count += 1
        present = network.state_dict()
        copied = {name for name, value in present.items() if not value.is_floating_point()}
        if average.statistics == "network":
            copied |= {name for name, _ in network.named_buffers()}
        moved = [name for name in present if name not in copied]
        means, values = ([state[name] for name in moved] for state in (self.state, present))
        torch._foreach_lerp_(means, values, average.weight_of_new(self.count))
        copy_tensors([self.state[name] for name in copied], [present[name] for name in copied])

    def recompute(self, network: nn.Module, batches: Iterable[Tensor]) -> int:
        """Measure the BatchNorm statistics of the mean on batches of images; return the number of images used.

        The statistics are means over the batches, weighted by size. The network, in train mode, keeps its own state. A
        network without BatchNorm uses no image.
        """
        layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        if not layers:
            return 0
        seen, momenta = 0, [layer.momentum for layer in layers]
        with temporary_weights(network, self.state), torch.no_grad():
            for layer in layers:
                layer.reset_running_stats()
            for x in batches:
                seen += len(x)
                for layer in layers:
                    layer.momentum = len(x) / seen
                network(x)
            self.state = {name: value.clone() for name, value in network.state_dict().items()}
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
        return seen


@contextmanager
def temporary_weights(network: nn.Module, state: State | None) -> Iterator[None]:
    """Load `state` into the network, and restore the network's own state on leaving; do nothing if `state` is None."""
    if state is None:
        yield
        return
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    try:
        yield
    finally:
        network.load_state_dict(before)
