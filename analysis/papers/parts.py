"""The parts of a paper's figure: what each measures, which chart draws it, and what it needs recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from analysis.measures.accuracy_curves import measure_curves
from analysis.measures.attack_steps import list_step_attacks, measure_attack_steps
from analysis.measures.class_accuracy import measure_class_accuracy
from analysis.measures.epoch_statistics import measure_epoch_statistics
from analysis.measures.final_accuracy import BOTH, measure_final, measure_table, measure_trade_off
from analysis.measures.tidy import TidyTable
from analysis.results.metrics import find_strongest
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

LINES, TRADE_OFF, CLASSES, TABLE = "lines", "trade_off", "classes", "table"  # charts


class Part(Protocol):
    """One quantity of a figure."""

    @property
    def chart(self) -> str:
        """The name of the chart that draws it."""

    def measure(self, selection: Selection) -> TidyTable:
        """Measure it on a selection."""

    def find_lack(self, sweep: Sweep) -> str:
        """Say what a sweep did not record for it, and the `--set` that would; empty if all is there."""


@dataclass(frozen=True)
class Curves:
    """Accuracy or error along training; `kind` is "clean", "pgd" or an attack of `evaluate.along`."""

    kind: str = "pgd"
    error: bool = False
    splits: tuple[str, ...] = ("train", "test")
    remedy: str = ""  # the `--set` that records it, if the study does not
    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the learning curves."""
        return measure_curves(selection, self.kind, self.error, self.splits)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether the accuracy was measured along training."""
        column = f"{'test' if 'test' in self.splits else 'train'}_{self.kind}_acc"
        found = [column, *["train_robust_acc"] * (column == "train_pgd_acc")]
        if any(name in sweep.epochs and sweep.epochs[name].notna().any() for name in found):
            return ""
        return f"{column} by epoch{f' ({self.remedy})' * bool(self.remedy)}"


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
class Final:
    """Accuracy at the end of training against the number that runs along x."""

    x: str
    attacks: tuple[str, ...] = ()  # by name; the strongest if there is none
    checkpoints: tuple[str, ...] = BOTH
    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure accuracy along x."""
        metrics = tuple(f"test_{name}_acc" for name in self.attacks)
        return measure_final(selection, self.x, metrics, self.checkpoints)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which attack was not run on the final checkpoints."""
        return _lack_attacks(sweep, self.attacks)


@dataclass(frozen=True)
class TradeOff:
    """Clean against robust accuracy, a curve a line."""

    chart: str = TRADE_OFF

    def measure(self, selection: Selection) -> TidyTable:
        """Measure both accuracies."""
        return measure_trade_off(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether robust accuracy was measured at the end."""
        return _lack_attacks(sweep, ())


@dataclass(frozen=True)
class AttackSteps:
    """Accuracy under PGD against its number of steps."""

    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure accuracy by steps."""
        return measure_attack_steps(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether PGD with several numbers of steps was run."""
        found = list_step_attacks(sweep.final_metrics(), sweep.attacks)
        return "" if len(found) > 2 else "PGD of three numbers of steps among evaluate.final"


@dataclass(frozen=True)
class ClassAccuracy:
    """Accuracy of each class: kinds among "clean", "robust" and "gap"."""

    kinds: tuple[str, ...]
    mean: bool = False
    chart: str = CLASSES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure accuracy by class."""
        return measure_class_accuracy(selection, self.kinds, self.mean)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether classes were measured, and AutoAttack for the gap."""
        classes = [outcome.get("classes") or {} for outcome in sweep.outcomes.values()]
        recorded = {kind for by in classes for values in by.values() for kind in values}
        if "gap" in self.kinds and not any(kind.endswith("_gap") for kind in recorded):
            return "AutoAttack by class (--set 'evaluate.final.aa={name: autoattack, version: standard}')"
        return "" if recorded else "accuracy by class"


@dataclass(frozen=True)
class Table:
    """Test accuracies at the end, and what a training cost: columns among "passes", "epochs" and "minutes"."""

    attacks: tuple[str, ...] = ()  # columns besides clean accuracy; every final attack if there is none
    checkpoints: tuple[str, ...] = BOTH
    costs: tuple[str, ...] = ()
    chart: str = TABLE

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the table."""
        metrics = ("test_clean_acc", *(f"test_{name}_acc" for name in self.attacks)) if self.attacks else ()
        return measure_table(selection, metrics, self.checkpoints, self.costs)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which attack was not run on the final checkpoints."""
        return _lack_attacks(sweep, self.attacks)


def _lack_attacks(sweep: Sweep, attacks: tuple[str, ...]) -> str:
    known = sweep.final_metrics()
    missing = [name for name in attacks if f"test_{name}_acc" not in known]
    if missing:
        remedy = REMEDIES.get(missing[0], "{…}")
        return f"the final attack {', '.join(missing)} (--set 'evaluate.final.{missing[0]}={remedy}')"
    return "" if find_strongest(known, sweep.attacks) else "robust test accuracy at the last epoch"


REMEDIES = {
    "aa": "{name: autoattack, version: custom, attacks: [apgd-ce, apgd-t], images: 500}",
    "pgd20": "{name: pgd, steps: 20}",
}
