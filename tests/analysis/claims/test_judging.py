"""Verdicts on claims from runs: which runs judge a claim, the second attack, and what is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from analysis.claims.__main__ import main
from analysis.claims.claim import Claim
from analysis.claims.judging import judge_claims, list_other_runs
from analysis.claims.metric import parse_metric
from analysis.claims.second_attack import find_second, is_about_pgd, swap_attack
from analysis.claims.tables import lay_out, render_markdown
from analysis.results.sweep import Sweep, load_sweep

from ..planned import write_planned
from ..synthetic import Made, write_sweep

MADE = Made(study="made", noise=(0.1,), subsets=("all",), replicates=5, faults=False, profile=False)
PAIR = {"statistic": "difference", "of": {"method": "TRADES 0.10"}, "against": {"method": "AT 0.10"}}


def claim(metric: str = "last pgd20", expect: str = "> 0", study: str = "", **more: object) -> Claim:
    check = PAIR | {"metric": metric, "expect": expect} | more
    return Claim.model_validate({"id": "X1", "statement": "TRADES is better", "study": study, "checks": [check]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sweep(tmp_path_factory.mktemp("judged") / "made", MADE)


@pytest.fixture
def sweep(folder: Path) -> Sweep:
    return load_sweep(folder)


def test_a_claim_that_is_true_of_the_records_holds_and_its_contrary_fails(sweep: Sweep) -> None:
    for expect, word in (("> 0", "holds"), ("< 0", "fails"), ("in [2, 12]", "holds"), ("about 0 within 1", "fails")):
        ((found,), unjudged) = judge_claims([claim(expect=expect)], [sweep])
        assert found.word == word and not unjudged, expect


def test_a_check_names_the_values_that_the_run_has(sweep: Sweep) -> None:
    """A claim that lists the values of several data sets."""
    listed = claim(of={"method": ["TRADES 0.10", "TRADES 12/255"]})
    ((found,), _) = judge_claims([listed], [sweep])
    words = lay_out(found).checks[0].words
    assert "method TRADES 0.10 − method AT 0.10" in words and "12/255" not in words
    ((one,), _) = judge_claims([claim()], [sweep])
    assert found.results[0].verdict == one.results[0].verdict


def test_a_run_judges_the_claims_of_its_study_and_those_without_one(sweep: Sweep) -> None:
    claims = [claim(), claim(study="made"), claim(study="cifar10/made"), claim(study="mad"), claim(study="made_up")]
    claims = [one.model_copy(update={"id": f"X{n}"}) for n, one in enumerate(claims)]
    judged, unjudged = judge_claims(claims, [sweep])
    assert [found.claim.id for found in judged] == ["X0", "X1", "X2"]
    assert [(one.claim.id, one.lack) for one in unjudged] == [("X3", "a run of mad"), ("X4", "a run of made_up")]


def test_a_run_whose_name_begins_with_a_study_is_of_the_longest(tmp_path: Path) -> None:
    run = load_sweep(write_planned(tmp_path / "run", "gairat_lambda", name="gairat_lambda_clean"))
    check = {"statistic": "level", "metric": "last clean", "expect": "> 0"}
    studies = {"X1": "gairat", "X2": "gairat_lambda"}
    plain = {"statement": "It learns", "checks": [check]}
    claims = [Claim.model_validate(plain | {"id": name, "study": study}) for name, study in studies.items()]
    judged, _ = judge_claims(claims, [run])
    assert {found.claim.id for found in judged} == {"X2"}


def test_a_run_under_another_name_is_of_the_study_of_its_space(tmp_path: Path) -> None:
    run = load_sweep(write_planned(tmp_path / "run", "gairat_lambda", name="other"))
    checks = [{"statistic": "level", "metric": "last clean", "expect": "> 0"}]
    plain = {"id": "X", "statement": "It learns", "checks": checks}
    claims = [Claim.model_validate(plain | {"study": study}) for study in ("gairat_lambda", "other")]
    assert {found.claim.study for found in judge_claims(claims, [run])[0]} == {"gairat_lambda"}
    assert list_other_runs(claims[:1], [run]) == []
    assert {found.claim.study for found in judge_claims(claims[1:], [run])[0]} == {"other"}, "no claim is of its space"


def test_each_problem_has_a_verdict_of_its_own(tmp_path: Path) -> None:
    sweep = load_sweep(write_sweep(tmp_path / "run", Made(subsets=("all",), faults=False, profile=False)))
    judged, _ = judge_claims([claim()], [sweep])
    assert [found.setting for found in judged] == ["label_noise 0.0", "label_noise 0.1"]


def test_a_claim_holds_only_if_every_check_does_and_fails_with_any(sweep: Sweep) -> None:
    def judge_both(*expects: str) -> str:
        checks = [PAIR | {"metric": "last pgd20", "expect": expect} for expect in expects]
        ((found,), _) = judge_claims([Claim(id="X", statement="", checks=checks)], [sweep])
        return found.word

    assert judge_both("> 0", "> 1") == "holds"
    assert judge_both("> 0", "< 0") == "fails"
    assert judge_both("> 0", "> 5") == "cannot say"


def test_a_claim_of_several_checks_names_the_level_of_its_intervals(sweep: Sweep) -> None:
    check = PAIR | {"metric": "last pgd20", "expect": "> 0"}
    for count, level in ((1, ""), (2, "intervals at 97.5 %"), (4, "intervals at 98.75 %")):
        several = Claim.model_validate({"id": "X", "statement": "", "checks": [check] * count})
        ((found,), _) = judge_claims([several], [sweep])
        place = lay_out(found).place
        assert level in place if level else "interval" not in place


def test_a_claim_says_what_of_it_a_small_setting_tests(sweep: Sweep) -> None:
    checks = [PAIR | {"metric": "last pgd20", "expect": "> 0"}]
    small = {"id": "X", "statement": "", "checks": checks, "small": "it only where training overfits"}
    ((found,), _) = judge_claims([Claim.model_validate(small)], [sweep])
    assert lay_out(found).place.endswith("a small setting tests it only where training overfits")


def test_a_run_that_is_of_no_study_of_the_claims_is_named(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its space nor its name is that of a study; its owner is told what would make it one."""
    file = tmp_path / "mine.yaml"
    check = "checks: [{statistic: level, metric: last pgd, expect: '> 0'}]"
    file.write_text(f"claims:\n- {{id: M1, statement: Other, study: gairat, {check}}}\n")
    monkeypatch.setenv("COLUMNS", "500")
    assert main([str(folder), "--claims", str(file)]) == 0
    assert "as friendly_k_short is of friendly_k. Of none of them: made." in capsys.readouterr().out
    file.write_text(f"claims:\n- {{id: M1, statement: Other, study: made, {check}}}\n")
    assert main([str(folder), "--claims", str(file)]) == 0
    assert "Of none of them" not in capsys.readouterr().out


