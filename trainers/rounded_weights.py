"""The weights that autocast rounds to bf16, rounded here instead: in one operation, and for an attack only once.

Autocast rounds each weight by itself at every forward. An attack does not change the weights, so that its first
rounding serves all of its forwards. The bits are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from trainers.tensor_lists import clone_tensors

Place = tuple[nn.Module, str]  # a layer, and the name of its parameter


def rounded_places(network: nn.Module) -> list[Place]:
    """Return the parameters that autocast rounds: those of convolutions and of linear layers."""
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    return [(layer, name) for layer in layers for name, _ in layer.named_parameters(recurse=False)]


def round_weights(places: Sequence[Place]) -> tuple[Tensor, ...]:
    """Return the parameters at these places in bf16; gradients flow back to them in their own precision."""
    if not places:
        return ()
    rounded: tuple[Tensor, ...] = _Round.apply(*[getattr(*place) for place in places])
    return rounded


@contextmanager
def replaced_weights(places: Sequence[Place], values: Sequence[Tensor]) -> Iterator[None]:
    """Let layers compute with other tensors in place of their parameters."""
    own = [layer._parameters[name] for layer, name in places]
    _put(places, values)
    try:
        yield
    finally:
        _put(places, own)


def _put(places: Sequence[Place], values: Sequence[Any]) -> None:
    for (layer, name), value in zip(places, values, strict=True):
        layer._parameters[name] = value


class _Round(torch.autograd.Function):
    """Rounding of all weights at once, forward to bf16 and backward to fp32."""

    @staticmethod
    def forward(ctx: Any, *weights: Tensor) -> tuple[Tensor, ...]:
        ctx.dtype = weights[0].dtype
        return tuple(clone_tensors(weights, torch.bfloat16))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        return tuple(clone_tensors(gradients, ctx.dtype))
