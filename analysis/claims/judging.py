"""The verdicts on claims from the runs that have their data, and what the runs lack for the other claims."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from analysis.claims.claim import Check, Claim, Pair
from analysis.claims.expectation import FAILS, HOLDS, UNSURE, Verdict, judge
from analysis.claims.metric import Metric, NotRecorded
from analysis.claims.second_attack import find_second, is_about_pgd, swap_attack
from analysis.claims.statistics import Measured, measure_check, narrow_choice
from analysis.claims.trainings import Trainings
from analysis.results.metrics import shorten_attack
from analysis.results.sweep import Sweep, name_sweeps

AGREES, DISAGREES, UNDECIDED, ABSENT = "agrees", "disagrees", "leaves it undecided", "not recorded"
PARTLY = "not recorded for all checks"


class SecondVerdict(NamedTuple):
    """What a second attack says of a check that PGD was the measure of."""

    attack: str  # in words; empty if none was recorded
    verdict: Verdict | None
    stance: str  # AGREES, DISAGREES, UNDECIDED or ABSENT


class CheckResult(NamedTuple):
    """The verdict on one check of a claim."""

    check: Check
    metric: Metric
    where: str  # the values of other axes, if each has a verdict of its own
    verdict: Verdict | None  # None if the run lacks what it needs
    second: SecondVerdict | None  # None if the check is not about PGD
    lack: str  # what the run lacks


class Judgement(NamedTuple):
    """The verdict on a claim from one run in one setting."""

    claim: Claim
    run: str
    setting: str
    word: str  # HOLDS, FAILS or UNSURE
    results: tuple[CheckResult, ...]

    @property
    def second(self) -> str:
        """Return what a second attack says of the whole claim; empty if no check is about PGD."""
        stances = {result.second.stance for result in self.results if result.second}
        if not stances or stances == {ABSENT}:
            return ABSENT if stances else ""
        if DISAGREES in stances:
            return DISAGREES
        seconds = [(result.second and result.second.verdict) or result.verdict for result in self.results]
        return PARTLY if ABSENT in stances else _compare(self.word, _combine(seconds))


class Unjudged(NamedTuple):
    """A claim that no run has the data for."""

    claim: Claim
    lack: str
    has_run: bool  # whether there is a run of its study


def judge_claims(claims: Sequence[Claim], sweeps: Sequence[Sweep]) -> tuple[list[Judgement], list[Unjudged]]:
    """Judge each claim by the runs of its study; one that names no study by all runs that have its data.

    A run is of the study that its space is named after, or else itself. A name that begins with that of a study counts,
    as `gairat_clean` of gairat; of several studies the longest does.
    """
    known = {study for claim in claims for study in _names(claim)}
    opened = [
        (_find_study(sweep, known), name, Trainings(sweep))
        for sweep, name in zip(sweeps, name_sweeps(sweeps), strict=True)
    ]
    judged: list[Judgement] = []
    unjudged: list[Unjudged] = []
    for claim in claims:
        names = _names(claim)
        runs = [(name, trainings) for study, name, trainings in opened if not names or study in names]
        found, lacks = _judge_claim(claim, runs)
        judged += found
        if not found:
            lack = claim.unmeasured or next(iter(lacks), _explain_study(claim))
            unjudged.append(Unjudged(claim, lack, bool(runs)))
    return judged, unjudged


def list_other_runs(claims: Sequence[Claim], sweeps: Sequence[Sweep]) -> list[str]:
    """List the runs that are of no study of the claims; none if some claim that can be judged is about any run."""
    known = {study for claim in claims for study in _names(claim)}
    if any(not _names(claim) and not claim.unmeasured for claim in claims):
        return []
    return [sweep.study for sweep in sweeps if not _find_study(sweep, known)]


def _names(claim: Claim) -> list[str]:
    return [study.rpartition("/")[2] for study in claim.studies]


def _find_study(sweep: Sweep, known: Collection[str]) -> str:
    """Return the longest of the known studies that the name of a run's space, else of the run, is or begins with."""
    for name in (sweep.space, sweep.study):
        if studies := [study for study in known if name == study or name.startswith(f"{study}_")]:
            return max(studies, key=len)
    return ""


def _explain_study(claim: Claim) -> str:
    return f"a run of {' or '.join(claim.studies)}" if claim.studies else "a run"