def test_a_check_without_data_leaves_a_claim_undecided_and_says_what_it_lacks(sweep: Sweep) -> None:
    checks = [PAIR | {"metric": metric, "expect": "> 0"} for metric in ("last pgd20", "last pgdplus")]
    ((found,), _) = judge_claims([Claim(id="X", statement="", checks=checks)], [sweep])
    assert found.word == "cannot say"
    assert "accuracy under pgdplus" in found.results[1].lack


def test_a_claim_about_pgd_has_the_verdict_of_autoattack_beside_it(folder: Path, tmp_path: Path, sweep: Sweep) -> None:
    ((found,), _) = judge_claims([claim()], [sweep])
    second = found.results[0].second
    assert second.attack == "AA custom" and second.verdict.word == "holds" and found.second == "agrees"
    masked = Path(shutil.copytree(folder, tmp_path / "masked"))
    for path in masked.glob("trials/*TRADES*/result.json"):  # robust to PGD alone
        result = json.loads(path.read_text())
        result["last"]["test_aa_acc"] -= 0.3
        path.write_text(json.dumps(result))
    ((found,), _) = judge_claims([claim()], [load_sweep(masked)])
    assert (found.word, found.results[0].second.verdict.word, found.second) == ("holds", "fails", "disagrees")
    assert "fails, disagrees" in render_markdown([found], [], [])
    ((unsure,), _) = judge_claims([claim(expect="> 5")], [sweep])
    assert unsure.second == "leaves it undecided", "open is a word for fronts alone"
    assert lay_out(unsure).verdict == "cannot say; second attack leaves it undecided"


def test_a_second_attack_that_was_not_recorded_is_told(tmp_path: Path) -> None:
    attacks = {"pgd": "PGD-10, linf, epsilon 0.1", "pgd20": "PGD-20, linf, epsilon 0.1"}
    made = Made(noise=(0.1,), subsets=("all",), faults=False, profile=False, attacks=attacks)
    ((found,), _) = judge_claims([claim()], [load_sweep(write_sweep(tmp_path / "run", made))])
    assert found.second == "not recorded" and found.results[0].second.verdict is None


