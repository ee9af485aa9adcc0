"""Trials that start from weights: those in a file, and those of a pretraining that the same sweep makes first."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

from search.planning.plan import Plan, PlannedTrial
from search.ray_env import ray
from search.run.__main__ import main
from trainers.checkpoints import CheckpointError, load_weights
from trainers.npz import read_arrays
from trainers.record_reader import read_json, read_rows

from ..helpers import Tiny, hash_records, local, smoke

Make = Callable[..., Tiny]
Plans = Callable[..., Plan]
FIRST = {"trial": {"method": "standard", "epochs": 4}}
PLAIN = {"search__axes": {"method": {"grid": {"pgd": {"attack": {"epsilon": 0.1, "steps": 2}}}}}, "profile": None}


@pytest.fixture
def tiny(tmp_path: Path) -> Make:
    names = count()
    return lambda **changes: Tiny(tmp_path / str(next(names)), **changes)


def run_all(run: Tiny, way: Callable[[Tiny, int], str] = Tiny.run) -> Tiny:
    """Run all trainings in the plan's order, with the ranking made before the first trial."""
    for i, trial in enumerate(run.plan.trials):
        if trial.ranks and trial.kind == "trial" and not run.store.ranking_path(trial.ranks).exists():
            assert run.rank() is None
        assert way(run, i) == "completed"
    return run


def kinds(plan: Plan, kind: str) -> list[PlannedTrial]:
    return [trial for trial in plan.trials if trial.kind == kind]


def state_file(run: Tiny, i: int) -> Path:
    """Return where a sweep stores the end of a training, as a user would name it in `start_from`."""
    name = run.plan.trials[i].final
    return local(run.store.stages_folder / name[:2] / name / "state.pt")


def weights(run: Tiny, i: int) -> dict[str, torch.Tensor]:
    """Return the weights that a training starts with."""
    return run.session(i).trainer.net.module.state_dict()


def equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state at the end of a training; its best weights are not its last."""
    run = Tiny(tmp_path_factory.mktemp("trained") / "sweep", trial__optimizer={"lr": 0.2}, evaluate__every=1, **PLAIN)
    assert run.run(0) == "completed"
    path = state_file(run, 0)
    assert not equal(load_weights(path, "best"), load_weights(path, "last"))
    return path


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_trial_starts_from_the_weights_in_a_file(tiny: Make, trained: Path, which: str) -> None:
    run = tiny(trial__start_from={"path": str(trained), "weights": which}, **PLAIN)
    assert equal(weights(run, 0), load_weights(trained, which))
    assert not equal(weights(run, 0), weights(tiny(**PLAIN), 0))


def test_start_file_is_identified_by_content_and_not_by_path(planned: Plans, trained: Path, here: Path) -> None:
    """A worker is told the absolute path, for its current folder is another."""
    shutil.copy(trained, here / "copy.pt")
    torch.save(load_weights(trained, "last"), here / "other.pt")
    one, same, other, last = (
        planned(smoke(trial__start_from={"path": path} | more, **PLAIN)).trials[0]
        for path, more in (
            (str(trained), {}), ("copy.pt", {}), ("other.pt", {}), (str(trained), {"weights": "last"}),
        )
    )  # fmt: skip
    assert one.final == same.final
    assert len({one.final, other.final, last.final, planned(smoke(**PLAIN)).trials[0].final}) == 4
    assert same.start and same.start.path == str(here / "copy.pt")


@pytest.mark.parametrize("given", [True, False])
def test_weights_with_other_input_normalisation_are_refused(
    tiny: Make, here: Path, capsys: pytest.CaptureFixture[str], given: bool
) -> None:
    model = {"name": "mlp", "hidden": [8]}
    lender = tiny(trial__model=model | {"normalize": given}, trial__epochs=1, **PLAIN)
    assert lender.run(0) == "completed"
    start = {"path": str(state_file(lender, 0)), "weights": "last"}
    for ours in (True, False):
        (here / "next.yaml").write_text(
            smoke(trial__model=model | {"normalize": ours}, trial__start_from=start, **PLAIN)
        )
        assert main(["next.yaml", "--dry-run"]) == (0 if ours == given else 2)
        printed = " ".join(capsys.readouterr().err.split())
        assert (f"write `normalize: {str(given).lower()}`" in printed) is (ours != given)


def test_a_file_that_changed_since_the_plan_is_not_trained_from(tiny: Make, trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    shutil.copy(trained, file)
    run = tiny(trial__start_from={"path": str(file)}, **PLAIN)
    torch.save(load_weights(trained, "last"), file)
    assert run.run(0) == "failed"
    assert f"{file} is not the file that the sweep was planned with" in (run.folder(0) / "error.txt").read_text()


def test_a_file_that_is_gone_since_the_plan_is_named(tiny: Make, trained: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    shutil.copy(trained, file)
    run = tiny(trial__start_from={"path": str(file)}, **PLAIN)
    file.unlink()
    assert run.run(0) == "failed"
    assert (run.folder(0) / "error.txt").read_text().endswith(f"FileError: no file {file}\n")


def test_every_trial_starts_from_the_pretraining_of_its_seed(tiny: Make) -> None:
    run = tiny(pretrain=FIRST, search__replicates=[0, 5], **PLAIN)
    assert [(trial.kind, trial.config.seed) for trial in run.plan.trials] == [
        ("pretrain", 0), ("pretrain", 5), ("trial", 0), ("trial", 5),
    ]  # fmt: skip
    assert [run.run(0), run.run(1)] == ["completed"] * 2
    for before, after in ((0, 2), (1, 3)):
        assert equal(weights(run, after), load_weights(state_file(run, before), "best"))


@pytest.mark.long
def test_from_the_store_or_from_a_file_it_is_the_same_training(tiny: Make) -> None:
    run = run_all(tiny(pretrain=FIRST, **PLAIN))
    by_file = run_all(tiny(trial__start_from={"path": str(state_file(run, 0))}, **PLAIN))
    by_store, by_path = run.folder(1), by_file.folder(0)
    for name in ("epochs.jsonl", "instances.npz"):
        assert (by_store / name).read_bytes() == (by_path / name).read_bytes()


@pytest.mark.long
def test_stopped_after_every_epoch_and_continued_by_another_process_it_has_the_same_records(tiny: Make) -> None:
    def in_pieces(run: Tiny, i: int) -> str:
        while (outcome := run.session(i).advance(0)) == "running":
            continue
        return outcome

    axes = {"subset": {"grid": {"friendly": {"name": "ranked", "side": "friendly", "size": "75%"}}}}
    whole, pieces = (
        run_all(tiny(pretrain=FIRST, profile__seeds=[7], trial__epochs=4, search__axes=axes), way)
        for way in (Tiny.run, in_pieces)
    )
    assert hash_records(pieces.store.folder) == hash_records(whole.store.folder)
    assert [trial.kind for trial in whole.plan.trials] == ["profile", "pretrain", "trial"]


def test_a_pretraining_sees_data_model_and_seed_of_its_trials_and_no_other_axis(planned: Plans) -> None:
    axes = {
        "data.label_noise": {"grid": [0, 0.1]},
        "model.hidden": {"grid": {"narrow": [8], "wide": [16]}},
        "batch_size": {"grid": [16, 32]},
        "data.extra": {"grid": {"none": None, "rest": {"name": "rest"}}},
    }
    plan = planned(smoke(pretrain={"trial": {"epochs": 2, "average": None}}, trial__average={"name": "ema"},
                         search__axes=axes, search__replicates=2, profile=None))  # fmt: skip
    first = kinds(plan, "pretrain")
    assert len(first) == 2 * 2 * 2
    assert len(kinds(plan, "trial")) == 2 * 2 * 2 * 2 * 2
    assert {trial.config.batch_size for trial in first} == {32}
    assert {trial.config.data.extra for trial in first} == {None}
    assert {trial.config.average for trial in first} == {None}, "a null takes out what `trial:` says"
    by_id = {trial.id: trial for trial in first}
    assert set(first[0].axes) == {"data.label_noise", "model.hidden"}
    for trial in kinds(plan, "trial"):
        assert trial.start is not None
        before = by_id[str(trial.start.training)]
        assert trial.requires == {before.id}
        assert (trial.config.model, trial.config.seed) == (before.config.model, before.config.seed)
        assert trial.axes["data.label_noise"] == before.axes["data.label_noise"]
        assert trial.config.average is not None


def test_selection_window_of_trials_does_not_apply_to_upstream_trainings(planned: Plans) -> None:
    """It is written for the trials' method; a pretraining of fewer epochs may not even reach it."""
    plan = planned(smoke(pretrain=FIRST, trial__select={"from": 5}, search__axes=PLAIN["search__axes"]))
    windows = {kind: {trial.config.select_from for trial in kinds(plan, kind)} for kind in ("trial", "pretrain")}
    assert windows == {"trial": {5}, "pretrain": {0}}
    ranked = planned(smoke(trial__select={"from": 5}))
    windows = {kind: {trial.config.select_from for trial in kinds(ranked, kind)} for kind in ("trial", "profile")}
    assert windows == {"trial": {5}, "profile": {0}}
    own = {"trial": FIRST["trial"] | {"select": {"from": "50%"}}}
    plan = planned(smoke(pretrain=own, trial__select={"from": 5}, search__axes=PLAIN["search__axes"]))
    assert {trial.config.select_from for trial in kinds(plan, "pretrain")} == {2}


