"""Trainings that two sweeps hold: on fronts, on a page and in tables each counts once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.export.latex import render_document
from analysis.markdown import render_pages
from analysis.measures.front import FrontPanel, compute_fronts
from analysis.measures.stats import estimate
from analysis.report.block import build_block, collect_rows
from analysis.report.comparison import collect_joint_frames
from analysis.report.configurations import tabulate_by_terms
from analysis.report.data import collect_report_data
from analysis.results.choice import Choice
from analysis.results.selection import select
from analysis.results.sweep import Sweep, load_sweep

from ..sharing import add_classes, drop_seed, write_sharing


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> list[Sweep]:
    """Two sweeps of two configurations, one of which both hold with the same three seeds."""
    return [load_sweep(folder) for folder in write_sharing(tmp_path_factory.mktemp("pair"))]


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> list[Sweep]:
    """The same, but the second has two seeds more, and accuracy by class was recorded."""
    folders = write_sharing(tmp_path_factory.mktemp("longer"), replicates=5)
    for folder in folders:
        add_classes(folder)
    return [load_sweep(folder) for folder in folders]


@pytest.fixture(scope="module")
def partly(tmp_path_factory: pytest.TempPathFactory) -> list[Sweep]:
    """Two sweeps that share a configuration: the first has its seeds 0 to 2, the second 1 to 4."""
    folders = write_sharing(tmp_path_factory.mktemp("partly"), replicates=5)
    drop_seed(folders[1], 0)
    for folder in folders:
        add_classes(folder)
    return [load_sweep(folder) for folder in folders]


def draw_panel(sweeps: list[Sweep]) -> FrontPanel:
    (panel,) = compute_fronts(sweeps).panels
    return panel


def test_a_configuration_of_two_sweeps_is_one_point(pair: list[Sweep]) -> None:
    panel, alone = draw_panel(pair), draw_panel(pair[:1])
    points, own = (part.points.set_index("name") for part in (panel, alone))
    assert len(points) == 3 and list(points["n"]) == [3, 3, 3]
    assert points.loc["all", "also"] == "second" and list(points["also"]).count("") == 2
    assert points.loc["all", "y_se"] == own.loc["all", "y_se"]
    assert panel.family.configurations == 3 and panel.seeds.shape[:2] == (3, 3) and len(panel.trials) == 9


@pytest.mark.long
def test_the_front_of_each_sweep_has_what_it_holds(pair: list[Sweep]) -> None:
    panel = draw_panel(pair)
    for sweep in pair:
        alone = draw_panel([sweep])
        assert set(panel.points["name"][panel.held[sweep.study]]) == set(alone.points["name"])
        members = panel.points["name"][panel.curves[sweep.study].members]
        assert set(members) == set(alone.points["name"][alone.points["on_front"]])
        np.testing.assert_equal(panel.volume[sweep.study], alone.volume[sweep.study])
        chosen = panel.points.loc[panel.held[sweep.study]]
        assert set(alone.points["name"][alone.points["selected"]]) <= set(chosen["name"][chosen["selected"]])


def test_further_seeds_of_the_other_sweep_count(longer: list[Sweep]) -> None:
    found = draw_panel(longer).points.set_index("name").loc["all"]
    values = longer[1].completed.query("name == 'all'")["best_test_aa_acc"]
    assert found["n"] == 5 and found["y"] == pytest.approx(values.mean()) and len(values) == 5


def test_the_remark_names_the_sweeps(pair: list[Sweep]) -> None:
    assert compute_fronts(pair).remark == "first and second hold the same 3 trainings; each counts once, under first."


@pytest.mark.long
@pytest.mark.parametrize(("sweeps", "seeds"), [("pair", 3), ("longer", 5)])
def test_a_page_lists_it_once_and_says_who_holds_it(sweeps: str, seeds: int, request: pytest.FixtureRequest) -> None:
    results = request.getfixturevalue(sweeps)
    block = build_block(*map(collect_report_data, results))
    found = block["configurations"]
    place = found["name"].index("first and second · all")
    assert len(found["name"]) == 3 and found["n"][place] == seeds and found["holders"][place] == [0, 1]
    assert block["trials"]["configuration"].count(place) == seeds
    assert sum(found["n"]) == len(block["trials"]["id"])
    assert len(block["curves"]["epoch"]) > 1


@pytest.mark.long
def test_the_tables_of_a_page_list_each_training_once(pair: list[Sweep]) -> None:
    frames = collect_joint_frames(collect_rows([collect_report_data(sweep) for sweep in pair]))
    assert len(frames["trials"]) == 9 and len(frames["epochs"]) == 9 * 24
    assert not frames["trials"].duplicated(["id"]).any()


def test_what_a_page_computes_of_a_configuration_is_of_all_its_seeds(partly: list[Sweep], longer: list[Sweep]) -> None:
    """The second sweep of `longer` has all five seeds by itself."""
    rows = collect_rows([collect_report_data(sweep) for sweep in partly])
    frames, whole = collect_joint_frames(rows), collect_report_data(longer[1])
    for key, alone in (("overfitting", whole.gaps), ("masking", whole.masking), ("classes", whole.classes)):
        table = frames[key]
        shared, known = (one[one["name"] == "all"].reset_index(drop=True) for one in (table, alone))
        assert list(shared["n"].unique()) == [5] and set(shared["sweep"]) == {"first"} and len(shared) == len(known)
        assert set(shared["also"]) == {"second"} and set(table.loc[table["name"] != "all", "also"]) == {""}
        numbers = known.select_dtypes("number").columns.drop(["floor", "floor_evaluations"], errors="ignore")
        pd.testing.assert_frame_equal(shared[numbers], known[numbers], check_dtype=False)
        assert set(table["name"]) == {"all", "friendly 108", "random 108"}, "each configuration once"
    assert dict(frames["overfitting"][["name", "n"]].itertuples(index=False)) == {
        "all": 5, "friendly 108": 3, "random 108": 4,
    }  # fmt: skip


def test_accuracy_by_class_on_a_page_is_of_all_seeds(partly: list[Sweep], longer: list[Sweep]) -> None:
    block, alone = (build_block(*map(collect_report_data, sweeps)) for sweeps in (partly, longer[1:]))
    place = block["configurations"]["name"].index("first and second · all")
    own = alone["configurations"]["name"].index("all")
    assert block["classes"]["test_aa_acc"][place] == alone["classes"]["test_aa_acc"][own]
    assert block["trials"]["configuration"].count(place) == 5


@pytest.mark.long
def test_a_table_of_configurations_has_one_row_for_it(longer: list[Sweep]) -> None:
    (table,) = tabulate_by_terms(longer)
    (row,) = (row for row in table.rows if row.name == "all")
    values = longer[1].completed.query("name == 'all'")["best_test_clean_acc"]
    assert len(table.rows) == 3 and row.numbers[0] == estimate(values)
    (page,) = render_pages(longer)
    assert page.count("`all` (also in second)") == 1
    assert render_document([table]).count("all (also in second)") == 1


def test_a_figure_that_joins_sweeps_has_one_line_for_it(longer: list[Sweep]) -> None:
    found = select(longer, Choice(lines=("subset",), join=True), 9)
    counts = found.trials["line"].value_counts()
    assert counts.to_dict() == {"all": 5, "friendly 108": 3, "random 108": 5}
    assert any("hold the same 3 trainings" in cut for cut in found.cuts)


def test_an_unfinished_copy_gives_way(tmp_path: Path) -> None:
    folders = write_sharing(tmp_path)
    for path in folders[0].glob("trials/*subset=all*/result.json"):
        path.unlink()
    panel = draw_panel([load_sweep(folder) for folder in folders])
    assert panel.points.set_index("name").loc["all", "n"] == 3
    assert pd.isna(panel.points["y_se"]).sum() == 0 and not panel.missing
