"""A register of colours, markers and dashes for all figures of a page, so that a name looks the same in all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import pandas as pd

from analysis.charts.markers import NOT_VARIED, list_kinds, mark_subsets
from analysis.results.axes import ALL

# The least CIEDE2000 difference, grey included, is 17 in normal, protan and deutan vision and 14 in tritan.
PALETTE = ("#3052a3", "#b65300", "#188c65", "#d16ba2", "#cfab06", "#26bcfe", "#850000")
NEUTRAL = "#444444"
# Near a cubehelix (Green 2011): each colour is lighter than the one before, and any two differ by 12 (CIEDE2000) in
# normal, protan and deutan vision. A scale of one or two hues has seven such colours at most.
ORDERED = (
    "#001d01", "#3e3e01", "#a42c3a", "#a92864", "#af45a0", "#7e5afb", "#46a9ed", "#4fc9d1", "#50d1b3", "#72e491",
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")
DASHES = ("-", "--", "-.", ":")
LIGHTEST = 0.3  # share of white, for the smallest of several subsets of one kind


class Style(NamedTuple):
    """The look of a name: its colour, its marker as a point, and its dashes as a line."""

    colour: str
    marker: str = MARKERS[0]
    dash: str = DASHES[0]


@dataclass(frozen=True)
class Register:
    """The styles of names that several figures share; another name gets a style that is free in its figure.

    `markers` are those of subsets, where a figure tells subsets apart by markers alone.
    """

    known: dict[str, Style] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)

    def assign_styles(self, names: Iterable[str]) -> dict[str, Style]:
        """Return a different style per name; the first seven unknown names differ in colour, later ones in marker."""
        wanted = list(dict.fromkeys(names))
        found = {name: self.known[name] for name in wanted if name in self.known}
        taken = {(style.colour, style.marker) for style in found.values()}
        free = (style for style in _cycle_styles() if (style.colour, style.marker) not in taken)
        return {name: found[name] if name in found else ALL_STYLE if name == ALL else next(free) for name in wanted}

    def assign_markers(self, names: Iterable[str]) -> dict[str, str]:
        """Return a different marker per name for up to ten names: those of subsets if all names are subsets."""
        wanted = list(dict.fromkeys(names))
        known = {name: self.markers[name] for name in wanted if name in self.markers}
        if len(known) == len(wanted) == len(set(known.values())):
            return known
        return dict(zip(wanted, MARKERS, strict=False))

    def assign_colours(self, names: Iterable[str]) -> dict[str, str]:
        """Return only colours, all different for up to seven names: a name whose colour is taken gets a free one."""
        found: dict[str, str] = {}
        styles = self.assign_styles(names)
        for name, style in styles.items():
            taken = {other.colour for other in styles.values() if other is not style} | set(found.values())
            free = [colour for colour in PALETTE if colour not in taken]
            found[name] = style.colour if style.colour not in found.values() or not free else free[0]
        return found


ALL_STYLE = Style(NEUTRAL)  # training on everything is neutral


def build_register(tables: Sequence[pd.DataFrame], names: Sequence[str] = ()) -> Register:
    """Build the register of some sweeps: it has their names, then their methods, then their kinds of subsets, in order.

    Subsets of a kind have the hue of the kind; sizes differ in dashes, and a smaller subset is lighter. `tables` are
    the trials of the sweeps.
    """
    trials = pd.concat(tables, ignore_index=True)
    kinds = [kind for kind in dict.fromkeys(trials["subset_kind"]) if kind != ALL]
    first = list(dict.fromkeys([*(names if len(names) > 1 else ()), *filter(None, trials["family"]), *kinds]))
    known = dict(zip(first, _cycle_styles(), strict=False))
    for kind in kinds:
        members = trials[(trials["subset_kind"] == kind) & (trials["subset_label"] != kind)]
        labels = members.sort_values("subset_size", ascending=False, kind="stable")["subset_label"].drop_duplicates()
        for place, label in enumerate(labels):
            if label and label not in known:
                share = LIGHTEST * place / max(len(labels) - 1, 1) if len(labels) > 1 else 0.0
                dash = DASHES[place % len(DASHES)]
                known[str(label)] = Style(_lighten(known[kind].colour, share), known[kind].marker, dash)
    markers = {label or NOT_VARIED: marker for label, marker in mark_subsets(list_kinds(tables)).items()}
    return Register({ALL: ALL_STYLE} | known, markers)


def order_styles(names: Sequence[str]) -> dict[str, Style]:
    """Return a style per name for names in an order: a scale from dark to light, with dashes and markers in turn."""
    return {
        name: Style(colour, MARKERS[n % len(MARKERS)], DASHES[n % len(DASHES)])
        for n, (name, colour) in enumerate(zip(names, order_colours(len(names)), strict=True))
    }


def order_colours(count: int) -> list[str]:
    """Return colours from dark to light, evenly from ORDERED; beyond ten they lie between its own and look alike."""
    from matplotlib.colors import LinearSegmentedColormap, to_hex

    last, steps = max(count - 1, 1), len(ORDERED) - 1
    if count <= len(ORDERED):
        return [ORDERED[round(steps * n / last)] for n in range(count)]
    return [to_hex(colour) for colour in LinearSegmentedColormap.from_list("ordered", ORDERED, count)(range(count))]


def _cycle_styles() -> Iterator[Style]:
    """Yield all styles, colours first; then yield the last style forever, so that further names look alike."""
    pairs = product(range(len(MARKERS)), PALETTE)
    styles = [Style(colour, MARKERS[n], DASHES[n % len(DASHES)]) for n, colour in pairs]
    yield from styles
    while True:
        yield styles[-1]


def _lighten(colour: str, white: float) -> str:
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + white * (255 - part)):02x}" for part in parts)
