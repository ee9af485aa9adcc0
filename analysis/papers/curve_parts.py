"""Parts that are measured along training: learning curves, numbers recorded by epoch, and weights over its epochs."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures.accuracy_curves import measure_curves
from analysis.measures.epoch_statistics import measure_epoch_statistics
from analysis.measures.figure_table import TidyTable
from analysis.measures.kappa import measure_weights
from analysis.papers.part import LINES, REMEDIES, lack_arrays
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep


@dataclass(frozen=True)
class Curves:
    """Accuracy or error along training; `kind` is "clean", "pgd" or an attack of `evaluate.along`."""

    kind: str = "pgd"
    error: bool = False
    splits: tuple[str, ...] = ("train", "test")
    start: float = 0.0  # share of the epochs that is left out, as an inset does
    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the learning curves."""
        return measure_curves(selection, self.kind, self.error, self.splits, self.start)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether the accuracy was measured along training."""
        column = f"{'test' if 'test' in self.splits else 'train'}_{self.kind}_acc"
        found = [column, *["train_robust_acc"] * (column == "train_pgd_acc")]
        if any(name in sweep.epochs and sweep.epochs[name].notna().any() for name in found):
            return ""
        along = f" (--set 'evaluate.along.{self.kind}={REMEDIES.get(self.kind, '{…}')}')"
        return f"{column} by epoch{'' if self.kind in ('clean', 'pgd') else along}"


@dataclass(frozen=True)
class EpochStatistics:
    """Numbers that the trainer recorded by epoch, by the name of their variant."""

    columns: tuple[tuple[str, str], ...]
    title: str
    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the numbers over seeds."""
        return measure_epoch_statistics(selection, dict(self.columns), self.title)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which of the numbers was not recorded."""
        missing = [name for _, name in self.columns if name not in sweep.epochs]
        return f"{', '.join(missing)} by epoch (trainings whose attack counts steps record it)" if missing else ""


@dataclass(frozen=True)
class WeightByKappa:
    """The weight of examples against κ / K, the share of the attack's steps that they withstand."""

    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Average the weights of each κ over visits and seeds."""
        return measure_weights(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether κ and weights of examples were recorded."""
        return lack_arrays(sweep, ("kappa", "weight"))