def _judge_claim(claim: Claim, runs: Sequence[tuple[str, Trainings]]) -> tuple[list[Judgement], list[str]]:
    """Return the judgements of a claim, one a run and setting, and what the runs lack that cannot judge it."""
    judged, lacks = [], []
    for name, trainings in runs:
        found = list(_judge_run(claim, name, trainings))
        measured = [judgement for judgement in found if any(result.verdict for result in judgement.results)]
        judged += measured
        if not measured:
            lacks += [result.lack for judgement in found for result in judgement.results]
    return judged, lacks


def _judge_run(claim: Claim, run: str, trainings: Trainings) -> Iterator[Judgement]:
    """Yield the judgement of a claim in each setting of a run."""
    measured = [_measure(trainings, check) for whole in claim.checks for check in whole.expand()]
    settings = dict.fromkeys(group.setting for part in measured for group in part.groups)
    if len(settings) > 1:
        settings.pop("", None)  # checks that pool all settings stand beside each
    for setting in settings or [""]:
        chosen = [(part, [g for g in part.groups if g.setting in (setting, "")]) for part in measured]
        count = sum(len(groups) for _, groups in chosen)
        results = [
            result for part, groups in chosen for result in _judge_groups(trainings, part, groups, setting, count)
        ]
        yield Judgement(claim, run, setting, _combine(result.verdict for result in results), tuple(results))


class _Part(NamedTuple):
    """A check with what was measured of it."""

    check: Check
    metric: Metric
    groups: list[Measured]
    lack: str


def _measure(trainings: Trainings, check: Check) -> _Part:
    """Measure a check by the first of its metrics that the run recorded."""
    lacks = []
    for metric in check.metrics:
        try:
            return _Part(_narrow(trainings, check), metric, measure_check(trainings, check, metric), "")
        except NotRecorded as error:
            lacks.append(str(error))
    return _Part(check, check.metrics[0], [], lacks[0])


def _narrow(trainings: Trainings, check: Check) -> Check:
    """Keep the values of a measured check that some training of the run has."""

    def narrow(pair: Check | Pair) -> dict[str, Any]:
        sides = {"of": pair.of, "against": pair.against}
        return {
            side: narrow_choice(trainings.sweep, trainings.table, choice) for side, choice in sides.items() if choice
        }

    less = check.less.model_copy(update=narrow(check.less)) if check.less else None
    return check.model_copy(update={**narrow(check), "less": less})


def _judge_groups(
    trainings: Trainings, part: _Part, groups: list[Measured], setting: str, count: int
) -> Iterator[CheckResult]:
    """Yield the verdict of a check for each of its groups in a setting."""
    if not groups:
        yield CheckResult(part.check, part.metric, "", None, None, part.lack or f"trainings in {setting}")
    for group in groups:
        verdict = judge(group.values, part.check.expectation, group.step, count)
        second = _judge_second(trainings, part, group, verdict, count)
        yield CheckResult(part.check, part.metric, group.where, verdict, second, "")


def _judge_second(
    trainings: Trainings, part: _Part, group: Measured, verdict: Verdict, count: int
) -> SecondVerdict | None:
    """Judge a check about PGD under the second attack; None if it is not about PGD."""
    sweep = trainings.sweep
    if not is_about_pgd(part.metric, sweep):
        return None
    attack = find_second(part.metric, sweep)
    metric = swap_attack(part.metric, attack) if attack else None
    if attack is None or metric is None:
        return SecondVerdict("", None, ABSENT)
    try:
        others = measure_check(trainings, part.check, metric)
    except NotRecorded:
        return SecondVerdict("", None, ABSENT)
    same = next((other for other in others if other[:2] == group[:2]), None)
    if same is None:
        return SecondVerdict("", None, ABSENT)
    found = judge(same.values, part.check.expectation, same.step, count)
    name = shorten_attack(attack, sweep.attacks).replace("AutoAttack", "AA")
    return SecondVerdict(name, found, _compare(verdict.word, found.word))


def _compare(first: str, second: str) -> str:
    if UNSURE in (first, second):
        return UNDECIDED
    return AGREES if first == second else DISAGREES


def _combine(verdicts: Iterable[Verdict | None]) -> str:
    """Return the verdict on a claim: it fails with any check, and holds only if every check does."""
    words = {verdict.word if verdict else UNSURE for verdict in verdicts}
    return FAILS if FAILS in words else UNSURE if UNSURE in words else HOLDS
