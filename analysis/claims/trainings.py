"""The terms of a metric, read from the records of each completed training of a sweep.

Accuracies are in percent. An accuracy of a network that names one class for every image is unknown, and so is one at a
best checkpoint that lies within its training's own burn-in.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import pandas as pd

from analysis.claims.curves import find_drop, measure_change
from analysis.claims.examples import Examples
from analysis.claims.metric import Metric, NotRecorded, Summand, Term
from analysis.measures.diagnostic_curves import read_numbers
from analysis.measures.group_means import GROUPS
from analysis.measures.onset import find_onsets
from analysis.measures.overfitting import measure_overfitting
from analysis.measures.stats import POINTS
from analysis.results.gaps import keep_selectable
from analysis.results.metrics import EPOCH_METRIC, count_images
from analysis.results.sweep import Sweep
from analysis.results.trial_table import mark_constant
from trainers.formatting import did_you_mean, format_list

SHARES = ("correct", "clean_correct", "t_correct", "t_class")  # quantities whose group means count examples


class Trainings:
    """The completed trainings of a sweep, with the numbers of each that metrics name; each is read once."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self.table = sweep.completed.set_index("id", drop=False)
        self._known: dict[Term, pd.Series] = {}

    def read(self, metric: Metric) -> pd.Series:
        """Return the metric of each training by its id, NaN where it is unknown.

        Raises NotRecorded if no training has it, or if its accuracies are of different images.
        """
        if (gap := self._masking_gap(metric)) is not None:
            return gap
        self._check_images(metric)
        total = sum((self._read_summand(summand) for summand in metric.summands), pd.Series(0.0, self.table.index))
        if not np.isfinite(total).any():
            raise NotRecorded(f"{metric.text}: no completed training has it")
        return total

    def resolution(self, metric: Metric) -> float:
        """Return the step in which a metric is recorded: an image, an example of a group, an evaluation; 0 if fine."""
        kinds = {term.kind for term in metric.terms}
        if any(term.kind == "group" and term.words[3] in SHARES for term in metric.terms):
            return float(GROUPS / self.table["subset_size"].min())
        if metric.unit == "points" and kinds <= {"accuracy", "floor"}:
            return POINTS / self._count_images(metric)
        return self._interval if metric.unit == "epochs" else 0.0

    def _read_summand(self, summand: Summand) -> pd.Series:
        values = self._read_term(summand.term)
        return summand.sign * (values / self._read_term(summand.divisor) if summand.divisor else values)

    def _read_term(self, term: Term) -> pd.Series:
        if term not in self._known:
            readers: dict[str, Callable[..., pd.Series]] = {
                "accuracy": self._read_accuracy,
                "group": self._examples.read_group,
                "epoch": self._read_epoch,
                "cost": self._read_cost,
                "floor": self._read_floor,
                "curve": self._read_curve,
                "diagnostic": self._read_diagnostic,
                "relation": self._examples.read_relation,
            }
            self._known[term] = readers[term.kind](*term.words).astype(float)
        return self._known[term]

    def _read_accuracy(self, when: str, split: str, attack: str) -> pd.Series:
        name = f"{split}_{attack}_acc"
        values = self._find_accuracy(when, name)
        if values is None or not values.notna().any():
            raise NotRecorded(self._explain_accuracy(name, attack))
        ends = ("best", "last") if when == "peak" else (when,)
        return values.mask(mark_constant(self.table, ends)) * POINTS

    def _find_accuracy(self, when: str, name: str) -> pd.Series | None:
        table, epochs = self.table, self.sweep.epochs
        if when == "peak":
            return self._find_peak(name) if name in epochs else None
        values = table.get(f"{when}_{name}")
        if values is None and name in epochs:  # measured along training alone
            known = epochs.dropna(subset=[name])
            at = table["best_epoch"] if when == "best" else table["epochs_done"] - 1
            known = known[known["epoch"] == known["id"].map(at)]
            values = known.set_index("id")[name].reindex(table.index)
        return self._after_burn_in(values, table["best_epoch"]) if when == "best" and values is not None else values

    def _find_peak(self, name: str) -> pd.Series:
        """Return the highest accuracy of the epochs that may be selected, the last included; NaN of a cut curve."""
        curve = keep_selectable(self.sweep.epochs)
        curve = curve[curve["epoch"] >= curve["id"].map(self.table["burn_in"])]
        peak = curve.groupby("id")[name].max().reindex(self.table.index)
        last = self.table.get(f"last_{name}", peak)
        whole = self.table["epochs_done"] >= pd.to_numeric(self.table["epochs_planned"])
        return peak.where(peak >= last, last).where(peak.notna() & whole)

    def _after_burn_in(self, values: pd.Series, epochs: pd.Series) -> pd.Series:
        """Return values without those of epochs within the burn-in of their training."""
        return values.where(epochs >= self.table["burn_in"])

    def _explain_accuracy(self, name: str, attack: str) -> str:
        if name.startswith("train"):
            return "training accuracy under the attack of the curves: --set evaluate.train=true"
        known = ["clean", *self.sweep.attacks]
        if attack in known:
            return f"{name} at the selected or last epoch"
        hint = did_you_mean(attack, known)
        return f"accuracy under {attack}{hint or ':'} add it to evaluate.final (recorded are {format_list(known)})"

    def _check_images(self, metric: Metric) -> None:
        """Raise NotRecorded if a metric adds or subtracts accuracies of different test images."""
        counts = {word: self._images_of(word) for word in self._attacks(metric)}
        if len(set(counts.values())) > 1:
            words = ", ".join(f"{name} on {count:g}" for name, count in counts.items())
            raise NotRecorded(f"{metric.text} on the same images (recorded are {words})")

    def _attacks(self, metric: Metric) -> list[str]:
        accuracies = [term.words for term in metric.terms if term.kind == "accuracy"]
        return list(dict.fromkeys(attack for _, split, attack in accuracies if split == "test"))

    def _images_of(self, attack: str) -> float:
        return count_images(self.sweep.attacks.get(attack, ""), self.sweep.test_examples)

    def _count_images(self, metric: Metric) -> float:
        return min(map(self._images_of, self._attacks(metric)), default=self.sweep.test_examples)

    def _masking_gap(self, metric: Metric) -> pd.Series | None:
        """Return PGD less AutoAttack as recorded on the images of AutoAttack, if that is what the metric asks for."""
        if len(metric.summands) != 2 or any(term.kind != "accuracy" for term in metric.terms):
            return None
        (when, split, weak), (other, _, strong) = (term.words for term in metric.terms)
        is_gap = when == other and split == "test" and weak == "pgd" and metric.summands[1].sign < 0
        column = self.table.get(f"{when}_gradient_masking_gap")
        if not is_gap or column is None or not self.sweep.attacks.get(strong, "").startswith("AutoAttack"):
            return None
        gap = (column * POINTS).mask(mark_constant(self.table, (when,)))
        return gap if when == "last" else self._after_burn_in(gap, self.table["best_epoch"])

    def _read_epoch(self, _epoch: str, _of: str, which: str) -> pd.Series:
        if which == "best":
            return self._after_burn_in(self.table["best_epoch"], self.table["best_epoch"])
        if which == "drop":
            drops = {
                trial: curve["epoch"].iloc[at] for trial, curve in self._curves.items() if (at := find_drop(curve))
            }
            return pd.Series(drops, dtype=float).reindex(self.table.index)
        peak = find_onsets(self.sweep).set_index("id")["peak"].reindex(self.table.index)
        return self._after_burn_in(peak, peak)

    def _read_cost(self, which: str) -> pd.Series:
        if which not in self.sweep.epochs:
            raise NotRecorded(f"numbers of {which} passes (the records are older than these)")
        return self.sweep.epochs.groupby("id")[which].sum(min_count=1).reindex(self.table.index)

    def _read_floor(self, _floor: str) -> pd.Series:
        floors = measure_overfitting(self.sweep).set_index("configuration")["floor"]
        return self.table["configuration"].map(floors) * POINTS

    def _read_curve(self, how: str, name: str) -> pd.Series:
        """Return the step of a curve over the first drop of the learning rate, or its change from there to the end."""
        if name not in self.sweep.epochs:
            setting = ": --set evaluate.train=true" if name == "train_pgd_acc" else ""
            raise NotRecorded(f"the curve of {name}{setting}")
        change = {trial: measure_change(curve, name, how) for trial, curve in self._curves.items()}
        scale = POINTS if name.endswith("_acc") else 1.0
        return pd.Series(change, dtype=float).reindex(self.table.index) * scale

    def _read_diagnostic(self, name: str, end: str) -> pd.Series:
        """Return a diagnostic after the first or the last epoch that it was measured at, the mean over images."""
        found = {}
        for trial in self.table.index:
            known = read_numbers(self.sweep.diagnostics(trial), {name: name}, "name").sort_values("epoch")
            if len(known):
                found[trial] = known["value"].iloc[0 if end == "first" else -1]
        if not found:
            key = name.partition("_")[0]
            raise NotRecorded(f"{name}: --set 'evaluate.diagnostics.{key}={{after: [20%, 100%]}}'")
        return pd.Series(found, dtype=float).reindex(self.table.index)

    @cached_property
    def _examples(self) -> Examples:
        return Examples(self.sweep, self.table, self._curves)

    @cached_property
    def _curves(self) -> dict[str, pd.DataFrame]:
        """The epochs of each completed training, in order."""
        epochs = self.sweep.epochs[self.sweep.epochs["id"].isin(self.table.index)].sort_values("epoch")
        return {str(trial): curve for trial, curve in epochs.groupby("id")}

    @cached_property
    def _interval(self) -> float:
        """The epochs between two evaluations."""
        if EPOCH_METRIC not in self.sweep.epochs:
            return 1.0
        measured = [curve.dropna(subset=[EPOCH_METRIC])["epoch"].diff().median() for curve in self._curves.values()]
        return float(np.nanmedian(measured)) if np.isfinite(measured).any() else 1.0
