"""The effect of each choice in words: paired differences, and how many of them are distinguishable from zero."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from analysis.measures.differences import to_estimate
from analysis.measures.stats import CONFIDENCE, Estimate, format_count, format_seed_counts, sign_test, t_quantile
from analysis.report.data import ReportData
from analysis.results.metrics import EPOCH_METRIC, parse_attack, shorten_attack

Comparison = tuple[str, pd.DataFrame, int, str]  # title, its rows, how many of them to list, a last remark
MOST = 4  # settings that are listed one by one
FEWEST_SIGNS = 5  # comparisons that a sign test needs: with four, p is never below 0.1


def describe_comparisons(data: ReportData) -> Iterator[tuple[str, str]]:
    """Describe the effects of subsets and of each other axis; those whose intervals all contain zero by name alone."""
    unclear = []
    for lead, rows, most, more in [*_subsets(data), *_axes(data)]:
        text = _effect(rows, data, most)
        if text and _is_distinguishable(rows, data):
            yield lead, text + more
        elif text:
            unclear.append(lead)
    if unclear:
        names = "; ".join(unclear)
        yield (
            "Not told apart from zero",
            f"by any {CONFIDENCE:.0%} t-interval or sign test; the tables have them: {names}.",
        )


def _subsets(data: ReportData) -> Iterator[Comparison]:
    """Yield the effect of subsets, per setting and pair of subsets."""
    table = data.subset_effects
    for (setting, minuend, subtrahend), rows in table.groupby(["setting", "minuend", "subtrahend"], sort=False):
        yield title_finding(f"{minuend} − {subtrahend}", str(setting)), rows, MOST, ""


def _axes(data: ReportData) -> Iterator[Comparison]:
    """Yield the effect of each other axis, over everything else."""
    axes = data.results.axes
    for path, table in data.axis_effects.items():
        everywhere = table.assign(family=table["setting"] + " " + table["family"])
        pairs = [*everywhere.groupby(["minuend", "subtrahend"], sort=False)]
        ends = axes.numeric(path) and len(pairs) > MOST
        names = [axes.describe({path: label}, [path]) for label in axes.order[path]]
        shown = [pair for pair in pairs if pair[0] == (names[-1], names[0])] if ends else pairs  # the ends of many
        for (minuend, subtrahend), rows in shown:
            named = "" if minuend.startswith(f"{axes.short[path]} ") else f"{axes.short[path]}: "
            yield f"{named}{minuend} − {subtrahend}", rows, 1, " Those between are in the table." * ends


def _is_distinguishable(rows: pd.DataFrame, data: ReportData) -> bool:
    """Return whether at some checkpoint an interval, or the signs of many, exclude zero; always True for one seed."""
    robust = data.robust or EPOCH_METRIC
    for checkpoint in ("last", "best"):
        known = rows[(rows["metric"] == f"{checkpoint}_{robust}") & (rows["n"] > 0)]
        found = [to_estimate(row) for row in known.to_dict("records")]
        above, below = _count_signs(found)
        if any(row.side() or row.n == 1 for row in found) or sign_test(above, below) < 1 - CONFIDENCE:
            return True
    return False


def _effect(rows: pd.DataFrame, data: ReportData, most: int) -> str:
    """Describe one comparison in all its settings: a verdict a checkpoint, then a few cases or the range of many."""
    robust = data.robust or EPOCH_METRIC
    by = {c: rows[(rows["metric"] == f"{c}_{robust}") & (rows["n"] > 0)] for c in ("last", "best")}
    if by["last"].empty:
        return ""
    attack = shorten_attack(parse_attack(robust) or "", data.results.attacks)
    n = format_seed_counts(by["last"]["n"])
    start = f"Robust accuracy ({attack}, {n}, paired) {_verdicts(by)} In points, at the"
    if len(by["last"]) > most:
        selected = f", at the validation-selected epoch {_range(by['best'])}" if len(by["best"]) else ""
        return f"{start} last epoch {_range(by['last'])}{selected}."
    best = by["best"].set_index("family").to_dict("index")
    cases = []
    for family, row in by["last"].set_index("family").to_dict("index").items():
        pair = [to_estimate(found).text(signed=True) for found in (row, best.get(family)) if found]
        cases.append(f"{family}: {', '.join(pair)}" if str(family).strip() else ", ".join(pair))
    return f"{start} last {'and at the validation-selected epoch' if best else 'epoch'}: {'; '.join(cases)}."


def _verdicts(by: Mapping[str, pd.DataFrame]) -> str:
    """Say how many comparisons exclude zero at each checkpoint; both checkpoints are of the same trainings."""
    few = int(by["last"]["n"].min())
    named = (("last", "at the last epoch"), ("best", "at the selected epoch"))
    text = ", ".join(f"{_verdict(by[name])} {words}" for name, words in named if len(by[name]))
    if few == 1:
        return f"is {text}. One seed has no interval: these are signs alone."
    text = f"by {CONFIDENCE:.0%} t-intervals is {text}."
    if few == 2:
        return f"{text} Two seeds are too few to tell: their interval is {t_quantile(2):.0f} standard errors to a side."
    return text


def _verdict(rows: pd.DataFrame) -> str:
    """Say how many comparisons lie above and below zero, and for five or more the sign test of their means."""
    found = [to_estimate(row) for row in rows.to_dict("records")]
    sides = [row.side() if row.n > 1 else (row.mean > 0) - (row.mean < 0) for row in found]
    text = f"higher in {sides.count(1)} and lower in {sides.count(-1)} of {format_count(len(found), 'comparison')}"
    above, below = _count_signs(found)
    if above + below < FEWEST_SIGNS:
        return text
    return f"{text} (means: {above} above zero, {below} below, sign test p = {sign_test(above, below):.2g})"


def _count_signs(found: Sequence[Estimate]) -> tuple[int, int]:
    """Count the means above and below zero."""
    return sum(row.mean > 0 for row in found), sum(row.mean < 0 for row in found)


def _range(table: pd.DataFrame) -> str:
    """Write the average of a difference over many settings, and its range."""
    values = (table["mean"].mean(), table["mean"].min(), table["mean"].max())
    average, low, high = (Estimate(value, math.nan, 1).text(signed=True) for value in values)
    return f"{average} on average over {len(table)} settings ({low} to {high})"


def describe_multiplicity(data: ReportData) -> str:
    """Say how many intervals were examined, and how many of them exclude zero by chance."""
    robust = data.robust or EPOCH_METRIC
    tables = [data.subset_effects, *data.axis_effects.values()]
    rows = pd.concat([table[table["metric"].isin([f"last_{robust}", f"best_{robust}"])] for table in tables])
    count = int((rows["n"] > 1).sum())
    return (
        f"{count} differences of robust accuracy were compared with zero one by one, without a correction for their "
        f"number: about {(1 - CONFIDENCE) * count:.0f} of them would exclude it by chance alone. Those of the same "
        "trainings at two checkpoints, or with a common control, are no independent evidence."
        if count
        else ""
    )


def title_finding(topic: str, setting: str) -> str:
    """Title a finding by its topic, and by its problem if there are several."""
    return f"{topic}, {setting}" if setting else topic
