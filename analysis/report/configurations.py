"""Every configuration of some sweeps as a row of numbers: both checkpoints under every final attack, and overfitting.

`analysis.markdown` and `analysis.export` render these rows; the conditions of the measurements are beside them, in
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.audit import describe_audits
from analysis.measures.final_accuracy import SHORT
from analysis.measures.stats import Estimate, estimate, format_seeds
from analysis.results.gaps import describe_window
from analysis.results.measurement_terms import read_terms
from analysis.results.metrics import (
    CLEAN,
    EPOCH_METRIC,
    describe_images,
    describe_metric,
    find_clean_metric,
    is_comparable,
    name_bound,
    parse_attack,
    shorten_attack,
)
from analysis.results.shared_trainings import IDENTITY, join_trials, share_trainings
from analysis.results.sweep import Sweep, name_sweeps
from analysis.results.trial_table import COMPLETED, DIVERGED, STOPPED, mark_constant

CHECKPOINTS = ("best", "last")
PGD, AUTOATTACK = "test_pgd20_acc", "test_aa_acc"


@dataclass(frozen=True)
class Column:
    """A number of each configuration; columns with one `group` are shown beside each other."""

    group: str  # the epoch, selected or last, or the attack of the curves
    title: str
    is_difference: bool = False  # less is better, and the sign is written


@dataclass(frozen=True)
class Configuration:
    """A row: a configuration of a sweep, with an estimate for each column."""

    sweep: str  # the study, or the folder of studies that share a name, as fronts have it
    study: str
    setting: str
    choice: str  # its name within a setting
    name: str
    endings: str  # " (1 diverged, 1 without a result)"; empty if all seeds completed and no other sweep holds it
    is_whole: bool  # no seed diverged or names one class for every image
    numbers: tuple[Estimate, ...]

    def texts(self, columns: Sequence[Column]) -> list[str]:
        """Write its numbers in percent: "73.4 ± 0.2"."""
        pairs = zip(self.numbers, columns, strict=True)
        return [number.text(signed=column.is_difference) for number, column in pairs]


@dataclass(frozen=True)
class ConfigurationTable:
    """The configurations of sweeps that were measured on the same terms."""

    sweeps: tuple[Sweep, ...]
    columns: tuple[Column, ...]
    rows: tuple[Configuration, ...]
    has_masking_gap: bool  # whether it shows the difference between PGD and AutoAttack


def tabulate_by_terms(sweeps: Sequence[Sweep]) -> list[ConfigurationTable]:
    """Build one table for all sweeps that were measured on the same terms.

    Raises SweepError if no metric can be shown.
    """
    finals = {f"test_{attack}_acc" for sweep in sweeps for attack in sweep.attacks}
    terms = [set(read_terms(sweep, *sorted(finals | {CLEAN}))) for sweep in sweeps]
    groups = [
        [sweep for sweep, other in zip(sweeps, terms, strict=True) if other == shared]
        for place, shared in enumerate(terms)
        if terms.index(shared) == place
    ]
    return [tabulate_configurations(group) for group in groups]


def tabulate_configurations(sweeps: Sequence[Sweep]) -> ConfigurationTable:
    """Build a row per configuration, in the order of the plans, with estimates over its completed seeds.

    Raises SweepError if the sweeps have no metric in common.
    """
    metrics, gap = _list_metrics(sweeps), _has_gap(sweeps)
    if not metrics:
        raise SweepError("no metric that every completed trial has; wait for the sweeps to finish")
    checkpoints = CHECKPOINTS if any(sweep.selects for sweep in sweeps) else CHECKPOINTS[1:]
    columns = [Column(SHORT[which], _column_title(name, sweeps)) for which in checkpoints for name in metrics]
    columns += [Column("last", f"{_column_title(PGD, sweeps)} − {_column_title(AUTOATTACK, sweeps)}", True)] * gap
    curves = _column_title(EPOCH_METRIC, sweeps)
    columns += [Column(curves, "best on test"), Column(curves, "last"), Column(curves, "best on test − last", True)]
    names = name_sweeps(sweeps)
    studies = {name: sweep.study for name, sweep in zip(names, sweeps, strict=True)}
    trials = share_trainings(join_trials(sweeps, [sweep.study_trials for sweep in sweeps], names))
    rows = [
        _build_row(str(label), studies[str(label)], found, checkpoints, metrics, gap)
        for (label, _), found in trials.groupby(IDENTITY, sort=False)
    ]
    return ConfigurationTable(tuple(sweeps), tuple(columns), tuple(rows), gap)


def _build_row(
    label: str, study: str, shared: pd.DataFrame, checkpoints: Sequence[str], metrics: list[str], gap: bool
) -> Configuration:
    """Build a row from the trials of a configuration, as `share_trainings` marks them."""
    first, trials = shared.iloc[0], shared[shared["counts"]]
    done = trials[trials["status"] == COMPLETED]
    is_whole = not (trials["status"] == DIVERGED).any() and not mark_constant(done, checkpoints).any()
    numbers = tuple(_estimate_columns(done, checkpoints, metrics, gap))
    setting, choice, name = (first[column] for column in ("setting", "choice", "name"))
    others = shared["holder"].unique()[1:]
    endings = _describe_endings(trials) + f" (also in {', '.join(others)})" * bool(len(others))
    return Configuration(label, study, setting, choice, name, endings, is_whole, numbers)


def _estimate_columns(
    done: pd.DataFrame, checkpoints: Sequence[str], metrics: list[str], gap: bool
) -> Iterator[Estimate]:
    """Estimate the numbers of a configuration; each difference follows its two operands."""
    for which in checkpoints:
        for name in metrics:
            limit = estimate(done.get(f"{which}_{name_bound(name)}", [])).mean
            yield estimate(done.get(f"{which}_{name}", []))._replace(limit=limit)
    if gap:
        yield estimate(done[f"last_{PGD}"] - done[f"last_{AUTOATTACK}"])
    if "robust_overfitting" in done:
        done = done[done["robust_overfitting"].notna()]  # without its curve a trial has a last epoch, but no best epoch
    for column in (f"peak_{EPOCH_METRIC}", f"last_{EPOCH_METRIC}", "robust_overfitting"):
        yield estimate(done.get(column, []))


def _list_metrics(sweeps: Sequence[Sweep]) -> list[str]:
    """List the final metrics that all sweeps have, or have bounds of, in the order of the columns."""
    shared = [{*sweep.final_metrics(), *sweep.bounded_metrics()} for sweep in sweeps]
    return [name for name in _order_metrics(sweeps) if all(name in known for known in shared)]


def _has_gap(sweeps: Sequence[Sweep]) -> bool:
    """Return whether the table shows the difference between PGD and AutoAttack at the last epoch."""
    return {PGD, AUTOATTACK} <= set(_list_metrics(sweeps)) and all(map(_has_same_images, sweeps))


def _order_metrics(sweeps: Sequence[Sweep]) -> list[str]:
    """Order metrics: clean accuracy, then the attacks as in the first sweep; clean on a subset precedes its attack."""
    found = {"clean": CLEAN}  # by title: attacks on the same number of images share one clean accuracy
    for metric in (f"test_{name}_acc" for name in sweeps[0].attacks if name != "pgd"):
        beside = {find_clean_metric(metric, sweep.attacks, sweep.test_examples) for sweep in sweeps}
        for clean in sorted(beside - {CLEAN}):
            found.setdefault(_clean_title(clean, sweeps), clean)
        found[metric] = metric
    return list(found.values())


def _clean_title(metric: str, sweeps: Sequence[Sweep]) -> str:
    """Return "clean", or "clean on 300 images"."""
    return describe_metric(metric, sweeps[0].attacks).replace(" test accuracy", "")


def _column_title(metric: str, sweeps: Sequence[Sweep]) -> str:
    """Return the attack in words, or the name of the metric if the sweeps measured different attacks under it."""
    attack = parse_attack(metric)
    if attack is None:
        return _clean_title(metric, sweeps)
    titles = {shorten_attack(attack, sweep.attacks) + describe_images(metric, sweep.attacks) for sweep in sweeps}
    name = titles.pop() if len(titles) == 1 else attack
    return re.sub(r"^AutoAttack( standard| custom)?", "AA", name) if metric == AUTOATTACK else name


def _has_same_images(sweep: Sweep) -> bool:
    """Return whether PGD and AutoAttack had the same budget and images; otherwise their gap is not comparable."""
    pgd, aa = (sweep.attacks.get(parse_attack(metric) or "", "") for metric in (PGD, AUTOATTACK))
    return is_comparable(pgd, aa, float(sweep.study_trials["test_examples"].max()))


def _describe_endings(trials: pd.DataFrame) -> str:
    """Describe how many seeds of a configuration diverged, were stopped or are missing, if any."""
    counts = [(int((trials["status"] == status).sum()), status) for status in (DIVERGED, STOPPED)]
    missing = int((~trials["status"].isin([COMPLETED, DIVERGED, STOPPED])).sum())
    parts = [f"{n} {ending}" for n, ending in (*counts, (missing, "without a result")) if n]
    return f" ({', '.join(parts)})" if parts else ""


def describe_conditions(sweep: Sweep) -> str:
    """Describe the conditions of the measurements: seeds, images, attacks, selection, date and versions."""
    run = sweep.runs[-1] if sweep.runs else {}
    known = run.get("versions", {})
    versions = ", ".join(f"{name} {known[name]}" for name in ("torch", "pyautoattack") if name in known)
    attacks = "; ".join(text for name, text in sweep.attacks.items() if name != "pgd")
    seeds = format_seeds(int(sweep.study_trials.groupby("configuration").size().max()))
    examples = sweep.study_trials["test_examples"].dropna()
    images = f" on {int(examples.iloc[0])} test images" if len(examples) else ""
    begins = describe_window(sweep.study_trials)
    best = f"selected: the epoch that validation selects{f' {begins}' * bool(begins)}; " if sweep.selects else ""
    peak = f"best on test: the highest of {'the same' if begins else 'all'} epochs"
    audits = "".join(f"{text} " for text in describe_audits(sweep))
    return (
        f"{seeds}, mean ± one standard error, percent{images}. {attacks}. {audits}"
        f"{best}{peak}, {sweep.attacks.get('pgd', 'the attack of the curves')}. "
        f"{str(run.get('started', ''))[:10]}{', ' if versions else ''}{versions}."
    )
