"""The claims of the papers: all sixty are there, and each names a study, trainings and attacks that exist."""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path

import pytest

from analysis.claims.claim import Check, Claim
from analysis.claims.metric import NotRecorded
from analysis.claims.reading import read_paper_claims
from analysis.claims.second_attack import find_attacks
from analysis.claims.statistics import measure_check, select_trainings
from analysis.claims.trainings import Trainings
from analysis.results.choice import SIZES
from analysis.results.sweep import load_sweep

from ..planned import SPACES, plan_study, write_planned

CLAIMS = read_paper_claims()
BY_ID = {claim.id: claim for claim in CLAIMS}
JUDGED = [claim for claim in CLAIMS if claim.checks]
SUMMARIES = ("accuracy", "cost")  # terms that the made-up records of a plan have


def overrides(claim: Claim) -> tuple[str, ...]:
    """Return the values of --set."""
    words = shlex.split(claim.sets)
    return tuple(value for flag, value in zip(words[::2], words[1::2], strict=True) if flag == "--set")


@cache
def trainings_of(study: str, changes: tuple[str, ...], folder: Path) -> Trainings:
    name = f"{len(list(folder.iterdir()))}"
    return Trainings(load_sweep(write_planned(folder / name, study, changes)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("planned")


def test_all_sixty_claims_are_there_and_records_judge_45_and_more() -> None:
    numbers = {re.sub(r"[a-z]$", "", claim.id) for claim in CLAIMS}
    assert numbers == {f"{paper}{number:02}" for paper in "HGP" for number in range(1, 21)}
    assert len({claim.id[:3] for claim in JUDGED}) >= 45
    assert all(claim.place and claim.statement and claim.study and claim.small for claim in CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_claim_names_studies_that_exist(claim: Claim) -> None:
    for study in claim.studies:
        assert (SPACES / f"{study}.yaml").is_file()


@pytest.mark.long
@pytest.mark.parametrize("name", [claim.id for claim in JUDGED])
def test_a_claim_names_attacks_that_its_study_has(name: str) -> None:
    """Of several metrics one is of the study itself, and the others of its variant in the paper's setting."""
    claim = BY_ID[name]
    study = claim.studies[0]
    variants = [study, f"cifar10/{study}"] if (SPACES / "cifar10" / f"{study}.yaml").is_file() else [study]
    known = [
        {"clean", *re.findall(r'"(\w+)": "[^"]+, (?:linf|l2), epsilon', plan_study(variant, overrides(claim)))}
        for variant in variants
        if variant == study or not claim.sets
    ]
    for check in claim.checks:
        asked = [set(find_attacks(metric)) - {"clean"} for metric in check.metrics]
        assert any(attacks <= known[0] for attacks in asked)
        assert all(attacks <= set().union(*known) for attacks in asked), asked


@pytest.mark.long
@pytest.mark.parametrize("name", [claim.id for claim in JUDGED])
def test_a_claim_names_trainings_that_its_studies_have(name: str, folder: Path) -> None:
    claim = BY_ID[name]
    for whole in claim.checks:
        for check in whole.expand():
            study = next((study for study in claim.studies if has_trainings(check, study, claim, folder)), None)
            assert study, check
            measure(check, trainings_of(study, overrides(claim), folder))


def has_trainings(check: Check, study: str, claim: Claim, folder: Path) -> bool:
    trainings = trainings_of(study, overrides(claim), folder)
    choices = [check.of, check.against, *((check.less.of, check.less.against) if check.less else ())]
    try:
        for choice in choices:
            if choice is not None:
                select_trainings(trainings.sweep, trainings.table, choice)
    except NotRecorded:
        return False
    return check.along is None or check.along.axis in (SIZES, *trainings.sweep.axes.paths)


def measure(check: Check, trainings: Trainings) -> None:
    """Fail unless a check of summaries pairs trainings; made-up records have no whole curves and no arrays."""
    for metric in check.metrics:
        if all(term.kind in SUMMARIES and "peak" not in term.words for term in metric.terms):
            try:
                assert measure_check(trainings, check, metric)
                return
            except NotRecorded as error:
                if metric == check.metrics[-1]:
                    raise AssertionError(check) from error


@pytest.mark.parametrize("claim", [claim for claim in CLAIMS if claim.sets], ids=lambda claim: claim.id)
def test_what_a_claim_sets_can_be_set(claim: Claim) -> None:
    assert plan_study(claim.studies[0], overrides(claim))


@pytest.mark.long
def test_an_axis_below_one_that_is_named_is_held_equal(folder: Path) -> None:
    """`method: PGD` names the axis method, and not method.attack.epsilon, which is an axis of its own."""
    check = BY_ID["P06"].checks[0]
    found = measure_check(trainings_of("epsilon_by_k", (), folder), check, check.metrics[1])
    assert [group.where for group in found] == [f"epsilon {epsilon}" for epsilon in ("0.05", "0.1", "0.15", "0.2")]
