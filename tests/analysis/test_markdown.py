"""The Markdown table of a sweep: every configuration, both checkpoints, and what the numbers were taken under."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.markdown import MASKING, main, render_pages, render_table
from analysis.measures.stats import estimate
from analysis.report.configurations import tabulate_configurations
from analysis.results.sweep import load_sweep

from .synthetic import ATTACKS, Made, write_sweep


def lines(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]


ALIKE = {
    "pgd": "PGD-10, linf, epsilon 0.1, step epsilon/4",
    "pgd20": "PGD-20, linf, epsilon 0.1, step epsilon/4",
    "aa": "AutoAttack standard, linf, epsilon 0.1",
}


def test_a_line_for_each_configuration_with_means_over_seeds(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "whole", Made(faults=False, attacks=ALIKE)))
    head, _, *rows = lines(render_table(tabulate_configurations([results])))
    assert head[0] == "configuration" and {"selected: clean", "last: PGD-20", "last: AA"} <= set(head)
    assert len(rows) == results.study_trials["configuration"].nunique()
    trials = results.study_trials[results.study_trials["name"] == rows[0][0].strip("`")]
    shown = dict(zip(head, rows[0], strict=True))
    assert shown["last: PGD-20"] == estimate(trials["last_test_pgd20_acc"]).text()
    gaps = trials["last_test_pgd20_acc"] - trials["last_test_aa_acc"]
    assert shown["last: PGD-20 − AA"] == estimate(gaps).text(signed=True)
    assert shown["PGD-10: best on test − last"] == estimate(trials["robust_overfitting"]).text(signed=True)


def number(cell: str) -> float:
    return float(cell.partition(" ")[0].replace("−", "-"))


def test_a_difference_stands_behind_the_two_numbers_that_it_is_of(tmp_path: Path) -> None:
    """To the rounding of three numbers; it once was of another attack's, at another best."""
    results = load_sweep(write_sweep(tmp_path / "whole", Made(faults=False, attacks=ALIKE)))
    head, _, *rows = lines(render_table(tabulate_configurations([results])))
    differences = [place for place, title in enumerate(head) if " − " in title]
    assert [head[place] for place in differences] == ["last: PGD-20 − AA", "PGD-10: best on test − last"]
    pairs = {differences[0]: ("last: PGD-20", "last: AA"), differences[1]: ("PGD-10: best on test", "PGD-10: last")}
    for row in rows:
        for place, (one, other) in pairs.items():
            of_two = number(row[head.index(one)]) - number(row[head.index(other)])
            assert number(row[place]) == pytest.approx(of_two, abs=0.151)


@pytest.mark.long
def test_a_page_says_of_which_epoch_its_gap_is(whole: Path, tmp_path: Path) -> None:
    """The paper takes it at the best checkpoint, which trials.csv has; a page without the gap says nothing of it."""
    sweep = load_sweep(write_sweep(tmp_path / "alike", Made(faults=False, attacks=ALIKE)))
    shown = [page.count(MASKING) for page in render_pages([sweep, load_sweep(whole)])]
    assert shown == [1, 0]
    assert "best_gradient_masking_gap" in sweep.study_trials and "`best_gradient_masking_gap`" in MASKING


@pytest.mark.long
def test_sweeps_on_the_same_terms_share_a_table_that_says_which_is_which(whole: Path, tmp_path: Path) -> None:
    other = load_sweep(write_sweep(tmp_path / "other", Made(study="other", faults=False)))
    (page,) = render_pages([load_sweep(whole), other])
    head, _, *rows = lines(page)
    assert head[:2] == ["sweep", "configuration"] and {row[0] for row in rows} == {"`whole`", "`other`"}
    assert page.count("3 seeds, mean") == 2


@pytest.mark.long
def test_sweeps_on_other_terms_have_a_table_and_a_caption_each(whole: Path, tmp_path: Path) -> None:
    wide = ATTACKS | {"pgd20": "PGD-20, linf, epsilon 0.2, step epsilon/4"}
    other = load_sweep(write_sweep(tmp_path / "other", Made(study="other", faults=False, attacks=wide)))
    noisy = load_sweep(write_sweep(tmp_path / "noisy", Made(study="noisy", faults=False, noise=(0.1,))))
    found = render_pages([load_sweep(whole), other, noisy])
    assert ["epsilon 0.2" in page for page in found] == [False, True, False]
    assert [[name in page for name in ("`whole`", "`other`", "`noisy`")] for page in found] == np.eye(3).tolist()


def test_attacks_on_different_images_have_no_gap(whole: Path) -> None:
    head, *_ = lines(render_table(tabulate_configurations([load_sweep(whole)])))  # AutoAttack on 300 of the 360
    assert {"last: PGD-20", "last: clean on 300 images", "last: AA on 300 images"} <= set(head)
    assert not any("− AA" in title for title in head)


def test_a_column_is_named_by_what_the_attack_was(tmp_path: Path) -> None:
    made = Made(faults=False, attacks=ALIKE | {"pgd20": "PGD-50, 10 restarts, linf, epsilon 0.1, step epsilon/4"})
    head, *_ = lines(render_table(tabulate_configurations([load_sweep(write_sweep(tmp_path / "sweep", made))])))
    assert {"last: PGD-50", "last: PGD-50 − AA"} <= set(head)


def test_a_name_with_a_bar_stays_in_its_cell(tmp_path: Path) -> None:
    made = Made(faults=False, methods=("TRADES", "AT | x"), noise=(0.0,), subsets=("all",))
    *_, row = render_table(tabulate_configurations([load_sweep(write_sweep(tmp_path / "sweep", made))])).splitlines()
    assert row.startswith(r"| `AT \| x` | ")
    made = Made(faults=False, methods=("TRADES", "a `b` \n"), noise=(0.0,), subsets=("all",))
    *_, row = render_table(tabulate_configurations([load_sweep(write_sweep(tmp_path / "ticks", made))])).splitlines()
    assert row.startswith(r"| `` a `b` \n `` | ")


def test_incomplete_trials_are_reported_and_not_averaged(sweep: Path) -> None:
    text = render_table(tabulate_configurations([load_sweep(sweep)]))
    assert "1 diverged" in text and "without a result" in text


@pytest.mark.long
def test_the_command_says_seeds_attacks_and_versions(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(whole)]) == 0
    shown = capsys.readouterr().out
    assert "3 seeds" in shown and "AutoAttack custom" in shown and "torch" in shown and "2026" in shown


def test_a_sweep_without_results_has_no_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(write_sweep(tmp_path / "early", Made(finished=False)))]) == 2
    assert "no metric" in capsys.readouterr().err
    assert main([str(tmp_path / "nowhere")]) == 2
