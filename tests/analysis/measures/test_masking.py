"""Gaps between PGD and AutoAttack: against which training they are held, and whose order is reversed."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from analysis.measures.masking import (
    find_plain_training,
    find_reversals,
    is_plain,
    select_masked,
    tabulate_masking,
    tabulate_reversals,
)
from analysis.report.data import ReportData, collect_report_data
from analysis.report.findings import list_findings, list_limits
from analysis.report.page import redraw_report
from analysis.report.summary import print_summary
from analysis.results.sweep import load_sweep
from trainers.terminal.console import Console

from ..synthetic import ATTACKS, Made, write_sweep

WHOLE = ATTACKS | {"aa": "AutoAttack standard, linf, epsilon 0.1"}
MADE = Made(noise=(0.0,), methods=("AT", "GAIRAT", "MART"), subsets=("all",), profile=False, faults=False)
PLAIN: dict[str, Any] = {
    "attack": {"name": "pgd", "steps": 10, "start": "uniform", "tau": None, "toward": None},
    "loss": {"name": "ce"}, "weight": {"name": "uniform"}, "target": {"name": "given"},
}  # fmt: skip
GAIRAT = PLAIN | {"weight": {"name": "gairat"}}
ACCURACIES = {"AT": (0.50, 0.47), "GAIRAT": (0.58, 0.36), "MART": (0.52, 0.49)}  # under PGD and under AutoAttack


def attacked(folder: Path, made: Made, accuracies: dict[str, tuple[float, float]] = ACCURACIES) -> ReportData:
    """Write a sweep with these accuracies, half a point apart from seed to seed under both attacks."""
    folder = write_sweep(folder, replace(made, attacks=WHOLE))
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        method = trial["axes"]["method"]
        trial["config"]["method"] = GAIRAT if method == "GAIRAT" else PLAIN | {"loss": {"name": method.lower()}}
        if method == "AT":
            trial["config"]["method"] = PLAIN
        path = folder / "trials" / trial["id"] / "result.json"
        result = json.loads(path.read_text())
        pgd, auto = (value + 0.005 * trial["replicate"] for value in accuracies[method])
        for checkpoint in ("best", "last"):
            result[checkpoint] |= {"test_pgd_acc": pgd, "test_aa_acc": auto, "test_aa_gap": pgd - auto}
        path.write_text(json.dumps(result))
    (folder / "plan.json").write_text(json.dumps(plan))
    return collect_report_data(load_sweep(folder))


def test_a_gap_far_above_that_of_plain_pgd_training_and_a_reversed_order_are_findings(tmp_path: Path) -> None:
    found = attacked(tmp_path / "gairat", MADE)
    table = found.masking.set_index("choice")
    assert table["gap"].to_dict() == pytest.approx({"AT": 0.03, "GAIRAT": 0.22, "MART": 0.03})
    assert table["plain"].to_dict() == {"AT": True, "GAIRAT": False, "MART": False}
    plain = find_plain_training(found.masking)
    assert plain is not None and plain["choice"] == "AT"
    assert select_masked(found.masking, plain["gap"])["choice"].tolist() == ["GAIRAT"]
    turned = find_reversals(found.results, found.masking, "test_aa_acc")
    assert (turned.pairs, turned.reversed) == (3, 2)
    assert turned.certain == 2
    assert [(pair.better, pair.worse) for pair in turned.widest] == [("GAIRAT", "AT"), ("GAIRAT", "MART")]
    assert turned.widest[0].weak.mean == pytest.approx(0.08)
    assert turned.widest[0].strong.mean == pytest.approx(-0.11)
    texts = dict(list_findings(found))
    assert "3.0 ± 0.0 points for AT, plain PGD training" in texts["Masked gradients"]
    assert "for GAIRAT 22.0 ± 0.0: trust AutoAttack standard" in texts["Masked gradients"]
    assert "2 of 3 pairs" in texts["AutoAttack standard reverses PGD-10's order"]
    assert (
        "GAIRAT against AT: +8.0 ± 0.0 under PGD-10, −11.0 ± 0.0"
        in texts["AutoAttack standard reverses PGD-10's order"]
    )


def test_the_terminal_names_them_as_the_page_does(tmp_path: Path) -> None:
    shown = StringIO()
    print_summary(attacked(tmp_path / "gairat", MADE), Console(file=shown, width=200))
    assert "Signs of masked gradients: trust the strongest attack for GAIRAT.\n" in shown.getvalue()


@pytest.mark.long
def test_the_gap_stands_on_the_page_and_in_its_own_table(tmp_path: Path, unrendered: None) -> None:
    folder = attacked(tmp_path / "gairat", MADE).results.folder
    page = redraw_report(folder)
    text = page.read_text(encoding="utf-8")
    assert ">PGD‑10 − AutoAttack standard</button>" in text and ">22.0 <i>± 0.0</i></td>" in text
    assert "Signs of masked gradients: trust the strongest attack for GAIRAT." in text.partition("<h1>")[0]
    assert (page.parent / "tables" / "masking.csv").exists()


def test_gap_and_alarm_are_tabulated_for_every_pgd_on_the_images_of_autoattack(tmp_path: Path) -> None:
    found = attacked(tmp_path / "gairat", MADE)
    for path in found.results.folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        for checkpoint in ("best", "last"):
            fall = 0.004 if path.parent.name.endswith("seed=1") else 0.002
            result[checkpoint]["test_pgd20_acc"] = result[checkpoint]["test_pgd_acc"] - fall
        path.write_text(json.dumps(result))
    results = load_sweep(found.results.folder)
    table = tabulate_masking(results).set_index(["attack", "choice"])
    assert set(table["against"]) == {"AutoAttack standard"} and set(table.index.get_level_values(0)) == {
        "PGD-10",
        "PGD-20",
    }
    assert table["alarm"].groupby("choice").sum().to_dict() == {"AT": 0, "GAIRAT": 2, "MART": 0}
    done = results.completed[results.completed["choice"] == "MART"]
    gaps = done["best_test_pgd20_acc"] - done["best_test_aa_acc"]
    row = table.loc[("PGD-20", "MART"), ["mean", "lo", "hi"]].tolist()
    half = stats.t.ppf(0.975, 2) * gaps.sem()
    assert row == pytest.approx([gaps.mean(), gaps.mean() - half, gaps.mean() + half])
    turned = tabulate_reversals(results)
    assert turned[["attack", "better", "worse"]].to_numpy().tolist() == [
        [attack, "GAIRAT", worse] for attack in ("PGD-10", "PGD-20") for worse in ("AT", "MART")
    ]
    assert (turned["weak_lo"] > 0).all() and (turned["hi"] < 0).all()


def test_without_a_stronger_attack_on_the_same_images_there_is_no_table_of_gaps(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "part", MADE))  # AutoAttack saw 300 of 360 images, and nothing else
    assert tabulate_masking(results).empty and tabulate_reversals(results).empty


def test_absence_of_large_gaps_is_reported(tmp_path: Path) -> None:
    calm = ACCURACIES | {"GAIRAT": (0.51, 0.479)}
    texts = dict(list_findings(attacked(tmp_path / "calm", MADE, calm)))
    assert "at most 3.1 for any other" in texts["No sign of masked gradients"]
    assert "Masked gradients" not in texts and not any("reverses" in lead for lead in texts)


def test_without_plain_pgd_training_gaps_are_held_against_the_smallest_and_that_is_said(tmp_path: Path) -> None:
    found = attacked(tmp_path / "two", replace(MADE, methods=("GAIRAT", "MART")))
    text = dict(list_findings(found))["Masked gradients"]
    assert "MART, the smallest gap (no plain PGD training is in the study)" in text and "for GAIRAT 22.0" in text


def test_an_order_that_seeds_may_have_reversed_is_counted_and_called_so(tmp_path: Path) -> None:
    near = {"AT": (0.500, 0.470), "MART": (0.501, 0.469)}
    made = replace(MADE, methods=("AT", "MART"), replicates=1)
    text = dict(list_findings(attacked(tmp_path / "near", made, near)))["AutoAttack standard reverses PGD-10's order"]
    assert "1 of 1 pair of configurations" in text and "seeds may explain them" in text


@pytest.mark.long
def test_pgd_accuracy_on_the_images_of_autoattack_gives_the_gap(tmp_path: Path) -> None:
    """PGD's accuracy on all images would make a gap between images of one between attacks."""
    folder = attacked(tmp_path / "part", MADE).results.folder
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        result["attacks"]["aa"] += " on 90 images drawn by class"
        for checkpoint in ("best", "last"):
            result[checkpoint]["test_aa_clean_acc"] = result[checkpoint]["test_clean_acc"]
        result["best"]["test_pgd_acc"] += 0.1
        path.write_text(json.dumps(result))
    table = collect_report_data(load_sweep(folder)).masking.set_index("choice")
    assert table["gap"].to_dict() == pytest.approx({"AT": 0.03, "GAIRAT": 0.22, "MART": 0.03})
    assert table.loc["AT", "weak"] == pytest.approx(0.505)


