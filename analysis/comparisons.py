"""What each choice changes, in words: paired differences, how many are told apart from zero, and which are not."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import pandas as pd

from analysis.differences import to_estimate
from analysis.metrics import EPOCH_METRIC, parse_attack, shorten_attack
from analysis.report_data import ReportData
from analysis.stats import CONFIDENCE, Estimate, format_count, format_seed_counts, sign_test, t_quantile

Comparison = tuple[str, pd.DataFrame, int, str]  # what is compared, its rows, how many of them to list, a last remark
MOST = 4  # settings that are listed one by one
FEWEST_SIGNS = 5  # comparisons from which on a sign test can say something: of four none has p below 0.1


def describe_comparisons(digest: ReportData) -> Iterator[tuple[str, str]]:
    """What choosing examples and each other axis changes; where no interval excludes zero, by name alone."""
    unclear = []
    for lead, rows, most, more in [*_subsets(digest), *_axes(digest)]:
        text = _effect(rows, digest, most)
        if text and _told_apart(rows, digest):
            yield lead, text + more
        elif text:
            unclear.append(lead)
    if unclear:
        names = "; ".join(unclear)
        yield (
            "Not told apart from zero",
            f"by any {CONFIDENCE:.0%} t-interval or sign test; the tables have them: {names}.",
        )


def _subsets(digest: ReportData) -> Iterator[Comparison]:
    """What choosing examples changes, per setting and pair of subsets."""
    table = digest.subset_effects
    for (setting, minuend, subtrahend), rows in table.groupby(["setting", "minuend", "subtrahend"], sort=False):
        yield title_finding(f"{minuend} − {subtrahend}", str(setting)), rows, MOST, ""


def _axes(digest: ReportData) -> Iterator[Comparison]:
    """What each other axis changes, over everything else."""
    axes = digest.results.axes
    for path, table in digest.axis_effects.items():
        everywhere = table.assign(family=table["setting"] + " " + table["family"])
        pairs = [*everywhere.groupby(["minuend", "subtrahend"], sort=False)]
        ends = axes.numeric(path) and len(pairs) > MOST
        names = [axes.describe({path: label}, [path]) for label in axes.order[path]]
        shown = [it for it in pairs if it[0] == (names[-1], names[0])] if ends else pairs  # of many from end to end
        for (minuend, subtrahend), rows in shown:
            named = "" if minuend.startswith(f"{axes.short[path]} ") else f"{axes.short[path]}: "
            yield f"{named}{minuend} − {subtrahend}", rows, 1, " Those between are in the table." * ends


def _told_apart(rows: pd.DataFrame, digest: ReportData) -> bool:
    """Whether at some checkpoint an interval excludes zero, or the signs of many do; single seeds have neither."""
    robust = digest.robust or EPOCH_METRIC
    for checkpoint in ("last", "best"):
        known = rows[(rows["metric"] == f"{checkpoint}_{robust}") & (rows["n"] > 0)]
        found = [to_estimate(row) for row in known.to_dict("records")]
        above, below = (sum(sign * it.mean > 0 for it in found) for sign in (1, -1))
        if any(it.side() or it.n == 1 for it in found) or sign_test(above, below) < 1 - CONFIDENCE:
            return True
    return False


def _effect(rows: pd.DataFrame, digest: ReportData, most: int) -> str:
    """One comparison wherever it was made: a verdict a checkpoint, then each of a few cases or the range of many."""
    robust = digest.robust or EPOCH_METRIC
    by = {c: rows[(rows["metric"] == f"{c}_{robust}") & (rows["n"] > 0)] for c in ("last", "best")}
    if by["last"].empty:
        return ""
    attack = shorten_attack(parse_attack(robust) or "", digest.results.attacks)
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
    """At each checkpoint how many comparisons are told apart from zero; both checkpoints are of the same trainings."""
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
    """How many comparisons lie above and below zero, and of five or more what a sign test says of their means."""
    found = [to_estimate(row) for row in rows.to_dict("records")]
    sides = [it.side() if it.n > 1 else (it.mean > 0) - (it.mean < 0) for it in found]
    text = f"higher in {sides.count(1)} and lower in {sides.count(-1)} of {format_count(len(found), 'comparison')}"
    above, below = (sum(sign * it.mean > 0 for it in found) for sign in (1, -1))
    if above + below < FEWEST_SIGNS:
        return text
    return f"{text} (means: {above} above zero, {below} below, sign test p = {sign_test(above, below):.2g})"


def _range(table: pd.DataFrame) -> str:
    """The average of a difference over many settings, and its range."""
    values = (table["mean"].mean(), table["mean"].min(), table["mean"].max())
    average, low, high = (Estimate(value, math.nan, 1).text(signed=True) for value in values)
    return f"{average} on average over {len(table)} settings ({low} to {high})"


def describe_multiplicity(digest: ReportData) -> str:
    """How many intervals were looked at, and how many of them exclude zero by chance."""
    robust = digest.robust or EPOCH_METRIC
    tables = [digest.subset_effects, *digest.axis_effects.values()]
    rows = pd.concat([table[table["metric"].isin([f"last_{robust}", f"best_{robust}"])] for table in tables])
    count = int((rows["n"] > 1).sum())
    return (
        f"{count} differences of robust accuracy were compared with zero one by one, without a correction for their "
        f"number: about {(1 - CONFIDENCE) * count:.0f} of them would exclude it by chance alone. Those of the same "
        "trainings at two checkpoints, or with a common control, are no independent evidence."
        if count
        else ""
    )


def title_finding(what: str, setting: str) -> str:
    """What a finding is about, and in which problem where there are several."""
    return f"{what}, {setting}" if setting else what
