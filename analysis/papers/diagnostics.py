"""Diagnostics that belong to no paper: what a study should show of every training, as rows like those of a paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pandas as pd

from analysis.measures.cost import measure_cost
from analysis.measures.diagnostic_tables import (
    measure_cost_points,
    measure_gaps,
    measure_learning,
    measure_masking_gaps,
    measure_masking_points,
    measure_onsets,
    measure_reversals,
    tabulate_cross_gaps,
)
from analysis.measures.figure_table import TidyTable
from analysis.measures.generalization import measure_cross_generalization, measure_gap_curves
from analysis.measures.group_means import GROUPS, QUANTITIES
from analysis.measures.masking import tabulate_masking, tabulate_reversals
from analysis.measures.median_features import MEDIAN
from analysis.measures.onset import measure_onset
from analysis.papers.gairat import KAPPA
from analysis.papers.group_parts import GroupCurves
from analysis.papers.part import LINES, POINTS, TABLE, Part
from analysis.papers.recorded_parts import MedianFeatureCurves
from analysis.papers.row import PaperFigure
from analysis.results.choice import Choice
from analysis.results.metrics import EPOCH_METRIC, find_strongest
from analysis.results.selection import Selection
from analysis.results.sweep import Sweep

PREFIX = "diagnostics"
# Every axis but those of the data names a line, so that a panel is a problem.
EVERYTHING = Choice(
    lines=("method", "subset", "model", "optimizer", "epochs", "batch_size", "average", "select", "start_from")
)
OVERFITS = "a configuration whose robust accuracy falls along its plateau"
ATTACKS = "PGD and a stronger attack with the same budget on the same images"


@dataclass(frozen=True)
class Diagnostic:
    """A diagnostic of a selection; a sweep whose own table is empty lacks the words of `lack`."""

    compute: Callable[[Selection], TidyTable]
    tabulate: Callable[[Sweep], pd.DataFrame]
    lack: str
    chart: str

    def measure(self, selection: Selection) -> TidyTable:
        """Measure it on the trials of a selection."""
        return self.compute(selection)

    def find_lack(self, sweep: Sweep) -> str:
        """Say what a sweep lacks if it has no such number."""
        return "" if len(self.tabulate(sweep)) else self.lack


def _measure_cost(sweep: Sweep) -> pd.DataFrame:
    strongest = find_strongest(sweep.final_metrics(), sweep.attacks, sweep.completed)
    return measure_cost(sweep, strongest or EPOCH_METRIC)


def _learn(quantity: str) -> Diagnostic:
    return Diagnostic(partial(measure_learning, quantity=quantity), measure_onset, OVERFITS, LINES)


def _diagnose(name: str, title: str, study: str, *parts: Part, sets: str = "") -> PaperFigure:
    """Return a row of all trials."""
    return PaperFigure(f"{PREFIX}:{name}", title, study, parts=parts, choice=EVERYTHING, sets=sets)


FIGURES = (
    _diagnose(
        "onset",
        "Onset of robust overfitting",
        "lr_schedules",
        Diagnostic(measure_onsets, measure_onset, OVERFITS, TABLE),
    ),
    _diagnose(
        "generalization_gap",
        "Robust generalisation gap along training",
        "architectures",
        Diagnostic(measure_gaps, measure_gap_curves, "train_pgd_acc (--set evaluate.train=true)", LINES),
    ),
    _diagnose(
        "cross_generalization_gap",
        "Cross-generalisation gap",
        "cross_generalization",
        Diagnostic(
            tabulate_cross_gaps,
            measure_cross_generalization,
            "standard and adversarial training on the same examples",
            TABLE,
        ),
    ),
    _diagnose(
        "masking",
        "Accuracy under PGD and under the strongest attack",
        "gairat",
        Diagnostic(measure_masking_points, tabulate_masking, ATTACKS, POINTS),
    ),
    _diagnose(
        "masking_gap",
        "Gradient-masking gap",
        "gairat",
        Diagnostic(measure_masking_gaps, tabulate_masking, ATTACKS, TABLE),
    ),
    _diagnose(
        "reversals",
        "Pairs whose order under PGD the strongest attack reverses",
        "gairat",
        Diagnostic(
            measure_reversals,
            tabulate_reversals,
            "a pair of configurations whose order the strongest attack reverses by more than seeds explain",
            TABLE,
        ),
    ),
    _diagnose(
        "learning_times",
        "When each difficulty group is learned, and how long after the onset of robust overfitting",
        "long_training",
        _learn("half"),
        _learn("lag"),
    ),
    _diagnose(
        "kappa",
        "κ along training",
        "gairat_kappa",
        KAPPA,
    ),
    *(
        _diagnose(
            f"cost_{cost}",
            f"Robust accuracy against {what}",
            "fast_training",
            Diagnostic(partial(measure_cost_points, cost=cost), _measure_cost, "passes and accuracies", POINTS),
        )
        for cost, what in (("passes", "forward and backward passes"), ("seconds", "seconds of training"))
    ),
    *(
        _diagnose(
            f"groups_{quantity}",
            f"All ten difficulty groups: {title}",
            study,
            GroupCurves(quantity, groups=range(GROUPS)),
        )
        for quantity, title, study in (
            *((name, QUANTITIES[name], "long_training") for name in ("loss", "correct", "feature_norm", "kappa")),
            ("epsilon", QUANTITIES["epsilon"], "iat"),
            *((name, QUANTITIES[name], "self_adaptive") for name in ("weight", "t_y", "t_max")),
        )
    ),
    _diagnose(
        f"groups_{MEDIAN}",
        f"All ten difficulty groups: {QUANTITIES[MEDIAN]}",
        "subset_easy_random_hard",
        MedianFeatureCurves(),
        sets="--set 'evaluate.diagnostics.features={after: [25%, 50%, 75%, 100%], images: 1078}'",
    ),
)
