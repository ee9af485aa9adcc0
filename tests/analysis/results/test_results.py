"""load: every kind of ending is a row, the tables are tidy, and large sweeps load quickly."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import time
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pandas as pd
import pytest

import analysis
from analysis.exceptions import SweepError
from analysis.measures.front import compute_fronts
from analysis.measures.overfitting import measure_overfitting
from analysis.report.data import collect_report_data
from analysis.report.provenance import describe_extent, describe_time
from analysis.report.tables.overfitting import render_gaps
from analysis.results.rankings import RANKING_COLUMNS
from analysis.results.sweep import load_sweep
from analysis.results.table_files import write_table
from trainers.formatting import format_duration
from trainers.record_io import write_json
from trainers.record_reader import read_json

from ..synthetic import Made, write_study, write_sweep


def test_every_planned_trial_is_a_row_with_its_status(sweep: Path) -> None:
    trials = load_sweep(sweep).trials
    assert len(trials) == 36 + 4
    assert trials["status"].value_counts().to_dict() == {"completed": 37, "diverged": 1, "begun": 1, "failed": 1}
    assert trials["id"].is_unique


def test_axes_are_columns_of_labels_named_by_their_path(sweep: Path) -> None:
    results = load_sweep(sweep)
    assert results.axes.varying == ("data.label_noise", "method", "subset")
    assert set(results.study_trials["subset"]) == {"all", "friendly 108", "random 108"}
    assert set(results.study_trials["data.label_noise"]) == {"0.0", "0.1"}


def test_an_unfinished_trial_has_no_final_metrics_and_a_torn_line_is_no_epoch(sweep: Path) -> None:
    results = load_sweep(sweep)
    running = results.trials[results.trials["status"] == "begun"].iloc[0]
    assert np.isnan(running["last_test_aa_acc"]) and np.isnan(running["robust_overfitting"])
    assert running["epochs_done"] == 3
    assert (results.epochs["id"] == running["id"]).sum() == 3


def test_a_diverged_trial_says_when_and_has_no_last(sweep: Path) -> None:
    trials = load_sweep(sweep).trials
    diverged = trials[trials["status"] == "diverged"].iloc[0]
    assert diverged["diverged_epoch"] == 5
    assert np.isnan(diverged["last_test_pgd_acc"])


def test_a_stopped_trial_has_no_final_metrics_although_its_result_has_those_so_far(tmp_path: Path) -> None:
    """What the search reads of it is no last epoch: in a table it would look like one, and like no overfitting."""
    folder = write_sweep(tmp_path / "sweep", Made(faults=False))
    place = next(folder.glob("trials/*,seed=0/result.json"))
    result = json.loads(place.read_text())
    place.write_text(json.dumps(result | {"status": "stopped", "stopped": {"epochs": 12, "reason": "a dud"}}))
    trials = load_sweep(folder).trials
    (stopped,) = trials[trials["status"] == "stopped"].to_dict("records")
    final = [name for name in map(str, trials) if name.startswith(("best_", "last_", "peak_", "robust_overf", "gener"))]
    assert len(final) > 10 and all(np.isnan(stopped[name]) for name in final)


@pytest.mark.parametrize(("images", "known"), [("", True), (" on 360 images", True), (" on 300 images", False)])
def test_gradient_masking_is_a_gap_between_attacks_on_the_same_images(tmp_path: Path, images: str, known: bool) -> None:
    attacks = {
        "pgd": "PGD-10, linf, epsilon 0.1, step epsilon/4",
        "aa": f"AutoAttack standard, linf, epsilon 0.1{images}",
    }
    trials = load_sweep(write_sweep(tmp_path / "sweep", Made(faults=False, noise=(0.0,), attacks=attacks))).study_trials
    if known:
        np.testing.assert_allclose(trials["last_gradient_masking_gap"], 0.03)
    else:
        assert "last_gradient_masking_gap" not in trials


def test_numbers_are_those_of_the_records(whole: Path) -> None:
    results = load_sweep(whole)
    row = results.study_trials.iloc[7]
    stored = json.loads((whole / "trials" / row["id"] / "result.json").read_text())
    assert row["best_test_aa_acc"] == stored["best"]["test_aa_acc"]
    assert row["best_epoch"] == stored["best"]["epoch"]
    assert row["seconds_alone"] == row["seconds_billed"] == pytest.approx(24 * 0.75 + 1.0)
    assert row["epochs_billed"] == 24
    curve = results.epochs[results.epochs["id"] == row["id"]]["test_pgd_acc"]
    assert row["peak_test_pgd_acc"] == curve.max()
    assert row["robust_overfitting"] == pytest.approx(curve.max() - stored["last"]["test_pgd_acc"])


def test_epochs_that_others_trained_cost_alone_and_are_not_billed(whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "shared")
    trials = load_sweep(whole).study_trials
    trial = trials.iloc[7]["id"]
    path = tmp_path / "shared" / "trials" / trial / "cost.jsonl"
    costs = [json.loads(line) for line in path.read_text().splitlines()]
    owners = [{"by": "another" if cost.get("epoch", 24) < 10 else trial} for cost in costs]
    path.write_text("".join(json.dumps(cost | by) + "\n" for cost, by in zip(costs, owners, strict=True)))
    row = load_sweep(tmp_path / "shared").study_trials.iloc[7]
    assert row["seconds_alone"] == pytest.approx(24 * 0.75 + 1.0)
    assert row["seconds_billed"] == pytest.approx(14 * 0.75 + 1.0)
    assert row["epochs_billed"] == 14
    total = trials["seconds_alone"].sum() + load_sweep(whole).trials["seconds_alone"].iloc[len(trials) :].sum()
    found = describe_time(load_sweep(tmp_path / "shared"))
    assert found == f"{format_duration(total - 7.5)} billed; {format_duration(total)} if each had trained alone"


def test_best_minus_last_is_never_negative_and_the_selected_one_can_be(whole: Path) -> None:
    trials = load_sweep(whole).study_trials
    assert (trials["robust_overfitting"] >= 0).all()
    assert (trials["robust_overfitting_val"] <= trials["robust_overfitting"]).all()
    assert (trials["robust_overfitting_val"] < 0).any()


def test_trials_stand_in_the_order_of_the_axes_with_profiles_last(whole: Path) -> None:
    trials = load_sweep(whole).labelled
    assert list(trials["kind"]) == ["trial"] * 36 + ["profile"] * 4
    assert list(trials["data.label_noise"][:36]) == ["0.0"] * 18 + ["0.1"] * 18


@pytest.mark.long
def test_a_training_that_others_start_from_is_no_trial_of_the_study(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.1,), faults=False))
    plan = json.loads((folder / "plan.json").read_text())
    kept = collect_report_data(load_sweep(folder))
    # the first profile training stands in for a pretraining: records of its own, and no ranking
    plan["trials"][0] |= {"kind": "pretrain", "ranks": None, "axes": {}, "values": {}}
    (folder / "plan.json").write_text(json.dumps(plan))
    found = collect_report_data(load_sweep(folder))
    assert list(found.results.trials["kind"]) == ["trial"] * 18 + ["profile", "pretrain"]
    assert found.results.axes.varying == kept.results.axes.varying
    pd.testing.assert_frame_equal(found.results.study_trials, kept.results.study_trials)
    assert describe_extent(kept) == "6 configurations × 3 seeds, 2 profiling trials."
    assert describe_extent(found) == "6 configurations × 3 seeds, 1 profiling trials, 1 pretrainings."


def test_instances_turn_the_mark_of_not_trained_into_nan(sweep: Path) -> None:
    results = load_sweep(sweep)
    profile = results.trials[results.trials["kind"] == "profile"].iloc[0]["id"]
    instances = results.instances(profile)
    assert instances is not None
    correct = instances["correct"]
    assert correct.shape == (24, 120)
    assert np.isnan(correct[0, :3]).all() and np.isfinite(correct[1:]).all()
    assert set(np.unique(correct[1:])) == {0.0, 1.0}
    assert results.instances(results.study_trials.iloc[0]["id"]) is None
    with pytest.raises(SweepError, match=re.escape(f"has no trial {profile + 'x'!r}; did you mean {profile}?")):
        results.instances(profile + "x")


@pytest.mark.parametrize("measured", [False, True])
def test_a_generalization_gap_is_shown_only_where_both_accuracies_are_under_one_attack(
    tmp_path: Path, measured: bool
) -> None:
    folder = write_sweep(tmp_path / "sweep", Made(noise=(0.1,), subsets=("all",), profile=False, faults=False))
    if measured:
        for path in folder.glob("trials/*/epochs.jsonl"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            rows = [row | ({"train_pgd_acc": 0.9} if "test_pgd_acc" in row else {}) for row in rows]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = load_sweep(folder)
    assert results.epochs["train_robust_acc"].notna().any()  # under the training's own attack
    expected = 0.9 - results.trials["last_test_pgd_acc"] if measured else np.full(len(results.trials), np.nan)
    np.testing.assert_allclose(results.trials["generalization_gap"], expected)
    (table,) = render_gaps(collect_report_data(results))
    assert ("<th>train − test, last, PGD\N{NON-BREAKING HYPHEN}10</th>" in table) == measured
    assert ("under the same attack, in eval mode" in table) == measured
    assert ("evaluate: {train: true}" in table) != measured


@pytest.mark.long
def test_the_code_of_the_readme_runs_and_the_columns_that_it_names_exist(tmp_path: Path) -> None:
    whole = write_sweep(tmp_path / "whole", Made(study="whole", faults=False))
    first = load_sweep(whole).study_trials["id"].iloc[0]
    copyfile(next(whole.glob("trials/profile*/instances.npz")), whole / "trials" / first / "instances.npz")
    text = (Path(__file__).parents[3] / "analysis" / "README.md").read_text(encoding="utf-8")
    section = text.partition("## Reading results in Python")[2].partition("\n## Report")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(code.replace("results/friendly_k", str(whole)), names)
    assert "results.instances(" in code and "results.rankings" in code
    assert len(names["done"]) == 36, "without those that rank"
    known = {
        *names["trials"],
        *names["epochs"],
        *measure_overfitting(names["results"]),
        *compute_fronts([names["results"]]).members,
    }
    columns = {
        name for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE) for name in re.findall("`([a-z_]+)`", row)
    }
    assert columns and columns <= known


def test_an_array_is_read_when_it_is_asked_for_by_its_name(sweep: Path) -> None:
    results = load_sweep(sweep)
    instances = results.instances(results.trials.loc[results.trials["kind"] == "profile", "id"].iloc[0])
    assert instances is not None
    assert repr(instances).startswith("Instances: ") and "loss (24, 120)" in repr(instances)
    assert {"index", "y", "loss", "best_clean_p_y"} <= set(instances)
    assert instances["loss"] is not instances["loss"], "an array is not kept"
    assert {name: instances[name].dtype.name for name in ("loss", "correct", "p_y", "index")} == {
        "loss": "float32", "correct": "float32", "p_y": "float32", "index": "int64",
    }  # fmt: skip
    with pytest.raises(KeyError, match=r"los was not recorded; did you mean loss\? recorded are .*loss"):
        instances["los"]


def test_a_file_that_changes_once_it_is_open_is_named(tmp_path: Path) -> None:
    results = load_sweep(write_sweep(tmp_path / "sweep", Made(noise=(0.1,), subsets=("all",), epochs=4)))
    trial = results.trials.loc[results.trials["kind"] == "profile", "id"].iloc[0]
    instances, path = results.instances(trial), results.folder / "trials" / trial / "instances.npz"
    assert instances is not None
    for change in (lambda: path.write_bytes(path.read_bytes()[:200]), path.unlink):
        change()
        with pytest.raises(SweepError, match=rf"{re.escape(str(path))}: its array loss cannot be read"):
            instances["loss"]


def test_rankings_are_a_table_of_examples(sweep: Path) -> None:
    results = load_sweep(sweep)
    table = results.rankings
    assert table["ranking"].nunique() == len(results.profile_rankings) == 2
    for ranking in results.profile_rankings:
        here = table[table["ranking"] == ranking.name]
        np.testing.assert_array_equal(here["rank"], ranking.rank)
        np.testing.assert_array_equal(here["rank_difficulty"], ranking.ranks["difficulty"])
        np.testing.assert_array_equal(here["index"], ranking.index)
    assert load_sweep(sweep).rankings.columns.tolist()[:6] == list(RANKING_COLUMNS)


def test_a_sweep_without_rankings_has_a_table_without_rows(tmp_path: Path) -> None:
    table = load_sweep(write_sweep(tmp_path / "bare", Made(profile=False, epochs=4))).rankings
    assert table.empty and table.columns.tolist() == list(RANKING_COLUMNS)


def test_a_sweep_shows_itself_in_five_lines(sweep: Path) -> None:
    shown = repr(analysis.load(sweep)).splitlines()
    assert len(shown) == 5 and shown[0] == f"Sweep made_up ({sweep})"
    assert all(len(line) <= 200 for line in shown)


def test_numeric_axes_are_numbers_in_exported_tables(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "knob", "method.attack.epsilon", ("8/255", 0.1, "inf"))
    plan = read_json(folder / "plan.json")
    plan["axes"].append("method.weight.burn_in")
    for trial in plan["trials"][:3]:
        trial["axes"]["method.weight.burn_in"] = trial["values"]["method.weight.burn_in"] = "20%"
    write_json(folder / "plan.json", plan)
    results = load_sweep(folder)
    write_table(results.trials, tmp_path, "trials")
    text = pd.read_csv(tmp_path / "trials.csv", dtype={"method.attack.epsilon": str})  # pandas 2 rounds what it reads
    text = text.astype({"method.attack.epsilon": float})
    for found in (results.trials, pd.read_parquet(tmp_path / "trials.parquet"), text):
        epsilon, burn_in = (found[f"method.{knob}"] for knob in ("attack.epsilon", "weight.burn_in"))
        assert epsilon.tolist() == [8 / 255] * 3 + [0.1] * 3 + [np.inf] * 3
        assert burn_in.tolist()[:3] == [0.2] * 3 and burn_in[3:].isna().all()


def test_a_table_as_a_file_round_trips(sweep: Path, tmp_path: Path) -> None:
    results = load_sweep(sweep)
    paths = write_table(results.trials, tmp_path, "trials")
    assert [path.name for path in paths] == ["trials.csv", "trials.parquet"]
    for read, suffix in ((pd.read_parquet, "parquet"), (pd.read_csv, "csv")):
        stored = read(tmp_path / f"trials.{suffix}")
        np.testing.assert_allclose(stored["best_test_aa_acc"], results.trials["best_test_aa_acc"])
        assert list(stored["id"]) == list(results.trials["id"])


@pytest.mark.parametrize(
    ("plan", "found"),
    [(None, "no plan.json"), ("{torn", "damaged: it is no JSON"), ('{"trials": []}', "plans no trial")],
)
def test_a_folder_that_is_no_sweep_is_named_with_its_neighbours(tmp_path: Path, plan: str | None, found: str) -> None:
    for name in ("sweep", "other"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "plan.json").write_text("{}")
    if plan is not None:
        (tmp_path / "sweep" / "plan.json").write_text(plan)
    with pytest.raises(SweepError, match=found) as error:
        load_sweep(tmp_path / "sweep")
    assert "other" in str(error.value) and "\n" not in str(error.value)


def test_a_missing_folder_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="no such folder"):
        load_sweep(tmp_path / "nowhere")


@pytest.mark.long
def test_two_hundred_epochs_of_many_trials_load_quickly(tmp_path: Path) -> None:
    """A tenth of 1,000 trials x 200 epochs, which took 2 s when written; ten times that would be noticed."""
    made = Made(methods=tuple(f"AT {n}" for n in range(17)), epochs=200, noise=(0.0,), replicates=2, profile=False)
    folder = write_sweep(tmp_path / "large", made)
    started = time.process_time()
    results = load_sweep(folder)
    assert len(results.epochs) > 100 * 195
    assert time.process_time() - started < 2.0


@pytest.mark.long
def test_results_are_summed_up_in_five_lines(sweep: Path, tmp_path: Path) -> None:
    shown = repr(load_sweep(sweep)).splitlines()
    assert len(shown) == 5 and max(map(len, shown)) <= 200
    assert str(sweep) in shown[0] and "36 (33 completed, 1 diverged, 1 begun, 1 failed)" in shown[1]
    many = Made(
        methods=tuple(f"AT {n}" for n in range(200)), noise=(0.0,), replicates=1, epochs=2, profile=False, faults=False
    )
    assert len(repr(load_sweep(write_sweep(tmp_path / "many", many)))) < 1_000


def test_no_text_of_a_csv_file_is_a_formula_or_steers_a_terminal(tmp_path: Path) -> None:
    texts = ["=HYPERLINK(1)", "+1+2", "-2+3", "@SUM(1)", "-1", "+0.5%", "a\x1b[2J", "plain", None]
    table = pd.DataFrame({"=name": texts, "number": np.arange(-4.0, 5.0)})
    csv, parquet = write_table(table, tmp_path, "table")
    shown = pd.read_csv(csv)
    assert shown.columns.tolist() == ["'=name", "number"] and shown["number"].tolist() == table["number"].tolist()
    assert shown.iloc[:, 0].tolist()[:-1] == [
        "'=HYPERLINK(1)", "'+1+2", "'-2+3", "'@SUM(1)", "-1", "+0.5%", "a\\x1b[2J", "plain",
    ]  # fmt: skip
    assert pd.read_parquet(parquet)["=name"].tolist()[:-1] == texts[:-1]


@pytest.mark.parametrize("command", ["markdown", "agreement", "pareto"])
def test_a_url_is_named_as_one_where_only_folders_are_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"analysis.{command}").main
    more = ["-o", str(tmp_path / "f.png")] if command == "pareto" else []
    assert main(["s3://bucket/sweep", *more]) == 2
    assert "analysis.mirror" in capsys.readouterr().err
