"""One trial: however often it is stopped, killed or out of room, it leaves the records of an undisturbed run."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import search.execution.session
import search.monitor.epoch_progress
from search.exceptions import PlanMismatch
from search.execution.session import Session
from search.execution.trainable import TrialTrainable, config_of, report_of
from search.execution.worker import Worker
from search.monitor.epoch_progress import EpochProgressWriter, read_epoch_progress
from search.monitor.trial_progress import read_status
from search.planning.jobs import Report
from search.ray_env import ray
from search.store.checkpoint_writer import wait_for_writes
from trainers.method import Method
from trainers.npz import read_arrays
from trainers.record_reader import read_json, read_rows

from ..helpers import Tiny, hash_records

PROFILE, PLAIN, RANKED = 0, 2, 3  # trainings of spaces/smoke.yaml


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Tiny]:
    names = count()
    return lambda **changes: Tiny(tmp_path / str(next(names)), **changes)


def all_by(run: Tiny, way: Callable[[Tiny, int], str] = Tiny.run) -> Tiny:
    """Run the profile trainings, the ranking, a plain and a ranked trial, each in some way."""
    assert [way(run, i) for i in (0, 1)] == ["completed"] * 2
    assert run.rank() is None
    assert [way(run, i) for i in (PLAIN, RANKED)] == ["completed"] * 2
    return run


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Each training run in one go; to be read only."""
    return all_by(Tiny(tmp_path_factory.mktemp("undisturbed") / "sweep"))


@pytest.mark.long
def test_records_are_complete(undisturbed: Tiny) -> None:
    folder = undisturbed.folder(RANKED)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yaml", "cost.jsonl", "epochs.jsonl", "instances.npz", "result.json",
    ]  # fmt: skip
    rows = read_rows(folder / "epochs.jsonl")
    assert [row["epoch"] for row in rows] == list(range(6))
    assert [row["epoch"] for row in rows if "val_pgd_acc" in row] == [2, 5]
    assert [row["examples"] for row in rows] == [72] * 6
    *costs, final = read_rows(folder / "cost.jsonl")
    assert [cost["epoch"] for cost in costs] == list(range(6))
    assert {cost["by"] for cost in costs} == {undisturbed.plan.trials[RANKED].id}
    assert list(final) == ["by", "final_seconds"]
    result = read_json(folder / "result.json")
    assert result["status"] == "completed"
    assert result["epochs"] == 6
    assert result["subset"]["size"] == 72
    assert result["class_names"] == [str(digit) for digit in range(10)]  # scikit-learn's
    assert result["chain"] == undisturbed.plan.trials[RANKED].final
    assert result["last"]["epoch"] == 5
    assert result["best"]["epoch"] in (2, 5)
    arrays = read_arrays(folder / "instances.npz")
    assert arrays is not None
    assert arrays["loss"].shape == arrays["correct"].shape == (6, 96)
    assert (np.isnan(arrays["loss"]).sum(1) == 24).all()
    assert arrays["best_clean_p_y"].shape == (96,)


@pytest.mark.long
def test_a_session_resumed_after_every_epoch_has_the_same_records(undisturbed: Tiny, tiny: Any) -> None:
    def in_pieces(run: Tiny, i: int) -> str:
        for _ in range(20):
            if (outcome := run.session(i).advance(0)) != "running":
                return outcome
        pytest.fail("it does not get on")

    disturbed = all_by(tiny(), in_pieces)
    assert hash_records(disturbed.store.folder) == hash_records(undisturbed.store.folder)
    for i in (PROFILE, PLAIN, RANKED):
        assert len(read_rows(disturbed.folder(i) / "cost.jsonl")) == 7, "no epoch was trained twice"


@pytest.mark.long
def test_slices_of_one_session_are_one_run(undisturbed: Tiny, tiny: Any) -> None:
    disturbed = all_by(tiny(), lambda study, i: study.run(i, seconds=0))
    assert hash_records(disturbed.store.folder) == hash_records(undisturbed.store.folder)


@pytest.mark.long
def test_checkpoints_change_no_bits(undisturbed: Tiny, tiny: Any) -> None:
    rare = all_by(tiny(search__checkpoint_seconds=1e9))
    assert hash_records(rare.store.folder) == hash_records(undisturbed.store.folder)
    assert len(list(rare.store.stages_folder.glob("*/*/state.pt"))) == 4, "the last of each"


