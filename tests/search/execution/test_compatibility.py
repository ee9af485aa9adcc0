"""A folder that holds a sweep: the same again, more of it, or another one, which is refused with the difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

import search.execution.compatibility
import search.planning.plan
import search.planning.planner
import search.run.driver
from search.exceptions import DifferentSweep
from search.execution.compatibility import (
    check_compatible,
    find_accepted_code,
    move_aside,
)
from search.execution.reuse import import_states
from search.execution.stored_space import check_data_sets, describe_replaced_plan, list_differences
from search.execution.sweep import Sweep
from search.planning.datasets import DatasetCache
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.run.__main__ import main
from search.schema.space import load_space
from search.store.lock import acquire_lock
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.images import NotDownloaded
from trainers.record_io import write_json
from trainers.record_reader import read_json
from trainers.sources import CIFAR10, DataSource, Digits, Npz
from trainers.state_chain import training_code

from ..helpers import Tiny, hash_files, local, smoke

Planned = Callable[..., Plan]


def stored(folder: Path, plan: Plan, text: str, begun: int) -> None:
    """Store a sweep of which so many trainings were begun."""
    write_json(folder / "plan.json", plan.to_json("sweep"))
    (folder / "space.yaml").write_text(text)
    for trial in plan.trials[:begun]:
        (folder / "trials" / trial.id).mkdir(parents=True)


def compared(folder: Path, planned: Planned, **changes: Any) -> int | None:
    text = smoke(**changes)
    return check_compatible(folder, planned(text), yaml.safe_load(text))


@pytest.fixture
def sweep(tmp_path: Path, planned: Planned) -> Path:
    """The smoke sweep with two replicates: 10 trainings, 5 of them begun."""
    text = smoke(search__replicates=2)
    stored(tmp_path / "sweep", planned(text), text, begun=5)
    return tmp_path / "sweep"


def test_an_empty_folder_is_compatible(tmp_path: Path, planned: Planned) -> None:
    assert compared(tmp_path, planned) is None


def test_the_same_plan_is_compatible(sweep: Path, planned: Planned) -> None:
    assert compared(sweep, planned, search__replicates=2) == 0


def test_an_extension_is_compatible(sweep: Path, planned: Planned) -> None:
    assert compared(sweep, planned, search__replicates=4) == 8
    grid = yaml.safe_load(smoke())["search"]["axes"]["method"]["grid"] | {"fast": "fast-at"}
    assert compared(sweep, planned, search__replicates=2, search__axes__method={"grid": grid}) == 4


def test_a_training_that_never_began_may_be_dropped(tmp_path: Path, planned: Planned) -> None:
    text = smoke(search__replicates=2)
    stored(tmp_path / "sweep", planned(text), text, begun=3)  # two profile trainings and the first trial
    assert compared(tmp_path / "sweep", planned) == 0
    assert compared(tmp_path / "sweep", planned, search__replicates=[0, 7]) == 4


def test_what_a_changed_plan_replaces_is_told(tmp_path: Path, planned: Planned) -> None:
    text, other = smoke(search__replicates=2), smoke(search__replicates=2, trial__epochs=3)
    more = smoke(search__replicates=3)
    one, tree = planned(text), yaml.safe_load(other)
    stored(tmp_path / "none", one, text, begun=0)
    first, *changes = describe_replaced_plan(tmp_path / "none", planned(other), tree)
    assert first.endswith("none: no training of the plan there has begun; this one replaces it. What differs:")
    assert [line.partition(":")[0] for line in changes] == ["  trial.epochs"] and changes[0].endswith("now 3")
    stored(tmp_path / "some", one, text, begun=5)
    first, *_ = describe_replaced_plan(tmp_path / "some", planned(other), tree)
    assert first.endswith("some: 5 trainings that had not begun are no longer planned. What differs:")
    two, less = (smoke(search__axes={}, profile=None, search__replicates=n) for n in (2, 1))
    stored(tmp_path / "last", planned(two), two, begun=1)
    first, *_ = describe_replaced_plan(tmp_path / "last", planned(less), yaml.safe_load(less))
    assert first.endswith("last: 1 training that had not begun is no longer planned. What differs:")
    assert not describe_replaced_plan(tmp_path / "some", planned(more), yaml.safe_load(more)), "an extension"
    assert not describe_replaced_plan(tmp_path / "none", one, yaml.safe_load(text)), "the same"


@pytest.mark.long
def test_a_dry_run_reports_refusals(here: Path, planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    text = smoke(search__replicates=2)
    stored(here / "results" / "space", planned(text), text, begun=5)
    before = sorted(here.rglob("*"))
    for changes, options, code in (
        ({"search__replicates": 4}, [], 0),
        ({"search__replicates": 2, "trial__epochs": 5}, [], 2),
        ({"search__replicates": 2, "trial__epochs": 5}, ["--fresh"], 0),
        ({"search__replicates": 2, "trial__epochs": 5}, ["--name", "another"], 0),
    ):
        (here / "space.yaml").write_text(smoke(**changes))
        assert main(["space.yaml", "--dry-run", *options]) == code
        printed = capsys.readouterr()
        assert "epochs" in printed.out, "the plan is shown in any case"
        assert ("Nothing was changed. --name NAME starts beside it" in printed.err) == (code == 2)
    assert sorted(here.rglob("*")) == before


@pytest.mark.long
def test_a_dry_run_notes_what_a_run_would_replace(
    here: Path, planned: Planned, capsys: pytest.CaptureFixture[str]
) -> None:
    text = smoke(search__replicates=2)
    plan = planned(text)
    (here / "space.yaml").write_text(smoke(search__replicates=[0, 2]))
    for name, begun in (("none", 0), ("some", 3), ("all", 5)):
        stored(here / "results" / name, plan, text, begun=begun)
        dry = main(["space.yaml", "--name", name, "--dry-run"])
        printed = capsys.readouterr()
        assert dry == (2 if name == "all" else 0)
        assert ("note: results/none: no training of the plan there has begun;" in printed.out) == (name == "none")
        assert ("note: results/some: 4 trainings that had not begun are no longer" in printed.out) == (name == "some")
        assert ("  search.replicates: stored 2, not set now" in printed.out) == (name != "all")


def not_here(*_: object) -> None:
    raise NotDownloaded("the digits are not here")


def test_without_its_data_a_sweep_is_not_taken_for_another(
    here: Path, planned: Planned, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(here / "results" / "space", planned(smoke()), smoke(), begun=5)
    monkeypatch.setattr(Digits, "load", not_here)
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "note: results/space holds a sweep; without the data it is unknown whether this is the same one." in printed
    assert "If it is another, a run is refused and changes nothing; --name NAME starts beside it" in printed


@pytest.mark.parametrize("search", [{}, {"search__strategy": "tpe", "search__trials": 2}], ids=["grid", "tpe"])
def test_a_dry_run_refuses_a_sweep_of_another_data_set_without_its_data(
    here: Path, planned: Planned, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, search: Any
) -> None:
    """As of cifar10/friendly_k after friendly_k, which have one name; an adaptive search is not compared otherwise."""
    stored(here / "results" / "space", planned(smoke()), smoke(), begun=5)
    monkeypatch.setattr(CIFAR10, "load", not_here)
    data = {"name": "cifar10", "train": 96, "val": 60}
    (here / "space.yaml").write_text(smoke(trial__data=data, trial__model="small_cnn", **search))
    assert main(["space.yaml", "--dry-run"]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert "error: results/space: another sweep is stored there: it is of digits, this one of cifar10" in error
    assert "Nothing was changed. --name NAME starts beside it" in error
    assert main(["space.yaml", "--dry-run", "--name", "beside"]) == 0
    assert main(["space.yaml", "--dry-run", "--fresh"]) == 0


def test_data_of_ones_own_may_be_what_a_stored_sweep_was_trained_on(here: Path, planned: Planned) -> None:
    text = smoke(search__replicates=2)
    plan = planned(text)
    stored(here / "sweep", plan, text, begun=5)
    check_data_sets(here / "sweep", plan)
    own = [replace(trial, config=with_data(trial.config, Npz(path="x.npz"))) for trial in plan.trials]
    other = [replace(trial, config=with_data(trial.config, CIFAR10())) for trial in plan.trials]
    check_data_sets(here / "sweep", replace(plan, trials=own))
    check_data_sets(here / "none", replace(plan, trials=other))
    with pytest.raises(DifferentSweep):
        check_data_sets(here / "sweep", replace(plan, trials=other))


def with_data(config: TrialConfig, data: DataSource) -> TrialConfig:
    return config.model_copy(update={"data": data})


def test_a_training_that_began_may_not_be_dropped(sweep: Path, planned: Planned) -> None:
    with pytest.raises(DifferentSweep) as caught:
        compared(sweep, planned, search__replicates=1)
    assert caught.value.lines == [
        "another sweep is stored there: 1 of its 5 trainings would not be in it any more. What differs:",
        "  search.replicates: stored 2, now 1",
    ]


def test_another_setting_of_a_trial_is_another_sweep(sweep: Path, planned: Planned) -> None:
    with pytest.raises(DifferentSweep) as caught:
        compared(sweep, planned, search__replicates=2, trial__epochs=7, trial__optimizer=None)
    assert caught.value.lines == [
        "another sweep is stored there: 5 of its 5 trainings would not be in it any more. What differs:",
        "  trial.epochs: stored 6, now 7",
        "  trial.optimizer.lr.drops.0: stored 0.5, not set now",
        "  trial.optimizer.lr.name: stored 'piecewise', not set now",
        "  trial.optimizer.lr.values.0: stored 0.1, not set now",
        "  trial.optimizer.lr.values.1: stored 0.01, not set now",
    ]


def test_another_final_attack_is_another_sweep(sweep: Path, planned: Planned) -> None:
    with pytest.raises(DifferentSweep) as caught:
        compared(
            sweep, planned, search__replicates=2, evaluate__final={"pgd20": {"name": "pgd", "steps": 3, "images": 30}}
        )
    assert caught.value.lines == [
        "another sweep is stored there: it has another final evaluation. What differs:",
        "  evaluate.final.pgd20.steps: stored 2, now 3",
        "Under a name of its own, what is now pgd20 is measured on the weights stored there.",
        f"--name NEW --reuse {sweep} measures again, and trains only trials whose last states are not kept.",
    ]  # fmt: skip


@pytest.mark.parametrize("final", [{}, {"other": {"name": "fgsm"}}], ids=["fewer", "another name"])
def test_other_names_of_final_attacks_are_the_same_sweep(sweep: Path, planned: Planned, final: Any) -> None:
    """They are measured on the weights that are stored, and what is left out stays in the records."""
    compared(sweep, planned, search__replicates=2, evaluate__final=final)


def test_diagnostics_of_the_last_weights_are_the_same_sweep(sweep: Path, planned: Planned) -> None:
    compared(sweep, planned, search__replicates=2, evaluate__diagnostics={"logits": {}})


def test_other_diagnostics_are_another_sweep(sweep: Path, planned: Planned) -> None:
    flat = {"flatness": {"steps": 9, "after": [2, "100%"]}}
    with pytest.raises(DifferentSweep) as caught:
        compared(sweep, planned, search__replicates=2, evaluate__diagnostics=flat)
    assert caught.value.lines == [
        "another sweep is stored there: it has other diagnostics. What differs:",
        "  evaluate.diagnostics.flatness.after.0: not set before, now 2",
        "  evaluate.diagnostics.flatness.after.1: not set before, now '100%'",
        "  evaluate.diagnostics.flatness.steps: not set before, now 9",
        f"--name NEW --reuse {sweep} goes on from the states kept there that precede all diagnostics.",
    ]


def test_results_on_the_first_images_are_not_mixed_with_images_drawn_by_class(sweep: Path, planned: Planned) -> None:
    """The knobs are the same, and the training code is accepted: the plan's words tell how the images came about."""
    plan = read_json(sweep / "plan.json")
    assert plan["attacks"]["pgd20"].endswith(" on 30 images drawn by class")
    plan["attacks"]["pgd20"] = plan["attacks"]["pgd20"].removesuffix(" drawn by class")
    write_json(sweep / "plan.json", plan)
    with pytest.raises(DifferentSweep, match=r"final\.pgd20: finished trials were measured on the first images"):
        compared(sweep, planned, search__replicates=2)


