"""Accuracy of a selection under PGD of more and more steps of one size (Zhang et al. 2021, Figure 21)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from analysis.measures.figure_table import TidyTable, average_seeds
from analysis.measures.final_accuracy import list_checkpoints, list_metrics, name_attacks
from analysis.results.metrics import CHECKPOINTS, parse_attack
from analysis.results.selection import Selection

_STEPS = re.compile(r"PGD-(\d+), ")  # of plain PGD: on cross-entropy, with one start


def list_step_attacks(metrics: Iterable[str], attacks: Mapping[str, str]) -> dict[str, int]:
    """Return the number of steps of each metric under plain PGD, without that of learning curves."""
    found = {}
    for metric in metrics:
        attack = parse_attack(metric)
        match = _STEPS.match(attacks.get(attack or "", ""))
        if match and attack != "pgd":
            found[metric] = int(match[1])
    return found


def measure_attack_steps(selection: Selection) -> TidyTable:
    """Measure accuracy by the number of attack steps: a variant a checkpoint."""
    trials, parts = selection.trials, []
    metrics = list_step_attacks(list_metrics(selection), selection.attacks)
    for metric, steps in metrics.items():
        for checkpoint in list_checkpoints(selection):
            values = trials[f"{checkpoint}_{metric}"]
            parts.append(trials[["panel", "line"]].assign(variant=CHECKPOINTS[checkpoint], x=steps, value=values))
    points = average_seeds(pd.concat(parts)).sort_values("x", kind="stable")
    return TidyTable(points, "steps of PGD", "robust test accuracy", attacks=name_attacks(metrics))
