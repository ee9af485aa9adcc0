"""Confirmation: the front trained with fresh seeds that took no part in the selection."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

import search.confirm.front
import search.execution.compatibility
import search.planning.plan
import search.planning.planner
import search.run.driver
from analysis.results.search_block import read_search_block
from analysis.results.sweep import load_sweep as load_results
from search.confirm.__main__ import main
from search.confirm.front import _find_too_few, select_front
from search.execution.sweep import Sweep
from search.schema.blocks import Search
from search.schema.budget import Budget
from search.status import main as show_status
from search.store.lock import acquire_lock
from search.store.plan_file import write_plan
from trainers.record_io import write_json
from trainers.record_reader import read_json

from .helpers import Tiny, hash_files, local, smoke

pytestmark = pytest.mark.long

AXES = {"method.attack.epsilon": {"grid": [0.05, 0.1, 0.3]}}


@pytest.fixture
def run(tmp_path: Path) -> Tiny:
    text = smoke(profile=None, search__axes=AXES, search__replicates=2, trial__method={"attack": {"steps": 2}})
    return Tiny(tmp_path / "sweep", text).all()


def test_the_front_is_that_of_validation_means(run: Tiny) -> None:
    plan = read_json(run.store.folder / "plan.json")
    results = {
        name: outcome.values for name, (outcome, _) in select_front(run.store, plan, run.sweep.space.search).items()
    }
    everyone: dict[str, list[dict]] = {}
    for trial in run.plan.trials:
        everyone.setdefault(trial.configuration, []).append(run.store.read_result(trial.id, trial.final) or {})
    means = {
        name: tuple(sum(row["best"][key] for row in rows) / 2 for key in ("val_clean_acc", "val_pgd_acc"))
        for name, rows in everyone.items()
    }
    front = {
        name for name, mean in means.items()
        if not any(all(a >= b for a, b in zip(other, mean, strict=True)) and other != mean for other in means.values())
    }  # fmt: skip
    assert set(results) == front


def test_each_problem_has_its_own_confirmed_front(tmp_path: Path) -> None:
    """Trainings on clean labels are better than those on noisy labels, which are another problem."""
    axes = AXES | {"data.label_noise": {"grid": [0, 0.3]}}
    study = Tiny(tmp_path / "sweep", smoke(profile=None, search__axes=axes, search__replicates=1))
    for place, trial in enumerate(study.plan.trials):
        accuracy = 0.5 + place / 100 - trial.config.data.label_noise
        best = {"val_clean_acc": accuracy, "val_pgd_acc": accuracy}
        result = {"status": "completed", "chain": trial.final, "best": best, "last": best}
        write_json(study.store.trial_folder(trial.id) / "result.json", result)
    plan = read_json(study.store.folder / "plan.json")
    found = select_front(study.store, plan, study.sweep.space.search)
    assert [rows[0]["config"]["data"]["label_noise"] for _, rows in found.values()] == [0, 0.3]


def test_a_constant_network_is_not_confirmed(run: Tiny) -> None:
    plan, search = read_json(run.store.folder / "plan.json"), run.sweep.space.search
    name, (_, rows) = next(iter(select_front(run.store, plan, search).items()))
    path = run.store.trial_folder(rows[0]["id"]) / "result.json"
    result = {key: value for key, value in read_json(path).items() if key != "digest"}  # the checksum of all else
    write_json(path, result | {"last": result["last"] | {"constant": 4}})
    assert name in select_front(run.store, plan, search), "the search selects by the best checkpoint"
    write_json(path, result | {"best": result["best"] | {"constant": 4}})
    assert name not in select_front(run.store, plan, search)


@pytest.fixture
def sweeps(monkeypatch: pytest.MonkeyPatch) -> list[Sweep]:
    """The sweeps that were run; each training ends with the same made-up accuracies."""
    found: list[Sweep] = []

    def trained(sweep: Sweep, command: str) -> int:
        found.append(sweep)
        for trial in sweep.plan.trials:
            best = {"val_clean_acc": 0.5, "val_pgd_acc": 0.25}
            result = {"status": "completed", "chain": trial.final, "best": best, "last": best}
            write_json(sweep.store.trial_folder(trial.id) / "result.json", result)
        return 0

    monkeypatch.setattr(Sweep, "run", trained)
    monkeypatch.setattr(Sweep, "ended", lambda sweep: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # a process holds its lock until it ends, and each of these commands would be one
    monkeypatch.setattr(search.run.driver, "acquire_lock", lambda folder: acquire_lock(folder)())
    return found


def test_the_front_is_trained_with_fresh_seeds(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.store.folder), "--seeds", "3"]) == 0
    folder = local(run.store.folder).with_name("sweep.confirmed")
    plan = read_json(folder / "plan.json")
    front = select_front(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    assert {row["configuration"] for row in plan["trials"]} == set(front)
    assert {row["seed"] for row in plan["trials"]} == {2, 3, 4}
    assert sweeps[-1].space.search.replicates == (2, 3, 4), "so that it neither adds any nor says why it added none"
    printed = " ".join(capsys.readouterr().out.split())
    assert "50.0 ± 0.0 (3)" in printed
    assert printed.startswith(
        f"The front of validation, among which one would choose, has {len(front)} of 3 configurations; "
    )


def test_the_table_of_a_confirmation_is_the_only_one(
    run: Tiny, sweeps: list[Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report of the fresh seeds is drawn; its summary would nearly say what the table says."""
    reports: list[list[str]] = []
    monkeypatch.setattr(Sweep, "ended", lambda sweep: True)
    started = SimpleNamespace(run=lambda words, **options: reports.append(words))
    monkeypatch.setattr(search.run.driver, "subprocess", started)
    assert main([str(run.store.folder), "--seeds", "1"]) == 0
    assert [words[1:] for words in reports] == [["-m", "analysis.report", f"{run.store.folder}.confirmed", "--quiet"]]


