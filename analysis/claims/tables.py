"""Verdicts on claims as rows of text, for a terminal, a page and Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from analysis.claims.claim import Check
from analysis.claims.expectation import ERROR, FAILS, HOLDS, MOST_SEEDS, UNSURE, Verdict
from analysis.claims.judging import ABSENT, PARTLY, UNDECIDED, CheckResult, Judgement, Unjudged
from analysis.claims.metric import Metric
from analysis.claims.statistics import describe_choice
from analysis.results.sweep import Sweep

HEADER = ("here [interval]", "n", "expected", "paper", "verdict")
WORDS = {"slope": "first to last", "mean": "mean", "argmax": "where largest", "max": "largest", "min": "least"}
SMALL = "a small setting tests"
SECOND = "--set 'evaluate.final.margin20={name: pgd, steps: 20, ascend: margin}'"
METHOD = (
    "A claim holds if the 95 % t-interval over seeds of every check lies among the expected values. It fails if that "
    "of one lies outside, at 95 % for one check and at 1 − 5 %/c for c checks; so a wrong verdict on a claim has a "
    "probability of at most 5 %. The interval beside a check is the one that decides: at 95 % if the check holds, else "
    "at 1 − 5 %/c. The verdicts on several claims are not corrected for their number. The n beside "
    "'cannot say' would decide: a projection from the mean and the scatter at hand. Accuracies are in percent, their "
    "differences in points; a row that begins with an attack is the same under that attack. A network that names one "
    "class for every image is left out, and so is an epoch selected within a method's own burn-in. In a metric `best` "
    "is the epoch that validation selected, and `peak` the highest on test. A small setting has less data, a smaller "
    "network or fewer epochs than the paper's. Where training does not overfit there, `fails` does not refute a claim "
    "that needs overfitting."
)


class CheckRows(NamedTuple):
    """A check as text: what is measured, and a row of the columns of HEADER; `second` is that of the second attack."""

    words: str
    row: tuple[str, ...]
    lack: str = ""  # of the run, if there is no verdict
    attack: str = ""
    second: tuple[str, ...] = ()


class ClaimRows(NamedTuple):
    """A claim as text."""

    head: str
    place: str  # where in the paper, and from which run and setting
    verdict: str
    checks: list[CheckRows]


def lay_out(judgement: Judgement) -> ClaimRows:
    """Lay out the verdict on a claim."""
    claim = judgement.claim
    small = f"{SMALL} {claim.small}" if claim.small else ""
    level = _describe_level(sum(result.verdict is not None for result in judgement.results))
    place = " · ".join(filter(None, (claim.place, judgement.run, judgement.setting, small, level)))
    verdict = judgement.word
    if judgement.second:
        verdict += f"; second attack {judgement.second}"
    return ClaimRows(f"{claim.id} {claim.statement}", place, verdict, list(map(_lay_out_check, judgement.results)))


def _describe_level(checks: int) -> str:
    """Write at which level the intervals of a claim's checks are; empty for one check, which has the usual 95 %."""
    return f"intervals at {100 * (1 - ERROR / checks):.4g} %, at 95 % if a check holds" if checks > 1 else ""


def _lay_out_check(result: CheckResult) -> CheckRows:
    """Lay out the verdict on a check, and that under the second attack."""
    check, words = result.check, describe_check(result.check, result.metric, result.where)
    paper = "" if check.paper is None else str(check.paper)
    if result.verdict is None:
        return CheckRows(words, ("–", "", check.expect, paper, "no data"), f"lacks {result.lack}")
    row = (_write_interval(result.verdict, check, result.metric), str(result.verdict.n), check.expect, paper)
    first = CheckRows(words, (*row, write_verdict(result.verdict)))
    if result.second is None or result.second.verdict is None:
        return first
    second, stance = result.second.verdict, result.second.stance
    verdict = write_verdict(second) + f", {stance}" * (stance != UNDECIDED)
    numbers = (_write_interval(second, check, result.metric), str(second.n), "", "", verdict)
    return first._replace(attack=result.second.attack, second=numbers)


def describe_check(check: Check, metric: Metric, where: str = "") -> str:
    """Write what a check measures: "best pgd20: method GAIRAT − method AT"."""
    lists = not where  # else `where` says which of several values it is
    sides = [describe_choice(choice, lists) for choice in (check.of, check.against) if choice]
    if sides and sides[0] == "any" and where:
        sides[0], where = where, ""
    joint = {"ratio": " / ", "agreement": " with "}.get(check.statistic, " − ")
    words = f"{metric.text}: {joint.join(sides)}" if sides else metric.text
    if check.less:
        less = [describe_choice(choice) for choice in (check.less.of, check.less.against) if choice]
        named = f"{check.less.metric}: " if check.less.metric else ""
        words += f", less {named}{joint.join(less)}"
    if check.along:
        words += f"; {WORDS[check.along.take]} along {check.along.axis.rpartition('.')[2].replace('_', ' ')}"
    return f"{words} ({where})" if where else words


def write_verdict(verdict: Verdict) -> str:
    """Write a verdict; where the seeds cannot say, with the number that would."""
    if verdict.word != UNSURE:
        return verdict.word
    if verdict.n < 2:
        return f"{UNSURE}; n ≥ 2"
    return f"{UNSURE}; n ≈ {verdict.needed}" if verdict.needed else f"{UNSURE}; n > {MOST_SEEDS:,}"


