"""Studies of Optuna from the records of a sweep, as Optuna itself loads them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from analysis.export.__main__ import main
from analysis.export.study import add_study
from analysis.results.sweep import load_sweep
from trainers.terminal.silence import silence_library

from ..synthetic import Made, write_study, write_sweep


def read_study(path: Path, name: str) -> optuna.Study:
    storage: Any = f"sqlite:///{path}" if path.suffix == ".db" else JournalStorage(JournalFileBackend(str(path)))
    return optuna.load_study(study_name=name, storage=storage)


def study_of(folder: Path) -> optuna.Study:
    with silence_library("optuna"):
        return add_study(load_sweep(folder), "study")


def set_search(folder: Path, **search: Any) -> None:
    (folder / "space.yaml").write_text(yaml.safe_dump({"search": search}))


@pytest.mark.long
@pytest.mark.parametrize("file", ["study.db", "study.log"])
def test_optuna_loads_the_study_of_a_grid(
    file: str, sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(sweep), "--format", "optuna", "-o", str(tmp_path / file)]) == 0
    assert "1 trial without a result left out" in capsys.readouterr().out
    study, results = read_study(tmp_path / file, "made_up"), load_sweep(sweep)
    assert study.metric_names == ["val_clean_acc", "val_pgd_acc"]
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
    states = [trial.state for trial in study.trials]
    assert {state: states.count(state) for state in set(states)} == {TrialState.COMPLETE: 33, TrialState.FAIL: 2}
    rows = results.study_trials.set_index("id")
    for trial in study.trials:
        row = rows.loc[trial.user_attrs["id"]]
        assert (trial.user_attrs["configuration"], trial.user_attrs["seed"]) == (row["configuration"], row["seed"])
        assert trial.params["method"] == row["method"] and str(trial.params["data.label_noise"]) in ("0", "0.1")
        if trial.state == TrialState.COMPLETE:
            assert trial.values == [row["best_val_clean_acc"], row["best_val_pgd_acc"]]
            assert trial.user_attrs["last_test_aa_acc"] == row["last_test_aa_acc"]
            assert trial.duration.total_seconds() == pytest.approx(row["seconds_alone"])
    best = {trial.user_attrs["id"] for trial in study.best_trials}
    assert best <= set(rows.index[rows["status"] == "completed"]) and best


def test_a_program_that_has_not_yet_imported_optuna_prints_no_message_of_it(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "drawn", "method.attack.epsilon", (0.05, 0.1))
    words = [str(folder), "--format", "optuna", "-o", str(tmp_path / "study.log")]
    done = subprocess.run([sys.executable, "-m", "analysis.export", *words], capture_output=True, text=True, check=True)
    assert done.stderr == "" and "a study of" in done.stdout


@pytest.mark.long
def test_several_sweeps_are_studies_of_one_file_that_replaces_an_older_one(whole: Path, tmp_path: Path) -> None:
    other = write_sweep(tmp_path / "other", Made(study="other", faults=False, noise=(0.1,)))
    path = tmp_path / "both.log"
    for runs in ([whole], [whole, other]):
        assert main([*map(str, runs), "--format", "optuna", "-o", str(path)]) == 0
    names = optuna.get_all_study_names(JournalStorage(JournalFileBackend(str(path))))
    assert sorted(names) == ["other", "whole"]
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["both.log"]
    assert len(read_study(path, "other").trials) == 18


def test_a_range_of_the_space_is_a_range_of_the_study(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "drawn", "method.attack.epsilon", (0.05, 0.1, 0.2))
    set_search(folder, axes={"method.attack.epsilon": {"loguniform": ["1%", 0.4]}})
    study = study_of(folder)
    found = study.trials[0].distributions["method.attack.epsilon"]
    assert found == optuna.distributions.FloatDistribution(0.01, 0.4, log=True)
    assert sorted({trial.params["method.attack.epsilon"] for trial in study.trials}) == [0.05, 0.1, 0.2]


def test_listed_values_are_numbers_if_all_are_finite_numbers(tmp_path: Path) -> None:
    for values, wanted in (((4, "8/255"), (8 / 255, 4)), ((0.1, "inf"), ("0.1", "inf")), (("a", 1), ("a", "1"))):
        study = study_of(write_study(tmp_path / str(values[0]), "method.attack.epsilon", values))
        assert study.trials[0].distributions["method.attack.epsilon"].choices == wanted


def test_an_axis_that_does_not_act_is_no_parameter(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "some", "method.attack.epsilon", (0.1, 0.2))
    plan = json.loads((folder / "plan.json").read_text())
    del plan["trials"][0]["axes"]["method.attack.epsilon"]
    (folder / "plan.json").write_text(json.dumps(plan))
    assert sorted("method.attack.epsilon" in trial.params for trial in study_of(folder).trials) == [False] + 5 * [True]


def test_a_stopped_trial_is_pruned_and_a_missed_constraint_infeasible(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "stopped", "method.attack.epsilon", (0.1, 0.2))
    set_search(folder, constraints=["val_clean_acc >= 99.9%", "val_pgd_acc >= 10%"])
    path = next(folder.glob("trials/*/result.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"status": "stopped", "stopped": {"epoch": 3}}))
    trials = study_of(folder).trials
    assert [trial.state for trial in trials].count(TrialState.PRUNED) == 1
    (kept,) = {trial.values is None for trial in trials if trial.state == TrialState.PRUNED}
    assert kept
    done = next(trial for trial in trials if trial.state == TrialState.COMPLETE)
    clean, robust = done.constraints["val_clean_acc >= 99.9%"], done.constraints["val_pgd_acc >= 10%"]
    assert clean == pytest.approx(0.999 - done.values[0]) and clean > 0 > robust


def test_a_single_objective_has_its_curve(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "one", "method.attack.epsilon", (0.1, 0.2))
    plan = json.loads((folder / "plan.json").read_text()) | {"objectives": {"val_pgd_acc": "max"}}
    (folder / "plan.json").write_text(json.dumps(plan))
    trial, results = study_of(folder).trials[0], load_sweep(folder)
    curve = results.epochs[results.epochs["id"] == trial.user_attrs["id"]].set_index("epoch")["val_pgd_acc"].dropna()
    assert trial.intermediate_values == curve.to_dict() and len(curve) == 12
    assert trial.value == curve.max()


def test_without_validation_the_values_are_test_accuracies_at_the_last_epoch(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "blind", "method.attack.epsilon", (0.1, 0.2))
    for path in folder.glob("trials/*/result.json"):
        result = json.loads(path.read_text())
        del result["best"]
        result["last"] = {key: value for key, value in result["last"].items() if not key.startswith("val_")}
        path.write_text(json.dumps(result))
    study = study_of(folder)
    assert study.metric_names == ["test_clean_acc", "test_pgd_acc"] and study.user_attrs["checkpoint"] == "last"
    np.testing.assert_allclose(study.trials[0].values[1], study.trials[0].user_attrs["last_test_pgd_acc"])
