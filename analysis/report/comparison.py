"""What the page of several sweeps shows: their joint front, where one attains more, and in what else they differ."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from analysis.charts.chart import FigureSpec
from analysis.charts.front import plot_front
from analysis.charts.front_difference import plot_front_difference
from analysis.charts.styles import build_register
from analysis.exceptions import SweepError
from analysis.measures.front import FrontData, FrontPanel
from analysis.measures.front_difference import ALPHA, PERMUTATION_TEST, FrontDifference, compare_fronts
from analysis.measures.stats import POINTS
from analysis.report import html
from analysis.report.answers import AnswerCard
from analysis.report.block import Rows
from analysis.report.captions import describe_certainty, describe_drops, describe_front
from analysis.report.context import collect_frame, collect_provenance, list_drawings
from analysis.report.data import ReportData, collect_frames
from analysis.report.drawings import DRAWN, Figures, draw_figure
from analysis.report.findings import list_limits
from analysis.report.notices import list_notices
from analysis.report.tables.configurations import render_configurations
from analysis.results.metrics import CHECKPOINTS
from trainers.formatting import format_count

POOLED = ("overfitting", "masking", "classes")  # tables that have the mean of all seeds of a configuration
MAX_COMPARED = 8  # sweeps that are compared two by two
MAX_PANELS = 6  # of the figure of differences
Differences = Sequence[tuple[FrontPanel, FrontDifference]]


def collect_joint_frames(rows: Rows) -> dict[str, pd.DataFrame]:
    """Collect the tables of all sweeps, each with a column that names the sweep, and that of the joint front.

    A training that several sweeps hold counts once. The tables of POOLED have one row for a configuration, under the
    first sweep that holds it; `also` names the others. All other tables are of each sweep by itself. Raises SweepError
    if the sweeps have no joint front.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    for place, sweep, trials in rows.split():
        copies = set(sweep.study_trials["id"]) - set(trials["id"])
        also = _list_other_holders(rows, place)
        for key, table in collect_frames(rows.pooled[place]).items():
            if key in ("trials", "epochs"):
                table = table[~table["id"].isin(copies)]
            elif key in POOLED:
                table = table.assign(also=table["configuration"].map(also)).dropna(subset=["also"])
            found.setdefault(key, []).append(table.assign(sweep=rows.sweeps[place]))
    frames = {key: pd.concat(tables, ignore_index=True) for key, tables in found.items()}
    return frames | {"front": pd.concat([panel.points for panel in take_front(rows).panels], ignore_index=True)}


def _list_other_holders(rows: Rows, sweep: int) -> dict[str, str]:
    """Name for each configuration that a sweep is the first to hold the other sweeps that hold it."""
    firsts = rows.configurations[rows.configurations["sweep"] == sweep]
    others = [", ".join(rows.sweeps[holder] for holder in held if holder != sweep) for held in firsts["holders"]]
    return dict(zip(firsts["configuration"], others, strict=True))


def take_front(rows: Rows) -> FrontData:
    """Return the front of all sweeps. Raises SweepError if they cannot be compared."""
    if rows.front is None:
        raise SweepError(rows.no_front)
    return rows.front


def draw_comparison(rows: Rows, folder: Path, width: float) -> Figures:
    """Draw the joint front, which scripts draw too, and where the seeds of one sweep attain more."""
    front, results = take_front(rows), rows.results
    folders = [sweep.where for sweep in results]
    command = shlex.join(["python", "-m", "analysis.pareto", *folders, "-o", "front.pdf"])
    chart = plot_front(front, build_register([sweep.study_trials for sweep in results], front.sweeps), width)
    words = f"{front.note} {chart.note}"
    joint = FigureSpec("front", "Clean against robust test accuracy", words, chart, command)
    figures: Figures = {DRAWN: [draw_figure(joint, folder)], "difference": []}
    differences = compare_sweeps(front)
    if differences:
        shown = differences[:MAX_PANELS]
        spec = FigureSpec(
            "difference", "Where one sweep attains more",
            "The share of the seeds of one sweep that attain a pair of accuracies less that of the other: colour says "
            "which, and how dark it is by how much." + _say_left_out(len(shown), len(differences)),
            plot_front_difference(shown, width), f"{command} --difference difference.pdf",
        )  # fmt: skip
        figures["difference"] = [draw_figure(spec, folder)]
    return figures


def compare_sweeps(front: FrontData) -> list[tuple[FrontPanel, FrontDifference]]:
    """Compare the sweeps two by two, unless they are too many."""
    return list(compare_fronts(front)) if len(front.curves) <= MAX_COMPARED else []


