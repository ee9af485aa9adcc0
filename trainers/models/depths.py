"""A validator of network depths."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import AfterValidator


def check_depth(family: str, allowed: Collection[int]) -> AfterValidator:
    """Return a validator that refuses depths not in `allowed`; its message gives the nearest and the first six."""

    def known(depth: int) -> int:
        if depth in allowed:
            return depth
        near = min(allowed, key=lambda other: abs(other - depth))
        first = ", ".join(str(other) for other in list(allowed)[:6]) + ", ..." * (len(allowed) > 6)
        raise ValueError(f"no {family} is {depth} layers deep; did you mean {near}? (allowed: {first})")

    return AfterValidator(known)
