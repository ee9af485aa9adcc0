"""A network that names one class whatever the image is no result: counted and called so, as one that diverged is."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.markdown import render_table
from analysis.measures.differences import compare_axis
from analysis.measures.front import compute_fronts
from analysis.report.configurations import tabulate_configurations
from analysis.report.data import collect_report_data
from analysis.report.findings import list_findings
from analysis.report.page import write_report
from analysis.report.summary import describe_endings
from analysis.results.sweep import load_sweep
from trainers.records import find_constant_class

from ..synthetic import CLASSES, Made, name_one_class, write_sweep

MADE = Made(noise=(0.0,), methods=("AT", "TRADES"), subsets=("all",), faults=False, profile=False)


@pytest.fixture(params=[True, False], ids=["as recorded", "of an older record"])
def dead(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Two methods of three seeds; one seed of TRADES, which would be on the front, names one class at both ends."""
    folder = write_sweep(tmp_path / "sweep", MADE)
    for checkpoint in ("best", "last"):
        name_one_class(folder, "*TRADES*seed=1", checkpoint, request.param)
    return folder


def test_a_constant_network_is_found_in_records_old_and_new() -> None:
    def classes(*clean: float | None) -> dict[str, object]:
        return {"last": {"epoch": 3}, "classes": {"last": {"clean": clean}}}

    assert find_constant_class({"last": {"constant": 0}}, "last") == 0
    assert (
        find_constant_class(classes(0.0, 1.0, 0.0), "last")
        == find_constant_class(classes(0.0, 1.0, None, 0.0), "last")
        == 1
    )
    for alive in (classes(0.0, 1.0, 0.1), classes(1.0, 1.0), classes(0.0, 0.9), classes(None, 1.0), classes(0.0, 0.0)):
        assert find_constant_class(alive, "last") is None
    assert find_constant_class(classes(0.0, 1.0), "best") is None and find_constant_class({}, "best") is None


def test_constant_network_is_counted_and_marked_wherever_its_configuration_is_named(dead: Path) -> None:
    results = load_sweep(dead)
    assert results.trials["best_constant"].count() == results.trials["last_constant"].count() == 1
    marked = results.study_trials[results.study_trials["choice"].str.startswith("TRADES")]["choice"]
    assert set(marked) == {"TRADES (1 of 3 constant)"}
    assert "6 of 6 trials completed, 1 of the completed name one class" in describe_endings(results)
    assert "`TRADES (1 of 3 constant)" in render_table(tabulate_configurations([results]))


def test_constant_network_is_on_no_front_and_not_selected(dead: Path) -> None:
    found = compute_fronts([load_sweep(dead)])
    assert found.panels[0].missing == "1 configuration never on a front, as a seed names one class for all."
    points = found.panels[0].points.set_index("family")
    assert points.loc["TRADES", "constant"] == 1 and points.loc["AT", "constant"] == 0
    assert not points.loc["TRADES", "on_front"] and not points.loc["TRADES", "selected"]
    assert points.loc["AT", "on_front"] and points.loc["AT", "selected"]


def test_constant_network_is_no_evidence_in_findings(dead: Path) -> None:
    found = dict(list_findings(collect_report_data(load_sweep(dead))))
    assert "no evidence of overfitting. Number of seeds: TRADES (1 of 3 constant) (1)." in found["Constant networks"]
    assert found["Robust overfitting"].startswith("largest for AT:")
    effects = compare_axis(load_sweep(dead), "method", ["last_test_pgd_acc"])
    assert effects["n"].tolist() == [2] and effects["mean"].abs().max() < 0.1


def test_network_constant_at_the_last_epoch_alone_has_collapsed(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", MADE)
    name_one_class(folder, "*TRADES*", "last")
    results = load_sweep(folder)
    assert "TRADES (constant at the last epoch)" in set(results.study_trials["choice"])
    by_best, by_last = (
        compute_fronts([results], checkpoint=which).panels[0].points.set_index("family") for which in ("best", "last")
    )
    assert by_best.loc["TRADES", "on_front"] and not by_last.loc["TRADES", "on_front"]
    effects = compare_axis(results, "method", ["last_test_pgd_acc", "best_test_pgd_acc", "robust_overfitting"])
    assert effects.set_index("metric")["n"].to_dict() == {
        "last_test_pgd_acc": 0, "best_test_pgd_acc": 3, "robust_overfitting": 0,
    }  # fmt: skip


@pytest.mark.long
def test_report_of_constant_networks_alone_is_written_and_says_so(tmp_path: Path, unrendered: None) -> None:
    folder = write_sweep(tmp_path / "sweep", MADE)
    for checkpoint in ("best", "last"):
        name_one_class(folder, "*", checkpoint)
    page = write_report(collect_report_data(load_sweep(folder))).read_text()
    assert "Constant networks" in page and "AT (constant)" in page and "0 of 2 configurations are on the front" in page


def test_a_class_that_is_always_right_beside_others_is_no_constant(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "sweep", MADE))
    assert results.trials[["best_constant", "last_constant"]].isna().all(axis=None)
    assert not results.trials["name"].str.contains("constant").any() and CLASSES > 2
