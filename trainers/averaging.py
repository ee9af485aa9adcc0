"""Weight averaging: the network that is measured is a mean of those that training passed through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.knobs import Duration, Knobs, Real, to_epochs
from trainers.passes import Passes

State = dict[str, Tensor]


Statistics = Literal["recomputed", "network", "averaged"]


class _Average(Knobs):
    """What both averages have in common.

    `statistics` says where the BatchNorm statistics of the mean come from. averaged: they are averaged as the weights
    are. network: they are those of the network that is trained. recomputed: a pass of the mean over the epoch's
    training images, augmented but not attacked, measures them anew, which costs one forward an example and epoch.
    Counters and other integers are copied.
    """

    burn_in: Duration = 0

    def at(self, epoch: int, epochs: int) -> Any:
        return None if epoch < to_epochs(self.burn_in, epochs) else self.model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True


class EMA(_Average):
    """After every batch: mean <- momentum mean + (1 - momentum) weights; Rebuffi et al. 2021, arXiv:2103.01946.

    A method has by then put back what weights it moved (trainers/awp.py); free-at has made all its updates. The code
    of Rebuffi et al. takes the statistics of the network, and lets the momentum rise from 0.1 as (1 + t) / (10 + t), so
    that the first weights are soon forgotten; here it is constant, and over a few hundred updates averages of any kind
    lag behind. Many other code bases average the statistics too, as is the default here.
    """

    name: Literal["ema"] = "ema"
    momentum: Annotated[Real, Field(ge=0, lt=1)] = 0.999
    statistics: Annotated[Statistics, Field(exclude_if=lambda it: it == "averaged")] = "averaged"
    every_batch: ClassVar[bool] = True

    def share(self, count: int) -> float:
        return 1 - self.momentum


class SWA(_Average):
    """The plain mean of the weights at the ends of epochs; Izmailov et al. 2018, arXiv:1803.05407.

    A remedy for robust overfitting in Chen et al. 2021 ('Robust overfitting may be mitigated by properly learned
    smoothening'). Both recompute the BatchNorm statistics, sec. 3.2 there, and on images that are not attacked.
    """

    name: Literal["swa"] = "swa"
    burn_in: Duration = "50%"
    statistics: Statistics = "recomputed"
    every_batch: ClassVar[bool] = False

    def share(self, count: int) -> float:
        return 1 / count


Average = Annotated[EMA | SWA, Field(discriminator="name")]


def averaging_passes(average: EMA | SWA) -> Passes:
    """Return what averaging costs for an example in an epoch: at most a forward, for networks with BatchNorm."""
    recomputed = average.statistics == "recomputed"
    return Passes(forwards=recomputed, fewer_forwards=recomputed)


class Mean:
    """The mean so far, and of how many networks."""

    def __init__(self, state: State, count: int = 0) -> None:
        self.state, self.count = state, count

    @staticmethod
    def begun(network: nn.Module) -> Mean:
        return Mean({name: value.clone() for name, value in network.state_dict().items()})

    @torch.no_grad()
    def take(self, network: nn.Module, average: EMA | SWA) -> None:
        """Move the mean towards the network as it stands."""
        self.count += 1
        copied = {name for name, _ in network.named_buffers()} if average.statistics == "network" else set()
        for name, value in network.state_dict().items():
            if value.is_floating_point() and name not in copied:
                self.state[name].lerp_(value, average.share(self.count))
            else:
                self.state[name].copy_(value)

    def recompute(self, network: nn.Module, batches: Iterable[Tensor]) -> int:
        """Measure the BatchNorm statistics of the mean on batches of images; return how many images were looked at.

        They are means over the batches, weighted by size. The network, in train mode, keeps its own state. A network
        without such layers looks at nothing.
        """
        layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
        if not layers:
            return 0
        seen, momenta = 0, [layer.momentum for layer in layers]
        with measured(network, self.state), torch.no_grad():
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
def measured(network: nn.Module, state: State | None) -> Iterator[None]:
    """Let the network have other weights, if there are any, while it is measured."""
    if state is None:
        yield
        return
    own = {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(state)
    try:
        yield
    finally:
        network.load_state_dict(own)
