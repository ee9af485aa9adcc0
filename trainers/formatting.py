"""Phrases of messages: lists, durations, amounts and the nearest spelling."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePath

FILE_CUTOFF = 0.7  # of files; first and gair_rst have a likeness of 0.62, firend_k and friendly_k of 0.78


def format_list(names: Sequence[object], most: int = 10) -> str:
    """Join the first `most` names by commas and count the others, such as 'a, b and 3 more'."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(str, names[:most])) + more


def format_duration(seconds: float) -> str:
    """Return seconds in the one or two largest units, such as '1 h 05 min'; '' if they are not finite."""
    if not math.isfinite(seconds):
        return ""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def find_nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """Return the known word that is spelt most like `word`, or None if none has a similarity of at least `cutoff`."""
    return next(iter(get_close_matches(word, list(known), 1, cutoff)), None)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the clause '; did you mean X?' with the nearest known spelling, or '' if no word is near."""
    near = find_nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def find_nearest_file(name: str, known: Iterable[str]) -> str | None:
    """Return the known file or folder that is spelt most like `name`, or None if none is near.

    Suffixes are compared only among those whose names are alike without them: the suffix of `missing.npz` does not
    make it like neg.npz. A folder holds files of any names, so that more likeness is asked for than of keys.
    """
    stem = PurePath(name).stem
    alike = [path for path in known if find_nearest(stem, [PurePath(path).stem], FILE_CUTOFF)]
    return find_nearest(name, alike, 0.0)


def did_you_mean_file(name: str, known: Iterable[str]) -> str:
    """Return the clause '; did you mean X?' with the nearest known file or folder, or '' if none is near."""
    near = find_nearest_file(name, known)
    return f"; did you mean {near}?" if near else ""


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
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
