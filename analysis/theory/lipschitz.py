"""Theorem 3 of Liu et al. 2021: a lower bound of the Lipschitz constant of a network that fits its adversaries.

A network f of b parameters, n examples of component l in m dimensions and an adversarial training error of at most C
at radius ε give, with probability at least 1 − δ,

    Lip(f) ≥ γ/2⁷ · √(nm / (c (b log(4WJ/γ) − log(δ/2 − 2 exp(−2⁻¹¹ n γ²))))),   γ = σ_l² + h²(C, ε) − C,

where W is the diameter of the set of parameters, J the Lipschitz constant of f in them, c the isoperimetry constant of
the data, σ_l² the variance of the label given the input, and h²(C, ε) what adversaries add. The proof follows Bubeck
and Sellke 2021. The bound rises with γ: with harder components, larger ε and smaller error.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

REACH = 12.0  # standard deviations over which a normal density is integrated


class Network(NamedTuple):
    """What the bound needs to know of a class of networks."""

    parameters: int  # b
    diameter: float  # W
    smoothness: float  # J


def compute_gamma(label_variance: float, adversarial: float, error: float) -> float:
    """Return γ = σ_l² + h²(C, ε) − C. Raises ValueError if it is negative, where the theorem says nothing."""
    gamma = label_variance + adversarial - error
    if min(label_variance, adversarial, error) < 0 or gamma < 0:
        raise ValueError(
            f"σ² = {label_variance:g}, h² = {adversarial:g}, C = {error:g}: expected numbers of at least 0 and a "
            "training error C of at most σ² + h²; above, the theorem says nothing"
        )
    return gamma


def count_examples(gamma: float, delta: float) -> int:
    """Return the least n that satisfies δ/2 > 2 exp(−2⁻¹¹ n γ²), the condition of the theorem.

    Raises ValueError unless γ > 0 and 0 < δ < 1.
    """
    if not (gamma > 0 and 0 < delta < 1):
        raise ValueError(f"γ = {gamma:g}, δ = {delta:g}: expected γ > 0 and a probability δ between 0 and 1")
    return math.floor(2**11 * math.log(4 / delta) / gamma**2) + 1


def bound_lipschitz(
    gamma: float, network: Network, *, examples: int, dimensions: int, isoperimetry: float, delta: float
) -> float:
    """Return the lower bound of Lip(f).

    Raises ValueError if the condition on δ fails, or if γ exceeds 4WJ, where one parameter describes all networks.
    """
    least = count_examples(gamma, delta)
    if examples < least:
        raise ValueError(
            f"δ = {delta:g}, γ = {gamma:g}, n = {examples}: expected δ/2 > 2 exp(−2⁻¹¹ n γ²); take n ≥ {least}, "
            "a larger δ or a larger γ"
        )
    if gamma > 4 * network.diameter * network.smoothness:
        raise ValueError(
            f"γ = {gamma:g}: expected at most 4WJ = {4 * network.diameter * network.smoothness:g}, as the parameters "
            "are covered by balls of radius γ/(4J)"
        )
    cover = network.parameters * math.log(4 * network.diameter * network.smoothness / gamma)
    chance = math.log(delta / 2 - 2 * math.exp(-(2**-11) * examples * gamma**2))
    return gamma / 2**7 * math.sqrt(examples * dimensions / (isoperimetry * (cover - chance)))


def compute_label_variance(r: float) -> float:
    """Return σ² = E Var[y|x] of a component at distance r: 1 − E tanh²(rz), z ~ N(r, 1).

    It falls from 1 at r = 0 to 0: the harder a component, the larger is γ.
    """
    offsets = np.linspace(-REACH, REACH, 20_001)
    density = np.exp(-(offsets**2) / 2) / math.sqrt(2 * math.pi)
    variances = 1 / np.cosh(np.clip(r * (r + offsets), -300, 300)) ** 2
    return float(density @ variances * (offsets[1] - offsets[0]))
