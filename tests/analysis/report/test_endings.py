"""A report says what ended trials, each traceback once, and lists limits of the numbers that it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.report.data import collect_report_data
from analysis.report.findings import list_limits
from analysis.report.tables.trainings import render_unfinished
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

SMALL = Made(noise=(0.1,), methods=("AT",), subsets=("all",), replicates=6, profile=False, faults=False)
LINES = "Traceback (most recent call last):\n  in {trial}\nRuntimeError: out of memory\n"


def test_a_traceback_of_many_trials_stands_once_with_its_trials(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    for number, path in enumerate(sorted(folder.glob("trials/*/result.json"))):
        path.unlink()
        text = LINES.format(trial=path.parent.name) if number else "ValueError: another\n"
        (path.parent / "error.txt").write_text(text)
    table, *tracebacks = map(str, render_unfinished(collect_report_data(load_sweep(folder))))
    assert table.count("RuntimeError: out of memory") == 5 and table.count("seed=") == 6
    assert len(tracebacks) == 2 and sum(text.count("Traceback") for text in tracebacks) == 1
    (several,) = (text for text in tracebacks if "out of memory" in text)
    assert "5 trials ended so" in several and "and 1 more" in several


def test_limits_are_those_of_numbers_that_the_report_has(tmp_path: Path) -> None:
    begun = replace(SMALL, finished=False)
    assert list_limits(collect_report_data(load_sweep(write_sweep(tmp_path / "begun", begun)))) == []
    text = " ".join(list_limits(collect_report_data(load_sweep(write_sweep(tmp_path / "whole", SMALL)))))
    assert "The front" in text and "standard error over seeds" in text and "best epoch on test" in text
    assert "Intervals" not in text, "a single configuration is compared with nothing"