def test_reusing_a_sweep_with_another_evaluation_trains_nothing_again(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"search__axes": {}, "profile": None}
    before = Tiny(tmp_path / "before", **changes).all()
    after = Tiny(tmp_path / "after", **changes, evaluate__final={"other": {"name": "pgd", "steps": 1}})
    import_states(after.store, after.plan, [before.store.folder])
    assert after.all().trained() == 0
    assert "test_other_acc" in str(after.store.read_result(after.plan.trials[0].id, after.plan.trials[0].final))


def test_other_training_code_does_not_mix_unless_the_user_says_so(
    sweep: Path, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = planned(smoke(search__replicates=2))
    changed(monkeypatch)
    with pytest.raises(DifferentSweep, match=r"has changed since 5 of its trainings began.*--accept-code-change"):
        compared(sweep, planned, search__replicates=2)
    assert find_accepted_code(sweep, accept=False) is None
    code = find_accepted_code(sweep, accept=True)
    loaded = load_space(Path("space.yaml"), [])
    after = Planner(loaded, DatasetCache(download=False).fingerprint, code).plan()
    assert [trial.final for trial in after.trials] == [trial.final for trial in before.trials]
    assert check_compatible(sweep, after, loaded.document.tree) == 0
    write_json(sweep / "plan.json", after.to_json("sweep"))
    assert find_accepted_code(sweep, accept=False) == code, "said once is enough"


def changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search.planning.plan, search.planning.planner, search.execution.compatibility):
        monkeypatch.setattr(module, "training_code", lambda: "another")


