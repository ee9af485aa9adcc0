"""Targets: what the loss is asked to fit, labels (B,) or distributions (B, C)."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from trainers.knobs import Knobs
from trainers.step import Step


class Given(Knobs):
    """The given labels: the neutral member."""

    name: Literal["given"] = "given"

    def __call__(self, step: Step) -> Tensor:
        return step.batch.y


Target = Given
