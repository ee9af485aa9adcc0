"""A part of a paper's figure: what it measures, which chart draws it, and what it needs recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from analysis.measures.figure_table import TidyTable
from analysis.results.metrics import find_strongest
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

LINES, TRADE_OFF, CLASSES, TABLE = "lines", "trade_off", "classes", "table"  # charts
COMPONENTS, ADVERSARIES = "components", "adversaries"
SCATTER, RANKS, POINTS, MATRIX, GROUP_CURVES = "scatter", "ranks", "points", "matrix", "group_curves"
REMEDIES = {
    "aa": "{name: autoattack, version: custom, attacks: [apgd-ce, apgd-t], images: 500}",
    "pgd20": "{name: pgd, steps: 20}",
}
RECORDS = {  # array of examples -> the `--set` that records it, beside what a method records anyway
    "withstood": "evaluate.train=true",
    "entropy": "evaluate.entropy=true",
    "min_perturbation": "'evaluate.min_perturbation={}'",
}


class Part(Protocol):
    """One quantity of a figure."""

    @property
    def chart(self) -> str:
        """The name of the chart that draws it."""

    def measure(self, selection: Selection) -> TidyTable:
        """Measure it on a selection."""

    def find_lack(self, sweep: Sweep) -> str:
        """Say what a sweep did not record for it, and the `--set` that would; empty if all is there."""


def lack_attacks(sweep: Sweep, attacks: tuple[str, ...]) -> str:
    """Say which attack a sweep did not run on its final checkpoints, and the `--set` that would; empty if all were."""
    known = sweep.final_metrics()
    missing = [name for name in attacks if f"test_{name}_acc" not in known]
    if missing:
        remedy = REMEDIES.get(missing[0], "{…}")
        return f"the final attack {', '.join(missing)} (--set 'evaluate.final.{missing[0]}={remedy}')"
    return "" if find_strongest(known, sweep.attacks, sweep.completed) else "robust test accuracy at the last epoch"


def lack_arrays(sweep: Sweep, names: Sequence[str]) -> str:
    """Say which arrays of its examples no training of a sweep recorded, and the `--set` that would.

    A training of each configuration is looked at, not all, because opening an array computes the checksum of its file.
    """
    firsts = sweep.completed.drop_duplicates("configuration")["id"]
    missing = set(names)
    for trial in firsts:
        instances = sweep.instances(trial)
        missing -= set() if instances is None else set(instances)
        if not missing:
            return ""
    sets = " ".join(f"--set {RECORDS[name]}" for name in sorted(missing) if name in RECORDS)
    return f"{', '.join(sorted(missing))} of each example{f' ({sets})' * bool(sets)}"
