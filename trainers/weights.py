"""Weights: how much each example counts in the loss. None means that all count alike.

Functions return (B,) with mean one over the batch; no gradient flows through a weight.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from trainers.knobs import Knobs
from trainers.step import Step


class Uniform(Knobs):
    """Every example counts alike: the neutral member."""

    name: Literal["uniform"] = "uniform"

    def __call__(self, step: Step) -> Tensor | None:
        return None


Weight = Uniform
