"""Free adversarial training: one backward serves both the perturbation and the weights."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.balls import check_units
from trainers.knobs import Knobs, Real
from trainers.losses import cross_entropy
from trainers.method import Columns, observe, spared
from trainers.starts import training_memory
from trainers.step import Adversary, Batch, Net, Step

COLUMN = "replayed"


class Free(Knobs):
    """Shafahi et al. 2019, arXiv:1904.12843, Alg. 1: every batch is replayed, each replay an update of the weights.

    The perturbation has the shape of a batch and goes on from one batch to the next; its step is epsilon. An epoch
    makes `replays` times as many updates, so the papers divide the number of epochs by it.

    As in Algorithm 1 the perturbation is kept as it is where the image plus it leaves [0, 1]. The code of Wong et al.
    2020 clips it to the image's range after each replay; that of Shafahi et al. takes the gradient through the clip,
    which is 0 there.
    """

    kind: Literal["free"] = "free"
    adversarial: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = False
    graphs: ClassVar[int] = 1
    epsilon: Annotated[Real, Field(gt=0)] = 8 / 255
    replays: PositiveInt = 8

    @model_validator(mode="after")
    def _units(self) -> Free:
        check_units("linf", {("epsilon",): self.epsilon})
        return self

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        _, _, state = training_memory(batch)
        before = state.columns.get(COLUMN)
        if before is None or len(before) < len(batch.x):  # a last batch that is joined is larger than those before
            state.columns[COLUMN] = torch.zeros_like(batch.x, memory_format=torch.contiguous_format)
            if before is not None:
                state.columns[COLUMN][: len(before)] = before
        memory = state.columns[COLUMN]
        for _ in range(self.replays):
            point = (batch.x + memory[: len(batch.x)]).clamp(0, 1)
            x = spared(batch, Adversary(point)).x.requires_grad_()
            features, logits = net.features_and_logits(x)
            step = Step(batch, Adversary(x.detach()), None, logits, features)
            yield cross_entropy(logits, batch.y).mean(), observe(step, None, batch.y)
            if x.grad is None:
                raise TypeError("the caller makes an update from each loss")
            offset = memory[: len(batch.x)] + self.epsilon * x.grad.sign()
            memory[: len(batch.x)] = offset.clamp(-self.epsilon, self.epsilon)