def states(run: Tiny) -> int:
    return len(run.store.list_states())


def test_the_newest_two_states_are_kept_and_at_the_end_the_last(tiny: Any) -> None:
    run = tiny()
    seen = []
    session = run.session(PLAIN)
    while session.advance(0) == "running":
        session.wait_for_writer()
        seen.append(states(run))
    assert seen == [1, 2, 2, 2, 2]
    assert states(run) == 1
    assert len(list(run.store.stages_folder.glob("*/*/stage.json"))) == 6


@pytest.mark.parametrize(("keep", "left"), [("all", 6), ("forks", 1), ("best", 1), ("none", 0)])
def test_the_keep_setting_selects_stored_states(tiny: Any, keep: str, left: int) -> None:
    run = tiny(search__keep=keep)
    assert run.run(PLAIN) == "completed"
    assert states(run) == left


@pytest.mark.long
def test_a_session_pauses_at_its_limit_and_resumes_from_there(undisturbed: Tiny, tiny: Any) -> None:
    run = tiny(search__checkpoint_seconds=1e9)
    job, data = run.job(PLAIN), run.data(PLAIN)
    assert Session(replace(job, until=4), data).advance(inf) == "paused"
    assert read_status(run.folder(PLAIN), job.final) == "begun"
    assert Session(replace(job, since=4), data).advance(inf) == "completed"
    assert len(read_rows(run.folder(PLAIN) / "cost.jsonl")) == 7
    assert alike(run, undisturbed, PLAIN)


def test_a_stopped_trial_is_truncated_and_records_why(undisturbed: Tiny, tiny: Any) -> None:
    run, other = tiny(search__checkpoint_seconds=0), tiny(search__checkpoint_seconds=1e9)
    why = {"epoch": 3, "reason": "no new best"}
    for each, trained in ((run, 5), (other, 3)):  # whether it ran beyond or not
        assert Session(replace(each.job(PLAIN), until=trained), each.data(PLAIN)).advance(inf) == "paused"
        assert Session(replace(each.job(PLAIN), until=3, stop=why), each.data(PLAIN)).advance(inf) == "stopped"
    assert alike(run, other, PLAIN)
    result = read_json(run.folder(PLAIN) / "result.json")
    assert (result["status"], result["epochs"], result["stopped"]) == ("stopped", 3, why)
    rows = read_rows(undisturbed.folder(PLAIN) / "epochs.jsonl")[:3]
    assert read_rows(run.folder(PLAIN) / "epochs.jsonl") == rows
    assert result["last"]["val_pgd_acc"] == result["best"]["val_pgd_acc"] == rows[2]["val_pgd_acc"]
    assert not any(name.startswith("test_pgd20") for name in result["last"]), "what was not measured is not filled in"
    arrays = read_arrays(run.folder(PLAIN) / "instances.npz")
    assert arrays is not None and len(arrays["loss"]) == 3


def alike(one: Tiny, other: Tiny, i: int) -> bool:
    names = ("epochs.jsonl", "result.json", "instances.npz")
    return all((one.folder(i) / name).read_bytes() == (other.folder(i) / name).read_bytes() for name in names)


def test_without_a_checkpoint_a_killed_session_starts_over(undisturbed: Tiny, tiny: Any) -> None:
    run = tiny(search__checkpoint_seconds=1e9)
    for _ in range(3):
        assert run.session(PROFILE).advance(0) == "running"
        assert len(read_rows(run.folder(PROFILE) / "epochs.jsonl")) == 1
    assert run.run(PROFILE) == "completed"
    for name in ("epochs.jsonl", "result.json", "instances.npz"):
        assert (run.folder(PROFILE) / name).read_bytes() == (undisturbed.folder(PROFILE) / name).read_bytes()


@pytest.mark.long
def test_pausing_stores_the_trained_epochs(undisturbed: Tiny, tiny: Any) -> None:
    def politely(run: Tiny, i: int) -> str:
        for _ in range(20):
            session = run.session(i)
            outcome = session.advance(0)
            session.pause()
            if outcome != "running":
                return outcome
        pytest.fail("it does not get on")

    disturbed = all_by(tiny(search__checkpoint_seconds=1e9), politely)
    assert hash_records(disturbed.store.folder) == hash_records(undisturbed.store.folder)


