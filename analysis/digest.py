"""Everything the report says, computed once from a sweep's records."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.axes import MOST_LABELS
from analysis.classes import by_class
from analysis.differences import axis_differences, subset_differences
from analysis.difficulty import Detection, class_counts, detection, rankings
from analysis.front import Front, front
from analysis.instances import Ranking
from analysis.metrics import CLEAN, EPOCH_METRIC, strongest
from analysis.overfitting import overfitting
from analysis.results import COMPLETED, Results, SweepError
from analysis.stats import seeds_of


@dataclass(frozen=True)
class Digest:
    """The results of a study with all tables that figures, findings and the page draw on."""

    results: Results
    robust: str | None  # the robust test accuracy of the strongest attack every trial has, as the front shows it
    clean: str  # the clean test accuracy on the same images
    front: Front | None
    no_front: str  # why there is none
    gaps: pd.DataFrame
    subset_effects: pd.DataFrame
    axis_effects: dict[str, pd.DataFrame]
    classes: pd.DataFrame  # accuracy class by class
    counts: pd.DataFrame
    rankings: list[Ranking]
    detections: dict[str, Detection]  # ranking -> how it finds flipped labels, where any are flipped

    @property
    def completed(self) -> pd.DataFrame:
        """The trials of the sweep that ran to their end."""
        return self.results.sweep[self.results.sweep["status"] == COMPLETED]

    @property
    def seeds(self) -> int:
        """The most seeds that any configuration completed."""
        return int(self.completed.groupby("configuration").size().max()) if len(self.completed) else 0

    @property
    def seeds_text(self) -> str:
        """How many seeds configurations completed, in words."""
        return seeds_of(self.completed.groupby("configuration").size())


def digest(results: Results) -> Digest:
    """Analyse a sweep; whatever it does not have (seeds, subsets, rankings) is empty, never an error."""
    robust, clean = strongest(results.final_metrics(), results.attacks), CLEAN
    found, why = None, ""
    try:
        found = front([results])
        robust, clean = found.y, found.x
    except SweepError as error:
        why = str(error)
    ranked = rankings(results)
    return Digest(
        results=results,
        robust=robust,
        clean=clean,
        front=found,
        no_front=why,
        gaps=overfitting(results),
        subset_effects=subset_differences(results, compared(robust, clean)),
        axis_effects={
            path: axis_differences(results, path, compared(robust, clean))
            for path in results.axes.method
            if len(results.axes.order[path]) <= MOST_LABELS
        },
        classes=by_class(results),
        counts=class_counts(results),
        rankings=ranked,
        detections={ranking.name: seen for ranking in ranked if (seen := detection(ranking.rank, ranking.flipped))},
    )


def compared(robust: str | None, clean: str = CLEAN) -> list[str]:
    """The columns of trials that paired differences are reported for."""
    metrics = list(dict.fromkeys((clean, robust or EPOCH_METRIC, EPOCH_METRIC)))
    final = [f"{checkpoint}_{metric}" for metric in metrics for checkpoint in ("last", "best")]
    return [*final, "robust_overfitting", "robust_overfitting_val"]
