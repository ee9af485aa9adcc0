"""The Markdown table of a sweep: every configuration, both checkpoints, and what the numbers were taken under."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.markdown import main, table
from analysis.results import load
from analysis.stats import estimate

from .synthetic import Made, write_sweep


def lines(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


ALIKE = {
    "pgd": "PGD-10, linf, epsilon 0.1, step epsilon/4",
    "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4",
    "aa": "AutoAttack standard, linf, epsilon 0.1",
}


def test_a_line_for_each_configuration_with_means_over_seeds(tmp_path: Path) -> None:
    results = load(write_sweep(tmp_path / "whole", Made(faults=False, attacks=ALIKE)))
    head, _, *rows = lines(table([results]))
    assert head[0] == "configuration" and {"best: clean", "last: PGD-20", "last: AA"} <= set(head)
    assert len(rows) == results.sweep["configuration"].nunique()
    trials = results.sweep[results.sweep["name"] == rows[0][0].strip("`")]
    shown = dict(zip(head, rows[0], strict=True))
    assert shown["last: PGD-20"] == estimate(trials["last_test_pgd20_acc"]).text()
    gaps = trials["last_test_pgd20_acc"] - trials["last_test_aa_acc"]
    assert shown["last: PGD-20 − AA"] == estimate(gaps).text(signed=True)
    assert shown["best − last"] == estimate(trials["robust_overfitting"]).text(signed=True)


def test_attacks_on_different_images_have_no_gap(whole: Path) -> None:
    head, *_ = lines(table([load(whole)]))  # AutoAttack on 300 of the 360
    assert {"last: PGD-20", "last: clean on 300 images", "last: AA on 300 images", "best − last"} <= set(
        head
    ) and not any("− AA" in title for title in head)


def test_a_column_is_named_by_what_the_attack_was(tmp_path: Path) -> None:
    made = Made(faults=False, attacks=ALIKE | {"pgd20": "PGD-50, 10 restarts, linf, epsilon 0.1, step epsilon/4"})
    head, *_ = lines(table([load(write_sweep(tmp_path / "sweep", made))]))
    assert {"last: PGD-50", "last: PGD-50 − AA"} <= set(head)


def test_a_name_with_a_bar_stays_in_its_cell(tmp_path: Path) -> None:
    made = Made(faults=False, methods=("TRADES", "AT | x"), noise=(0.0,), subsets=("all",))
    *_, row = table([load(write_sweep(tmp_path / "sweep", made))]).splitlines()
    assert row.startswith(r"| `AT \| x` | ")


def test_what_did_not_complete_is_said_and_not_averaged(sweep: Path) -> None:
    text = table([load(sweep)])
    assert "1 diverged" in text and "without a result" in text


def test_the_command_says_seeds_attacks_and_versions(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(whole)]) == 0
    shown = capsys.readouterr().out
    assert "3 seeds" in shown and "AutoAttack custom" in shown and "torch" in shown and "2026" in shown


def test_a_sweep_without_results_has_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_sweep(tmp_path / "early", Made(finished=False)))]) == 2
    assert "no metric" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 2
