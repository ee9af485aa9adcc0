"""Amounts in readable form."""

from __future__ import annotations


def format_bytes(count: float) -> str:
    """Return a number of bytes to three figures."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def format_rate(count: float) -> str:
    """Return a count or rate; large ones to three figures, in thousands."""
    if count >= 9_999.5:
        return f"{float(f'{count:.3g}') / 1000:g}k"
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"


def format_count(count: int, noun: str) -> str:
    """Return a count with its noun, which gets an s unless the count is 1."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
