"""Importance of each knob for each objective, by fANOVA and PED-ANOVA, for grids and searches alike.

fANOVA (Hutter et al. 2014) fits a random forest to the objective and gives the share of the forest's variance over the
whole space that a knob explains alone; what is missing to 100 % are interactions, and noise that the forest fits.
PED-ANOVA (Watanabe et al. 2023) compares where the best configurations lie along a knob with where all lie; its values
have no scale and are given as shares of their sum. A search tries more configurations where it expects more, which
moves both.

Problems are never mixed. The objective of a configuration is its mean over seeds. `lo` and `hi` are one jackknife
standard error to each side, by leaving out each seed in turn: they say nothing of other configurations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd

from analysis.measures.fanova import explain_variance
from analysis.results.metrics import describe_metric
from analysis.results.optuna_study import Domain, StudyTrial, build_study, import_optuna, list_parameters, read_domains
from analysis.results.search_block import Objective, list_objectives
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, mark_constant
from trainers.formatting import format_count
from trainers.terminal.silence import silence_library

FANOVA, PED_ANOVA = "fANOVA", "PED-ANOVA"
EVALUATORS = (FANOVA, PED_ANOVA)
FEWEST = 8  # configurations of a problem: a forest over fewer is arbitrary
ENOUGH = 64  # configurations; fewer are a hint: of noise, the first of three knobs takes 49 % at 8 and 29 % at 63
TOP_SHARE, TOP_COUNT = 0.1, 5  # of the best configurations for PED-ANOVA: five are the fewest that Optuna advises
SEED = 0  # of the forest
DEPTH = 6  # of its trees; at 1,000 points deeper trees take 30 times as long and move shares by at most 5 points
Point = tuple[Mapping[str, float | str], float]  # the parameters of a configuration, and its value
COLUMNS = ("setting", "axis", "objective", "evaluator", "mean", "lo", "hi", "n", "configurations")


class Importance(NamedTuple):
    """Importances, and what they leave out."""

    table: pd.DataFrame  # COLUMNS; a row per problem, axis, objective and evaluator; n seeds; shares in [0, 1]
    names: dict[str, str]  # axis -> its short name
    titles: dict[str, str]  # objective -> its name in words
    checkpoint: str  # of the objectives
    left_out: tuple[str, ...]  # what is left out, in words


class _Setting(NamedTuple):
    """The trials of a problem whose configurations are compared, and the knobs that act in all of them."""

    name: str
    trials: pd.DataFrame
    knobs: list[str]
    left_out: list[str]


def measure_importance(results: Sweep) -> Importance | None:
    """Measure the importance of the knobs of a sweep; None unless two knobs vary within some problem.

    Knobs are the varying axes that define no problem. Within a problem the most important comes first. Left out are
    knobs that do not act in every configuration, configurations that are unfinished or of which a seed diverged or
    names one class for every image, and problems with fewer than FEWEST configurations.
    """
    objectives, axes = list_objectives(results), results.axes
    knobs = [path for path in axes.varying if path not in axes.data]
    if len(knobs) < 2:
        return None
    settings = [
        _read_setting(results, str(name), trials, knobs, objectives)
        for name, trials in results.study_trials.groupby("setting", sort=False)
    ]
    settings = [setting for setting in settings if len(setting.knobs) > 1]
    shown = [setting for setting in settings if _count_configurations(setting.trials) >= FEWEST]
    if not shown:
        return None
    table = pd.concat([_tabulate(results, setting, objectives) for setting in shown], ignore_index=True)
    titles = {objective.metric: describe_metric(objective.metric, results.attacks) for objective in objectives}
    names, left_out = {path: axes.short[path] for path in knobs}, _describe_left_out(settings)
    return Importance(table, names, titles, objectives[0].checkpoint, left_out)


def _describe_left_out(settings: Sequence[_Setting]) -> tuple[str, ...]:
    """Say what is left out, and of which problems if not of all."""
    where: dict[str, list[str]] = {}
    for setting in settings:
        for text in setting.left_out:
            where.setdefault(text, []).append(setting.name)
    return tuple(
        text if len(names) == len(settings) else f"{text} ({', '.join(names)})" for text, names in where.items()
    )


def _read_setting(
    results: Sweep, name: str, trials: pd.DataFrame, knobs: Sequence[str], objectives: Sequence[Objective]
) -> _Setting:
    whole = _keep_whole(trials, objectives)
    several = [path for path in knobs if whole[path].nunique() > 1]
    conditional = [path for path in several if (whole[path] == "").any()]
    left_out = [f"{results.axes.short[path]}, which does not act in every configuration" for path in conditional]
    kept = _count_configurations(whole)
    if dropped := _count_configurations(trials) - kept:
        why = "unfinished or of which a seed diverged or names one class for every image"
        left_out.append(f"{format_count(dropped, 'configuration')} {why}")
    if kept < FEWEST:
        left_out = [f"a problem with fewer than {FEWEST} configurations"]
    return _Setting(name, whole, [path for path in several if path not in conditional], left_out)


def _keep_whole(trials: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Keep the configurations of which every seed completed; the seeds that survive would flatter the others."""
    columns = [objective.column for objective in objectives]
    bad = (trials["status"] != COMPLETED) | mark_constant(trials, (objectives[0].checkpoint,))
    if all(column in trials for column in columns):
        bad |= trials[columns].isna().any(axis=1)
    return trials[~bad.groupby(trials["configuration"]).transform("any")]


def _count_configurations(trials: pd.DataFrame) -> int:
    return int(trials["configuration"].nunique())


