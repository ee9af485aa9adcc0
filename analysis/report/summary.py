"""The summary of a sweep on a terminal: its answers and fronts, and the trials that are missing."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Hashable, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from analysis.measures.attack_passes import describe_savings
from analysis.measures.audit import describe_audits
from analysis.measures.front import FrontData, FrontPanel
from analysis.measures.front_difference import PERMUTATION_TEST, FrontDifference
from analysis.measures.front_members import estimate_axis, list_members
from analysis.measures.front_seeds import BOOTSTRAP
from analysis.measures.run_passes import describe_run_passes
from analysis.measures.stats import POINTS
from analysis.report.answers import describe_confidence, describe_terms
from analysis.report.data import ReportData
from analysis.report.masked import tell_masked
from analysis.report.provenance import describe_time
from analysis.report.search_answers import list_lines
from analysis.results.axes import join_parts
from analysis.results.metrics import shorten_metric
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED, mark_constant
from trainers.certificate.words import describe_assessment, shorten_verdict
from trainers.formatting import format_count
from trainers.terminal.console import Console
from trainers.terminal.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS, LEAST_ROWS = 20, 5  # of the fronts of an overview: in all, and in one of many
NUMBERS = 54  # columns that an overview takes beside names, with standard errors
TEST = "test_"  # in the names of metrics of test images
ERRORS = "± is one standard error over n seeds. "
SELECTS = "selects: no other configuration beats it on validation in all objectives, so that it may be chosen. "
CORRECTED = "In brackets: corrected for being chosen. "
VERDICTS = (
    "Verdict: surely on, surely off, ≤ x: at most x points from the front (no other is better in both by more), or "
    "open. "
)


def print_summary(data: ReportData, console: Console) -> None:
    """Print the question of a sweep, its answers, its fronts and what qualifies them, in about forty lines at most."""
    results, found = data.results, data.front
    if answers := list_lines(data):
        console.print(plain_text(results.question or results.study), style="bold")
        for lead, text in answers:
            console.print(plain_text(f"• {lead}: {text}"))
        if terms := describe_confidence(data) if found else describe_terms(data):
            console.print(plain_text(terms))
        console.print()
    if found is None:
        console.print(plain_text(f"{results.study}: {data.no_front}"))
    else:
        for panel, table in zip(found.panels, build_front_tables(found, console.width), strict=True):
            print_table(console, table)
            console.print(plain_text("".join(f"{line}\n" for line in describe_assessment(panel.assessment)[:1])))
        console.print(plain_text(explain_overview(found)))
    for text in (
        *tell_masked(data.masking),
        *describe_audits(results),
        describe_savings(results),
        describe_run_passes(results),
    ):
        if text:
            console.print(plain_text(text))
    console.print(plain_text(f"{describe_endings(results)} Time in trials: {describe_time(results)}."))
    if found is not None:
        command = shlex.join(["python", "-m", "analysis.markdown", results.where])
        count = format_count(sum(len(panel.points) for panel in found.panels), "configuration")
        console.print(plain_text(f"Table of {count}: {command}"), soft_wrap=True)


def build_front_tables(found: FrontData, overview: int | None = None) -> Iterator[Table]:
    """Build a table of each front: its members, numbered as in the figure, and what validation selects beside them.

    Values have their corrections for selection in brackets. An overview for a terminal of so many columns has the
    robust accuracy at the last epoch instead, and at most ROWS rows in all tables or LEAST_ROWS in each.
    """
    most = None if overview is None else max(LEAST_ROWS, ROWS // len(found.panels))
    last = {"y_last": "last epoch %"} if overview is not None and found.checkpoint == "best" else {}
    for panel in found.panels:
        rows = list_members(panel).to_dict("records")
        many = len(panel.held) > 1  # else the title has the sweep
        names = [join_parts(row["sweep"] * many, row["choice"]) for row in rows]
        write = format_corrected if overview is None else _choose_format(rows[:most], overview)
        front = f"Front{' on test images' * (TEST in found.y)}"  # beside which stands what validation selects
        title = f"{front}, {panel.title}" if panel.title else front
        title += "; –: selected on validation, but off it" * any(not row["on_front"] for row in rows)
        chosen = ("validation",) if panel.points["selected"].any() else ()
        sure = ("verdict",) if panel.assessment.certificate else ()
        accuracies = (f"{shorten_metric(metric, panel.terms.attacks())} %" for metric in (found.x, found.y))
        named = dict(zip(("x", "y"), accuracies, strict=True)) | last
        table = _table(title, "#", "configuration", "n", *named.values(), *sure, *chosen)
        for row, name in list(zip(rows, names, strict=True))[:most]:
            numbers = (write(panel, row, axis) for axis in named)
            verdict = (shorten_verdict(panel.assessment, row["place"]),) * len(sure)
            selected = ("selects" * row["selected"],) * len(chosen)
            table.add_row(row["number"], Text(name), str(row["n"]), *numbers, *verdict, *selected)
        if more := len(rows) - len(rows[:most]):
            table.add_row("", Text(f"… and {more} more"))
        yield table


def _choose_format(rows: Sequence[Mapping[Hashable, Any]], width: int) -> Callable[..., str]:
    """Choose how an overview writes numbers: without standard errors if they would break names into three lines."""
    errors = all(len(wrap(row["choice"], max(1, width - NUMBERS))) < 3 for row in rows)

    def write(panel: FrontPanel, row: Mapping[Hashable, Any], axis: str) -> str:
        return estimate_axis(row, axis, errors).text().replace(" ± ", "±")

    return write


def format_corrected(panel: FrontPanel, row: Mapping[Hashable, Any], axis: str) -> str:
    """Write a mean with its standard error and, in brackets, corrected for selection: "73.4 ± 0.2 (73.1)"."""
    text = estimate_axis(row, axis).text()
    corrected = panel.assessment.corrected[row["place"], ("x", "y").index(axis)]
    return text if math.isnan(corrected) else f"{text} ({corrected:.1f})"


def explain_certainty(found: FrontData, panel: FrontPanel) -> str:
    """Say what the seeds of a panel prove of its front."""
    lines = describe_assessment(panel.assessment)
    if not lines:
        return ""
    title = f"{panel.title}: " * bool(panel.title and len(found.panels) > 1)
    return " ".join([title + lines[0], *lines[1:]])


def explain_columns(found: FrontData) -> str:
    """Say what brackets, verdicts and 'selects' mean in the tables of fronts, and with what error verdicts hold."""
    judged = [panel.assessment for panel in found.panels]
    errors = "".join(f"{line} " for line in found.explain_verdicts())
    corrected = CORRECTED * any(bool(np.isfinite(one.corrected).any()) for one in judged)
    verdicts = VERDICTS * any(one.certificate is not None for one in judged)
    return corrected + verdicts + errors + SELECTS * any(panel.points["selected"].any() for panel in found.panels)


def explain_overview(found: FrontData) -> str:
    """Say what the columns of an overview mean, and of how many seeds, at which epoch and under which attack it is."""
    several = any((panel.points["n"] > 1).any() for panel in found.panels)
    judged = [panel.assessment for panel in found.panels if panel.assessment.certificate is not None]
    error = f"All together are wrong with probability at most {100 * judged[0].family.error:g} %. " if judged else ""
    selects = SELECTS * any(panel.points["selected"].any() for panel in found.panels)
    last = f"Last epoch: {shorten_metric(found.y, found.panels[0].terms.attacks())}. " * (found.checkpoint == "best")
    return ERRORS * several + last + VERDICTS * bool(judged) + error + selects + found.note


def build_curve_tables(found: FrontData) -> Iterator[Table]:
    """Build a table of each panel with several curves: their members, hypervolume with its interval, and knee."""
    for panel in found.panels:
        if len(panel.volume) < 2:
            continue
        title = f"Hypervolume above (0, 0), {BOOTSTRAP}{f'; {panel.title}' * bool(panel.title)}"
        table = _table(title, "configuration", "members", "seeds", "volume", "from", "to", "knee")
        for curve, volume in panel.volume.items():
            own = panel.curves[curve]
            knee = "–" if own.knee is None else str(panel.points["choice"][own.knee])
            numbers = ("–" if math.isnan(value) else f"{value:.4f}" for value in volume[:3])
            members = f"{len(own.members)} of {len(own.points)}"
            table.add_row(Text(curve), members, str(volume.n), *numbers, Text(knee))
        yield table


def build_difference_tables(differences: Sequence[tuple[FrontPanel, FrontDifference]]) -> Iterator[Table]:
    """Build a table of how often the seeds of one front attain what those of another do, a row a pair and direction."""
    if not differences:
        return
    title = (
        "How often a seed of one attains what a seed of the other does: a member of its front, and all of them. "
        + PERMUTATION_TEST
    )
    table = _table(title, "configuration", "seeds", "a member", "all (pairs)", "p")
    for panel, info in differences:
        title = f"{panel.title}: " * bool(panel.title)
        for one, other, found in ((info.one, info.other, info.forward), (info.other, info.one, info.backward)):
            seeds = " and ".join(map(str, info.seeds if one == info.one else info.seeds[::-1]))
            member = f"{POINTS * found.member:.0f} %"
            name = Text(f"{title}{one} attains {other}")
            table.add_row(name, seeds, member, f"{found.whole} of {found.pairs}", f"{info.p:.2g}")
    yield table


def describe_endings(results: Sweep) -> str:
    """Say in one line how the trials ended."""
    counts = results.study_trials["status"].value_counts()
    parts = [f"{counts.pop(COMPLETED) if COMPLETED in counts else 0} of {len(results.study_trials)} trials completed"]
    parts += [f"{count} {status}" for status, count in counts.items()]
    constant = int(mark_constant(results.study_trials).sum())
    parts += [
        f"{constant} of the completed name one class whatever the image (constant, which counts as collapsed)"
    ] * bool(constant)
    return ", ".join(parts) + "."


def plain_text(text: str) -> Text:
    """Return text that rich neither interprets nor colours."""
    return Text(text)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=plain_text(title), title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        named = column in ("configuration", "validation", "knee")  # numbers are never broken
        table.add_column(column, justify="left" if named else "right", no_wrap=not named, overflow="fold")
    return table
