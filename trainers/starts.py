"""Where an attack begins: a fresh offset, or the perturbation that the example's last visit ended in."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Generator, Tensor

from trainers.balls import Noise, Norm, noise, normal, unit
from trainers.knobs import Knobs, Real
from trainers.state import InstanceState
from trainers.step import Batch
from trainers.views import View

COLUMN = "perturbation"


class Previous(Knobs):
    """ATTA: go on from the last epoch's perturbation of the same pixels; Zheng et al. 2020, arXiv:1912.11969, Alg. 2.

    Perturbations are kept on the padded image, so that crop and mirror may differ between epochs; pixels outside an
    epoch's window keep what they had. They are drawn anew in the first epoch and, as in the authors' code, in every
    reset_every-th (counted from 1: 10, 20, ...); None never does, as in the code of Liu et al. 2021. Within a stage
    reset_every is 1 (now) or None.
    """

    name: Literal["previous"] = "previous"
    fill: Noise = "normal"
    reset_every: PositiveInt | None = 10
    half: bool = False  # keep perturbations in half precision: 0.48 GB instead of 0.96 for CIFAR-10

    def at(self, epoch: int, epochs: int) -> Previous:
        due = epoch == 0 or (self.reset_every is not None and (epoch + 1) % self.reset_every == 0)
        return self.model_copy(update={"reset_every": 1 if due else None})

    def moves(self) -> bool:
        return True

    def recall(self, batch: Batch, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
        """The offsets to begin from, (B, channels, H, W)."""
        rows, view, state = remembered(batch)
        memory = self._memory(state, batch.x, view)
        if self.reset_every is not None:
            memory[rows] = noise(self.fill, memory[rows].float(), epsilon, norm, rng).to(memory.dtype)
        return view.cut(memory[rows]).float()

    def keep(self, batch: Batch, delta: Tensor) -> None:
        rows, view, state = remembered(batch)
        memory = self._memory(state, batch.x, view)
        memory[rows] = view.paste(memory[rows], delta.to(memory.dtype))

    def _memory(self, state: InstanceState, x: Tensor, view: View) -> Tensor:
        channels, height, width = x.shape[1:]
        shape = (channels, height + 2 * view.crop, width + 2 * view.crop)
        return state.column(COLUMN, shape, dtype=torch.float16 if self.half else torch.float32)


class Direction(Knobs):
    """A random unit vector times `length`: Algorithm 4 of Zhang et al. 2021, which prints no value for its xi.

    length is an l2 length in pixels of [0, 1], whatever the attack's norm. 0.001 N(0, 1), the start of TRADES and the
    default of gair-trades, has a length of 0.055 on 32x32 colour images.
    """

    name: Literal["direction"] = "direction"
    length: Annotated[Real, Field(gt=0)]

    def draw(self, like: Tensor, rng: Generator) -> Tensor:
        """The offsets to begin from, (B, channels, H, W)."""
        return self.length * unit(normal(like, rng))


def remembered(batch: Batch) -> tuple[Tensor, View, InstanceState]:
    """What identifies the examples of a training batch. Raises TypeError for a batch that is only measured."""
    if batch.rows is None or batch.view is None or batch.state is None:
        raise TypeError("only training examples are remembered")
    return batch.rows, batch.view, batch.state


Start = Noise | Annotated[Previous | Direction, Field(discriminator="name")]


def begin(start: Start, batch: Batch, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
    """The offsets of a start, (B, channels, H, W)."""
    if isinstance(start, Previous):
        return start.recall(batch, epsilon, norm, rng)
    if isinstance(start, Direction):
        return start.draw(batch.x, rng)
    return noise(start, batch.x, epsilon, norm, rng)
