"""The answers of a search, whose configurations differ in everything: its knee, what matters, and its last gain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from analysis.measures.front import FrontPanel
from analysis.measures.importance import ENOUGH, FANOVA
from analysis.measures.stats import POINTS
from analysis.report.answers import AnswerCard, lay_out_answers, list_answers
from analysis.report.data import ReportData
from analysis.results.metrics import shorten_metric
from analysis.results.search_block import is_search
from trainers.formatting import format_count

HINT = (
    "So few configurations give a hint at most: if nothing mattered, the first of two knobs would still take about "
    "40 to 60 %, the first of six 20 to 35 %."
)
STILL = 0.9995  # share of its last hypervolume from which on a front stands still


def lay_out_cards(found: ReportData) -> list[AnswerCard]:
    """Lay out the answers: of a search that compares nothing, what its front, knobs and history say."""
    return lay_out_search(found) or lay_out_answers(found)


def lay_out_search(found: ReportData) -> list[AnswerCard]:
    """Lay out what a search says in answer to its question: a card for each part that its records tell of.

    None if the sweep is no search, or if two of its configurations differ in one axis alone and are compared.
    """
    if found.front is None or found.answering is not None or not is_search(found.results):
        return []
    return [*_tell_knee(found), *_tell_importance(found), *_tell_last_gain(found)]


def list_lines(found: ReportData) -> list[tuple[str, str]]:
    """List the answers of the page for a terminal, each as a lead with its number and a sentence."""
    cards = lay_out_search(found)
    return [(f"{card.number} {card.detail}", card.text) for card in cards] or list_answers(found)


def _tell_knee(found: ReportData) -> Iterator[AnswerCard]:
    """Tell which member of each front is its knee; of several problems only the first stands large."""
    front = found.front
    assert front is not None
    panel = front.panels[0]
    knees, members = panel.points[panel.points["knee"]], panel.points[panel.points["on_front"]]
    chosen = knees if len(knees) else members.sort_values("y", ascending=False)
    if chosen.empty:
        return
    row = chosen.iloc[0]
    names = [shorten_metric(metric, found.results.attacks) for metric in (front.x, front.y)]
    number = " / ".join(_percent(row[axis]) for axis in ("x", "y"))
    what = "The knee of the front" if len(knees) else "The most robust member of the front"
    where = f" of {panel.title}" if panel.title else ""
    chosen_by = _describe_selection(panel, row) if found.results.selects else ""
    text = f"{what}{where}, of test accuracies, is {row['choice']}. {_describe_span(panel, members)}{chosen_by}"
    yield _card(number, f"% {names[0]} / {names[1]}, n = {row['n']}", text)


def _describe_span(panel: FrontPanel, members: pd.DataFrame) -> str:
    """Say from where to where the members of a front run."""
    if len(members) < 2:
        return f"It is the only member, of {format_count(len(panel.points), 'configuration')}."
    clean, robust = (f"{_percent(members[axis].min())} to {_percent(members[axis].max())}" for axis in ("x", "y"))
    return f"The {len(members)} members run from {clean} clean and {robust} robust."


def _describe_selection(panel: FrontPanel, member: pd.Series) -> str:
    """Say whether validation selects a member of the front of test accuracies; if not, what it does select."""
    if member["selected"]:
        return " Validation selects it, too."
    selected = panel.points[panel.points["selected"]].sort_values("y", ascending=False)
    if selected.empty:
        return ""
    best = selected.iloc[0]
    return (
        f" Validation would not select it: of {format_count(len(selected), 'configuration')} that it selects, the most "
        f"robust has {_percent(best['x'])} / {_percent(best['y'])} ({best['choice']})."
    )


def _tell_importance(found: ReportData) -> Iterator[AnswerCard]:
    """Tell which knob explains most of the last objective, as a rule the robust one, and of the others."""
    info = found.importance
    if info is None:
        return
    table = info.table[(info.table["evaluator"] == FANOVA) & (info.table["setting"] == info.table["setting"].iloc[0])]
    ranked = {
        str(objective): rows.sort_values("mean", ascending=False).to_dict("records")
        for objective, rows in table.groupby("objective", sort=False)
    }
    if not ranked:
        return
    *others, last = ranked
    best, *rest = ranked[last]
    ends = f"[{POINTS * best['lo']:.0f}, {POINTS * best['hi']:.0f}] " if math.isfinite(best["lo"]) else ""
    count = int(best["configurations"])
    second = f"; next is {_share(info.names, rest[0])}" if rest else ""
    also = "".join(f"; for {info.titles[name]}, {_share(info.names, ranked[name][0])} is first" for name in others)
    explains = f"explains this share of the variance of {info.titles[last]}"
    text = (
        f"By {FANOVA} on {count} configurations, {info.names[best['axis']]} alone {explains}{second}{also}. "
        f"{_describe_error(best)}{f' {HINT}' * (count < ENOUGH)}"
    )
    yield _card(f"{POINTS * best['mean']:.0f} %", f"{ends}of variance{', a hint at most' * (count < ENOUGH)}", text)


def _describe_error(row: Mapping[str, Any]) -> str:
    """Say what the interval of a share is, and what it does not hold."""
    if not math.isfinite(row["lo"]):
        return "It has no interval, which takes two or more seeds, the same for every configuration."
    return (
        f"The interval is one standard error over {row['n']} seeds to each side; other configurations may move the "
        "share by more."
    )


def _share(names: Mapping[str, str], row: Mapping[str, Any]) -> str:
    return f"{names[row['axis']]} ({POINTS * row['mean']:.0f} %)"


def _tell_last_gain(found: ReportData) -> Iterator[AnswerCard]:
    """Tell for how many configurations the hypervolume has stood still."""
    history = found.history
    if history is None or history.hypervolume is None or not history.hypervolume[-1]:
        return
    volumes = history.hypervolume
    reached = next(place for place, volume in enumerate(volumes, 1) if volume >= STILL * volumes[-1])
    text = (
        f"The hypervolume has stood within {POINTS * (1 - STILL):.2g} % of its end since configuration {reached}, in "
        "the order drawn. It is of means over seeds, and neighbours on the front need not be told apart."
    )
    yield _card(f"{len(volumes) - reached} of {len(volumes)}", "since the last gain", text)


def _percent(value: float) -> str:
    return f"{POINTS * value:.1f}"


def _card(number: str, detail: str, text: str) -> AnswerCard:
    return AnswerCard(number, detail, text, False, math.nan, math.nan, math.nan, 1.0)
