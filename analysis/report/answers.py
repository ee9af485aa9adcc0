"""The question of a study and its answers in words, for the head of a page and of a summary."""

from __future__ import annotations

import math
from typing import NamedTuple

import pandas as pd

from analysis.measures.answers import Answer, Points, answer_question, write_parts
from analysis.measures.families import Family
from analysis.measures.stats import CONFIDENCE, POINTS, format_seed_counts
from analysis.report.data import ReportData
from analysis.report.provenance import list_fixed_draws
from analysis.results.metrics import CHECKPOINTS, EPOCH_METRIC, describe_images, parse_attack
from analysis.results.trial_table import COMPLETED, OPEN
from trainers.formatting import format_count

MOST_PAIRS = 4  # of values of an axis, listed one by one


def list_answers(data: ReportData) -> list[tuple[str, str]]:
    """List the answers to the study's question, each as a lead with its number and a sentence; none without results."""
    if data.front is None:
        return []
    return [(write_parts(answer.lead), write_parts(answer.text)) for answer in answer_question(data.answering)]


class AnswerCard(NamedTuple):
    """An answer as a page shows it: a large number, what stands beside it, a sentence, and an interval in points."""

    number: str
    detail: str
    text: str
    is_rest: bool
    mean: float
    lo: float  # NaN, as `hi`, without an interval
    hi: float
    half: float  # of the axis that all intervals share

    @property
    def has_interval(self) -> bool:
        """Return whether there is an interval to draw."""
        return math.isfinite(self.lo)


def lay_out_answers(data: ReportData) -> list[AnswerCard]:
    """Lay the answers out as cards; none without results."""
    if data.front is None:
        return []
    cards = [_lay_out(answer, data.answering) for answer in answer_question(data.answering)]
    ends = [abs(end) for card in cards for end in (card.lo, card.hi) if math.isfinite(end)]
    half = float(math.ceil(max(ends, default=1.0)))
    return [card._replace(half=half) for card in cards]


def _lay_out(answer: Answer, family: Family | None) -> AnswerCard:
    text, lead = write_parts(answer.text), answer.lead
    if answer.kind == "rest" or family is None:
        rows = family.rows[~family.rows["told"].astype(bool)] if family and family.claims else pd.DataFrame()
        half = POINTS * float(((rows["hi"] - rows["lo"]) / 2).max()) if len(rows) else math.nan
        detail = f"±{half:.1f} points" if len(rows) else ""
        return AnswerCard(write_parts(lead), detail, text, True, 0.0, -half, half, 0.0)
    number = next(part for part in lead if isinstance(part, Points))
    lo, hi = (number.lo, number.hi) if answer.kind != "all" else (family.rows["lo"].min(), family.rows["hi"].max())
    mean = number.text().partition(" [")[0]
    detail = write_parts(lead).removeprefix(mean).strip()
    return AnswerCard(mean, detail, text, False, POINTS * number.mean, POINTS * lo, POINTS * hi, 0.0)


def describe_terms(data: ReportData) -> str:
    """Describe the terms of all answers: attack, test images, checkpoint, intervals, and what was drawn once."""
    results, metric = data.results, data.robust or EPOCH_METRIC
    attack = results.attacks.get(parse_attack(metric) or "", "")
    whole = math.isfinite(results.test_examples) and not describe_images(metric, results.attacks)
    images = f", on {results.test_examples:.0f} test images" if whole else ""
    parts = [
        f"Robust accuracy{attack and f' under {attack}'}{images}; {CHECKPOINTS[results.checkpoint]}.",
        describe_interval(data.answering) if data.answering else "",
        "Differences are paired by seed." if data.families else "",
        f"Drawn once for all seeds: {list_fixed_draws(results)} per setting.",
    ]
    states = results.study_trials["status"]
    if states.isin(OPEN).any():
        parts.append(f"So far {int((states == COMPLETED).sum())} of {len(states)} trials completed.")
    return " ".join(filter(None, parts))


def describe_confidence(data: ReportData) -> str:
    """Say in brief with what confidence the intervals of the answers hold; the page has all their terms."""
    if not data.answering or not data.answering.claims:
        return ""
    return f"{_describe_level(data.answering)}{', paired by seed' * bool(data.families)}."


def _describe_level(family: Family) -> str:
    many = f"All {len(family.rows)} intervals hold at once" if len(family.rows) > 1 else "The interval holds"
    return f"{many} with {CONFIDENCE:.0%} confidence"


def describe_interval(family: Family) -> str:
    """Describe the intervals of a family: how many hold at once, and the error that they are made of."""
    if not family.claims:
        return ""
    return (
        f"{_describe_level(family)} (Šidák): {family.quantile:.2f} standard errors to a side, pooled "
        f"s.d. {POINTS * family.sd:.2f} points, {family.freedom} degrees of freedom."
    )


def describe_told(family: Family) -> str:
    """Describe how many differences of a family are told, and between which values, with the range of their means."""
    rows = family.rows
    head = f"robust accuracy, paired by seed ({format_seed_counts(rows['n'])}), is "
    pairs = [*rows.groupby(["minuend", "subtrahend"], sort=False)]
    if len(pairs) == 1 or len(pairs) > MOST_PAIRS:
        return f"{head}{_count_told(rows)}."
    return head + "; ".join(f"{_count_told(group)} of {a} − {b}" for (a, b), group in pairs) + "."


def _count_told(rows: pd.DataFrame) -> str:
    told = rows[rows["told"].astype(bool)]
    sides = ((told[told["mean"] > 0], "higher"), (told[told["mean"] < 0], "lower"))
    parts = [f"{side} in {len(found)} ({_range(found['mean'])} points)" for found, side in sides if len(found)]
    return f"{' and '.join(parts) or 'found different in none'} of {format_count(len(rows), 'comparison')}"


def _range(means: pd.Series) -> str:
    ends = dict.fromkeys(Points(float(value)).text() for value in (means.min(), means.max()))
    return " to ".join(ends)
