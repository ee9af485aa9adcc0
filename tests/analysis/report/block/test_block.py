"""What a block says of a study, a search and several sweeps, whatever users called things and however it ended."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.exceptions import SweepError
from analysis.measures.dominance import hypervolume
from analysis.measures.front import compute_fronts
from analysis.measures.history import accumulate_hypervolume, measure_history
from analysis.report.block import build_block, format_block
from analysis.report.data import ReportData, collect_report_data
from analysis.results.sweep import load_sweep

from ...synthetic import Made, name_one_class, write_study, write_sweep
from .made_search import COUNT, DIVERGED, LOSS, STOP, STOPPED, draw, write_search

SMALL = Made(noise=(0.0,), subsets=("all",), faults=False, profile=False)


def collect(folder: Path) -> ReportData:
    return collect_report_data(load_sweep(folder))


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_search(tmp_path_factory.mktemp("results") / "made_search")


@pytest.fixture(scope="module")
def searched(search: Path) -> dict[str, Any]:
    """Its block without importances, which take longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analysis.report.data.measure_importance", lambda results: None)
        return build_block(collect(search))


def place_of(block: dict[str, Any], number: int) -> int:
    """Return the place of a configuration of the search by its number in the order drawn."""
    return next(at for at, name in enumerate(block["configurations"]["configuration"]) if f"drawn_{number}," in name)


