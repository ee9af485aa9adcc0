"""Starts of an attack: a fresh random offset, or one that the example's earlier visits have left."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Generator, Tensor

from trainers.augmentation import View
from trainers.balls import Noise, Norm, draw_noise, draw_normal, unit_vector
from trainers.knobs import Knobs, Real
from trainers.state import InstanceState
from trainers.step import Batch

COLUMN = "perturbation"
DIRECTIONS = "running_gradient"


class Previous(Knobs):
    """ATTA: continue from the last epoch's perturbation of the pixels; Zheng et al. 2020, arXiv:1912.11969, Alg. 2.

    Perturbations are stored for the padded image, so that crop and mirror may differ between epochs; those outside an
    epoch's window stay as they are. They are drawn anew in the first epoch and, as in the authors' code, in every
    reset_every-th epoch (counted from 1: 10, 20, ...); with None only in the first, as in the code of Liu et al. 2021.
    Within a stage reset_every is 1 (draw now) or None.

    momentum is that of the prior-guided starts of Jia et al. 2022, arXiv:2207.08859, mu: the stored offset takes a step
    along m = mu m + g / |g|_1, where g is the gradient at the start, and the adversary one along g (FGSM-MEP). Without
    it the adversary's own offset is stored (FGSM-EP, ATTA).
    """

    name: Literal["previous"] = "previous"
    fill: Noise = "normal"
    reset_every: PositiveInt | None = 10
    half: bool = False  # keep perturbations in half precision: 0.48 GB instead of 0.96 for CIFAR-10
    momentum: Annotated[Real | None, Field(ge=0, exclude_if=lambda momentum: momentum is None)] = None

    def at(self, epoch: int, epochs: int) -> Previous:
        """Return this start with reset_every 1 in an epoch that draws anew, and None in the others."""
        due = epoch == 0 or (self.reset_every is not None and (epoch + 1) % self.reset_every == 0)
        return self.model_copy(update={"reset_every": 1 if due else None})

    def moves(self) -> bool:
        return True

    def recall(self, batch: Batch, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
        """Return the stored offsets of a batch, (B, channels, H, W), after drawing them anew if a reset is due."""
        rows, view, state = training_memory(batch)
        memory = self._memory(COLUMN, state, batch.x, view)
        if self.reset_every is not None:
            memory[rows] = draw_noise(self.fill, memory[rows].float(), epsilon, norm, rng).to(memory.dtype)
            if self.momentum is not None:
                self._memory(DIRECTIONS, state, batch.x, view)[rows] = 0
        return view.cut(memory[rows]).float()

    def accumulate(self, batch: Batch, gradient: Tensor) -> Tensor:
        """Return the running gradients m of a batch after this one, (B, channels, H, W) -> the same, and store them."""
        rows, view, state = training_memory(batch)
        memory = self._memory(DIRECTIONS, state, batch.x, view)
        share = gradient / gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(1e-12)
        running = share + (self.momentum or 0.0) * view.cut(memory[rows]).float()
        memory[rows] = view.paste(memory[rows], running.to(memory.dtype))
        return running

    def keep(self, batch: Batch, delta: Tensor) -> None:
        """Store the offsets from which the next attack on a batch begins, (B, channels, H, W)."""
        rows, view, state = training_memory(batch)
        memory = self._memory(COLUMN, state, batch.x, view)
        memory[rows] = view.paste(memory[rows], delta.to(memory.dtype))

    def _memory(self, name: str, state: InstanceState, x: Tensor, view: View) -> Tensor:
        channels, height, width = x.shape[1:]
        shape = (channels, height + 2 * view.crop, width + 2 * view.crop)
        return state.column(name, shape, dtype=torch.float16 if self.half else torch.float32)


class Direction(Knobs):
    """A random unit vector times `length`: Algorithm 4 of Zhang et al. 2021, which gives no value for this length, xi.

    length is an l2 length in pixels of [0, 1], whatever the attack's norm. 0.001 N(0, 1), the start of TRADES and the
    default of gair-trades, has a length of 0.055 on 32x32 colour images.
    """

    name: Literal["direction"] = "direction"
    length: Annotated[Real, Field(gt=0)]

    def draw(self, like: Tensor, rng: Generator) -> Tensor:
        """Draw the offsets of a batch `like`, (B, channels, H, W)."""
        return self.length * unit_vector(draw_normal(like, rng))


class Scaled(Knobs):
    """Noise of `times` epsilon.

    N-FGSM (de Jorge et al. 2022, arXiv:2202.01181) has uniform noise of 2 epsilon. GAT (Sriramanan et al. 2020,
    arXiv:2011.14969) and NuAT (Sriramanan et al. 2021) have bernoulli noise of epsilon / 2.
    """

    name: Literal["scaled"] = "scaled"
    noise: Literal["uniform", "bernoulli"] = "uniform"
    times: Annotated[Real, Field(gt=0)]


def training_memory(batch: Batch) -> tuple[Tensor, View, InstanceState]:
    """Return rows, view and instance state of a training batch. Raises TypeError for a batch that is only measured."""
    if batch.rows is None or batch.view is None or batch.state is None:
        raise TypeError("only training examples are remembered")
    return batch.rows, batch.view, batch.state


Start = Noise | Annotated[Previous | Direction | Scaled, Field(discriminator="name")]


def draw_start(start: Start, batch: Batch, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
    """Return the offsets of a start for a batch, (B, channels, H, W)."""
    if isinstance(start, Previous):
        return start.recall(batch, epsilon, norm, rng)
    if isinstance(start, Direction):
        return start.draw(batch.x, rng)
    if isinstance(start, Scaled):
        return draw_noise(start.noise, batch.x, start.times * epsilon, norm, rng)
    return draw_noise(start, batch.x, epsilon, norm, rng)
