"""Amounts as people say them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds in the one or two units that matter."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def size(count: float) -> str:
    """Bytes, to three figures."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def many(count: float) -> str:
    """A count or rate, to three figures where it is large."""
    if count >= 9_999.5:
        return f"{float(f'{count:.3g}') / 1000:g}k"
    return f"{count:,.0f}" if count >= 100 else f"{count:.3g}"


def number(count: int, what: str) -> str:
    """A count of things, with an s where there are several."""
    return f"{count:,} {what}{'s' * (count != 1)}"
