"""The table of all configurations shows what the records have, at both checkpoints, in the order of the block."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from analysis.measures.stats import estimate
from analysis.report.block import build_block
from analysis.report.data import ReportData, collect_report_data
from analysis.report.tables.configurations import format_knob, list_recorded, list_verdicts, render_configurations
from analysis.results.sweep import load_sweep
from trainers.certificate.words import shorten_verdict

from ..synthetic import Made, write_sweep
from .block.made_search import write_search


@pytest.fixture(scope="module")
def found(whole: Path) -> ReportData:
    return collect_report_data(load_sweep(whole))


def read_rows(table: str) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """Return the titles of the columns, and of each row the sorted value and the shown text of its cells."""
    heads = [unescape(re.sub(r"<[^>]+>", "", head)) for head in re.findall(r"<th[^>]*>(.*?)</th>", table)]
    rows = [
        [(value, unescape(re.sub(r"<[^>]+>", "", shown)).strip()) for value, shown in
         re.findall(r'<td[^>]* data-v="([^"]*)">(.*?)</td>', row)]
        for row in re.findall(r'<tr data-i="\d+">(.*?)</tr>', table)
    ]  # fmt: skip
    return heads, rows


@pytest.mark.long
def test_numbers_are_those_of_the_trials_at_both_checkpoints(found: ReportData) -> None:
    block = build_block(found)
    heads, rows = read_rows(render_configurations(block))
    assert len(rows) == len(block["configurations"]["choice"]) and {len(row) for row in rows} == {len(heads)}
    done = found.results.completed
    for place, configuration in enumerate(block["configurations"]["configuration"]):
        own = done[done["configuration"] == configuration]
        for title, column in (("AutoAttack custom on 300 images", "best_test_aa_acc"),
                              ("AutoAttack custom on 300 images, last epoch", "last_test_aa_acc")):  # fmt: skip
            number = estimate(own[column])
            value, shown = rows[place][heads.index(title.replace("-", "‑"))]
            assert shown == number.text() and float(value) == pytest.approx(100 * number.mean, abs=1e-3)
        assert rows[place][0][1].startswith(own["choice"].iloc[0]) and rows[place][heads.index("n")] == ("3", "3")


def test_members_of_a_front_and_what_validation_selects_are_tagged(found: ReportData) -> None:
    _, rows = read_rows(render_configurations(build_block(found)))
    assert found.front is not None
    members = set(found.front.members["name"])
    names = build_block(found)["configurations"]["name"]
    tagged = {name for name, row in zip(names, rows, strict=True) if re.search(r"front(knee)?(val)?$", row[0][1])}
    assert members and tagged == members


@pytest.mark.long
def test_a_search_has_its_knobs_and_how_each_configuration_ended(tmp_path: Path) -> None:
    found = collect_report_data(load_sweep(write_search(tmp_path / "search")))
    block = build_block(found)
    heads, rows = read_rows(render_configurations(block, list_verdicts(found, block), list_recorded(found, block)))
    assert "beta" in heads and "ended" in heads and heads[:2] == ["configuration", "n"]
    betas = [row[heads.index("beta")] for row in rows]
    assert ("", "–") in betas and any(value for value, _ in betas)  # one choice has no such knob
    assert {"stopped", "diverged", "completed"} <= {row[heads.index("ended")][0] for row in rows}


def test_each_configuration_has_its_verdict_and_its_values_corrected_for_selection(tmp_path: Path) -> None:
    made = Made(noise=(0.0,), methods=("AT", "TRADES", "MART"), subsets=("all", "friendly 96"), faults=False)
    found = collect_report_data(load_sweep(write_sweep(tmp_path / "sweep", made)))
    block = build_block(found)
    heads, rows = read_rows(render_configurations(block, list_verdicts(found, block), list_recorded(found, block)))
    assert found.front is not None
    (panel,) = found.front.panels
    verdicts = [row[heads.index("verdict")][1] for row in rows]
    corrected = [[float(row[heads.index(head)][0]) for row in rows] for head in heads if head.endswith("corrected")]
    names = block["configurations"]["configuration"]
    for place, name in enumerate(panel.points["configuration"]):
        row = names.index(name)
        assert verdicts[row] == shorten_verdict(panel.assessment, place)
        assert [values[row] for values in corrected] == pytest.approx(panel.assessment.corrected[place], abs=1e-3)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0431, "0.0431"), (0.00033, "3.3·10⁻⁴"), (-0.5, "−0.5"), (0, "0"), (12345, "12345"), (2.5e7, "2.5·10⁷")],
)
def test_a_knob_has_three_digits(value: float, text: str) -> None:
    assert format_knob(value) == text
