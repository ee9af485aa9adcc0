"""The question of a study and its answers in words, for the head of a page and of a summary."""

from __future__ import annotations

import math

import pandas as pd

from analysis.measures.answers import Points, answer_question, write_parts
from analysis.measures.families import Family
from analysis.measures.stats import CONFIDENCE, POINTS, format_count, format_seed_counts
from analysis.report.data import ReportData
from analysis.report.provenance import list_fixed_draws
from analysis.results.metrics import CHECKPOINTS, EPOCH_METRIC, describe_images, parse_attack
from analysis.results.trial_table import COMPLETED

MOST_PAIRS = 4  # of values of an axis, listed one by one


def list_answers(data: ReportData) -> list[tuple[str, str]]:
    """List the answers to the study's question, each as a lead with its number and a sentence; none without results."""
    if data.front is None:
        return []
    return [(write_parts(answer.lead), write_parts(answer.text)) for answer in answer_question(data.answering)]


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
    done, planned = int((results.study_trials["status"] == COMPLETED).sum()), len(results.study_trials)
    parts += [f"So far {done} of {planned} trials completed."] * (done < planned)
    return " ".join(filter(None, parts))


def describe_interval(family: Family) -> str:
    """Describe the intervals of a family: how many hold at once, and the error that they are made of."""
    if not family.claims:
        return ""
    many = f"All {len(family.rows)} intervals hold at once" if len(family.rows) > 1 else "The interval holds"
    return (
        f"{many} with {CONFIDENCE:.0%} confidence (Šidák): {family.quantile:.2f} standard errors to a side, pooled "
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