def collect_comparison(
    rows: Rows, block: Mapping[str, Any], figures: Figures, links: Mapping[str, str]
) -> dict[str, Any]:
    """Collect what the page of several sweeps shows. Raises SweepError if they cannot be compared."""
    reports, names = rows.reports, rows.sweeps
    if len(reports) < 2:
        raise SweepError("a comparison needs two sweeps at least")
    front = take_front(rows)
    differences = compare_sweeps(front)
    differ, limits = block.get("settings_differ") or [], _list_limits(reports, names)
    sections: dict[str, tuple[str, Any]] = {
        "answer": ("Answer", True),
        "difference": ("Difference", differences),
        "settings": ("Settings that differ", differ),
        "along-training": ("Along training", block["curves"].get("epoch")),
        "configurations": ("Configurations", True),
        "limits": ("Limits", limits),
        "provenance": ("Provenance", True),
    }
    contents = {anchor: title for anchor, (title, shown) in sections.items() if shown}
    listed = " against ".join(names) if len(names) == 2 else ", ".join(names)
    several = [f"{name}: {text}" for name, report in zip(names, reports, strict=True) for text in list_notices(report)]
    return {
        **collect_frame(block, contents),
        "is_search": False,
        "name": listed,
        "question": f"{listed}: which front is better?",
        "kicker": f"{format_count(len(names), 'sweep')}, {len(block['configurations']['choice'])} configurations.",
        "notices": several,
        "answers": [*_tell_members(front), *(_tell_difference(found) for _, found in differences[:2])],
        "terms": f"{front.note} All numbers are of the {CHECKPOINTS[front.checkpoint]}.",
        "selects": front.checkpoint == "best",
        "no_front": "",
        "captions": {
            "front": describe_front(front, several=True),
            "curves": f"One line a configuration, mean of seeds.{describe_drops(block)} Epochs count from 0.",
        },
        "certainty": describe_certainty(front),
        "limits": limits,
        "sweeps": [collect_provenance(report) for report in reports],
        "configurations": render_configurations(block),
        "tables": {
            "difference": [_render_differences(differences)],
            "settings": [_render_settings(differ, names)],
            **{key: [] for key in ("overfitting", "members", "upstream", "unfinished")},
        },
        "table_links": links,
        "figures": figures | {"overfitting": []},
        "drawings": list_drawings(figures),
    }


def _list_limits(reports: Sequence[ReportData], names: Sequence[str]) -> list[str]:
    """List what the numbers cannot show; what is not so of all sweeps begins with those of which it is."""
    owners: dict[str, list[str]] = {}
    for name, report in zip(names, reports, strict=True):
        for text in list_limits(report):
            owners.setdefault(text, []).append(name)
    return [text if len(own) == len(names) else f"{', '.join(own)}: {text}" for text, own in owners.items()]


def _tell_members(front: FrontData) -> Iterator[AnswerCard]:
    """Tell how many members of the joint front each sweep has, if any panel has more than one sweep."""
    if all(len(panel.held) < 2 for panel in front.panels):
        text = "Their problems or attacks differ, so each panel shows one sweep alone."
        yield _card("Nothing compared", "", text)
        return
    members = front.members
    counts = {
        name: sum(int(panel.points.loc[panel.held.get(name, []), "on_front"].sum()) for panel in front.panels)
        for name in front.sweeps
    }
    first = max(counts, key=lambda name: counts[name])
    each = "; ".join(f"{name} {n}" for name, n in counts.items())
    where = f" over {format_count(len(front.panels), 'panel')}" if len(front.panels) > 1 else ""
    shared = int((members["also"] != "").sum())
    twice = f", {shared} of them of several sweeps" if shared else ""
    text = f"are of {first}{where}, by the means over seeds. Of each: {each}{twice}."
    yield _card(f"{counts[first]} of {len(members)}", "members of the joint front", text)


def _tell_difference(found: FrontDifference) -> AnswerCard:
    """Tell how often a seed of one sweep attains what a seed of the other does, and back."""
    (one, other), (more, less) = (found.one, found.other), (found.forward, found.backward)
    if less.member > more.member:
        (one, other), (more, less) = (other, one), (less, more)
    where, often = f"{found.title}: " * bool(found.title), f"{POINTS * more.member:.0f} %"
    what = f"a seed of {one} attains a member of the front of a seed of {other}"
    back = f"the other way round {POINTS * less.member:.0f} %. Seeds: {found.seeds[0]} and {found.seeds[1]}."
    detail = f"p = {found.p:.2g}, permutation test"
    if found.is_told:
        return _card(often, detail, f"{where}so often {what}; {back}")
    return _card(
        "undecided",
        detail,
        f"{where}which is better, as p is not below {ALPHA:g}. {what[0].upper()}{what[1:]} "
        f"{often} of the time; {back}{_say_too_few(found)}",
        is_rest=True,
    )


def _say_too_few(found: FrontDifference) -> str:
    """Say that no difference between so few seeds could be told; empty if one could."""
    return f" So few seeds reach p = {found.least_p:.2g} at best." if found.least_p >= ALPHA else ""


def _card(number: str, detail: str, text: str, is_rest: bool = False) -> AnswerCard:
    return AnswerCard(number, detail, text, is_rest, math.nan, math.nan, math.nan, 1.0)


def _render_differences(differences: Differences) -> Markup:
    """Render a row for each pair of sweeps and direction."""
    rows = []
    for panel, found in differences:
        for one, other, share in ((found.one, found.other, found.forward), (found.other, found.one, found.backward)):
            name = f"{panel.title}: " * bool(panel.title) + f"{one} attains {other}"
            seeds = " and ".join(map(str, found.seeds if one == found.one else found.seeds[::-1]))
            member = f"{POINTS * share.member:.0f} %"
            rows.append((name, seeds, member, f"{share.whole} of {share.pairs}", f"{found.p:.2g}"))
    caption = (
        "How often a seed of one sweep attains what a seed of the other does: a member of its front, and all of them. "
        f"{PERMUTATION_TEST}."
    )
    return html.render_table(("sweeps", "seeds", "a member", "all (pairs)", "p"), rows, caption)


def _render_settings(differ: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Markup:
    """Render what differs between the sweeps besides their axes."""
    rows = [(str(one["name"]), *(str(value) for value in one["values"])) for one in differ]
    texts = tuple(range(1 + len(names)))
    return html.render_table(
        ("setting", *names), rows, "What all trainings of a sweep share, where sweeps differ.", texts
    )


def _say_left_out(shown: int, total: int) -> str:
    return f" Shown are {shown} of {total} pairs." if shown < total else ""
