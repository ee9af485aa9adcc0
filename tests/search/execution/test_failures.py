"""Faults of storage, memory and workers: nothing that was finished is lost, and the records are those of no fault.

Sweeps on a backend in this process, whose trials share epochs; tests of real processes are in test_sweep and
test_lost_workers.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch

import search.execution.session
import search.status
import trainers.trainer
from search.soak.process import DAMAGES
from search.store.checkpoint_writer import wait_for_writes
from search.store.store import Store
from trainers.method import Method

from ..backends import DisturbedBackend
from ..helpers import Tiny, hash_records, local, slow, spread

pytestmark = pytest.mark.long

# two seeds of GAIRAT whose weights set in after 2 or 4 of 6 epochs: each seed has one trunk, and a fork
SHARED: dict[str, Any] = {
    "trial__method": {"base": "gairat", "attack": {"epsilon": 0.1, "steps": 2}},
    "search__axes": {
        "method.weight.burn_in": {"grid": [2, 4]},
        "method.weight.lam": {"grid": [-1, 0]},
    },
    "search__replicates": 2,
    "profile": None,
}
Make = Callable[..., Tiny]


@pytest.fixture
def tiny(tmp_path: Path) -> Make:
    names = count()
    return lambda **changes: Tiny(tmp_path / f"sweep-{next(names)}", **SHARED | changes)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The records of each training run in one go, by itself, with nothing to share."""
    run = Tiny(tmp_path_factory.mktemp("undisturbed") / "sweep", **SHARED)
    for i in range(len(run.plan.trials)):
        alone = Tiny(tmp_path_factory.mktemp("alone") / "sweep", **SHARED)
        assert alone.run(i) == "completed"
        alone.folder(i).rename(run.folder(i))
    return hash_records(run.store.folder)


def test_every_distinct_epoch_is_trained_once_and_records_are_those_of_each_alone(
    tiny: Make, undisturbed: dict[str, str]
) -> None:
    run, backend = tiny(), DisturbedBackend()
    assert run.serve(backend) == 0
    assert hash_records(run.store.folder) == undisturbed
    assert backend.epochs == run.plan.tree.distinct < run.plan.tree.asked


def carry_on(run: Tiny, undisturbed: dict[str, str]) -> DisturbedBackend:
    """Run the same command again, and fail unless it ends with all records."""
    backend = DisturbedBackend()
    assert run.serve(backend) == 0, run.said()
    assert hash_records(run.store.folder) == undisturbed
    assert not list(local(run.store.folder).rglob("error.txt"))
    return backend


# --- storage


SAID = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of disk space is used up",
    errno.EROFS: "the storage can only be read",
    errno.EACCES: "the storage may not be written to",
    errno.EIO: "the storage fails: Input/output error",
    errno.ESTALE: "the storage fails: Stale file handle",
}


@pytest.mark.parametrize("number", SAID, ids=[errno.errorcode[number] for number in SAID])
@pytest.mark.parametrize("nth", [40, *slow(3, 111)])
def test_a_storage_failure_stops_the_sweep_which_resumes_once_it_is_repaired(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch, number: int, nth: int
) -> None:
    run, (fsync, calls) = tiny(), (os.fsync, count())

    def failing(handle: int) -> None:
        if next(calls) >= nth:
            raise OSError(number, os.strerror(number))
        fsync(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing)
        first = DisturbedBackend()
        assert run.serve(first) == 1
    assert f"Stopped: {SAID[number]} ({run.store.folder})" in run.said()
    assert run.said().splitlines()[-2:] == [
        f"{len(run.sweep.unfinished())} of 8 trainings have no result yet. All that was trained is kept; "
        "the same command carries on:",
        "  the command",
    ]
    assert not list(local(run.store.folder).rglob("error.txt")), "it is no trial's fault"
    second = carry_on(run, undisturbed)
    assert first.epochs + second.epochs <= run.plan.tree.distinct + 2, "one of each of the two that ran"


def test_a_vanished_folder_is_not_created_again(tiny: Make, undisturbed: dict[str, str]) -> None:
    """As if a file system were unmounted: below its mount point there is an empty folder."""
    run = tiny()
    folder = local(run.store.folder)
    away = folder.with_name("away")
    first = DisturbedBackend(disturb=lambda backend, turn: folder.rename(away) and None if turn == 5 else None)
    assert run.serve(first) == 1
    assert not folder.exists()
    assert run.said().splitlines()[-2:] == [
        f"Stopped: the storage is gone ({folder}); bring it back, then carry on with the same command:",
        "  the command",
    ]
    away.rename(folder)
    second = carry_on(run, undisturbed)
    assert first.epochs + second.epochs <= run.plan.tree.distinct + 2


@pytest.mark.parametrize("turn", [0, 4, 9])
def test_a_storage_failure_of_the_driver_alone_stops_the_sweep(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch, turn: int
) -> None:
    """It forgets states that nobody wants any more."""

    def failing(store: Store, name: str) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    def disturb(backend: DisturbedBackend, now: int) -> None:
        if now == turn:
            patched.setattr("search.store.store.Store.drop_state", failing)

    run = tiny()
    with monkeypatch.context() as patched:
        assert run.serve(DisturbedBackend(disturb=disturb)) == 1
    assert "Stopped: the storage can only be read" in run.said()
    carry_on(run, undisturbed)