def test_another_pretraining_makes_other_trials(planned: Plans) -> None:
    spaces = ({}, {"pretrain": FIRST}, {"pretrain": FIRST | {"weights": "last"}},
              {"pretrain": {"trial": {"method": "standard", "epochs": 5}}})  # fmt: skip
    trials = [kinds(planned(smoke(**PLAIN, **change)), "trial")[0] for change in spaces]
    assert len({trial.id for trial in trials}) == len({trial.final for trial in trials}) == 4


def test_trials_of_a_pretraining_that_diverged_are_named_and_ray_is_not_started(tiny: Make) -> None:
    run = tiny(pretrain={"trial": {"optimizer": {"lr": 1e30}}}, **PLAIN)
    assert run.run(0) == "diverged"
    assert run.sweep.run("the command") == 1
    run.sweep.conclude()
    assert not ray.is_initialized()
    assert run.said().splitlines()[1:3] == [
        f"not started: the start weights are missing: {run.plan.trials[0].id} diverged, and trials start from it",
        "1 of 2 trainings has no result yet. Equal seeds compute the same bits: the same command ends in the same way "
        "until the cause is fixed. All that was trained is kept, and the command then carries on:",
    ]


@pytest.mark.long
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"torn")])
def test_weights_that_were_lost_are_named_and_can_be_made_again(tiny: Make, damage: Callable[[Path], Any]) -> None:
    run = tiny(pretrain=FIRST, **PLAIN)
    assert run.run(0) == "completed"
    before, path = hash_records(run.store.folder), state_file(run, 0)
    damage(path)
    complaint = f"{run.plan.trials[0].id}: its last state is missing or damaged; remove its result.json"
    assert run.sweep.run("the command") == 1
    run.sweep.conclude()
    assert complaint in run.said()
    with pytest.raises(CheckpointError, match="its last state is missing or damaged"):
        run.session(1)
    (run.folder(0) / "result.json").unlink()
    assert [run.run(0), run.run(1)] == ["completed"] * 2
    assert path.exists()
    assert {name: hash_records(run.store.folder)[name] for name in before} == before


def test_a_longer_training_that_passes_the_end_of_a_pretraining_leaves_it_there(tiny: Make) -> None:
    """Both are one chain, so whoever comes first trains it for the other."""
    run = tiny(pretrain={"trial": {"epochs": 3}}, profile__seeds=[0], trial__optimizer={"lr": 0.1})
    (longer,), (first,) = (kinds(run.plan, kind) for kind in ("profile", "pretrain"))
    assert run.run(run.plan.trials.index(longer)) == "completed"
    assert run.store.load_state(first.final) is not None
    i = run.plan.trials.index(first)
    session = run.session(i)
    assert session.advance(0) == "completed"
    assert session.saved == [0, 3], "not trained again"
    assert equal(weights(run, i + 1), load_weights(state_file(run, i), "best"))


def test_a_profile_training_starts_as_the_trial_block_says_and_never_from_a_pretraining(
    planned: Plans, trained: Path
) -> None:
    axes = {"subset": {"grid": {"friendly": {"name": "ranked", "side": "friendly", "size": "75%"}}}}
    from_file = smoke(trial__start_from={"path": str(trained)}, search__axes=axes)
    profiles = [kinds(planned(text, *more), "profile") for text, more in (
        (from_file, ()),
        (from_file, ("profile.trial.start_from=null",)),
        (smoke(pretrain=FIRST, search__axes=axes), ()),
    )]  # fmt: skip
    assert [bool(group[0].start) for group in profiles] == [True, False, False]
    assert profiles[0][0].ranks != profiles[1][0].ranks
    assert profiles[1][0].final == profiles[2][0].final


def test_a_plan_says_what_is_trained_first(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("space.yaml").write_text(smoke(pretrain=FIRST, search__replicates=3))
    assert main(["space.yaml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    words = " ".join(out.split())
    assert "profiling 2 trainings first, for 1 ranking" in words
    assert "pretraining 3 trainings first" in words
    assert "trials 12: 4 configurations x 3 seeds" in words


def test_records_say_where_a_trial_started(tiny: Make) -> None:
    run = run_all(tiny(pretrain=FIRST, **PLAIN))
    first, trial = run.plan.trials
    row = trial.to_row()["start"]
    assert (row["training"], row["weights"]) == (first.id, "best")
    assert f"start: {first.final}:best" in (run.folder(1) / "config.yaml").read_text()
    assert [r["epoch"] for r in read_rows(run.folder(1) / "epochs.jsonl")] == list(range(6))
    assert read_json(run.folder(1) / "result.json")["status"] == "completed"
    assert read_arrays(run.folder(1) / "instances.npz") is not None
