"""Replays of finished sweeps: synthetic sweeps with known answers, closed forms, faults."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import moocore
import numpy as np
import pytest
from scipy.stats import spearmanr

from search.replay.__main__ import main
from search.replay.finished_sweep import FinishedSweep, read_sweep
from search.replay.policies import Halving, RulePolicy
from search.replay.rules import find_rules, list_rules
from search.replay.scoring import Scorer
from search.schema.stopping import RULES
from search.stopping.base import NoStopping
from search.stopping.median_rule import MedianStopping
from search.stopping.robust_rule import RobustStopping
from trainers.record_io import write_json
from trainers.record_reader import read_json

from .made_curves import flat, synthetic_study, write_sweep

pytestmark = pytest.mark.long

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module", params=range(3))
def synthetic(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FinishedSweep:
    return read_sweep(write_sweep(tmp_path_factory.mktemp("synthetic") / "made", synthetic_study(request.param)))


def test_synthetic_study_has_the_published_shapes() -> None:
    """On the mean of ten draws; the published trainings have -0.27, 0.69 and 4.2 points, those here are less noisy."""
    before, after, both, fall, epoch = [], [], [], [], []
    for seed in range(10):
        healthy = [curve for name, (curve,) in synthetic_study(seed).items() if not name.startswith("hopeless")]
        robust = np.array(healthy)[:, :, 1]
        best, last = robust.max(axis=1), robust[:, -1]
        before.append(spearmanr(robust[:, 98], best).statistic)
        after.append(spearmanr(robust[:, 104], best).statistic)
        both.append(spearmanr(best, last).statistic)
        fall.append(np.median(best - last))
        epoch.append(np.median(robust.argmax(axis=1)))
    assert -0.45 < np.mean(before) < -0.2
    assert np.mean(after) > 0.55
    assert 0.5 < np.mean(both) < 0.8
    assert 0.04 < np.mean(fall) < 0.06
    assert 100 <= np.mean(epoch) < 110


def test_robust_rule_loses_nothing_where_asha_loses_the_front(synthetic: FinishedSweep) -> None:
    """On synthetic curves of the shapes that the rule was made for."""
    scorer = Scorer(synthetic)
    found = scorer.score(RulePolicy(RobustStopping()).reached(synthetic, RNG))
    assert found.compute < 0.85
    assert found.best_kept == found.last_kept == found.near_kept == 1 and found.robust_lost == 0
    assert found.best_volume == pytest.approx(1) and found.last_volume == pytest.approx(1)
    hurried = scorer.score(RulePolicy(RobustStopping(skip_later_drops=True)).reached(synthetic, RNG))
    assert hurried.compute < 0.75 and hurried.best_kept == 1 and hurried.robust_lost == 0
    for multi_objective in (False, True):
        rule = Halving(workers=4, multi_objective=multi_objective)
        draws = [scorer.score(rule.reached(synthetic, np.random.default_rng(i))) for i in range(20)]
        assert np.mean([draw.best_kept for draw in draws]) < 0.5
        assert np.mean([draw.robust_lost for draw in draws]) > 0.003


def test_replay_of_few_curves_in_closed_form(tmp_path: Path) -> None:
    """Two duds of four stop after 6 and the others, which never rise again, after 86 of 100 epochs; one is finished."""
    front, beside = flat(0.9, 0.5), flat(0.87, 0.47)
    curves = {"front": [front], "beside": [beside], "dud-0": [flat(0.5, 0.3)], "dud-1": [flat(0.5, 0.2)]}
    sweep = read_sweep(write_sweep(tmp_path / "s", curves))
    reached = RulePolicy(RobustStopping()).reached(sweep, RNG)
    assert reached == {"front": 100, "beside": 86, "dud-0": 6, "dud-1": 6}
    found = Scorer(sweep).score(reached)
    assert found == (pytest.approx(198 / 400), 1, 1, 0, 1, 1, 1, 3)
    poor = Scorer(sweep).score({"beside": 100, "dud-0": 6})
    volume = (0.87 - 0.1) * 0.47 / ((0.9 - 0.1) * 0.5)  # above guessing one in ten, and none right under attack
    assert poor == (
        pytest.approx(106 / 400),
        pytest.approx(volume),
        0,
        pytest.approx(0.03),
        pytest.approx(volume),
        0,
        0,
        3,
    )


def test_front_keeps_all_equal_points(tmp_path: Path) -> None:
    sweep = read_sweep(write_sweep(tmp_path / "s", {name: [flat(0.9, 0.5)] for name in "ab"}))
    assert Scorer(sweep).score({"a": 100})[1:6] == (1, 0.5, 0, 1, 0.5)


def test_hypervolume_and_front_are_those_of_moocore(synthetic: FinishedSweep) -> None:
    scorer, some = Scorer(synthetic), dict.fromkeys(list(synthetic.candidates)[::3], 200)
    every = {name: np.mean(candidate.at_best(200), axis=0) for name, candidate in synthetic.candidates.items()}
    volumes = [
        moocore.hypervolume(np.array([every[name] for name in names]), ref=[0.1, 0.0], maximise=True)
        for names in (some, every)
    ]
    assert scorer.score(some).best_volume == pytest.approx(volumes[0] / volumes[1])


def test_epochs_that_trials_share_count_once(tmp_path: Path) -> None:
    """Two burn-ins of one weighting are the same training until the shorter one ends."""
    burn_ins = {f"b{n}": {"method": {"base": "gairat", "weight": {"burn_in": n}}} for n in (4, 8)}
    sweep = read_sweep(write_sweep(tmp_path / "s", {key: [flat(0.5, 0.3, 10)] for key in burn_ins}, knobs=burn_ins))
    scorer = Scorer(sweep)
    assert scorer.score({"b4": 10}).compute == pytest.approx(10 / 16)  # 4 shared, 6 and 6 of their own
    assert scorer.score({"b4": 4, "b8": 4}).compute == pytest.approx(4 / 16)
    drawn = [scorer.draw_whole(np.random.default_rng(i), 10 / 16) for i in range(5)]
    assert {tuple(reached.values()) for reached in drawn} == {(10,)}


def test_fronts_of_different_data_are_counted_apart(tmp_path: Path) -> None:
    data = {"a": {"data": {"name": "digits"}}, "b": {"data": {"name": "digits", "label_noise": 0.1}}}
    sweep = read_sweep(write_sweep(tmp_path / "s", {"a": [flat(0.9, 0.5)], "b": [flat(0.8, 0.4)]}, knobs=data))
    assert Scorer(sweep).score({"a": 100}).best_kept == 0.5  # of two members, one a problem
    assert Scorer(sweep).score({"a": 100}).robust_lost == pytest.approx(0.4)


def test_generations_are_compared_apart_and_share_a_front(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", {name: [flat(0.9, 0.5)] for name in "abc"})
    plan = read_json(folder / "plan.json")
    for row, generation in zip(plan["trials"], (0, 1, 1), strict=True):
        row["generation"] = generation
    write_json(folder / "plan.json", plan)
    sweep = read_sweep(folder)
    assert (sweep.groups, sweep.problems) == ((("a",), ("b", "c")), (("a", "b", "c"),))


def test_diverged_trial_is_on_no_front_and_costs_its_epochs(tmp_path: Path) -> None:
    curves = {"a": [flat(0.5, 0.3)], "gone": [flat(0.9, 0.9), flat(0.9, 0.9)]}
    sweep = read_sweep(write_sweep(tmp_path / "s", curves, diverged={"gone,seed=1": 19}))
    scorer = Scorer(sweep)
    whole = scorer.score(RulePolicy(NoStopping()).reached(sweep, RNG))
    assert whole == (1, 1, 1, 0, 1, 1, 1, 0)
    robust = scorer.score({"a": 100, "gone": 20})
    assert robust.compute == pytest.approx((100 + 20 + 20) / (100 + 100 + 20)) and robust.censored == 1


def test_halving_goes_on_with_the_top_third(tmp_path: Path) -> None:
    curves = {f"c{i}": [flat(0.5, 0.1 + 0.01 * i)] for i in range(30)}
    sweep = read_sweep(write_sweep(tmp_path / "s", curves))
    reached = Halving(workers=1, rungs=(0.1,)).reached(sweep, np.random.default_rng(0))
    assert set(reached.values()) == {10, 100}
    assert reached["c29"] == 100 and reached["c0"] in (10, 100)
    assert 8 <= sum(n == 100 for n in reached.values()) <= 16  # a third, and more as the first ones meet no rival
    one = {"only": [flat(0.5, 0.1)]}
    assert Halving(workers=4).reached(read_sweep(write_sweep(tmp_path / "one", one)), RNG) == {"only": 100}


def test_halving_ranks_no_configuration_twice_at_a_measurement(tmp_path: Path) -> None:
    curves = {f"c{i}": [flat(0.5, 0.1 + 0.01 * i)] for i in range(30)}
    sweep = read_sweep(write_sweep(tmp_path / "s", curves, every=10))
    for multi_objective in (False, True):
        once, thrice = (
            Halving(workers=1, multi_objective=multi_objective, rungs=rungs).reached(sweep, np.random.default_rng(0))
            for rungs in ((0.1,), (0.01, 0.05, 0.1))
        )
        assert thrice == once


def test_halving_compares_lengths_after_equally_many_epochs(tmp_path: Path) -> None:
    """Long ones are judged after 5 and 20 epochs, short ones after 2 and 5."""
    curves = {f"long-{i}": [flat(0.5, 0.5)] for i in range(20)}
    curves |= {f"short-{i}": [flat(0.5, 0.1, 25)] for i in range(10)}
    sweep = read_sweep(write_sweep(tmp_path / "s", curves))
    reached = Halving(workers=1, rungs=(0.05, 0.2)).reached(sweep, np.random.default_rng(0))
    assert {n for name, n in reached.items() if name.startswith("long")} == {100}
    assert [n for name, n in reached.items() if name.startswith("short")].count(5) >= 8


def printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err + shown.out
    return code, shown.out, shown.err


def test_table_has_a_row_for_each_policy_and_for_chance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = {f"c{i}": [flat(0.9 - 0.05 * i, 0.3 + 0.02 * (i % 3))] * 2 for i in range(8)}
    code, out, _ = printed(capsys, write_sweep(tmp_path / "mine", curves, every=4))
    assert code == 0
    assert out.splitlines()[0].strip() == "mine"
    assert all(f"\n{name} " in out for name in find_rules([]))
    assert out.count("at random ") >= 3 and "of 8 configurations stopped" in out
    assert "2 seeds of each configuration" in " ".join(out.split())
    assert "the very sweeps that the rules are judged on" in " ".join(out.split())
    code, out, _ = printed(capsys, tmp_path / "mine", "--rule", "none", "--rule", "{patience: 5%, margin: 0.3}")
    assert code == 0 and "asha" not in out and "{patience: 5%, margin: 0.3}" in out


def test_sweeps_of_one_name_are_titled_by_their_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    curves = {"a": [flat(0.5, 0.3, 10)], "b": [flat(0.6, 0.2, 10)]}
    here, there = tmp_path / ("long" * 40) / "mine", tmp_path / "there" / "mine"
    runs = [write_sweep(folder, curves) for folder in (here, there, tmp_path / "other")]
    code, out, _ = printed(capsys, *runs, "--rule", "none")
    titles = [line.strip() for line in out.splitlines() if line.strip() in {"mine", "other", str(here), str(there)}]
    assert (code, titles) == (0, [str(here), str(there), "other"])


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        ("ashas", "no such rule; did you mean asha? (allowed: none, robust"),
        ("{patiance: 5%}", "RobustStopping has no such key; did you mean patience?"),
        ("{margin: 2}", "margin: should be less than or equal to 1; got 2"),
        ("{margin: [", "no such rule"),
        ("{name: medain}", "no such piece 'medain'; did you mean median?"),
        ("{name: median, least: 1}", "least: should be greater than or equal to 2; got 1"),
        ("{name: median, patience: 5}", "MedianStopping has no such key (allowed: least, name, rungs)"),
    ],
)
def test_invalid_rule_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], rule: str, complaint: str) -> None:
    code, out, err = printed(capsys, tmp_path, "--rule", rule)
    assert (code, out) == (2, "") and complaint in err


def spoil(folder: Path, what: str) -> Path:
    plan = read_json(folder / "plan.json")
    first = folder / "trials" / plan["trials"][0]["id"]
    if what == "no plan":
        (folder / "plan.json").unlink()
    elif what == "unfinished":
        (first / "result.json").unlink()
    elif what == "stopped":
        write_json(first / "result.json", {"status": "stopped", "data": {"classes": 10}})
    elif what == "one objective":
        write_json(folder / "plan.json", plan | {"objectives": {"val_pgd_acc": "max"}})
    elif what == "too coarse":
        write_json(folder / "plan.json", plan | {"evaluate": plan["evaluate"] | {"every": 100}})
    elif what == "another version":
        plan["trials"][0]["config"]["method"]["attack"]["name"] = "cw"
        write_json(folder / "plan.json", plan)
    elif what == "damaged":
        lines = (first / "epochs.jsonl").read_text().splitlines(keepends=True)
        (first / "epochs.jsonl").write_text("".join(lines[:40]) + "{")
    elif what == "another objective":
        write_json(folder / "plan.json", plan | {"objectives": plan["objectives"] | {"train_loss": "min"}})
    return folder


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("no plan", "no sweep is stored there (no plan.json)"),
        ("unfinished", "unfinished, 1 of 2 trials have no result (a,seed=0)"),
        ("stopped", "1 of 2 trials were themselves stopped (a,seed=0)"),
        ("one objective", "it has one objective, val_pgd_acc; a front needs two or more"),
        ("too coarse", "no curve was measured: evaluate.every is 100"),
        ("another version", "recorded by another version"),
        ("damaged", "damaged, it has 40 of 100 epochs"),
        ("another objective", "train_loss is not measured along training"),
    ],
)
def test_sweep_that_cannot_be_replayed_is_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str, complaint: str
) -> None:
    folder = spoil(write_sweep(tmp_path / "s", {"a": [flat(0.5, 0.3)], "b": [flat(0.6, 0.3)]}), what)
    code, out, err = printed(capsys, folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {folder}") and complaint in err


def test_replay_runs_without_ray(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "s", {"a": [flat(0.5, 0.3, 10)], "b": [flat(0.6, 0.2, 10)]})
    call = f"c = main([{str(folder)!r}]); print(c, 'ray' in sys.modules)"
    code = f"import sys; from search.replay.__main__ import main; {call}"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True
    )
    assert done.stdout.splitlines()[-1] == "0 False"


def test_decisions_of_a_replay_can_be_journalled(synthetic: FinishedSweep) -> None:
    for decision in RulePolicy(RobustStopping()).decisions(synthetic):
        assert type(decision).model_validate(json.loads(json.dumps(decision.model_dump()))) == decision


def test_replay_compares_each_rule_of_the_union_by_its_name() -> None:
    rules = list_rules()
    assert RULES.keys() <= rules.keys()
    assert all(rules[name] == rule(name=name) for name, rule in RULES.items())


def test_median_rule_loses_the_front_where_early_ranks_mislead(synthetic: FinishedSweep) -> None:
    median, robust = (
        Scorer(synthetic).score(RulePolicy(rule).reached(synthetic, RNG))
        for rule in (MedianStopping(), RobustStopping())
    )
    assert median.best_kept < 0.5 < robust.best_kept
    assert median.last_kept < 0.5 < robust.last_kept


def test_median_rule_of_the_command_line_stops_the_lower_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_sweep(tmp_path / "s", {f"c{i}": [flat(0.5, 0.1 * i)] for i in range(1, 6)})
    rule = MedianStopping(rungs=("10%",), least=3)
    reached = RulePolicy(rule).reached(read_sweep(folder), RNG)
    assert reached == {"c1": 10, "c2": 10, "c3": 100, "c4": 100, "c5": 100}
    text = "{name: median, rungs: [10%], least: 3}"
    code, out, _ = printed(capsys, folder, "--rule", text, "--rule", "median")
    assert code == 0 and f"{text}: of 5 configurations stopped: 2 median; of these finished after all: 0" in " ".join(
        out.split()
    )
    assert Scorer(read_sweep(folder)).score(reached).compute == pytest.approx(320 / 500)
