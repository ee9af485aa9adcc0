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
from trainers.method import Columns, observe, with_clean_images
from trainers.passes import UPDATE, Passes
from trainers.starts import training_memory
from trainers.step import Adversary, Batch, Net, Step

COLUMN = "replayed"


class Free(Knobs):
    """Free adversarial training of Shafahi et al. 2019, arXiv:1904.12843, Alg. 1: each batch makes several updates.

    Every batch is replayed, and each replay updates the weights. The perturbation has the shape of a batch and carries
    over from one batch to the next; its step is epsilon. An epoch makes `replays` times as many updates, so the papers
    divide the number of epochs by `replays`.

    As in Algorithm 1, the perturbation stays unclipped where image plus perturbation leaves [0, 1]. The code of Wong et
    al. 2020 clips the perturbation to the image's range after each replay; that of Shafahi et al. takes the gradient
    through the clip, which is 0 there.
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

    def passes(self) -> Passes:
        """Return what one visit of an example costs: an update for each replay, whose backward serves both."""
        return UPDATE * self.replays

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        """Yield the loss of each replay and the columns of its examples, as Method does."""
        _, _, state = training_memory(batch)
        before = state.columns.get(COLUMN)
        if before is None or len(before) < len(batch.x):  # a last batch that is joined is larger than those before
            state.columns[COLUMN] = torch.zeros_like(batch.x, memory_format=torch.contiguous_format)
            if before is not None:
                state.columns[COLUMN][: len(before)] = before
        memory = state.columns[COLUMN]
        for _ in range(self.replays):
            point = (batch.x + memory[: len(batch.x)]).clamp(0, 1)
            x = with_clean_images(batch, Adversary(point)).x.requires_grad_()
            features, logits = net.features_and_logits(x)
            step = Step(batch, Adversary(x.detach()), None, logits, features)
            yield cross_entropy(logits, batch.y).mean(), observe(step, None, batch.y)
            if x.grad is None:
                raise TypeError("the caller makes an update from each loss")
            offset = memory[: len(batch.x)] + self.epsilon * x.grad.sign()
            memory[: len(batch.x)] = offset.clamp(-self.epsilon, self.epsilon)