def _tabulate(results: Sweep, setting: _Setting, objectives: Sequence[Objective]) -> pd.DataFrame:
    """Tabulate importances on means over all seeds, with the standard error from leaving each seed out in turn.

    Without the same seeds in all configurations there is no standard error: leaving one out would change their number.
    """
    domains = {path: domain for path, domain in read_domains(results).items() if path in setting.knobs}
    points, narrow = _place_points(results, setting.trials, domains)
    seeds = setting.trials["replicate"].unique()
    rows = []
    for objective in objectives:
        values = setting.trials.pivot(index="configuration", columns="replicate", values=objective.column)
        values = values.loc[[*points]]
        parts = [values]
        if values.shape[1] > 1 and values.notna().all(axis=None):
            parts += [values.drop(columns=seed) for seed in values]
        found = [
            evaluate_importance(
                narrow, [*zip(points.values(), part.mean(axis=1).tolist(), strict=True)], objective.direction
            )
            for part in parts
        ]
        for path, evaluator in product(setting.knobs, EVALUATORS):
            mean, *others = (importance[evaluator][path] for importance in found)
            error = math.sqrt((len(others) - 1) * np.var(others)) if others else math.nan
            identity = (setting.name, path, objective.metric, evaluator)
            rows.append((*identity, mean, mean - error, mean + error, len(seeds), len(points)))
    table = pd.DataFrame(rows, columns=[*COLUMNS])
    order = table.groupby("axis")["mean"].mean().sort_values(ascending=False, kind="stable").index
    places = table["axis"].map({path: place for place, path in enumerate(order)})
    return table.iloc[np.argsort(places.to_numpy(), kind="stable")]


def _place_points(
    results: Sweep, trials: pd.DataFrame, domains: Mapping[str, Domain]
) -> tuple[dict[str, dict[str, float | str]], dict[str, Domain]]:
    """Return the parameters of each configuration, and domains with only the listed values that some trial has."""
    firsts = trials.drop_duplicates("configuration")
    values = {path: list_parameters(results.axes, path) for path in domains}
    points = {
        str(configuration): {path: found[label] for (path, found), label in zip(values.items(), labels, strict=True)}
        for configuration, *labels in firsts[["configuration", *domains]].itertuples(index=False)
    }
    used = {path: {point[path] for point in points.values()} for path in domains}
    narrow = {
        path: Domain(choices=tuple(choice for choice in domain.choices if choice in used[path]))
        if domain.choices
        else domain
        for path, domain in domains.items()
    }
    return points, narrow


def count_best(configurations: int) -> int:
    """Return how many configurations PED-ANOVA takes for the best: a tenth, at least five, at most half."""
    return min(max(math.ceil(TOP_SHARE * configurations), TOP_COUNT), configurations // 2)


def evaluate_importance(
    domains: Mapping[str, Domain], points: Sequence[Point], direction: str = "max"
) -> dict[str, dict[str, float]]:
    """Evaluate the importance of parameters for the values of some points: evaluator -> parameter -> share in [0, 1].

    A share of fANOVA is of the variance; shares of PED-ANOVA sum to one. All are zero if all values are equal.
    """
    values = np.array([value for _, value in points])
    if len(points) < 2 or np.ptp(values) == 0.0:
        return {evaluator: dict.fromkeys(domains, 0.0) for evaluator in EVALUATORS}
    return {
        FANOVA: _evaluate_fanova(domains, points, values),
        PED_ANOVA: _evaluate_ped_anova(domains, points, direction),
    }


def _evaluate_fanova(domains: Mapping[str, Domain], points: Sequence[Point], values: np.ndarray) -> dict[str, float]:
    """Evaluate shares of the variance; a parameter with a single value has none."""
    ranges = {path: _code_domain(domains[path]) for path in sorted(domains)}  # the forest draws by their order
    varied = {path: (coded.low, coded.high) for path, coded in ranges.items() if coded.low < coded.high}
    if not varied:
        return dict.fromkeys(domains, 0.0)
    coded = np.array([[_code(domains[path], point[path]) for path in varied] for point, _ in points])
    shares = explain_variance(coded, values, np.array([*varied.values()]), DEPTH, SEED)
    return dict.fromkeys(domains, 0.0) | dict(zip(varied, shares.tolist(), strict=True))


def _evaluate_ped_anova(domains: Mapping[str, Domain], points: Sequence[Point], direction: str) -> dict[str, float]:
    import_optuna()
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    trials = [StudyTrial("COMPLETE", (value,), parameters) for parameters, value in points]
    with silence_library("optuna"):
        study = build_study("importance", {"value": direction}, domains, trials)
        best = PedAnovaImportanceEvaluator(target_quantile=count_best(len(points)) / len(points))
        found = get_param_importances(study, evaluator=best, params=[*domains])
    return {path: float(found[path]) for path in domains}


def _code(domain: Domain, value: float | str) -> float:
    """Return a value as the forest sees it: the place of a listed value, the logarithm in a logarithmic range."""
    if domain.choices:
        return float(domain.choices.index(value))
    return math.log(float(value)) if domain.is_log else float(value)


def _code_domain(domain: Domain) -> Domain:
    """Return the range that the forest sees, which it weighs by its length.

    In a range from 1e-4 to 1 that is not one of logarithms it would hardly see what lies below 0.1. Listed values have
    cells of equal length: Optuna would make a column of each, go through all 2^n combinations of n columns, and count
    those that no configuration can have.
    """
    if domain.choices:
        return Domain((), -0.5, len(domain.choices) - 0.5)
    return Domain((), math.log(domain.low), math.log(domain.high)) if domain.is_log else domain
