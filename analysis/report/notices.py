"""What a reader has to know before the answers: what is unfinished, missing, diverged, constant or masked."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.charts.glyphs import describe_missing, find_missing
from analysis.report.data import ReportData
from analysis.report.masked import tell_masked
from analysis.report.names import join_first
from analysis.report.progress import INTERRUPTED, RUNNING, measure_progress
from analysis.results.trial_table import DIVERGED, OPEN
from trainers.formatting import format_count


def list_notices(found: ReportData) -> list[str]:
    """List what qualifies all that follows, most weighty first; nothing for a finished study without losses."""
    parts = (_tell_unfinished, _tell_lost, _tell_one_seed, _tell_constant, _tell_masked, _tell_damaged, _tell_boxes)
    return [text for part in parts for text in part(found)]


def _tell_unfinished(found: ReportData) -> Iterator[str]:
    progress, states = measure_progress(found.results), found.results.study_trials["status"]
    if progress.state not in (RUNNING, INTERRUPTED):
        return
    rest = ", ".join(f"{n} {status}" for status, n in states[states.isin(OPEN)].value_counts().items())
    ended = f"{progress.ended} of {progress.planned} trials have ended{rest and f' ({rest})'}"
    more = (
        "; the command that trains, under Provenance, goes on with them."
        if progress.state == INTERRUPTED
        else "; all may change."
    )
    yield f"{progress.state.capitalize()}: {ended}{more}"


def _tell_lost(found: ReportData) -> Iterator[str]:
    trials = found.results.study_trials
    for status, words in (
        ("failed", "failed, so their seeds are missing"),
        (DIVERGED, "diverged; a configuration with such a seed is on no front"),
    ):
        lost = trials[trials["status"] == status]
        if len(lost):
            yield f"{format_count(len(lost), 'trial')} {words}: {join_first(lost['name'])}."


def _tell_one_seed(found: ReportData) -> Iterator[str]:
    if found.seeds == 1:
        yield "One seed a configuration: no error is known, and differences of a point or two may be chance."


def _tell_constant(found: ReportData) -> Iterator[str]:
    gaps = found.gaps
    if len(gaps) and len(constant := gaps[gaps["constant"] > 0]):
        names = join_first(constant["name"])
        yield f"Collapsed networks, which name one class whatever the image, in no comparison: {names}."


def _tell_masked(found: ReportData) -> Iterator[str]:
    yield from tell_masked(found.masking)


def _tell_damaged(found: ReportData) -> Iterator[str]:
    if damaged := found.results.damaged():
        yield f"{format_count(len(damaged), 'damaged record')} left out, listed under Provenance."


def _tell_boxes(found: ReportData) -> Iterator[str]:
    classes = (name for names in found.results.class_names.values() for name in names)
    if missing := find_missing([*found.results.study_trials["name"], *classes]):
        yield describe_missing(missing)