def test_pausing_before_the_first_epoch_or_after_the_last_does_nothing(tiny: Any) -> None:
    run = tiny()
    run.session(PROFILE).pause()
    assert not list(run.store.stages_folder.iterdir())
    session = run.session(PROFILE)
    assert session.advance(inf) == "completed"
    before = len(list(run.store.stages_folder.rglob("*")))
    session.pause()
    assert len(list(run.store.stages_folder.rglob("*"))) == before


def test_pausing_after_an_error_within_an_epoch_stores_no_partial_state(
    undisturbed: Tiny, tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny(search__checkpoint_seconds=1e9)
    session = run.session(PROFILE)
    assert session.advance(0) == "running"
    call, calls = Method.losses, [0]

    def failing(*arguments: Any) -> Any:
        calls[0] += 1
        if calls[0] == 3:
            raise RuntimeError("out of memory, say")
        return call(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Method, "losses", failing)
        with pytest.raises(RuntimeError):
            session.advance(0)
    session.pause()
    assert run.run(PROFILE) == "completed"
    for name in ("epochs.jsonl", "result.json", "instances.npz"):
        assert (run.folder(PROFILE) / name).read_bytes() == (undisturbed.folder(PROFILE) / name).read_bytes()


@pytest.mark.parametrize("tail", [b'{"epoch":3,"lr":0.', b"\0\0\0", b'{"epoch":3}\n{"epoch":4}\n', b"\n"])
def test_rows_beyond_the_checkpoint_and_torn_rows_are_removed(undisturbed: Tiny, tiny: Any, tail: bytes) -> None:
    run = tiny()
    for _ in range(3):
        run.session(PROFILE).advance(0)
    for name in ("epochs.jsonl", "cost.jsonl"):
        with (run.folder(PROFILE) / name).open("ab") as file:
            file.write(tail)
    assert run.run(PROFILE) == "completed"
    assert len(read_rows(run.folder(PROFILE) / "cost.jsonl")) == 7
    resumed, expected = (x.folder(PROFILE) / "epochs.jsonl" for x in (run, undisturbed))
    assert resumed.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize("gone", ["epochs.jsonl", "cost.jsonl", "config.yaml", "instances.npz", "result.json"])
def test_a_deleted_record_is_made_again_from_the_stages(tiny: Any, gone: str) -> None:
    run = tiny()
    assert run.run(PLAIN) == "completed"
    before = hash_records(run.store.folder)
    costs = (run.folder(PLAIN) / "cost.jsonl").read_text().splitlines()[:6]
    (run.folder(PLAIN) / gone).unlink()
    (run.folder(PLAIN) / "result.json").unlink(missing_ok=True)
    assert run.run(PLAIN) == "completed"
    assert hash_records(run.store.folder) == before
    assert (run.folder(PLAIN) / "cost.jsonl").read_text().splitlines()[:6] == costs, "not trained again"


def test_a_damaged_newest_state_costs_one_interval(undisturbed: Tiny, tiny: Any) -> None:
    run = tiny()
    for _ in range(4):
        run.session(PROFILE).advance(0)
    wait_for_writes()
    states = sorted(run.store.stages_folder.glob("*/*/state.pt"), key=lambda path: path.stat().st_mtime_ns)
    states[-1].write_bytes(states[-1].read_bytes()[:100])
    session = run.session(PROFILE)
    assert session.advance(0) == "running"
    assert session.trainer.epoch == 4, "after the third epoch it went on, and trained the fourth again"
    assert run.run(PROFILE) == "completed"
    resumed, expected = (x.folder(PROFILE) / "result.json" for x in (run, undisturbed))
    assert resumed.read_bytes() == expected.read_bytes()


def test_a_diverging_trial_is_an_outcome(tiny: Any) -> None:
    run = tiny(trial__optimizer={"lr": 1e30})
    assert run.run(PROFILE) == "diverged"
    result = read_json(run.folder(PROFILE) / "result.json")
    assert result["status"] == "diverged"
    assert result["diverged"]["epoch"] == result["epochs"] == len(read_rows(run.folder(PROFILE) / "epochs.jsonl"))
    assert result["diverged"]["why"].startswith(("loss is nan at update", "loss is inf at update"))
    assert not (run.folder(PROFILE) / "error.txt").exists()
    json.loads((run.folder(PROFILE) / "result.json").read_text(), parse_constant=pytest.fail)
    trial = run.plan.trials[PROFILE]
    assert read_status(run.store.trial_folder(trial.id), trial.final) == "diverged"


def test_a_trial_that_diverges_late_does_so_after_a_kill_too(tiny: Any) -> None:
    late = {"lr": {"name": "piecewise", "values": [0.1, 1e30], "drops": [3]}}
    whole, pieces = tiny(trial__optimizer=late), tiny(trial__optimizer=late)
    assert whole.run(PROFILE) == "diverged"
    outcomes = [pieces.session(PROFILE).advance(0) for _ in range(4)]
    assert outcomes == ["running"] * 3 + ["diverged"]
    assert hash_records(pieces.store.folder) == hash_records(whole.store.folder)
    assert read_json(whole.folder(PROFILE) / "result.json")["epochs"] == 3


def test_a_ranking_is_not_made_of_a_diverged_training(tiny: Any) -> None:
    run = tiny(trial__optimizer={"lr": 1e30})
    assert run.rank() == f"{run.plan.trials[0].id} did not end, and {run.plan.trials[0].ranks} needs it"
    for i in (0, 1):
        run.run(i)
    assert run.rank() == f"{run.plan.trials[0].id} diverged, and {run.plan.trials[0].ranks} needs it"


def test_the_last_lines_are_broken_between_words_and_their_command_is_not(tiny: Any) -> None:
    run = tiny(trial__optimizer={"lr": 1e30})
    for i in (0, 1, 2, 4):
        run.run(i)
    command = f"python -m search.run space.yaml {'--set trial.epochs=2 ' * 4}--name short"
    assert run.sweep.run(command) == 1
    run.sweep.console.width = 60
    run.sweep.conclude()
    lines = run.said().splitlines()
    assert lines[-1] == f"  {command}"
    assert max(map(len, lines[-6:-1])) <= 60 and "carries on:" in lines[-2]


def test_trials_without_their_ranking_are_named_and_ray_is_not_started(tiny: Any) -> None:
    run = tiny(trial__optimizer={"lr": 1e30})
    for i in (0, 1, 2, 4):
        assert run.run(i) == "diverged"
    assert run.sweep.run("the command") == 1
    run.sweep.conclude()
    assert not ray.is_initialized()
    ranks = run.plan.trials[0].ranks
    assert run.said().splitlines() == [
        f"{run.store.folder.name}: 6 trainings, 4 of them ended before",
        f"not started: a ranking is missing: {run.plan.trials[0].id} diverged, and {ranks} needs it",
        "2 of 6 trainings have no result yet. Equal seeds compute the same bits: the same command ends in the same way "
        "until the cause is fixed. All that was trained is kept, and the command then carries on:",
        "  the command",
    ]


@pytest.mark.long
def test_a_full_disk_while_a_ranking_is_written_is_reported(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny()
    assert [run.run(i) for i in (0, 1, 2, 4)] == ["completed"] * 4

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert run.sweep.run("the command") == 1
    run.sweep.conclude()
    assert f"cannot be written: the disk is full ({run.store.folder}); free some room" in run.said()
    assert not ray.is_initialized()


def test_a_ranking_made_again_has_the_same_bytes(tiny: Any) -> None:
    run = tiny()
    assert [run.run(0), run.run(1), run.rank()] == ["completed", "completed", None]
    before = hash_records(run.store.folder)
    for path in (run.store.folder / "profile").iterdir():
        path.unlink()
    assert run.rank() is None
    assert hash_records(run.store.folder) == before
    (run.folder(0) / "instances.npz").write_bytes(b"torn")
    assert "instances.npz is missing or damaged" in str(run.rank())


def test_an_exception_is_recorded_and_removed_after_a_success(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny()
    trial = run.plan.trials[PROFILE]
    with monkeypatch.context() as patched:
        patched.setattr(Method, "losses", lambda *arguments: 1 / 0)
        assert run.run(PROFILE) == "failed"
    text = (run.folder(PROFILE) / "error.txt").read_text()
    assert text.startswith("Traceback")
    assert text.endswith("ZeroDivisionError: division by zero\n")
    assert not (run.folder(PROFILE) / "result.json").exists()
    assert read_status(run.store.trial_folder(trial.id), trial.final) == "failed"
    assert run.run(PROFILE) == "completed"
    assert not (run.folder(PROFILE) / "error.txt").exists()
    assert read_status(run.store.trial_folder(trial.id), trial.final) == "completed"


def test_a_worker_records_a_session_that_cannot_begin(tiny: Any) -> None:
    """A ranked trial whose ranking is not there."""
    run = tiny()
    worker, job = Worker(run._sources.loaded), run.job(RANKED)
    worker.begin(job)
    assert worker.step() == Report("failed")
    assert f"{job.ranks}.npz: it is missing; the command" in (run.folder(RANKED) / "error.txt").read_text()
    worker.pause()


def test_the_trainable_runs_one_job_after_another(undisturbed: Tiny, tiny: Any) -> None:
    run = tiny()
    trial = TrialTrainable.__new__(TrialTrainable)
    trial.setup(config_of(run.job(0)), sources=run._sources.loaded)
    for following in (1, 2):
        while not (result := trial.step())["done"]:
            continue
        assert (result["epoch"], report_of(result).outcome) == (5, "completed")
        assert trial.reset_config(config_of(run.job(following)))
    trial.cleanup()
    for i in (0, 1):
        recorded, expected = (x.folder(i) / "instances.npz" for x in (run, undisturbed))
        assert recorded.read_bytes() == expected.read_bytes()


def test_a_worker_with_other_training_code_refuses(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tiny()
    job, data = run.job(PROFILE), run.data(PROFILE)
    monkeypatch.setattr(search.execution.session, "training_code", lambda: "another")
    with pytest.raises(PlanMismatch, match="install the same on every node"):
        Session(job, data)
    assert not run.folder(PROFILE).exists()


def test_a_worker_with_another_number_of_threads_refuses(tiny: Any) -> None:
    run = tiny()
    with pytest.raises(PlanMismatch):
        Session(replace(run.job(PROFILE), threads=7), run.data(PROFILE))


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, Any, int], None]]:
    """Makes the n-th call of a function, and all that follow, find the disk full."""

    def fail(name: str, owner: Any, nth: int) -> None:
        original, calls = getattr(owner, name), [0]

        def failing(*arguments: Any) -> Any:
            calls[0] += 1
            if calls[0] <= nth:
                return original(*arguments)
            if name == "append_rows":  # half a line gets through
                with Path(arguments[0]).open("a") as file:
                    file.write('{"epoch":')
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(owner, name, failing)

    yield fail


WRITES = [("fsync", os, nth) for nth in (0, 1, 3, 5, 8, 13, 21, 28, 34, 40)]
WRITES += [("append_rows", search.execution.session, nth) for nth in (0, 1, 4, 11, 12)]
WRITES += [("mkdir", os, nth) for nth in (0, 1, 4)]


@pytest.mark.parametrize(("name", "owner", "nth"), WRITES, ids=[f"{name} {nth}" for name, _, nth in WRITES])
def test_a_full_disk_is_an_outcome_and_loses_nothing(
    undisturbed: Tiny, tiny: Any, failures: Any, monkeypatch: pytest.MonkeyPatch, name: str, owner: Any, nth: int
) -> None:
    run = tiny()
    failures(name, owner, nth)
    assert run.run(PROFILE) == "storage"
    monkeypatch.undo()
    assert not (run.folder(PROFILE) / "result.json").exists()
    assert not (run.folder(PROFILE) / "error.txt").exists()
    assert run.run(PROFILE) == "completed"
    for name in ("epochs.jsonl", "result.json", "instances.npz"):
        assert (run.folder(PROFILE) / name).read_bytes() == (undisturbed.folder(PROFILE) / name).read_bytes()


def test_the_running_epoch_is_reported_and_leaves_no_file(
    tiny: Callable[..., Tiny], undisturbed: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search.monitor.epoch_progress, "WRITE_SECONDS", 0.0)
    run, heard = tiny(), []
    update = EpochProgressWriter.update

    def listened(writer: EpochProgressWriter, done: int, batches: int) -> None:
        update(writer, done, batches)
        heard.append((read_epoch_progress(run.folder(PROFILE), len(heard) // batches).fraction, done / batches))

    monkeypatch.setattr(EpochProgressWriter, "update", listened)
    assert run.run(PROFILE) == "completed"
    assert heard and all(share == expected for share, expected in heard)
    assert hash_records(run.folder(PROFILE)) == hash_records(undisturbed.folder(PROFILE))
    assert sorted(path.name for path in run.folder(PROFILE).iterdir()) == [
        "config.yaml", "cost.jsonl", "epochs.jsonl", "instances.npz", "result.json",
    ]  # fmt: skip
