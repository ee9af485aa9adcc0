"""The summary of a sweep on a terminal: its answers, best configurations and front, and the trials that are missing."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
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
from analysis.report.answers import describe_terms
from analysis.report.data import ReportData
from analysis.report.masked import tell_masked
from analysis.report.provenance import describe_time
from analysis.report.search_answers import list_lines
from analysis.results.metrics import describe_images, shorten_metric
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED
from trainers.certificate.words import describe_assessment, shorten_verdict
from trainers.formatting import format_count
from trainers.terminal.console import Console
from trainers.terminal.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS = 20
NUMBERS = 42  # columns that the numbers of the table take, with their standard errors
ERRORS = "± is one standard error over n seeds. "
SELECTS = "selects: no other configuration beats it on validation in all objectives, so that it may be chosen. "
CORRECTED = "In brackets: corrected for being chosen. "
VERDICTS = (
    "Verdict: surely on, surely off, ≤ x: at most x points from the front (no other is better in both by more), or "
    "open. "
)
LEGENDS = {
    "best": "Accuracies are of the epoch that validation selects, unless the column says last; difference: between "
    "the two columns before it, in points, paired by seed. The report has the best epoch on test less the last, with "
    "its floor.",
    "last": "The report has the best epoch on test less the last, with its floor.",
}


def print_summary(data: ReportData, console: Console) -> None:
    """Print the question of a sweep, the answers and the results, in about forty lines at most."""
    results = data.results
    if answers := list_lines(data):
        console.print(plain_text(results.question or results.study), style="bold")
        for lead, text in answers:
            console.print(plain_text(f"• {lead}: {text}"))
        console.print(plain_text(f"{describe_terms(data)}\n"))
    found = data.front
    if found is None:
        console.print(plain_text(f"{results.study}: {data.no_front}"))
    else:
        print_table(console, build_summary_table(results, found, console.width))
        several = any((panel.points["n"] > 1).any() for panel in found.panels)
        console.print(plain_text(ERRORS * several + LEGENDS[found.checkpoint]))
        for panel, table in zip(found.panels, build_front_tables(found), strict=True):
            print_table(console, table)
            if certainty := explain_certainty(found, panel):
                console.print(plain_text(certainty))
        console.print(plain_text(explain_columns(found) + found.note))
    for text in (
        *tell_masked(data.masking),
        *describe_audits(results),
        describe_savings(results),
        describe_run_passes(results),
    ):
        if text:
            console.print(plain_text(text))
    console.print(plain_text(f"{describe_endings(results)} Time in trials: {describe_time(results)}."))


def build_summary_table(results: Sweep, found: FrontData, width: int) -> Table:
    """Build a table of the front's members and the configurations best on validation (robust accuracy), by setting.

    Standard errors are left out if they would break names into more than two lines.
    """
    points = pd.concat([panel.points for panel in found.panels])
    shown = pick_rows(points, ROWS)
    more = f", {len(shown)} shown: fronts, then each method's best on validation" if len(points) > len(shown) else ""
    robust, on = shorten_metric(found.y, results.attacks), describe_images(found.y, results.attacks)
    title = f"{results.study}: {format_count(len(points), 'configuration')}{more}" + f"; clean and robust{on}" * bool(
        on
    )
    last = {"y_last": "last epoch %", "y_fall": "difference"} if found.checkpoint == "best" else {}
    named = {"x": "clean %", "y": f"{robust} %"} | last
    table = _table(title, "configuration", "n", *named.values())
    errors = all(len(wrap(choice, max(1, width - NUMBERS))) < 3 for choice in shown["choice"])
    for setting, rows in shown.groupby("setting", sort=False):
        if setting:
            table.add_row(Text(str(setting), style="italic"))
        for row in rows.to_dict("records"):
            numbers = {c: estimate_axis(row, c, errors) for c in named}
            cells = [number.text(signed=c == "y_fall").replace(" ± ", "±") for c, number in numbers.items()]
            table.add_row(Text(row["choice"]), str(row["n"]), *cells)
    return table


def pick_rows(points: pd.DataFrame, most: int) -> pd.DataFrame:
    """Pick at most `most` rows, but one of each setting: settings take turns, and within a setting its methods.

    Each gives first its front's members, then what validation selects, then its best on validation. A single ranking
    would fill the table from the easiest problem, and from the method with the highest robust accuracy, which is only
    one end of the front.
    """
    order = points.sort_values(["on_front", "selected", "val_y"], ascending=False)
    order["turn"] = order.groupby(["setting", "family"]).cumcount().where(~(order["on_front"] | order["selected"]), -1)
    order = order.sort_values("turn", kind="stable")
    order["turn"] = order.groupby("setting").cumcount()
    best = order.sort_values("turn", kind="stable")["configuration"][: max(most, points["setting"].nunique())]
    return points[points["configuration"].isin(best)]


def build_front_tables(found: FrontData) -> Iterator[Table]:
    """Build a table of each front: its members, numbered as in the figure, and what validation selects beside them."""
    for panel in found.panels:
        many = len(found.sweeps) > 1
        first = ("#", "sweep") if many else ("#",)
        rows = list_members(panel).to_dict("records")
        title = f"Front, {panel.title}" if panel.title else "Front"
        title += "; –: selected on validation, but off it" * any(not row["on_front"] for row in rows)
        chosen = ("validation",) if panel.points["selected"].any() else ()
        sure = ("verdict",) if panel.assessment.certificate else ()
        metrics = (f"{shorten_metric(metric, panel.terms.attacks())} %" for metric in (found.x, found.y))
        table = _table(title, *first, "configuration", "n", *metrics, *sure, *chosen)
        for row in rows:
            x, y = (format_corrected(panel, row, axis) for axis in ("x", "y"))
            verdict = (shorten_verdict(panel.assessment, row["place"]),) * len(sure)
            sweep = (Text(row["sweep"]),) if many else ()
            selected = ("selects" * row["selected"],) * len(chosen)
            table.add_row(row["number"], *sweep, Text(row["choice"]), str(row["n"]), x, y, *verdict, *selected)
        yield table


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
    constant = int(results.study_trials[["best_constant", "last_constant"]].notna().any(axis=1).sum())
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
        named = column in ("configuration", "sweep", "validation", "knee")  # numbers are never broken
        table.add_column(column, justify="left" if named else "right", no_wrap=not named, overflow="fold")
    return table