def test_report_without_autoattack_has_no_finding_on_masking_and_says_why(tmp_path: Path) -> None:
    weak = {name: text for name, text in ATTACKS.items() if name != "aa"}
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "weak", replace(MADE, attacks=weak))))
    assert not any("mask" in lead for lead, _ in list_findings(found))
    assert any("No AutoAttack was run" in limit for limit in list_limits(found))


@pytest.mark.parametrize(
    ("change", "plain"),
    [
        ({}, True),
        ({"awp": {"gamma": 0.01}}, False),
        ({"loss": {"name": "mart"}}, False),
        ({"kind": "whole"}, True),
        ({"attack": {"name": "pgd", "steps": 1, "start": "uniform"}}, False),  # FGSM and fast AT
        ({"attack": {"name": "pgd", "steps": 10, "start": {"name": "previous"}}}, False),  # ATTA
        ({"attack": {"name": "pgd", "steps": 10, "start": {"name": "direction", "length": 0.1}}}, True),
        ({"attack": {"name": "pgd", "steps": 10, "tau": 1}}, False),  # FAT
        ({"attack": {"name": "pgd", "steps": 10, "toward": {"label": 0}}}, False),
        ({"attack": {"name": "none"}}, False),
    ],
)
def test_plain_pgd_training_is_what_its_pieces_say(change: dict[str, Any], plain: bool) -> None:
    assert is_plain({"method": PLAIN | change}) == plain
    assert not is_plain({"method": {"name": "mma"}}) and not is_plain({})


