"""What the seeds of a panel say of its front, from the records of a made-up sweep."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.export.latex import render_document
from analysis.markdown import render_certainty
from analysis.measures.front import FrontData, compute_fronts
from analysis.measures.front_certainty import collect_seeds
from analysis.report.captions import describe_certainty
from analysis.report.configurations import tabulate_by_terms
from analysis.report.summary import build_front_tables, explain_certainty, explain_columns
from analysis.results.sweep import load_sweep
from trainers.terminal.console import Console
from trainers.terminal.tables import print_table

from ..synthetic import Made, write_sweep


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> FrontData:
    return compute_fronts([load_sweep(write_sweep(tmp_path_factory.mktemp("made") / "whole", Made(faults=False)))])


def test_seeds_are_those_of_the_points_in_percent(found: FrontData) -> None:
    for panel in found.panels:
        assert np.nanmean(panel.seeds, axis=1) == pytest.approx(100 * panel.points[["x", "y"]].to_numpy(float))
        assert (panel.assessment.front == panel.points["on_front"]).all()


def test_all_panels_are_one_family(found: FrontData) -> None:
    assert {panel.family.configurations for panel in found.panels} == {sum(len(p.points) for p in found.panels)}
    assert found.panels[0].family.tolerance == (2.0, 2.0) and not found.certified


def test_diverged_and_constant_seeds_are_collapsed_and_unknown_ones_are_not_there() -> None:
    trials = pd.DataFrame(
        {
            "sweep": "s", "configuration": ["a"] * 4 + ["b"] * 2, "replicate": [2, 0, 1, 3, 0, 1],
            "status": ["completed", "completed", "diverged", "completed", "completed", "failed"],
            "x": [0.5, 0.6, np.nan, 0.1, np.nan, np.nan], "y": [0.4, 0.3, np.nan, 0.1, 0.2, np.nan],
            "best_constant": [None, None, None, 3, None, None],
        }
    )  # fmt: skip
    points = pd.DataFrame({"sweep": "s", "configuration": ["b", "a"]})
    values = collect_seeds(trials, points, ["best"])
    assert values[1].tolist() == [[60, 30], [-np.inf, -np.inf], [50, 40], [-np.inf, -np.inf]]
    assert np.isnan(values[0]).all()


def test_table_of_a_front_has_verdicts_and_corrected_values(found: FrontData) -> None:
    for panel, table in zip(found.panels, build_front_tables(found), strict=True):
        cells = {column.header: list(column.cells) for column in table.columns}
        assert all(str(cell) in ("on", "off", "open") or str(cell).startswith("≤ ") for cell in cells["verdict"])
        assert all("(" in str(cell) for header, column in cells.items() if str(header).endswith("%") for cell in column)
        words = explain_certainty(found, panel)
        assert "surely on" in words and "In brackets" not in words, "said once, below all panels"
        assert "In brackets: corrected for being chosen. Verdict: " in explain_columns(found)


@pytest.mark.parametrize("noises", [((0.1,), (0.1,)), ((0.0, 0.1), (0.2,))], ids=["one front", "a front each"])
def test_no_word_of_the_table_of_several_sweeps_is_broken_at_80_columns(
    tmp_path: Path, noises: tuple[tuple[float, ...], ...]
) -> None:
    """A column of sweeps took the width: "configurat/ion", "friendly-9/0"."""
    made = Made(
        methods=("TRADES 0.10", "AT 0.20"), subsets=("all", "friendly 108"), profile=False, faults=False, epochs=4
    )
    sweeps = [
        load_sweep(write_sweep(tmp_path / name, replace(made, study=name, noise=noise)))
        for name, noise in zip(("friendly_kinds", "another"), noises, strict=True)
    ]
    found = compute_fronts(sweeps)
    shown = {width: io.StringIO() for width in (80, 1000)}
    for width, file in shown.items():
        for table in build_front_tables(found):
            print_table(Console(file=file, width=width), table)
    words = {width: file.getvalue().split() for width, file in shown.items()}
    assert {*words[80]} == {*words[1000]}
    assert all(name in shown[80].getvalue() for name in ("friendly_kinds", "another"))


@pytest.mark.long
def test_verdicts_on_several_sweeps_say_why_they_may_be_weaker(tmp_path: Path) -> None:
    made = Made(noise=(0.1,), replicates=8, profile=False, faults=False)
    one, other = (load_sweep(write_sweep(tmp_path / name, replace(made, study=name))) for name in ("one", "other"))
    alone, joint = compute_fronts([one]), compute_fronts([one, other])
    words = "They are over the 12 configurations of all 2 sweeps: the more there are, the more seeds a verdict needs"
    told = (
        explain_columns(joint),
        *describe_certainty(joint)[-1:],
        *render_certainty([one, other])[-1:],
        render_document(tabulate_by_terms([one, other])),
    )
    assert all(words in text for text in told) and len(told) == 4
    assert not any("sweeps" in line for line in alone.explain_verdicts())


@pytest.mark.parametrize(
    ("measured", "words"),
    [
        (1, "Nothing is sure: verdicts need 3 seeds of two configurations at least."),
        (4, " of the 4 measured surely on"),
    ],
)
def test_configurations_of_which_nothing_completed_yet_are_counted(tmp_path: Path, measured: int, words: str) -> None:
    """They may be on the front of all six, which one that is measured alone is not surely on."""
    folder = write_sweep(tmp_path / "begun", Made(noise=(0.0,), faults=False, profile=False))
    for trial in json.loads((folder / "plan.json").read_text())["trials"][3 * measured :]:
        (folder / "trials" / trial["id"] / "result.json").unlink()
    found = compute_fronts([load_sweep(folder)])
    (panel,) = found.panels
    assert words in explain_certainty(found, panel) and len(panel.points) == measured
    assert (", 2 not measured, at 3 seeds" in explain_certainty(found, panel)) == (measured == 4)
