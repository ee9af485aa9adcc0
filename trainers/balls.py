"""The balls that adversaries live in, l-infinity or l2: projection, steepest ascent, and where a climb may begin.

epsilon is a number, or (B, 1, 1, 1) where each example has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Generator, Tensor

from trainers.knobs import KnobError

Norm = Literal["linf", "l2"]
Noise = Literal["none", "uniform", "normal"]
LENGTHS = ("epsilon", "d_max", "least", "step_size")  # knobs that are lengths in a norm


def check_units(norm: Norm, lengths: Mapping[tuple[str, ...], float | str | None]) -> None:
    """Raises KnobError if l-infinity lengths, by their knobs, are those of pixels 0..255: beyond 1 there is no image.

    Multiples of epsilon are passed over, and what is not given.
    """
    far = {knob: it for knob, it in lengths.items() if norm == "linf" and isinstance(it, float) and it > 1}
    if far:
        raise KnobError({knob: f"is in pixels of [0, 1]; got {it:g}: write {it:g}/255" for knob, it in far.items()})


def check_norm(base: Mapping[str, Any], change: Mapping[str, Any]) -> str | None:
    """Why a norm that is laid over an attack's knobs leaves lengths behind that belong to the other one; None if none.

    Multiples of epsilon go along with it.
    """
    norm, before = change.get("norm"), base.get("norm")
    if before is None or norm not in get_args(Norm) or norm == before:
        return None
    left = {knob: base[knob] for knob in LENGTHS if knob in base and knob not in change}
    stale = [f"{knob} {it:.4g}" for knob, it in left.items() if isinstance(it, float)]
    return f"{norm}, and {', '.join(stale)} would be that of {before}: give it too" if stale else None


def project(x: Tensor, point: Tensor, epsilon: float | Tensor, norm: Norm) -> Tensor:
    """Onto the epsilon-ball around x, then onto [0, 1]; (B, channels, H, W) -> the same."""
    if norm == "linf":
        return torch.clamp(point, x - epsilon, x + epsilon).clamp_(0, 1)
    delta = point - x
    shrink = (epsilon / length(delta).clamp_min(1e-12)).clamp_max(1)
    return (x + delta * shrink).clamp_(0, 1)


def ascent(gradient: Tensor, norm: Norm) -> Tensor:
    """Steepest ascent in the norm: the sign (sign(0) = 0), or the unit vector."""
    return gradient.sign() if norm == "linf" else unit(gradient)


def noise(kind: Noise, like: Tensor, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
    """An offset: U(-epsilon, epsilon) (l2: random direction, radius U(0, epsilon)), 0.001 N(0, 1), or zero."""
    if kind == "none":
        return torch.zeros_like(like)
    if kind == "normal":
        return 0.001 * normal(like, rng)
    if norm == "linf":
        return epsilon * (2 * torch.rand(like.shape, generator=rng, device=like.device) - 1)
    radius = epsilon * torch.rand((len(like), 1, 1, 1), generator=rng, device=like.device)
    return radius * unit(normal(like, rng))


def normal(like: Tensor, rng: Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng, device=like.device)


def length(delta: Tensor) -> Tensor:
    """l2 length of each example, (B, ...) -> (B, 1, 1, 1)."""
    return delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def unit(delta: Tensor) -> Tensor:
    return delta / length(delta).clamp_min(1e-12)