def _write_interval(verdict: Verdict, check: Check, metric: Metric) -> str:
    """Write a mean and its interval: points and epochs to a tenth, other numbers to three decimals."""
    take = check.along.take if check.along else ""
    subtracts = any(summand.sign < 0 for summand in metric.summands)
    is_change = check.statistic == "difference" or check.less is not None or subtracts or take == "slope"
    digits = 1 if metric.unit and check.statistic != "ratio" and take != "argmax" else 3

    def write(value: float) -> str:
        return f"{value:{'+' if is_change else ''}.{digits}f}".replace("-", "−")

    if math.isnan(verdict.mean):
        return "–"
    ends = "" if math.isnan(verdict.lo) else f" [{write(verdict.lo)}, {write(verdict.hi)}]"
    return write(verdict.mean) + ends


def count_verdicts(judged: Sequence[Judgement], unjudged: Sequence[Unjudged]) -> str:
    """Write how many claims were judged, and how many verdicts there are of each kind."""
    words = [judgement.word for judgement in judged]
    claims = len({judgement.claim.id for judgement in judged})
    counts = ", ".join(f"{words.count(word)} {word}" for word in (HOLDS, FAILS, UNSURE))
    verdicts = f"; verdicts by run and setting: {counts}" if words else ""
    return f"{claims} of {claims + len(unjudged)} claims have data here{verdicts}."


def render_markdown(judged: Sequence[Judgement], unjudged: Sequence[Unjudged], sweeps: Sequence[Sweep]) -> str:
    """Render all verdicts as Markdown: how many, a table with a row a check, and a list of the claims without data."""
    lines = [f"| claim | {' | '.join(HEADER)} |", "|---|--:|--:|---|--:|---|"]
    for judgement in judged:
        rows = lay_out(judgement)
        lines.append(f"| **{_cell(rows.head)}**<br>{_cell(rows.place)} | | | | | **{_cell(rows.verdict)}** |")
        for check in rows.checks:
            words = f"{check.words}: {check.lack}" if check.lack else check.words
            lines.append(f"| {_cell(words)} | {' | '.join(map(_cell, check.row))} |")
            if check.second:
                lines.append(f"| – under {_cell(check.attack)} | {' | '.join(map(_cell, check.second))} |")
    parts = ["\n".join(lines)] if judged else []
    missing = [f"- {_cell(line)}" for line in list_lacks(unjudged)]
    parts += ["Claims without data:\n\n" + "\n".join(missing)] if missing else []
    runs = [_cell(describe_run(sweep)) for sweep in sweeps]
    return "\n\n".join([count_verdicts(judged, unjudged), *parts, METHOD, *list_remedies(judged), *runs])


def describe_run(sweep: Sweep) -> str:
    """Write what the claims of a run were measured by: its attacks, and the images that these had."""
    attacks = "; ".join(f"{name}: {text}" for name, text in sweep.attacks.items())
    images = f"{sweep.test_examples:g} test images" if math.isfinite(sweep.test_examples) else ""
    return f"{sweep.study}: {'; '.join(filter(None, (images, attacks)))}."


def list_remedies(judged: Sequence[Judgement]) -> list[str]:
    """Say how to record a second attack, if some claim about PGD has none beside it."""
    lacking = [judgement for judgement in judged if judgement.second in (ABSENT, PARTLY)]
    return [f"Another run records a second attack with {SECOND}."] if lacking else []


def list_lacks(unjudged: Sequence[Unjudged]) -> list[str]:
    """List what the runs lack for claims, and the command that trains it: a line for all claims that lack the same."""
    found: dict[str, list[str]] = {}
    for one in unjudged:
        lack = f"not measurable yet: {one.lack}" if one.claim.unmeasured else f"lack {one.lack}"
        recipe = f": {one.claim.recipe}" if one.claim.recipe and not one.claim.unmeasured else ""
        found.setdefault(lack + recipe, []).append(one.claim.id)
    return [
        f"{', '.join(ids)} {words.replace('lack ', 'lacks ', 1) if len(ids) == 1 else words}"
        for words, ids in found.items()
    ]


class LackGroup(NamedTuple):
    """The claims that have no data for one kind of reason, as text."""

    head: str
    entries: list[str]  # each names what is missing, and the claims that miss it
    is_short: bool  # whether the entries are names that fit in one paragraph


def group_lacks(unjudged: Sequence[Unjudged]) -> list[LackGroup]:
    """Group the claims without data by reason: a run that lacks something, no run of their study, no measure yet."""
    unmeasured = [one for one in unjudged if one.claim.unmeasured]
    measured = [one for one in unjudged if not one.claim.unmeasured]
    lacking = [one for one in measured if one.has_run]
    absent = [one for one in measured if not one.has_run]
    groups = [
        LackGroup(f"Need more of a run that is here ({len(lacking)}):", _list_by_lack(lacking), False),
        LackGroup(f"Need a run of another study ({len(absent)}):", _list_by_study(absent), True),
        LackGroup(f"Not measurable yet ({len(unmeasured)}):", _list_by_lack(unmeasured), False),
    ]
    return [group for group in groups if group.entries]


def _list_by_lack(unjudged: Sequence[Unjudged]) -> list[str]:
    found: dict[str, list[str]] = {}
    for one in unjudged:
        found.setdefault(one.lack, []).append(one.claim.id)
    return [f"{lack}: {', '.join(ids)}" for lack, ids in found.items()]


def _list_by_study(unjudged: Sequence[Unjudged]) -> list[str]:
    found: dict[str, list[str]] = {}
    for one in unjudged:
        found.setdefault(" or ".join(one.claim.studies), []).append(one.claim.id)
    return [f"{studies} ({', '.join(ids)})" for studies, ids in found.items()]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ").replace("<", "&lt;")
