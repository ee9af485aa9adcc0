"""Weight averaging: the network that is measured is a mean of those that training passed through."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.knobs import Duration, Knobs, Real, lasting

State = dict[str, Tensor]


class _Average(Knobs):
    """Buffers (BN statistics) are averaged as the weights are; integer ones are copied."""

    burn_in: Duration = 0

    def at(self, epoch: int, epochs: int) -> Any:
        return None if epoch < lasting(self.burn_in, epochs) else self.model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True


class EMA(_Average):
    """After every batch: mean <- momentum mean + (1 - momentum) weights; Rebuffi et al. 2021, arXiv:2103.01946.

    A method has by then put back what weights it moved (trainers/awp.py); free-at has made all its updates.
    """

    name: Literal["ema"] = "ema"
    momentum: Annotated[Real, Field(ge=0, lt=1)] = 0.999
    every_batch: ClassVar[bool] = True

    def share(self, count: int) -> float:
        return 1 - self.momentum


class SWA(_Average):
    """The plain mean of the weights at the ends of epochs; Izmailov et al. 2018, arXiv:1803.05407.

    A remedy for robust overfitting in Chen et al. 2021 ('Robust overfitting may be mitigated by properly learned
    smoothening').
    """

    name: Literal["swa"] = "swa"
    burn_in: Duration = "50%"
    every_batch: ClassVar[bool] = False

    def share(self, count: int) -> float:
        return 1 / count


Average = Annotated[EMA | SWA, Field(discriminator="name")]


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
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[name].lerp_(value, average.share(self.count))
            else:
                self.state[name].copy_(value)


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
