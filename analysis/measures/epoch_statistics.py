"""Numbers that the trainer records by epoch, such as κ, of a selection: means over seeds."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.measures.figure_table import TidyTable, average_seeds, stack_variants
from analysis.measures.own_attack import OWN_ATTACK, explain_own_attack
from analysis.results.selection import Selection


def measure_epoch_statistics(selection: Selection, columns: Mapping[str, str], title: str) -> TidyTable:
    """Average recorded numbers over seeds by epoch: a variant a column, by the name of the variant."""
    points = average_seeds(stack_variants(selection.epochs, dict(columns), selection.epochs["epoch"]))
    notes = (explain_own_attack(selection),) if OWN_ATTACK in title else ()
    return TidyTable(points, "epoch", title, percent=False, notes=notes, of_test=False)
