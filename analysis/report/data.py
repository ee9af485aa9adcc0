"""All data of a report, computed once from a sweep's records."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.charts.styles import Register, build_register
from analysis.exceptions import SweepError
from analysis.measures.answers import choose_family
from analysis.measures.classes import tabulate_classes
from analysis.measures.differences import compare_axis, compare_subsets, find_uncompared
from analysis.measures.difficulty import Detection, measure_detection
from analysis.measures.families import Family, collect_families, tabulate_families
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.history import History, measure_history
from analysis.measures.importance import Importance, measure_importance
from analysis.measures.masking import measure_masking
from analysis.measures.overfitting import measure_overfitting
from analysis.measures.stats import format_seed_counts
from analysis.measures.subsets import count_classes
from analysis.results.axes import MOST_LABELS
from analysis.results.metrics import CLEAN, EPOCH_METRIC, find_strongest
from analysis.results.rankings import Ranking
from analysis.results.search_block import is_search
from analysis.results.sweep import Sweep


@dataclass(frozen=True)
class ReportData:
    """The results of a study with all tables that figures, findings and the page use."""

    results: Sweep
    robust: str | None  # the robust test accuracy under the strongest attack that every trial has
    clean: str  # the clean test accuracy on the same images
    front: FrontData | None
    no_front: str  # the reason if there is none
    gaps: pd.DataFrame
    subset_effects: pd.DataFrame
    axis_effects: dict[str, pd.DataFrame]
    families: list[Family]  # the differences of `robust`, a family for each question that they may answer
    answering: Family | None  # the family that answers the study's question
    uncompared: dict[str, list[str]]  # axis -> its values without a partner that is equal in all else
    importance: Importance | None  # of the knobs for the objectives
    history: History | None  # what a search had found after each configuration; None of a study
    masking: pd.DataFrame  # PGD against the strongest attack, a row a configuration
    classes: pd.DataFrame  # accuracy class by class
    counts: pd.DataFrame
    rankings: list[Ranking]
    detections: dict[str, Detection]  # ranking -> how it finds flipped labels, where any are flipped
    register: Register  # the style of every name, in all figures

    @property
    def seeds(self) -> int:
        """The most seeds that any configuration completed."""
        return int(self.results.completed.groupby("configuration").size().max()) if len(self.results.completed) else 0

    @property
    def seeds_text(self) -> str:
        """The number of seeds that configurations completed, in words."""
        return format_seed_counts(self.results.completed.groupby("configuration").size())


def collect_report_data(results: Sweep) -> ReportData:
    """Analyse a sweep; anything it lacks (seeds, subsets, rankings) is empty, never an error."""
    robust, clean = find_strongest(results.final_metrics(), results.attacks, results.completed), CLEAN
    found, why = None, ""
    try:
        found = compute_fronts([results])
        if found.y in results.final_metrics():  # else bounds stand for some: verdicts on the others are no fair means
            robust, clean = found.y, found.x
    except SweepError as error:
        why = str(error).removeprefix(f"{results.folder}: ")
    ranked = results.profile_rankings
    columns = list_compared_columns(robust, clean)
    subset_effects = compare_subsets(results, columns)
    paths = [path for path in results.axes.method if len(results.axes.order[path]) <= MOST_LABELS]
    effects = {path: compare_axis(results, path, columns) for path in paths}
    metric = f"{results.checkpoint}_{robust or EPOCH_METRIC}"
    families = collect_families(results, subset_effects, effects, metric)
    return ReportData(
        register=build_register([results.study_trials]),
        results=results,
        robust=robust,
        clean=clean,
        front=found,
        no_front=why,
        gaps=measure_overfitting(results),
        subset_effects=subset_effects,
        axis_effects=effects,
        families=families,
        answering=choose_family(families, results.question),
        uncompared={path: find_uncompared(results, path, table) for path, table in effects.items()},
        importance=measure_importance(results),
        history=measure_history(results) if is_search(results) else None,
        masking=measure_masking(results, robust),
        classes=tabulate_classes(results),
        counts=count_classes(results),
        rankings=ranked,
        detections={
            ranking.name: seen for ranking in ranked if (seen := measure_detection(ranking.rank, ranking.flipped))
        },
    )


def list_compared_columns(robust: str | None, clean: str = CLEAN) -> list[str]:
    """Return the columns of trials whose paired differences are reported."""
    metrics = list(dict.fromkeys((clean, robust or EPOCH_METRIC, EPOCH_METRIC)))
    final = [f"{checkpoint}_{metric}" for metric in metrics for checkpoint in ("last", "best")]
    return [*final, "robust_overfitting", "robust_overfitting_val"]


def collect_frames(found: ReportData) -> dict[str, pd.DataFrame]:
    """Collect all tables for export: trials, epochs, and those that the report computes, as far as it has rows."""
    effects = {"subset_effects": found.subset_effects}
    if found.axis_effects:
        effects["axis_effects"] = pd.concat([table.assign(axis=path) for path, table in found.axis_effects.items()])
    front = found.front
    points = {} if front is None else {"front": pd.concat([panel.points for panel in front.panels])}
    tables = {
        "overfitting": found.gaps,
        "masking": found.masking,
        "classes": found.classes,
        "class_counts": found.counts,
        "families": tabulate_families(found.families),
        **effects,
        **points,
        **({} if found.importance is None else {"importance": found.importance.table}),
    }
    computed = {name: table for name, table in tables.items() if len(table)}
    return {"trials": found.results.trials, "epochs": found.results.epochs} | computed
