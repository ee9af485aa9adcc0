"""Amounts as people say them."""

from __future__ import annotations


def format_bytes(count: float) -> str:
    """Bytes, to three figures."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def format_rate(count: float) -> str:
    """A count or rate, to three figures where it is large."""
    if count >= 9_999.5:
        return f"{float(f'{count:.3g}') / 1000:g}k"
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"


def format_count(count: int, what: str) -> str:
    """A count of things, with an s where there are several."""
    return f"{count:,} {what}{'s' * (count != 1)}"