@pytest.fixture
def finished(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The smoke sweep, run to its end, and the code in trainers/ changed since; nothing may be trained."""
    run = Tiny(here / "results" / "space").all()
    write_json(run.store.folder / "provenance.json", {"runs": [{"exit": 1}, {"exit": 0}]})
    (here / "space.yaml").write_text(smoke())
    monkeypatch.setattr(Sweep, "run", lambda *arguments: pytest.fail("a sweep was started"))
    monkeypatch.setattr(
        search.run.driver, "acquire_lock", lambda folder: acquire_lock(folder)()
    )  # each command is a process of its own
    changed(monkeypatch)
    return local(run.store.folder)


@pytest.mark.long
def test_a_finished_sweep_is_shown_after_a_code_change(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reported: list[str] = []
    monkeypatch.setattr(search.run.driver, "_report", lambda folder, *_: reported.append(str(folder)))
    monkeypatch.setattr(Evaluation, "curve", lambda self: {"a": "knob since"})  # by which all trainings are named anew
    before, message = (
        hash_files(finished),
        "space is finished: all its trainings have their results; the code in trainers/",
    )
    assert main(["space.yaml", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(message) and reported == []
    assert main(["space.yaml"]) == 0
    assert capsys.readouterr().out.startswith(message)
    assert reported == ["results/space"]
    assert hash_files(finished) == before, "nothing was accepted"


@pytest.mark.long
def test_a_sweep_with_trials_stopped_by_its_budget_is_not_finished(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All have a result, those that were stopped near a front too, which a larger budget would train to the end."""
    monkeypatch.setattr(search.run.driver, "_report", lambda *_: None)
    write_json(finished / "provenance.json", {"runs": [{"exit": 0, "spent": "the budget of 8 GPU hours is used up"}]})
    assert main(["space.yaml"]) == 0
    assert capsys.readouterr().out == (
        "space is not finished, its budget ended it: the budget of 8 GPU hours is used up, some that were stopped are "
        "not trained on; the code in trainers/ has changed since, and trains nothing.\n"
    )


@pytest.mark.long
def test_an_unfinished_sweep_is_refused_after_a_code_change(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def complaint(*arguments: str) -> str:
        assert main(["space.yaml", *arguments]) == 2
        return capsys.readouterr().err

    assert "the code in trainers/ has changed" in complaint("--set", "search.replicates=2")
    write_json(finished / "provenance.json", {"runs": [{"exit": 0}, {"exit": 1}]})
    assert "the code in trainers/ has changed" in complaint(), "it did not come to its end"
    write_json(finished / "provenance.json", {"runs": [{"exit": 0}]})
    next((finished / "trials").glob("*/result.json")).unlink()
    assert "the code in trainers/ has changed" in complaint()


def test_a_knob_newly_swept_and_more_epochs_are_an_extension(tmp_path: Path, planned: Planned) -> None:
    axes: dict[str, Any] = {"subset": {"grid": ["all"]}}
    text = smoke(search__axes=axes, trial__epochs=6, profile=None)
    stored(tmp_path, planned(text), text, begun=1)
    drops = {"optimizer.lr.drops": {"grid": [[0.5], [2]]}}
    assert compared(tmp_path, planned, search__axes=axes | drops, trial__epochs=6, profile=None) == 2
    lr = {"lr": {"name": "piecewise", "values": [0.1, 0.01], "drops": [3]}}
    changes = {"search__axes": axes, "profile": None, "trial__epochs": 9, "trial__optimizer": lr}
    assert compared(tmp_path, planned, **changes) == 1


@pytest.mark.parametrize(
    ("trial", "every", "why"),
    [
        ({}, 3, "  optimizer.lr: its drops are fractions of the epochs, so that more epochs change the stored ones; "
         "`drops: [3, 4.5]`, in epochs, would not"),
        ({"lr": {"name": "cosine", "peak": 0.1}}, 3, "  optimizer.lr: cosine spans all epochs, so that more epochs "
         "change the stored ones; a number or drops in epochs would not"),
        ({"lr": 0.1, "average": {"name": "swa"}}, 3, "  average.burn_in: 50% of 9 epochs differs from that of 6; "
         "write 3"),
        ({"lr": 0.1, "subset": {"name": "random", "size": 20, "start": "50%"}}, 3,
         "  subset.start: 50% of 9 epochs differs from that of 6; write 3"),
        ({"lr": 0.1, "select": {"from": "50%"}}, 3, "  select.from: 50% of 9 epochs differs from that of 6; write 3"),
        ({"lr": 0.1}, 5, "  evaluate.every: the stored epoch 6 was measured, and every 5 epochs would skip it"),
    ],
)  # fmt: skip
def test_a_refused_extension_of_epochs_names_the_knob(
    tmp_path: Path, planned: Planned, trial: dict[str, Any], every: int, why: str
) -> None:
    optimizer = {"lr": trial["lr"]} if "lr" in trial else None
    changes: dict[str, Any] = {"search__axes": {}, "profile": None, "evaluate__every": every}
    changes |= {"trial__optimizer": optimizer} | {f"trial__{key}": value for key, value in trial.items() if key != "lr"}
    text = smoke(**changes)
    stored(tmp_path / "sweep", planned(text), text, begun=1)
    with pytest.raises(DifferentSweep) as caught:
        compared(tmp_path / "sweep", planned, **changes, trial__epochs=9)
    assert caught.value.lines[1:] == [
        "  trial.epochs: stored 6, now 9",
        "More epochs continue the stored trainings only if the stored epochs stay the same. These change:",
        why,
    ]


def test_a_refused_extension_of_epochs_names_the_attack_that_skips_the_last_epoch(
    tmp_path: Path, planned: Planned
) -> None:
    along = {"fgsm": {"name": "fgsm", "every": 4}, "each": {"name": "fgsm"}, "third": {"name": "fgsm", "every": 3}}
    changes: dict[str, Any] = {"search__axes": {}, "profile": None, "evaluate__every": 1, "evaluate__along": along}
    changes |= {"trial__optimizer": {"lr": 0.1}}
    text = smoke(**changes)
    stored(tmp_path / "sweep", planned(text), text, begun=1)
    with pytest.raises(DifferentSweep) as caught:
        compared(tmp_path / "sweep", planned, **changes, trial__epochs=9)
    assert caught.value.lines[3:] == [
        "  evaluate.along.fgsm.every: the stored epoch 6 was measured, and every 4 epochs would skip it"
    ]
    changes["evaluate__along"] = along | {"fgsm": {"name": "fgsm", "every": 2}}
    text = smoke(**changes)
    stored(tmp_path / "other", planned(text), text, begun=1)
    assert compared(tmp_path / "other", planned, **changes, trial__epochs=9) > 0


def test_execution_settings_may_change(sweep: Path, planned: Planned) -> None:
    changes = {"search__retries": 5, "search__checkpoint_seconds": 60, "resources": {"memory_gb": 1}}
    assert compared(sweep, planned, search__replicates=2, **changes) == 0


def test_another_question_is_asked_of_the_same_trainings(sweep: Path, planned: Planned) -> None:
    text = f"question: Why?\n{smoke(search__replicates=2)}"
    assert check_compatible(sweep, planned(text), yaml.safe_load(text)) == 0
    before, after = planned(smoke(search__replicates=2)), planned(text)
    assert [(row.id, row.final) for row in before.trials] == [(row.id, row.final) for row in after.trials]
    assert after.to_json("sweep")["question"] == "Why?"
    assert "question" not in "".join(list_differences(sweep, yaml.safe_load(text)))


def test_an_unreadable_stored_space_is_reported(tmp_path: Path) -> None:
    assert list_differences(tmp_path, {"trial": {}}) == ["  (the stored space.yaml is damaged or missing)"]


def test_a_sweep_is_moved_aside_to_the_next_free_name(tmp_path: Path) -> None:
    for n in (1, 2):
        (tmp_path / "sweep").mkdir()
        (tmp_path / "sweep" / "kept").write_text(str(n))
        assert move_aside(tmp_path / "sweep") == tmp_path / f"sweep.old-{n}"
    assert [(tmp_path / f"sweep.old-{n}" / "kept").read_text() for n in (1, 2)] == ["1", "2"]


def test_a_different_sweep_is_refused_by_the_command_and_changes_nothing(
    sweep: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acquire_lock(sweep)
    (sweep / "trials" / "x").mkdir()
    before = hash_files(sweep)
    Path("sweep.yaml").write_text(smoke(search__replicates=1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search.run.driver, "acquire_lock", lambda folder: 0)  # this process holds it already
        assert main(["sweep.yaml", "--results", str(here)]) == 2
    assert capsys.readouterr().err == (
        f"error: {sweep}: another sweep is stored there: 1 of its 5 trainings would not be in it any more."
        " What differs:\n  search.replicates: stored 2, now 1\n"
        "Nothing was changed. --name NAME starts beside it, --fresh moves it aside.\n"
    )
    assert hash_files(sweep) == before


@pytest.mark.parametrize("arguments", [[], ["--fresh"]])
def test_a_sweep_that_another_process_runs_is_left_alone(
    sweep: Path, here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    acquire_lock(sweep)
    before = hash_files(here)
    Path("sweep.yaml").write_text(smoke(search__replicates=2))
    assert main(["sweep.yaml", "--results", str(here), *arguments]) == 2
    assert "another process is running this sweep" in capsys.readouterr().err
    Path("sweep.yaml").unlink()
    assert hash_files(here) == before


def test_fresh_moves_the_old_sweep_aside_and_starts_anew(
    sweep: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweep, "run", lambda *arguments: 0)
    before = hash_files(sweep)
    Path("sweep.yaml").write_text(smoke(trial__epochs=7))
    assert main(["sweep.yaml", "--results", str(here), "--fresh"]) == 0
    assert f"The sweep that was there is now {here / 'sweep.old-1'}." in capsys.readouterr().out.replace("\n", "")
    assert hash_files(here / "sweep.old-1") == before | {".lock": hash_files(sweep)[".lock"]}
    assert not list((sweep / "trials").iterdir())
    assert yaml.safe_load((sweep / "space.yaml").read_text())["trial"]["epochs"] == 7


@pytest.mark.parametrize("arguments", [[], ["--accept-code-change"]])
def test_a_fresh_sweep_is_named_by_the_code_that_trains_it(
    sweep: Path, here: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Else its states would be taken for those of the code before, by --reuse."""
    monkeypatch.setattr(Sweep, "run", lambda *arguments: 0)
    plan = read_json(sweep / "plan.json")
    write_json(sweep / "plan.json", plan | {"code": "of old", "accepted": [training_code()]})
    Path("sweep.yaml").write_text(smoke(search__replicates=2))
    assert main(["sweep.yaml", "--results", str(here), "--fresh", *arguments]) == 0
    assert read_json(sweep / "plan.json")["code"] == training_code()
    assert read_json(here / "sweep.old-1" / "plan.json")["code"] == "of old"


def test_a_folder_without_a_sweep_cannot_be_reused(refused: Callable[..., list[str]], sweep: Path) -> None:
    Path("empty").mkdir()
    message = refused(smoke(), "--reuse", "results/typo", "--reuse", str(sweep), "--reuse", "empty")
    name = "no sweep is stored there; name a folder such as results/friendly_k"
    assert message == [f"--reuse results/typo: {name}", f"--reuse empty: {name}"]


def test_a_reused_sweep_without_common_states_is_reported(
    sweep: Path, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweep, "run", lambda *arguments: 0)
    Path("new.yaml").write_text(smoke())
    assert main(["new.yaml", "--results", str(here), "--reuse", "sweep"]) == 0
    assert "sweep has no state in common with this sweep." in capsys.readouterr().out


def test_the_refusal_of_a_different_sweep_shows_its_last_command(sweep: Path, planned: Planned) -> None:
    command = "python -m search.run a.yaml --set search.replicates=2"
    write_json(sweep / "provenance.json", {"runs": [{"command": "an older one"}, {"command": command}]})
    other = {"evaluate__final": {"pgd20": {"name": "pgd", "steps": 3, "images": 30}}, "search__replicates": 2}
    for changes in ({"trial__epochs": 7}, other):
        with pytest.raises(DifferentSweep) as caught:
            compared(sweep, planned, **changes)
        assert caught.value.lines[-1] == f"It was last run by: {command}"


@pytest.mark.parametrize("damaged", [None, [], {"runs": 3}, {"runs": []}, {"runs": [3]}, {"runs": [{"command": 3}]}])
def test_an_unknown_last_command_is_not_shown(sweep: Path, planned: Planned, damaged: Any) -> None:
    write_json(sweep / "provenance.json", damaged)
    with pytest.raises(DifferentSweep) as caught:
        compared(sweep, planned, trial__epochs=7)
    assert not any("run by" in line for line in caught.value.lines)