@pytest.mark.long
def test_the_same_records_make_the_same_bytes(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    first, second = (format_block(build_block(collect(folder))) for _ in range(2))
    assert first == second and json.loads(first)["schema"] == 1


def test_no_name_ends_the_element_of_a_page(tmp_path: Path) -> None:
    evil = "</script><!--<script>&\u2028"
    made = Made(**vars(SMALL) | {"study": evil, "methods": (f"{evil} 1", "<b>'\"")})
    block = build_block(collect(write_sweep(tmp_path / "sweep", made)))
    text = format_block(block)
    assert "<" not in text and json.loads(text) == block
    assert any(evil[:20] in family for family in block["families"]) and block["study"].startswith(evil[:20])


@pytest.mark.long
def test_a_study_begins_with_its_front_and_its_checkpoint(report: ReportData) -> None:
    block = build_block(report, reload_seconds=5)
    assert (block["kind"], block["x"], block["y"]) == ("study", "test_aa_clean_acc", "test_aa_acc")
    assert block["checkpoint"] == "best" and block["reload_seconds"] == 5 and block["sweeps"] == ["made_up"]
    assert block["history"] is block["importance"] is block["stopping"] is None
    assert block["metrics"]["test_pgd20_acc"] == {
        "title": "robust test accuracy, PGD-20, %",
        "short": "PGD-20",
        "better": 1,
        "attack": "PGD-20, linf, epsilon 0.1, step epsilon/4",
        "curve": None,
    }
    assert block["metrics"]["val_pgd_acc"]["curve"] == "val_pgd_acc"
    shorts = [metric["short"] for metric in block["metrics"].values()]
    assert len(set(shorts)) == len(shorts)
    assert block["families"] == ["AT 0.10", "TRADES 0.10"] and block["settings"] == [*block["setting_names"]]


def test_each_ending_has_its_reason(report: ReportData) -> None:
    block = build_block(report)
    assert block["state"] == {
        "state": "interrupted",
        "text": "interrupted, 35 of 36",
        "written": "2026-01-02T03:09:05+00:00",
    }
    assert block["configurations"]["status"] == ["completed"] * 11 + ["diverged"]
    assert block["configurations"]["reason"][-2:] == ["", "1 of 3 seeds diverged: loss is nan at epoch 5, batch 1"]


def test_a_network_that_names_one_class_is_counted_so_that_no_front_takes_it(tmp_path: Path) -> None:
    folder = write_sweep(
        tmp_path / "sweep", Made(noise=(0.0,), methods=("AT", "TRADES"), subsets=("all",), faults=False)
    )
    name_one_class(folder, "*TRADES*seed=1", "best")
    found = build_block(collect(folder))["configurations"]
    assert dict(zip(found["family"], found["constant"], strict=True)) == {"AT": 0, "TRADES": 1}
    assert found["on_front"] == [True, False]


@pytest.mark.long
def test_families_of_single_seeds_are_left_out_as_they_have_nothing_to_draw(tmp_path: Path) -> None:
    one, two = (
        build_block(collect(write_sweep(tmp_path / str(n), Made(**vars(SMALL) | {"replicates": n})))) for n in (1, 2)
    )
    assert one["effects"] == [] and two["effects"][0]["rows"]


@pytest.mark.parametrize(
    ("missing", "status", "reason"),
    [
        ("result.json", "begun", "1 of 3 seeds not yet trained to the end"),
        ("*", "planned", "1 of 3 seeds not trained yet"),
        ("error", "failed", "1 of 3 seeds failed: RuntimeError: out of \\x1b memory"),
    ],
)
def test_an_unfinished_configuration_says_so(tmp_path: Path, missing: str, status: str, reason: str) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    trial = next(folder.glob("trials/*AT_0.10*,seed=0"))
    for path in trial.glob("result.json" if missing == "error" else missing):
        path.unlink()
    if missing == "error":
        (trial / "error.txt").write_text("Traceback\nRuntimeError: out of \x1b memory\n")
    (folder / "provenance.json").write_text(json.dumps({"runs": [{"command": "python -m search.run small"}]}))
    block = build_block(collect(folder))
    found = block["configurations"]
    at = found["configuration"].index(trial.name.removesuffix(",seed=0"))
    assert (found["status"][at], found["reason"][at], found["n"][at]) == (status, reason, 2)
    assert found["command"][at] == "python -m search.run small", "what has not ended goes on with its sweep"
    assert block["state"]["text"] == ("ended, 6 of 6" if status == "failed" else "running, 5 of 6")
    assert block["state"]["written"]


def test_a_sweep_without_results_has_a_block(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(finished=False))
    block = build_block(collect(folder))
    assert block["state"]["text"] == "interrupted, 0 of 36"
    assert set(block["configurations"]["status"]) == {"planned"}
    assert block["curves"]["epoch"] == [] and not block["metrics"] and not any(block["configurations"]["on_front"])
    assert format_block(block)


def test_without_validation_the_page_begins_with_the_last_epoch(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", SMALL)
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        del result["best"]
        path.write_text(json.dumps(result))
    block = build_block(collect(folder))
    assert block["checkpoint"] == "last" and set(block["trials"]["best_test_pgd20_acc"]) == {None}


def test_the_command_names_its_folder_and_trial_whatever_their_letters(tmp_path: Path) -> None:
    made = Made(**vars(SMALL) | {"methods": ("it's $HOME; rm", "plain")})
    folder = write_sweep(tmp_path / "my results", made)
    block = build_block(collect(folder))
    for at, command in enumerate(block["configurations"]["command"]):
        first = block["trials"]["id"][block["trials"]["configuration"].index(at)]
        assert shlex.split(command) == ["python", "-m", "search.verify", str(folder), "--trial", first]
        assert first.endswith("seed=0")


@pytest.mark.long
def test_knobs_have_the_scale_and_range_of_their_space(searched: dict[str, Any]) -> None:
    knobs = {knob["path"]: knob for knob in searched["knobs"]}
    assert [knobs[path]["drawn"] for path in ("method", "optimizer.lr")] == [False, True]
    assert knobs["method"]["scale"] == "category" and knobs["method"]["choices"] == ["pgd-at", "trades"]
    assert (knobs["optimizer.lr"]["scale"], knobs["optimizer.lr"]["low"], knobs["optimizer.lr"]["high"]) == (
        "log",
        0.001,
        1,
    )
    assert (knobs["method.beta"]["scale"], knobs["method.beta"]["low"], knobs["method.beta"]["high"]) == (
        "linear",
        0,
        8,
    )
    for number in range(COUNT):
        at = place_of(searched, number)
        assert {path: knob["values"][at] for path, knob in knobs.items() if knob["values"][at] is not None} == draw(
            number
        )
    assert searched["kind"] == "search" and searched["families"] == ["pgd-at", "trades"]


@pytest.mark.parametrize(
    ("values", "scale", "found"),
    [
        ((1, 2, 4), "linear", [1, 2, 4]),
        ((0.001, 0.01, 0.1), "log", [0.001, 0.01, 0.1]),
        ((1, 2, "inf"), "category", ["1", "2", "inf"]),
        ((True, False), "category", ["True", "False"]),
    ],
)
def test_knobs_of_a_grid_are_numbers_or_choices(
    tmp_path: Path, values: tuple[Any, ...], scale: str, found: list[Any]
) -> None:
    (knob,) = build_block(collect(write_study(tmp_path / "sweep", "method.kappa", values)))["knobs"]
    assert not knob["drawn"] and knob["scale"] == scale and list(dict.fromkeys(knob["values"])) == found
    if scale == "category":
        assert knob["choices"] == found and knob["low"] is None
    else:
        assert (knob["choices"], knob["low"], knob["high"]) == (None, found[0], found[-1])


def test_history_is_in_the_order_drawn_with_those_that_were_lost(search: Path, searched: dict[str, Any]) -> None:
    history = searched["history"]
    assert history["order"] == [place_of(searched, number) for number in range(COUNT)]
    assert history["lost"] == [place_of(searched, number) for number in (STOPPED, DIVERGED)]
    trials = load_sweep(search).study_trials
    for metric in ("val_clean_acc", "val_pgd_acc"):
        means = trials.groupby("configuration")[f"best_{metric}"].mean()
        names = [searched["configurations"]["configuration"][at] for at in history["order"]]
        values = np.where(np.isin(history["order"], history["lost"]), 0.0, means.reindex(names))
        np.testing.assert_allclose(history["best"][metric], np.maximum.accumulate(values), atol=5.1e-7)
    assert history["hypervolume"] == sorted(history["hypervolume"])


def test_history_of_points_is_the_hypervolume_of_all_before() -> None:
    points = np.random.default_rng(0).random((30, 2))
    expected = [hypervolume(points[: n + 1], (0.0, 0.0)) for n in range(30)]
    np.testing.assert_allclose(accumulate_hypervolume(points), expected)


def test_a_configuration_without_a_value_changes_no_hypervolume() -> None:
    points = np.array([[0.5, 0.5], [np.nan, np.nan], [0.9, 0.1]])
    assert accumulate_hypervolume(points).tolist() == pytest.approx([0.25, 0.25, 0.29])


def test_history_of_a_single_objective_has_no_hypervolume(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "sweep", objectives={"val_clean_acc": "min"})
    history = measure_history(load_sweep(folder))
    assert history.hypervolume is None and (np.diff(history.best["val_clean_acc"]) <= 0).all()


def test_stopping_names_what_was_stopped_when_and_why(searched: dict[str, Any]) -> None:
    at = place_of(searched, STOPPED)
    reason = f"{STOP['rule']}: {STOP['reason']}"
    (stop,) = searched["stopping"]
    assert stop == {"configuration": at, **STOP, "planned": 24, "saved": 3 * (24 - STOP["epoch"])}
    found = searched["configurations"]
    assert (found["status"][at], found["reason"][at], found["n"][at]) == ("stopped", reason, 0)
    at = place_of(searched, DIVERGED)
    assert found["reason"][at] == f"1 of 3 seeds diverged: {LOSS['why']}" and not found["on_front"][at]


@pytest.mark.long
def test_epochs_saved_are_those_of_each_configuration_where_epochs_are_a_knob(tmp_path: Path) -> None:
    folder = write_search(tmp_path / "sweep")
    plan = json.loads((folder / "plan.json").read_text())
    for trial in plan["trials"]:
        trial["epochs"] = 16 if f"drawn_{STOPPED}," in trial["configuration"] else 24
    (folder / "plan.json").write_text(json.dumps(plan))
    (stop,) = build_block(collect(folder))["stopping"]
    assert (stop["planned"], stop["saved"]) == (16, 3 * (16 - STOP["epoch"]))


@pytest.mark.long
def test_importance_has_an_interval_for_each_objective(search: Path) -> None:
    report = collect(search)
    table, importance = report.importance.table, build_block(report)["importance"]
    assert set(importance) == {"val_clean_acc", "val_pgd_acc"}
    for metric, rows in importance.items():
        known = table[table["objective"] == metric]
        assert [(row["knob"], row["method"]) for row in rows] == [*zip(known["axis"], known["evaluator"], strict=True)]
        np.testing.assert_allclose([row["lo"] for row in rows], known["lo"], atol=5.1e-5)


@pytest.mark.long
def test_two_sweeps_share_a_front_and_say_what_they_differ_in(report: ReportData, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", lift=0.02, faults=False, examples=110))
    block = build_block(report, collect(other))
    found, (one, two) = block["configurations"], (report.results, load_sweep(other))
    assert block["sweeps"] == ["made_up", "other"] and found["sweep"] == [0] * 12 + [1] * 12
    front = compute_fronts([one, two])
    members = {*zip(front.members["sweep"], front.members["configuration"], strict=True)}
    names = [block["sweeps"][at] for at in found["sweep"]]
    marked = {
        key for key, on in zip(zip(names, found["configuration"], strict=True), found["on_front"], strict=True) if on
    }
    assert marked == members and len({*found["name"]}) == 24
    assert block["settings"] == [panel.title for panel in front.panels]
    assert {row["setting"] for family in block["effects"] for row in family["rows"]} <= {*block["settings"]}
    (data,) = (row["values"] for row in block["settings_differ"] if row["name"] == "data")
    assert "120 train" in data[0] and "110 train" in data[1]
    assert all(len(set(row["values"])) > 1 for row in block["settings_differ"])
    assert format_block(block)


def test_a_sweep_is_not_compared_with_itself(report: ReportData) -> None:
    with pytest.raises(SweepError, match="given twice"):
        build_block(report, report)
