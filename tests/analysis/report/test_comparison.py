"""One page of several sweeps: their joint front, who attains more, what differs, and where each comes from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.report.__main__ import main
from analysis.report.block import collect_rows
from analysis.report.comparison import collect_joint_frames, take_front
from analysis.report.data import ReportData, collect_report_data
from analysis.results.shared_trainings import join_trials
from analysis.results.sweep import load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import ATTACKS, Made, write_sweep

pytestmark = pytest.mark.long

MADE = Made(noise=(0.1,), methods=("AT",), replicates=3, profile=False, faults=False)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two sweeps, of which the second is better by two points in both accuracies."""
    folder = tmp_path_factory.mktemp("pair")
    paths = [write_sweep(folder / name, replace(MADE, study=name)) for name in ("plain", "better")]
    for path in paths[1].glob("trials/*/result.json"):
        result = read_json(path)
        for checkpoint in ("best", "last"):
            for metric in ("test_aa_acc", "test_aa_clean_acc", "test_clean_acc"):
                result[checkpoint][metric] += 0.02
        write_json(path, result)
    return paths


@pytest.fixture(scope="module")
def reports(pair: list[Path]) -> list[ReportData]:
    return [collect_report_data(load_sweep(folder)) for folder in pair]


def test_the_page_of_two_sweeps_says_whose_the_joint_front_is(
    pair: list[Path], tmp_path: Path, unrendered: None, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "both.html"
    assert main([*map(str, pair), "-o", str(page)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"Report: {page}, with both_tables/ and both_figures/ beside it"
    text = page.read_text(encoding="utf-8")
    assert "plain against better: which front is better?" in text
    assert re.search(r"<b>(\d+) of \1</b><span>members of the joint front</span>", text)
    assert "are of better, by the means over seeds. Of each: plain 0;" in text and "better attains plain" in text
    assert (tmp_path / "both_figures" / "difference.svg").exists()
    trials = pd.read_csv(tmp_path / "both_tables" / "trials.csv")
    assert set(trials["sweep"]) == {"plain", "better"}
    for folder in pair:
        assert f"python -m analysis.report {folder}" in re.sub(r"</?span[^>]*>", "", text)
    assert not list(pair[0].glob("report"))


def test_the_joint_front_is_that_of_all_configurations(reports: list[ReportData]) -> None:
    rows = collect_rows(reports)
    assert set(take_front(rows).members["sweep"]) == {"better"}
    front = collect_joint_frames(rows)["front"]
    assert len(front) == sum(len(panel.points) for report in reports for panel in report.front.panels)


def test_the_trainings_of_a_page_are_joined_once(
    pair: list[Path], tmp_path: Path, unrendered: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined = []

    def count(*arguments: Any) -> pd.DataFrame:
        joined.append(arguments)
        return join_trials(*arguments)

    monkeypatch.setattr("analysis.report.block.rows.join_trials", count)
    assert main([*map(str, pair), "-o", str(tmp_path / "both.html")]) == 0
    assert len(joined) == 1


def test_several_sweeps_need_a_page_to_write_and_no_sweep_is_given_twice(
    pair: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([*map(str, pair)])
    assert "several sweeps need -o PAGE" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(pair[0]), "-o", str(tmp_path / "page.pdf")])
    assert "expected a name ending in .html" in capsys.readouterr().err
    assert main([str(pair[0]), str(pair[0]), "-o", str(tmp_path / "page.html")]) == 2


def test_a_link_beside_a_page_is_not_followed(pair: list[Path], tmp_path: Path, unrendered: None) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "page_tables").symlink_to(elsewhere)
    assert main([str(pair[0]), "-o", str(tmp_path / "page.html")]) == 2
    assert not list(elsewhere.iterdir())


def test_what_is_not_so_of_all_sweeps_is_said_of_those_of_which_it_is(tmp_path: Path, unrendered: None) -> None:
    weak = replace(MADE, study="weak", attacks={"pgd": ATTACKS["pgd"]})
    folders = [write_sweep(tmp_path / made.study, made) for made in (replace(MADE, study="strong"), weak)]
    assert main([*map(str, folders), "-o", str(tmp_path / "both.html")]) == 0
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert "<li>weak: No AutoAttack was run" in text and "<li>strong: The test set has 360 examples, of which" in text
    assert text.count("<li>± is one standard error") == 1


def test_sweeps_without_a_panel_in_common_are_not_compared(tmp_path: Path, unrendered: None) -> None:
    made = replace(MADE, study="one", noise=(0.0,)), replace(MADE, study="other", noise=(0.1,))
    folders = [write_sweep(tmp_path / each.study, each) for each in made]
    for path in folders[1].glob("trials/*/result.json"):
        result = read_json(path)
        write_json(path, result | {"attacks": {name: text.replace("0.1", "0.2") for name, text in ATTACKS.items()}})
    page = tmp_path / "both.html"
    assert main([*map(str, folders), "-o", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert "Nothing compared" in text and "members of the joint front" not in text


@pytest.mark.parametrize(
    ("seeds", "lift", "headline", "says"),
    [
        (3, 0.2, "undecided", "So few seeds reach p = 0.1 at best."),
        (5, 0.0, "undecided", "which is better, as p is not below 0.05."),
        (5, 0.2, "60 %", "so often a seed of better attains"),
    ],
)
def test_a_difference_that_chance_may_make_is_undecided(
    tmp_path: Path, unrendered: None, seeds: int, lift: float, headline: str, says: str
) -> None:
    made = replace(MADE, replicates=seeds)
    folders = [
        write_sweep(tmp_path / name, replace(made, study=name, lift=more))
        for name, more in (("plain", 0.0), ("better", lift))
    ]
    assert main([*map(str, folders), "-o", str(tmp_path / "both.html")]) == 0
    text = (tmp_path / "both.html").read_text(encoding="utf-8")
    assert f"<b>{headline}</b><span>p = " in text and says in text
    assert ("So few seeds reach" in text) == (seeds == 3)