def test_a_confirmation_of_a_certified_sweep_expects_no_further_seeds(
    tmp_path: Path, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    text = smoke(profile=None, search__axes=AXES, search__replicates={"until": "certified", "max": 3})
    run = Tiny(tmp_path / "sweep", text).all()
    assert main([str(run.store.folder), "--seeds", "3"]) == 0
    folder = local(run.store.folder).with_name("sweep.confirmed")
    assert read_search_block(load_results(folder))["replicates"] == [3, 4, 5]
    capsys.readouterr()
    assert show_status([str(folder)]) == 0
    assert "certif" not in capsys.readouterr().out


def test_a_configuration_without_rivals_is_not_said_to_be_on_the_front_again(
    tmp_path: Path, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    run = Tiny(tmp_path / "sweep", smoke(profile=None, search__axes={"subset": {"grid": ["all"]}})).all()
    assert main([str(run.store.folder), "--seeds", "1"]) == 0
    printed = capsys.readouterr().out
    assert " alone" in printed and "Alone: the only one that was trained anew for its problem" in printed


def test_seeds_that_can_settle_nothing_are_warned_of_beforehand(
    run: Tiny, sweeps: list[Sweep], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    every = select_front(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    (name, member), *_ = every.items()
    other = next(trial for trial in run.plan.trials if trial.configuration != name)
    rows = [row for row in read_json(run.store.folder / "plan.json")["trials"] if row["id"] == other.id]
    two = {name: member, other.configuration: (member[0], rows)}
    monkeypatch.setattr(search.confirm.front, "select_front", lambda *given: two)
    for seeds, warning in ((4, "to tell any difference from chance; that takes 5 or more\n"), (5, "")):
        assert main([str(run.store.folder), "--seeds", str(seeds)]) == 0
        assert capsys.readouterr().err.endswith(warning) and len(sweeps[-1].plan.trials) == 2 * seeds
    assert [_find_too_few(seeds, 3) == "" for seeds in (2, 3)] == [False, True], "three comparisons share their error"
    assert _find_too_few(1, 1) == "", "of one configuration there is nothing to tell apart"


def test_a_verdict_and_a_correction_that_are_missing_are_explained(
    run: Tiny, sweeps: list[Sweep], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    known = {"another": "surely on"}, {("another", "val_pgd_acc"): 50.0}
    for found in (known, ({}, {})):

        def assess(asked: Search, *given: object, found: object = found) -> object:
            assert asked.replicates == (0, 1), "the verdicts are those that the search asked for"
            return found

        monkeypatch.setattr(search.confirm.front, "_assess_run", assess)
        assert main([str(run.store.folder)]) == 0
        out = capsys.readouterr().out
        assert [text in out for text in ("Verdict –: ", "Corrected –: ", "corrected")] == [bool(found[0])] * 3


def test_names_and_numbers_are_whole_at_80_columns(
    run: Tiny, sweeps: list[Sweep], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With verdicts and corrected values, the column of names had no width left and all others were cut off."""
    front = select_front(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    verdicts = dict.fromkeys(front, "at most 1.6 points from the front")
    values = {(name, metric): 50.0 for name in front for metric in run.sweep.space.search.objectives}
    monkeypatch.setattr(search.confirm.front, "_assess_run", lambda *given: (verdicts, values))
    shown = {}
    for width in ("80", "1000"):
        monkeypatch.setenv("COLUMNS", width)
        assert main([str(run.store.folder), "--seeds", "3"]) == 0
        shown[width] = capsys.readouterr().out
        assert "at most 1.6 points from the front" in " ".join(shown[width].split())
    assert shown["80"].split() == shown["1000"].split() and "50.0 ± 0.0 (3)" in shown["80"]


def test_the_confirmation_is_stored_beside_the_run_however_it_is_named(
    run: Tiny, sweeps: list[Sweep], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(local(run.store.folder))
    before = hash_files(run.store.folder)
    assert main(["."]) == 0
    assert local(run.store.folder).with_name("sweep.confirmed").is_dir()
    assert hash_files(run.store.folder) == before


def test_fresh_seeds_without_common_states_are_not_noted(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.store.folder)]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith("front of sweep")


def test_missing_trainings_of_an_unfinished_sweep_are_counted(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.store.folder)]) == 0
    printed = capsys.readouterr()
    assert "no result yet" not in printed.out + printed.err
    front = select_front(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    lost = next(trial for trial in run.plan.trials if trial.configuration not in front)
    (run.store.trial_folder(lost.id) / "result.json").unlink()
    assert main([str(run.store.folder)]) == 0
    printed = capsys.readouterr()
    missing = "1 of its 6 trainings has no result yet"
    assert printed.err == f"note: {run.store.folder}: {missing}; this is the front of the others so far\n"
    assert f"front of sweep so far ({missing}), validation" in " ".join(printed.out.split())


def test_configurations_have_the_names_of_the_report(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.store.folder)]) == 0
    shown = capsys.readouterr().out
    trials = load_results(local(run.store.folder)).study_trials
    front = select_front(run.store, read_json(run.store.folder / "plan.json"), run.sweep.space.search)
    names = set(trials.loc[trials["configuration"].isin(front), "name"])
    assert names and names <= {line.partition("; verdict")[0] for line in shown.splitlines()}
    assert not any(configuration in shown for configuration in front)
    own = load_results(local(run.store.folder).with_name("sweep.confirmed")).study_trials
    assert set(own["name"]) == names, "in its own report too, where perhaps one is left and nothing varies"


@pytest.fixture
def limited(tmp_path: Path) -> Tiny:
    changes = {"search__axes": AXES, "search__budget": {"trials": 3}, "search__stopping": {"margin": 0.5}}
    text = smoke(profile=None, **changes, resources={"gpus": "auto"}, trial__compute={"device": "cpu"})
    return Tiny(tmp_path / "sweep", text).all()


def test_what_limited_the_search_does_not_limit_what_confirms_it(limited: Tiny, sweeps: list[Sweep]) -> None:
    assert main([str(limited.store.folder)]) == 0
    (sweep,) = sweeps
    assert sweep.space.search.budget == Budget()
    assert sweep.stopping is None
    assert sweep.space.resources.gpus == 0, "as search.run decides it"


def test_a_sweep_without_a_front_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    study = Tiny(tmp_path / "sweep")
    assert main([str(study.store.folder)]) == 2
    printed = capsys.readouterr().err
    assert "no sweep is stored there (no plan.json)" in printed
    assert "no configuration has all its seeds" in printed
    write_json(study.store.folder / "plan.json", read_json(study.store.folder / "plan.json") | {"format": 0})
    assert main([str(study.store.folder)]) == 2
    assert "another version of this program made it" in capsys.readouterr().err
    assert not (tmp_path / "sweep.confirmed").exists()


def test_an_invalid_number_of_seeds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["wherever", "--seeds", "0"])
    assert caught.value.code == 2
    assert "--seeds should be at least 1; got 0" in capsys.readouterr().err


def test_a_confirmation_that_another_process_runs_is_refused(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = local(run.store.folder).with_name("sweep.confirmed")
    release = acquire_lock(folder)
    assert main([str(run.store.folder)]) == 2
    release()
    assert capsys.readouterr().err == (
        f"error: {folder}: another process is running this sweep; wait for it or stop it.\n"
    )
    assert not sweeps


def test_other_training_code_is_refused_unless_accepted(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([str(run.store.folder)]) == 0
    for module in (search.planning.plan, search.planning.planner, search.execution.compatibility):
        monkeypatch.setattr(module, "training_code", lambda: "another")
    assert main([str(run.store.folder)]) == 2
    assert "the code in trainers/ has changed since it was trained" in capsys.readouterr().err
    plan = read_json(run.store.folder / "plan.json")
    write_plan(run.store.folder, plan | {"accepted": ["another"]})
    assert main([str(run.store.folder)]) == 2
    printed = capsys.readouterr().err
    assert "the code in trainers/ has changed" in printed and "--accept-code-change" in printed
    assert "Nothing was changed. If the front or its seeds have changed since, move that folder aside" in printed
    assert "--fresh" not in printed
    assert main([str(run.store.folder), "--accept-code-change"]) == 0
    assert len(sweeps) == 2


def test_new_seeds_of_other_code_are_not_compared_unasked(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (search.planning.plan, search.planning.planner, search.execution.compatibility):
        monkeypatch.setattr(module, "training_code", lambda: "another")
    assert main([str(run.store.folder)]) == 2
    printed = capsys.readouterr().err
    assert "so that new seeds may differ from its own by more than chance; --accept-code-change compares" in printed
    assert not sweeps and not local(run.store.folder).with_name("sweep.confirmed").exists()
    assert main([str(run.store.folder), "--accept-code-change"]) == 0
    assert len(sweeps) == 1


def test_trainings_no_longer_requested_are_reported(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.store.folder), "--seeds", "2"]) == 0
    assert main([str(run.store.folder), "--seeds", "1"]) == 2
    assert "would not be in it any more" in capsys.readouterr().err
    assert len(sweeps) == 1


def test_a_folder_that_cannot_be_written_is_named(
    run: Tiny, sweeps: list[Sweep], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = local(run.store.folder).with_name("sweep.confirmed")
    folder.write_text("no folder")
    assert main([str(run.store.folder)]) == 2
    assert capsys.readouterr().err == (
        f"error: {folder}: is no folder; the confirmation is stored there, so give that another name\n"
        "1 problem; nothing was started.\n"
    )
    assert not sweeps
