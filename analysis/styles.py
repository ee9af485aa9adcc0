"""One register of colours, markers and dashes for all figures of a page: a name looks the same wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import pandas as pd

from analysis.axes import ALL

# The least CIEDE2000 difference, grey included, is 17 in normal, protan and deutan vision and 14 in tritan.
PALETTE = ("#3052a3", "#b65300", "#188c65", "#d16ba2", "#cfab06", "#26bcfe", "#850000")
NEUTRAL = "#444444"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
DASHES = ("-", "--", "-.", ":")
LIGHTEST = 0.3  # of white, in the smallest of several subsets of one kind


class Style(NamedTuple):
    """How one name looks: its colour, as a point, and as a line."""

    colour: str
    marker: str = MARKERS[0]
    dash: str = DASHES[0]


@dataclass(frozen=True)
class Register:
    """The styles of names that several figures share; others get what is free in their own figure."""

    known: dict[str, Style] = field(default_factory=dict)

    def styles(self, names: Iterable[str]) -> dict[str, Style]:
        """A style per name, no two alike; the first seven that are not known differ in colour, later ones in marker."""
        wanted = list(dict.fromkeys(names))
        found = {name: self.known[name] for name in wanted if name in self.known}
        taken = {(style.colour, style.marker) for style in found.values()}
        free = (style for style in _all() if (style.colour, style.marker) not in taken)
        return {name: found[name] if name in found else ALL_STYLE if name == ALL else next(free) for name in wanted}

    def colours(self, names: Iterable[str]) -> dict[str, str]:
        """The colours alone, no two alike for seven names: one whose colour another has gets one that is free."""
        found: dict[str, str] = {}
        styles = self.styles(names)
        for name, style in styles.items():
            theirs = {other.colour for other in styles.values() if other is not style} | set(found.values())
            free = [colour for colour in PALETTE if colour not in theirs]
            found[name] = style.colour if style.colour not in found.values() or not free else free[0]
        return found


ALL_STYLE = Style(NEUTRAL)  # training on everything is neutral


def register(tables: Sequence[pd.DataFrame], names: Sequence[str] = ()) -> Register:
    """The register of some sweeps: their names, then their methods, then their kinds of subsets, each in its order.

    Subsets of one kind have its hue, each size its dashes, and the smaller the lighter. `tables`: their trials.
    """
    trials = pd.concat(tables, ignore_index=True)
    kinds = [kind for kind in dict.fromkeys(trials["subset_kind"]) if kind != ALL]
    first = list(dict.fromkeys([*(names if len(names) > 1 else ()), *filter(None, trials["family"]), *kinds]))
    known = dict(zip(first, _all(), strict=False))
    for kind in kinds:
        its = trials[(trials["subset_kind"] == kind) & (trials["subset_label"] != kind)]
        labels = its.sort_values("subset_size", ascending=False, kind="stable")["subset_label"].drop_duplicates()
        for place, label in enumerate(labels):
            if label and label not in known:
                share = LIGHTEST * place / max(len(labels) - 1, 1) if len(labels) > 1 else 0.0
                dash = DASHES[place % len(DASHES)]
                known[str(label)] = Style(_lighter(known[kind].colour, share), known[kind].marker, dash)
    return Register({ALL: ALL_STYLE} | known)


def _all() -> Iterator[Style]:
    """Every style there is, by colours first; then without end the last again, told apart by nothing."""
    pairs = product(range(len(MARKERS)), PALETTE)
    styles = [Style(colour, MARKERS[n], DASHES[n % len(DASHES)]) for n, colour in pairs]
    yield from styles
    while True:
        yield styles[-1]


def _lighter(colour: str, white: float) -> str:
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + white * (255 - part)):02x}" for part in parts)
