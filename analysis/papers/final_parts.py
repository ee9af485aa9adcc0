"""Parts measured at the end of training: accuracies along a number, against each other, by class, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.measures.attack_steps import list_step_attacks, measure_attack_steps
from analysis.measures.class_accuracy import measure_class_accuracy
from analysis.measures.figure_table import TidyTable
from analysis.measures.final_accuracy import BOTH, measure_final, measure_table, measure_trade_off
from analysis.measures.generalization import measure_cross_gaps, measure_cross_generalization
from analysis.papers.part import CLASSES, LINES, TABLE, TRADE_OFF, lack_attacks
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep


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
        return lack_attacks(sweep, self.attacks)


@dataclass(frozen=True)
class CrossGap:
    """The cross-generalisation gap against the size of the subset."""

    chart: str = LINES

    def measure(self, selection: Selection) -> TidyTable:
        """Measure what adversarial training costs in clean accuracy by size."""
        return measure_cross_gaps(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether no standard training matches an adversarial one in all but its method."""
        pairs = measure_cross_generalization(sweep)
        return "" if len(pairs) else "standard trainings on the subsets (an axis `method` with `standard`)"


@dataclass(frozen=True)
class TradeOff:
    """Clean against robust accuracy, a curve a line."""

    chart: str = TRADE_OFF

    def measure(self, selection: Selection) -> TidyTable:
        """Measure both accuracies."""
        return measure_trade_off(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say whether robust accuracy was measured at the end."""
        return lack_attacks(sweep, ())


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
        sets = "--set 'evaluate.final.pgd40={name: pgd, steps: 40}', and so on"
        return "" if len(found) > 2 else f"final attacks by PGD with three numbers of steps or more ({sets})"


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
    start: bool = False  # whether the pretraining's own accuracies are columns too
    chart: str = TABLE

    def measure(self, selection: Selection) -> TidyTable:
        """Measure the table."""
        metrics = ("test_clean_acc", *(f"test_{name}_acc" for name in self.attacks)) if self.attacks else ()
        return measure_table(selection, metrics, self.checkpoints, self.costs, self.start)

    def find_lack(self, sweep: Sweep) -> str:
        """Say which attack was not run on the final checkpoints, or whether no pretraining has completed."""
        if self.start and sweep.pretrainings.empty:
            return "the result of a pretraining"
        return lack_attacks(sweep, self.attacks)