def test_pairs_are_judged_by_the_seeds_that_both_have(tmp_path: Path) -> None:
    """Against an independent count: every pair by itself, with scipy's t-test."""
    made = replace(MADE, methods=tuple(f"M{n}x" for n in range(8)), replicates=4)
    rng = np.random.default_rng(0)
    folder = write_sweep(tmp_path / "many", replace(made, attacks=WHOLE))
    for number, path in enumerate(sorted(folder.glob("trials/*/result.json"))):
        result = json.loads(path.read_text())
        pgd, auto = 0.5 + 0.05 * rng.standard_normal(), 0.4 + 0.05 * rng.standard_normal()
        result["best"] |= {"test_pgd_acc": pgd, "test_aa_acc": auto, "test_aa_gap": pgd - auto}
        path.write_text(json.dumps(result if number % 9 else result | {"status": "stopped"}))
    found = collect_report_data(load_sweep(folder))
    turned = find_reversals(found.results, found.masking, "test_aa_acc")
    done = found.results.completed.set_index(["configuration", "replicate"])[["best_test_pgd_acc", "best_test_aa_acc"]]
    expected = [0, 0, 0]
    for one, other in combinations(found.masking["configuration"], 2):
        gaps = (done.loc[one] - done.loc[other]).dropna()
        means = gaps.mean().to_numpy()
        is_turned = means[0] * means[1] < 0
        sure = is_turned and all(stats.ttest_1samp(gaps[c], 0.0).pvalue < 0.05 for c in gaps)
        expected = [total + int(count) for total, count in zip(expected, (len(gaps) > 0, is_turned, sure), strict=True)]
    assert [turned.pairs, turned.reversed, turned.certain] == expected and expected[1] > 3