@pytest.mark.parametrize(
    "metric, about", [("last pgd20", True), ("last clean", False), ("last aa", False), ("last pgd - last aa", False)]
)
def test_a_metric_is_about_pgd_if_it_has_no_second_attack(metric: str, about: bool, sweep: Sweep) -> None:
    assert is_about_pgd(parse_metric(metric), sweep) == about
    assert find_second(parse_metric("last pgd20"), sweep) == "aa"


def test_a_peak_becomes_the_selected_checkpoint_and_a_training_accuracy_has_no_second() -> None:
    assert swap_attack(parse_metric("peak pgd - last pgd"), "aa") == parse_metric("best test aa - last test aa")
    assert swap_attack(parse_metric("last clean / best pgd20"), "aa").text == "last test clean / best test aa"
    assert swap_attack(parse_metric("last train pgd - last pgd"), "aa") is None


def test_the_command_prints_verdicts_and_what_is_lacking(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        "claims:\n"
        "- {id: M1, statement: Better, checks: [{statistic: difference, metric: last pgd20, of: {method: TRADES 0.10},"
        " against: {method: AT 0.10}, expect: '> 0', paper: '+3.1'}]}\n"
        "- {id: M2, statement: Other, study: gairat, checks: [{statistic: level, metric: last pgd, expect: '> 0'}]}\n"
        "- {id: M3, statement: Never, unmeasured: nobody records it}\n"
    )
    monkeypatch.setenv("COLUMNS", "80")
    assert main([str(folder), "--claims", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "M1 Better: holds; second attack agrees" in printed and "+3.1" in printed
    assert "Need a run of another study (1):\n  gairat (M2)\n" in printed
    assert "Not measurable yet (1):\n  nobody records it: M3\n" in printed
    assert printed.startswith("1 of 3 claims have data here; verdicts by run and setting: 1 holds, 0 fails,")
    assert max(map(len, printed.splitlines())) <= 80
    assert main([str(folder), "--claims", str(file), "--all"]) == 0
    printed = capsys.readouterr().out
    assert "M2 lacks a run of gairat: python -m search.run spaces/gairat.yaml" in printed
    assert "M3 not measurable yet: nobody records it" in printed
    assert main([str(folder), "--claims", str(file), "--format", "markdown"]) == 0
    printed = capsys.readouterr().out
    assert "| **M1 Better**<br>" in printed and "| – under AA custom | " in printed


def test_claims_without_data_are_a_few_lines(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep of a person's own is of no study, so that it has data for none of the papers' claims."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0 of 62 claims have data here."
    assert len(lines) < 25 and max(map(len, lines)) <= 80
    assert "62 claims without data. `--all` adds the commands that train them." in lines
    assert "lacks a run" not in "\n".join(lines) and "Need a run of another study (62):" in lines
    monkeypatch.delenv("COLUMNS")
    assert main([str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "P18" in lines[-1] and "H01" in lines[-1], "a pipe has the whole list in a line"


def test_a_claim_whose_study_has_a_run_says_what_this_lacks(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = "checks: [{statistic: level, metric: last pgdplus, expect: '> 0'}]"
    claims = "".join(f"- {{id: {name}, statement: Strong, study: made, {check}}}\n" for name in ("M1", "M2"))
    file = tmp_path / "mine.yaml"
    file.write_text(f"claims:\n{claims}")
    assert main([str(folder), "--claims", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "Need more of a run that is here (2):\n  accuracy under pgdplus" in printed
    assert printed.endswith(": M1, M2\n") and "another study" not in printed


def test_the_command_ends_with_2_at_a_mistake(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("claims:\n- {id: M1, statment: Better}\n")
    assert main([str(folder), "--claims", str(file)]) == 2
    assert "did you mean statement?" in capsys.readouterr().err
    assert main([str(tmp_path / "nothing")]) == 2
    assert "error: " in capsys.readouterr().err


def test_names_in_records_are_no_markup(folder: Path, sweep: Sweep) -> None:
    one = claim().model_copy(update={"statement": "a | b <script>"})
    judged, _ = judge_claims([one], [sweep])
    page = render_markdown(judged, [], [sweep])
    assert r"a \| b &lt;script>" in page
