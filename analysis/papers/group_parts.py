"""Parts that show the difficulty groups of the training examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.measures.figure_table import TidyTable
from analysis.measures.group_curves import list_ranks, measure_group_curves, measure_rank_groups
from analysis.papers.part import GROUP_CURVES, lack_arrays
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

SHOWN = (0, 3, 6, 9)  # the groups that the paper draws


@dataclass(frozen=True)
class GroupCurves:
    """A quantity of some difficulty groups along training; `own`: whether each training forms its groups itself."""

    quantity: str
    own: bool = False
    groups: Sequence[int] = SHOWN
    chart: str = GROUP_CURVES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the quantity over each group and over seeds."""
        return measure_group_curves(selection, self.quantity, self.groups, self.own)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no training recorded the quantity, or the losses that form its groups."""
        return lack_arrays(sweep, [self.quantity, *["loss"] * self.own])


@dataclass(frozen=True)
class RankGroupCurves:
    """A quantity of the tenths of the problematic rank along training."""

    quantity: str
    chart: str = GROUP_CURVES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the quantity over each tenth and over seeds."""
        return measure_rank_groups(selection, self.quantity)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no training recorded the quantity, or no profiling ranked the examples."""
        lack = lack_arrays(sweep, [self.quantity])
        return lack or ("" if list_ranks(sweep) else "a ranking by instability (--set profile.seeds=3)")
