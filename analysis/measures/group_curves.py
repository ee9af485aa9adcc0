"""Difficulty groups of a selection along training: a line a group.

Liu et al. 2021, Figures 2, 8, 14 and 15; Dong et al. 2021, Figure 15a. A note of the figure says whose groups they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pandas as pd

from analysis.measures.difficulty_reference import Reference, References, describe_source, find_shared_references
from analysis.measures.figure_table import POINTS, TidyTable, place_rows, title_line_panels
from analysis.measures.group_means import BY_DIFFICULTY, BY_RANK, FRACTIONS, GROUPS, QUANTITIES, name_group
from analysis.measures.groups import measure_groups
from analysis.measures.median_features import MEDIAN, measure_median_features
from analysis.measures.own_attack import OWN_ATTACK, explain_own_attack
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

OWN = "Groups are tenths by the training's own losses: their order in loss holds by construction."
OTHER = "Groups are tenths by the difficulty in {source}."
RANKED = "Groups are tenths of the problematic rank by the sweep's profiling."


def measure_group_curves(
    selection: Selection, quantity: str, groups: Sequence[int] = range(GROUPS), own: bool = False
) -> TidyTable:
    """Measure one of QUANTITIES of each group by epoch, averaged over seeds: a line a group, a panel a line.

    `own`: whether a training's own losses form its groups. Else PGD trainings of other seeds form them, of the same
    sweep or of one that was given, and its own losses only if there are none.
    """
    references = choose_references(selection, own)
    return _tabulate_groups(selection, quantity, groups, references, describe_grouping(references))


def measure_rank_groups(selection: Selection, quantity: str) -> TidyTable:
    """Measure one of QUANTITIES of each tenth of the problematic rank by epoch, as `measure_group_curves` does.

    The rank is that by instability of the sweep's profiling; a training whose examples it does not rank is left out.
    """
    references = [References(RANKED, list_ranks(sweep)) for sweep in selection.sweeps]
    return _tabulate_groups(selection, quantity, range(GROUPS), references, (RANKED,), BY_RANK)


def list_ranks(sweep: Sweep) -> list[Reference]:
    """Return one less the problematic rank by each profiling of a sweep, in the place of a difficulty."""
    return [
        Reference(None, ranking.index, ranking.y, 1 - ranking.ranks["instability"])
        for ranking in sweep.profile_rankings
        if "instability" in ranking.ranks
    ]


def _tabulate_groups(
    selection: Selection,
    quantity: str,
    groups: Sequence[int],
    references: Sequence[References | None],
    notes: tuple[str, ...],
    ends: tuple[str, str] = BY_DIFFICULTY,
) -> TidyTable:
    measure = measure_median_features if quantity == MEDIAN else partial(measure_groups, quantities=(quantity,))
    tables = [measure(sweep, found) for sweep, found in zip(selection.narrow(), references, strict=True)]
    rows = place_rows(selection, tables)
    points = pd.DataFrame(columns=POINTS)
    if len(rows):
        rows = rows[rows["group"].isin(groups) & rows["mean"].notna()]
        names = [name_group(group, ends) for group in rows["group"]]
        points = rows.assign(panel=title_line_panels(rows), line=names, variant="", x=rows["epoch"])[POINTS]
    return TidyTable(
        points,
        "epoch",
        QUANTITIES[quantity],
        percent=quantity in FRACTIONS,
        notes=(*notes, *[explain_own_attack(selection)] * (OWN_ATTACK in QUANTITIES[quantity])),
        of_test=False,
        borrowed=tuple(found.borrowed for found in references if found is not None and found.borrowed is not None),
    )


def choose_references(selection: Selection, own: bool = False) -> list[References | None]:
    """Return whose difficulty forms the groups of each sweep; None for a training's own losses."""
    found = [None if own else find_shared_references(sweep, selection.given) for sweep in selection.sweeps]
    return [one if one is not None and one.found else None for one in found]


def describe_grouping(references: Sequence[References | None]) -> tuple[str, ...]:
    """Say by whose losses groups are formed, a sentence for each source."""
    sources = dict.fromkeys(describe_source(found) for found in references if found is not None)
    own = (OWN,) if None in references else ()
    return (OTHER.format(source=" or ".join(sources)), *own) if sources else own