# --- clocks


def test_a_clock_that_goes_backwards_changes_nothing(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An hour at each look."""
    run, clock = tiny(), count(2_000_000_000, -3600)
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: float(next(clock)))
        assert run.serve(DisturbedBackend()) == 0
    assert hash_records(run.store.folder) == undisturbed
    assert run.serve(DisturbedBackend()) == 0
    assert "is finished" in run.said()
    for path in local(run.store.folder).rglob("*"):
        os.utime(path, (4_000_000_000, 4_000_000_000))
    assert search.status.main([str(run.store.folder)]) == 0
    assert "-" not in "".join(capsys.readouterr().out.split("spent:")[1:])


# --- states


@pytest.mark.parametrize(("file", "damage"), spread(["state.pt", "stage.json", "instances.npz"], list(DAMAGES)))
def test_a_damaged_fork_is_trained_again_by_the_trials_that_need_it(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch, file: str, damage: str
) -> None:
    monkeypatch.setattr(search.execution.session, "READ_DELAYS", ())  # a file of a network that is not to be seen yet
    run = tiny()
    fork = run.plan.tree.forks(0)[0]
    name = run.plan.trials[0].chain[fork]
    path = Path(str(run.store.stages_folder)) / name[:2] / name / file

    def killed(backend: DisturbedBackend, turn: int) -> None:
        if path.exists():
            raise KeyboardInterrupt

    first = DisturbedBackend(disturb=killed)
    with pytest.raises(KeyboardInterrupt):
        run.serve(first)
    wait_for_writes()
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    second = carry_on(run, undisturbed)
    sharers = int(run.plan.tree.sharers[0, fork])
    assert first.epochs + second.epochs <= run.plan.tree.distinct + 2 + sharers, "an epoch each of those that shared it"


# --- memory


def lacking(when: Callable[[], bool], error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let memory run out for a training step under a condition."""
    losses = Method.losses

    def failing(*arguments: Any) -> Any:
        if when():
            raise error
        return losses(*arguments)

    monkeypatch.setattr(Method, "losses", failing)


GREEDY = RuntimeError(
    "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4294967296 bytes."
)


def test_a_training_out_of_memory_is_retried_alone(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, company = tiny(), []

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        company[:] = backend.running
        lonely = [task for task in backend.running if backend.place(task) in run.sweep.schedule.exclusive]
        assert not lonely or len(backend.running) == 1, "and nothing beside it"

    with monkeypatch.context() as patched:
        lacking(lambda: len(company) > 1, torch.OutOfMemoryError("CUDA out of memory."), patched)
        assert run.serve(DisturbedBackend(slots=3, disturb=disturb)) == 0, run.said()
    assert hash_records(run.store.folder) == undisturbed
    assert not list(local(run.store.folder).rglob("error.txt"))
    assert "retry: " in run.said() and "out of memory" in run.said()


def test_a_training_out_of_memory_alone_fails_and_names_its_request(
    tiny: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tiny(search__axes={"method.weight.burn_in": {"grid": [2, 4]}}, search__replicates=1)
    error = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4294967296 bytes.")
    with monkeypatch.context() as patched:
        lacking(lambda: True, error, patched)
        assert run.serve(DisturbedBackend()) == 1
    assert len(run.sweep.unfinished()) == len(run.sweep.schedule.exclusive) == 2
    for trial in run.sweep.unfinished():
        (line,) = (run.store.trial_folder(trial.id) / "error.txt").read_text().splitlines()
        assert line.startswith("out of memory: its process asked for 4.0 GiB more, and had held ")
        assert line.endswith("), also alone; give it more by `resources:`, or lower trial.batch_size")
        assert f"failed: {trial.id}: {line}" in run.said()
    assert run.serve(DisturbedBackend()) == 0


# --- workers


def test_the_trainer_of_a_shared_prefix_may_be_lost_repeatedly(tiny: Make, undisturbed: dict[str, str]) -> None:
    """Others wait for what it will store; whoever is next takes its place, and trains nothing twice."""
    run, lost = tiny(search__retries=1), []

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        for task in list(backend.running):
            if turn % 2 and run.sweep.schedule.running[backend.place(task)]:
                lost.append(backend.place(task))
                backend.lose(task)

    backend = DisturbedBackend(disturb=disturb)
    assert run.serve(backend) == 0, run.said()
    assert hash_records(run.store.folder) == undisturbed
    assert len(lost) >= 4
    assert backend.epochs == run.plan.tree.distinct, "a checkpoint stood at each epoch"


def test_a_worker_that_dies_repeatedly_at_one_stage_fails_its_trial(tiny: Make, undisturbed: dict[str, str]) -> None:
    run = tiny(search__retries=2)
    begun: list[int] = []

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        for task in list(backend.running):
            if backend.place(task) == 5:
                begun.append(turn)
                backend.lose(task)

    assert run.serve(DisturbedBackend(disturb=disturb)) == 1
    assert len(begun) == 3
    (trial,) = run.sweep.unfinished()
    assert trial is run.plan.trials[5]
    path = run.store.trial_folder(trial.id) / "error.txt"
    assert f"failed: {trial.id}: its worker died, 3 times in a row ({path})" in run.said()
    carry_on(run, undisturbed)


def test_workers_that_die_after_progress_are_always_retried(tiny: Make) -> None:
    """Twice at the same epoch, at most, and five times in all."""
    run = tiny(search__retries=2, search__axes={"method.weight.burn_in": {"grid": [2, 4]}})
    lost: list[int] = []

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        for task in list(backend.running):
            if turn % 2:
                lost.append(backend.place(task))
                backend.lose(task)

    assert run.serve(DisturbedBackend(disturb=disturb)) == 0, run.said()
    assert max(lost.count(i) for i in lost) >= 5


# --- errors of what is computed


def test_a_deterministic_failure_is_not_advertised_as_resumable(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One training of several fails in its second epoch, at every try; once it is mended the same command goes on."""
    run = tiny()
    trains = trainers.trainer.Trainer.run_epoch

    def broken(trainer: Any, stage: Any, recall: Any) -> Any:
        if trainer.config.seed == 1 and stage.epoch == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        return trains(trainer, stage, recall)

    ends = []
    with monkeypatch.context() as patched:
        patched.setattr(trainers.trainer.Trainer, "run_epoch", broken)
        for _ in range(2):
            assert run.serve(DisturbedBackend()) == 1
            ends.append(run.said().splitlines()[-2:])
    assert ends[0] == ends[1]
    assert ends[0] == [
        f"{len(run.sweep.unfinished())} of 8 trainings have no result yet. Equal seeds compute the same bits: the same "
        "command ends in the same way until the cause is fixed. All that was trained is kept, and the command then "
        "carries on:",
        "  the command",
    ]
    carry_on(run, undisturbed)


@pytest.mark.parametrize("slots", [1, 2])
def test_fail_fast_ends_the_sweep_at_its_first_failed_training(
    tiny: Make, undisturbed: dict[str, str], monkeypatch: pytest.MonkeyPatch, slots: int
) -> None:
    """What runs beside it stores its epoch, nothing new begins, and the same command resumes once it is mended."""
    run, alone = tiny(search__fail_fast=True), tiny(search__fail_fast=True)
    trains = trainers.trainer.Trainer.run_epoch

    def broken(trainer: Any, stage: Any, recall: Any) -> Any:
        if trainer.config.seed == 1 and stage.epoch == 1:
            raise ValueError("Expected more than 1 value per channel when training")
        return trains(trainer, stage, recall)

    first = DisturbedBackend(slots)
    with monkeypatch.context() as patched:
        patched.setattr(trainers.trainer.Trainer, "run_epoch", broken)
        assert run.serve(first) == 1
        (path,) = local(run.store.folder).rglob("error.txt")
        waits = tiny()
        assert waits.serve(DisturbedBackend(slots)) == 1
    assert len(waits.sweep.unfinished()) < len(run.sweep.unfinished()), "without fail_fast all other trainings end"
    assert "Traceback (most recent call last)" in path.read_text()
    *_, failed, stopped, ends, command = run.said().splitlines()
    assert failed.startswith(f"failed: {path.parent.name}: ValueError: Expected more than 1 value")
    assert stopped == (
        f"Stopped: search.fail_fast ends the sweep at its first failed training, {path.parent.name}; its traceback is "
        f"in {path}"
    )
    assert ends == (
        f"{len(run.sweep.unfinished())} of 8 trainings have no result yet. All that was trained is kept; the same "
        "command carries on once the cause is fixed, and --set search.fail_fast=false trains all others without that:"
    )
    assert command == "  the command"
    second = carry_on(run, undisturbed)
    assert first.epochs + second.epochs == alone.plan.tree.distinct, "no epoch is trained twice"


def test_fail_fast_waits_for_the_retries_of_a_lost_worker(tiny: Make) -> None:
    run, lost = tiny(search__fail_fast=True, search__retries=2), []

    def disturb(backend: DisturbedBackend, turn: int) -> None:
        for task in list(backend.running):
            if backend.place(task) == 5:
                lost.append(turn)
                backend.lose(task)

    assert run.serve(DisturbedBackend(disturb=disturb)) == 1
    name = run.plan.trials[5].id
    assert len(lost) == 3
    assert f"first failed training, {name}; its error is in {run.store.trial_folder(name) / 'error.txt'}" in run.said()


def test_fail_fast_goes_on_after_a_diverged_training(tiny: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    run, trains = tiny(search__fail_fast=True), trainers.trainer.Trainer.run_epoch

    def diverging(trainer: Any, stage: Any, recall: Any) -> Any:
        if trainer.config.seed == 1 and stage.epoch == 1:
            raise trainers.trainer.Diverged(1, "the loss is not finite")
        return trains(trainer, stage, recall)

    monkeypatch.setattr(trainers.trainer.Trainer, "run_epoch", diverging)
    assert run.serve(DisturbedBackend()) == 0, run.said()
