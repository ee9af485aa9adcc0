"""How far a sweep is has one word and one count, wherever the report says it."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.block import build_block
from analysis.report.block.configurations import write_command
from analysis.report.context import collect_frame
from analysis.report.data import ReportData, collect_report_data
from analysis.report.notices import list_notices
from analysis.report.progress import measure_progress
from analysis.report.provenance import describe_provenance
from analysis.results.sweep import load_sweep
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import Made, write_sweep

SMALL = Made(noise=(0.1,), methods=("AT",), subsets=("all",), replicates=3, profile=False, faults=False)


def write(folder: Path, noted: bool, unfinished: bool) -> ReportData:
    """Write a sweep of three trials whose last run noted its end or not, and of which one may not have ended."""
    write_sweep(folder, SMALL)
    if unfinished:
        next(folder.glob("trials/*seed=2/result.json")).unlink()
    if not noted:
        (run,) = read_json(folder / "provenance.json")["runs"]
        write_json(folder / "provenance.json", {"runs": [{key: run[key] for key in run if key != "ended"}]})
    return collect_report_data(load_sweep(folder))


def test_a_measurement_hides_neither_the_command_that_trains_nor_the_one_that_carries_on(tmp_path: Path) -> None:
    report = write(tmp_path / "sweep", noted=True, unfinished=True)
    trains, measures = "python -m search.run space.yaml", "python -m search.measure sweep --distances"
    report.results.runs[:] = [{"command": command} for command in (f"{trains} --fresh", trains, measures, measures)]
    assert describe_provenance(report)["command"].splitlines() == [f"{trains} --fresh", trains, measures]
    assert write_command([report.results], [{"sweep": 0, "status": "planned"}]) == trains


@pytest.mark.parametrize(
    ("noted", "unfinished", "expected"),
    [
        (True, False, "complete, 3 of 3"),
        (False, False, "complete, 3 of 3"),
        (True, True, "interrupted, 2 of 3"),
        (False, True, "running, 2 of 3"),
    ],
)
def test_the_bar_and_the_notice_say_the_same(tmp_path: Path, noted: bool, unfinished: bool, expected: str) -> None:
    report = write(tmp_path / "sweep", noted, unfinished)
    assert measure_progress(report.results).text == expected
    assert collect_frame(build_block(report), {})["state"].partition(", written")[0] == expected
    notices = [text for text in list_notices(report) if "trials have ended" in text]
    state, _, count = expected.partition(", ")
    sentence = f"{state.capitalize()}: {count} trials have ended"
    assert [text.partition(" (")[0] for text in notices] == [sentence] * unfinished
    assert not any(" running)" in text for text in notices), "no record says whether a training runs"


def test_a_sweep_that_lost_a_trial_has_ended_and_is_not_complete(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    trial = next(folder.glob("trials/*seed=2"))
    (trial / "result.json").unlink()
    (trial / "error.txt").write_text("RuntimeError: out of memory")
    assert measure_progress(load_sweep(folder)).text == "ended, 3 of 3"
