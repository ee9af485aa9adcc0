"""The l-infinity and l2 balls of a threat model: projection, steepest ascent and random offsets.

epsilon is a number, or (B, 1, 1, 1) where each example has its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Generator, Tensor

from trainers.knobs import KnobError

Norm = Literal["linf", "l2"]
Noise = Literal["none", "uniform", "normal", "bernoulli"]
LENGTHS = ("epsilon", "d_max", "least", "step_size")  # knobs that are lengths in a norm


def check_units(norm: Norm, lengths: Mapping[tuple[str, ...], float | str | None]) -> None:
    """Raise KnobError if an l-infinity length, keyed by its knob, exceeds 1: it was meant for pixels in 0..255.

    Multiples of epsilon and None are skipped.
    """
    if norm != "linf":
        return
    if large := {knob: value for knob, value in lengths.items() if isinstance(value, float) and value > 1}:
        raise KnobError(
            {knob: f"is in pixels of [0, 1]; got {value:g}: write {value:g}/255" for knob, value in large.items()}
        )


def check_norm(base: Mapping[str, Any], change: Mapping[str, Any]) -> str | None:
    """Return why a change of an attack's norm leaves lengths that were meant for the old norm, or None if it does not.

    Multiples of epsilon follow epsilon and need no change.
    """
    norm, before = change.get("norm"), base.get("norm")
    if before is None or norm not in get_args(Norm) or norm == before:
        return None
    left = {knob: base[knob] for knob in LENGTHS if knob in base and knob not in change}
    stale = [f"{knob} {value:.4g}" for knob, value in left.items() if isinstance(value, float)]
    return f"{norm}, and {', '.join(stale)} would be that of {before}: give it too" if stale else None


class Ball(NamedTuple):
    """The points of [0, 1] within epsilon of each image x, (B, channels, H, W)."""

    x: Tensor
    epsilon: float | Tensor
    box: tuple[Tensor, Tensor] | None  # of the linf ball: its least and its largest pixels, each shaped as x

    @staticmethod
    def around(x: Tensor, epsilon: float | Tensor, norm: Norm) -> Ball:
        """Return the ball around x in a norm; x lies in [0, 1]."""
        box = ((x - epsilon).clamp_min_(0), (x + epsilon).clamp_max_(1)) if norm == "linf" else None
        return Ball(x, epsilon, box)

    def of(self, rows: Tensor) -> Ball:
        """Return the ball around some of the images."""
        epsilon = self.epsilon[rows] if isinstance(self.epsilon, Tensor) else self.epsilon
        return Ball(self.x[rows], epsilon, self.box and (self.box[0][rows], self.box[1][rows]))

    def project(self, point: Tensor) -> Tensor:
        """Project a point onto the ball of its norm, then onto [0, 1]; (B, channels, H, W) -> the same."""
        if self.box is not None:
            return torch.clamp(point, *self.box)  # one after the other, as the box reaches into [0, 1]
        delta = point - self.x
        shrink = (self.epsilon / l2_length(delta).clamp_min(1e-12)).clamp_max(1)
        return (self.x + delta * shrink).clamp_(0, 1)


def ascent_direction(gradient: Tensor, norm: Norm) -> Tensor:
    """Return the direction of steepest ascent in the norm: the sign (sign(0) = 0) for linf, the unit vector for l2."""
    return gradient.sign() if norm == "linf" else unit_vector(gradient)


def draw_noise(kind: Noise, like: Tensor, epsilon: float | Tensor, norm: Norm, rng: Generator) -> Tensor:
    """Draw an offset of the shape of `like`: uniform, normal (0.001 N(0, 1)), bernoulli or none (zero).

    uniform is U(-epsilon, epsilon) per pixel in linf; in l2 it is a random direction with radius U(0, epsilon).
    bernoulli is -epsilon or epsilon per pixel in linf; in l2 it is such a vector scaled to length epsilon.
    """
    if kind == "none":
        return torch.zeros_like(like)
    if kind == "normal":
        return 0.001 * draw_normal(like, rng)
    if kind == "bernoulli":
        signs = (0.5 - torch.rand(like.shape, generator=rng, device=like.device)).sign()
        return epsilon * (signs if norm == "linf" else unit_vector(signs))
    if norm == "linf":
        return epsilon * (2 * torch.rand(like.shape, generator=rng, device=like.device) - 1)
    radius = epsilon * torch.rand((len(like), 1, 1, 1), generator=rng, device=like.device)
    return radius * unit_vector(draw_normal(like, rng))


def draw_normal(like: Tensor, rng: Generator) -> Tensor:
    """Draw N(0, 1) values of the shape and device of `like`, float32."""
    return torch.randn(like.shape, generator=rng, device=like.device)


def l2_length(delta: Tensor) -> Tensor:
    """Return the l2 length of each example, (B, ...) -> (B, 1, 1, 1)."""
    return delta.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def unit_vector(delta: Tensor) -> Tensor:
    """Scale each example to l2 length 1, (B, channels, H, W) -> the same; a zero stays zero."""
    return delta / l2_length(delta).clamp_min(1e-12)
