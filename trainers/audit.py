"""The bound on the images that a random audit may have missed; standard library only, for trainers and analysis."""

from __future__ import annotations

from math import exp, lgamma, log, log1p

CONFIDENCE = 0.95


def bound_broken(hits: int, share: float) -> int:
    """Return the largest number M for which a Binomial(M, share) is at most `hits` with more than 5 % probability.

    So many images at most would be broken among all that were left out, if each was audited with at least this
    probability and `hits` of those audited were broken. `share` is above 0 and below 1.
    """
    low, high = hits, hits + 1
    while is_likely(hits, high, share):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_likely(hits, middle, share) else (low, middle)
    return low


def is_likely(hits: int, broken: int, share: float) -> bool:
    """Return whether an audit has at most `hits` of so many broken images with more than 5 % probability."""
    terms = (
        lgamma(broken + 1) - lgamma(k + 1) - lgamma(broken - k + 1) + k * log(share) + (broken - k) * log1p(-share)
        for k in range(hits + 1)
    )
    return sum(map(exp, terms)) > 1 - CONFIDENCE
