"""Which marker each subset has, in the figures of Python and on the page: subsets of a kind have related ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.results.axes import ALL

WHOLE = "o"  # training on all examples
PAIRS = (("^", "v"), ("s", "D"), ("*", "P"))  # of each kind, in order
PAIRED = tuple(marker for pair in PAIRS for marker in pair)
SPARE = (">", "<", "X")  # once there are more subsets than those of the pairs
FEW = 1 + len(PAIRED)  # subsets that the pairs tell apart
MOST = FEW + len(SPARE)
NOT_VARIED = "not varied"  # the name in legends of what a sweep without such an axis has


def list_kinds(tables: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return the kind of each subset in the trials of some sweeps, in their order."""
    pairs = pd.concat([table[["subset_label", "subset_kind"]] for table in tables]).drop_duplicates("subset_label")
    return {str(label): str(kind) for label, kind in pairs.itertuples(index=False)}


def mark_subsets(kinds: Mapping[str, str], most: int = MOST) -> dict[str, str]:
    """Return a marker for each subset, given its kind; of more than `most` subsets those of a kind have the same."""
    order = list(dict.fromkeys(kind for kind in kinds.values() if kind != ALL))
    free = [*PAIRED, *(SPARE if len(kinds) > FEW else ())]
    found: dict[str, str] = {}
    for label, kind in kinds.items():
        if len(kinds) == 1 or kind == ALL:
            found[label] = WHOLE
        elif len(kinds) > most:
            found[label] = _mark_kind(order.index(kind))
        else:
            own = PAIRS[order.index(kind)] if order.index(kind) < len(PAIRS) else ()
            found[label] = next((marker for marker in own if marker in free), free[-1] if free else WHOLE)
            free = [marker for marker in free if marker != found[label]]
    return found


def _mark_kind(place: int) -> str:
    """Return the marker of all subsets of a kind: the first of its pair, and beyond the pairs the second of one."""
    marks = [pair[side] for side in (0, 1) for pair in PAIRS]
    return marks[place % len(marks)]
