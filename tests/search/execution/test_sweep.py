"""A sweep as the user meets it: a command that may be killed at any instant, and goes on when it is given again."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

import search.run.driver
import search.status
from search.execution.ray_backend import tune_listens
from search.execution.sweep import Sweep
from search.ray_env import ray
from search.run.__main__ import main
from search.signals import Interrupt, get_exit_code
from search.soak.process import DAMAGES, CostLines, count_retrained, read_costs
from search.store.lock import acquire_lock, is_locked
from search.store.plan_file import find_plan
from trainers.record_reader import read_json, read_rows

from ..helpers import (
    ROOT,
    SMOKE,
    SweepProcess,
    Tiny,
    count_epochs,
    find_workers,
    hash_files,
    hash_records,
    kill_process,
)

# long enough to be stopped in the midst of it, and with a pretraining for each seed
LONGER = ("--set", "trial.epochs=40", "--set", "evaluate.every=20", "--set", "pretrain.trial.epochs=10")
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
MORE = ("--set", "search.replicates=2")
TRAININGS, EPOCHS, ADDED = 7, 6 * 40 + 10, 5


def beyond(folder: Path, count: float) -> bool:
    return count_epochs(folder) > count


def main_here(*arguments: str | Path) -> int:
    """Run the command in this process, from the repository's root, without its report; its lock ends with it."""
    with pytest.MonkeyPatch.context() as patched, ExitStack() as released:
        patched.chdir(ROOT)
        patched.setenv("RAY_ADDRESS", "")  # which the command may set, and which is put back
        patched.setattr(search.run.driver, "acquire_lock", lambda folder: released.callback(acquire_lock(folder)))
        patched.setattr(search.run.driver, "subprocess", SimpleNamespace(run=lambda *a, **k: None))
        return main([str(argument) for argument in arguments])


@dataclass
class Life:
    """What was seen of one sweep that was killed, interrupted, extended, and lost a worker before it finished."""

    folder: Path
    codes: dict[str, int] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    costs: dict[str, CostLines] = field(default_factory=dict)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of the extended sweep, each training run in one go and without Ray."""
    folder = tmp_path_factory.mktemp("undisturbed") / "smoke"
    changes = {"trial__epochs": 40, "evaluate__every": 20, "pretrain__trial__epochs": 10}
    run = Tiny(folder, search__replicates=2, **changes)
    for i, trial in enumerate(run.plan.trials):
        if trial.kind == "trial" and not run.store.ranking_path(str(run.plan.trials[0].ranks)).exists():
            assert run.rank() is None
        assert run.run(i) == "completed"
    return folder


@pytest.fixture(scope="module")
def greedy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SweepProcess, Path]]:
    """A sweep whose trials ask for more than there is; begun early, as it needs its time to start."""
    results = tmp_path_factory.mktemp("greedy")
    driver = SweepProcess(SMOKE, "--set", "resources.cpus=512", "--results", results, scratch=results / "tmp")
    yield driver, results / "smoke"
    driver.close()


@pytest.fixture(scope="module")
def life(greedy: tuple[SweepProcess, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    results = tmp_path_factory.mktemp("life")
    arguments = (SMOKE, *LONGER, "--results", results)
    history, drivers = Life(results / "smoke"), []

    def start(*more: str) -> SweepProcess:
        drivers.append(SweepProcess(*arguments, *more, scratch=results / "tmp"))
        return drivers[-1]

    try:
        killed = start()
        killed.wait_until(lambda: count_epochs(history.folder) > EPOCHS // 8)
        killed.kill(workers=False)
        history.costs["killed"] = read_costs(history.folder)

        interrupted = start()
        interrupted.wait_until(lambda: is_locked(history.folder))  # long before Ray is up
        history.codes["second"] = main_here(*arguments)
        history.codes["status"] = search.status.main([str(history.folder)])
        interrupted.wait_until(lambda: count_epochs(history.folder) > EPOCHS // 3)
        history.codes["interrupted"] = interrupted.stop(signal.SIGINT)
        history.costs["interrupted"] = read_costs(history.folder)

        finished = start(*MORE)
        finished.wait_until(lambda: count_epochs(history.folder) > EPOCHS // 2 and bool(find_workers(finished)))
        history.costs["worker killed"] = read_costs(history.folder)
        kill_process(find_workers(finished)[0])
        history.codes["finished"] = finished.wait()
        history.costs["finished"] = read_costs(history.folder)
        names = ("killed", "interrupted", "finished")
        history.said = {name: driver.output for name, driver in zip(names, drivers, strict=True)}
        yield history
    finally:
        for driver in drivers:
            driver.close()


@pytest.fixture
def copy(life: Life, tmp_path: Path) -> Path:
    """The finished sweep, for a test that does something to it."""
    return Path(shutil.copytree(life.folder, tmp_path / "smoke"))


def test_a_second_driver_is_refused_while_the_first_runs(life: Life) -> None:
    assert life.codes["second"] == 2


def test_status_says_that_it_is_not_done(life: Life) -> None:
    assert life.codes["status"] == 1


def test_asked_to_stop_it_says_how_to_go_on(life: Life) -> None:
    assert life.codes["interrupted"] == 130
    assert "Stopped, as asked." in life.said["interrupted"]
    assert "All that was trained is kept; the same command carries on:" in life.said["interrupted"]
    assert f"  python -m search.run {SMOKE} {' '.join(LONGER)}" in life.said["interrupted"]


def test_asked_to_stop_it_keeps_every_epoch(life: Life) -> None:
    assert count_retrained(life.costs["interrupted"], life.costs["finished"]) == 0


@pytest.mark.parametrize("how", ["killed", "worker killed"])
def test_killed_it_trains_no_more_than_a_checkpoint_interval_again(life: Life, how: str) -> None:
    """One epoch here."""
    assert sum(map(len, life.costs[how].values())) > EPOCHS // 8 - TRAININGS
    assert count_retrained(life.costs[how], life.costs["finished"]) <= 1


def test_more_seeds_train_only_what_is_new(life: Life) -> None:
    assert f"{ADDED} trainings are new" in " ".join(life.said["finished"].split())
    assert "ended before" in life.said["finished"]
    ended = {name: lines for name, lines in life.costs["interrupted"].items() if "final_seconds" in lines[-1]}
    assert ended
    assert {name: life.costs["finished"][name] for name in ended} == ended
    assert len(life.costs["finished"]) == TRAININGS + ADDED


def test_after_all_that_it_has_the_records_of_an_undisturbed_run(life: Life, undisturbed: Path) -> None:
    assert life.codes["finished"] == 0, life.said["finished"]
    assert hash_records(life.folder) == hash_records(undisturbed)
    assert not list(life.folder.rglob("error.txt"))
    assert not list(life.folder.rglob("damaged"))


def test_it_ends_with_code_0_and_complete_records(life: Life) -> None:
    assert life.codes["finished"] == 0
    plan = read_json(life.folder / "plan.json")
    assert len(plan["trials"]) == TRAININGS + ADDED
    for row in plan["trials"]:
        folder = life.folder / "trials" / row["id"]
        assert read_json(folder / "result.json")["chain"] == row["chain"]
        assert [r["epoch"] for r in read_rows(folder / "epochs.jsonl")] == list(range(row["epochs"]))
        assert (folder / "instances.npz").exists()
    paths = (life.folder / "profile").iterdir()
    (ranking,) = (path for path in paths if not {"images", "adversaries"} & set(path.name.split(".")))
    assert ranking.stem == plan["trials"][0]["ranks"]
    killed, interrupted, run = read_json(life.folder / "provenance.json")["runs"]
    assert "ended" not in killed
    assert interrupted["exit"] == 130
    assert (run["exit"], run["slots"] >= 1, run["ended"] >= run["started"]) == (0, True, True)
    assert run["training_code"]
    assert run["versions"]["torch"]


def test_finished_it_says_so_without_starting_ray_and_changes_nothing(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hash_files(copy)
    assert main_here(SMOKE, *LONGER, *MORE, "--results", copy.parent) == 0
    said = "smoke is finished: all 12 trainings have their results.\nThe report is being drawn.\n"
    assert capsys.readouterr().out == said
    assert not ray.is_initialized()
    after = hash_files(copy)
    assert len(read_json(copy / "provenance.json")["runs"]) == 4
    left = {name for name in before if ".tmp" not in name}  # what killed processes left half-written is swept up
    assert {name for name in left if after.get(name) != before[name]} == {"provenance.json"}
    assert after.keys() == left
    assert search.status.main([str(copy)]) == 0
    assert capsys.readouterr().out.startswith("smoke  finished\ntrainings ━━━━━━━━━━━━━━━━━━━━ 12 of 12\n")


def test_another_space_under_its_name_is_refused_and_changes_nothing(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = hash_files(copy)
    assert main_here(SMOKE, *LONGER, *MORE, "--set", "trial.batch_size=48", "--results", copy.parent) == 2
    err = capsys.readouterr().err
    assert "12 of its 12 trainings would not be in it any more" in err
    assert "  trial.batch_size: stored 32, now 48\n" in err
    assert hash_files(copy) == before


@pytest.mark.parametrize("name", ["plan.json", "space.yaml", "provenance.json", "now.json"])
def test_torn_the_sweeps_own_files_are_made_again(
    life: Life, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    copy = tmp_path / "smoke"
    shutil.copytree(life.folder, copy)
    whole = (copy / name).read_bytes()
    damages = DAMAGES | {"of another kind": lambda content: b'{"runs": 3}'} if name != "plan.json" else DAMAGES
    for damage in damages.values():
        (copy / name).write_bytes(damage(whole))
        assert main_here(SMOKE, *LONGER, *MORE, "--results", copy.parent) == 0
        assert "smoke is finished: all 12 trainings have their results." in capsys.readouterr().out
    assert hash_records(copy) == hash_records(life.folder)
    if name in ("plan.json", "space.yaml"):
        assert (copy / name).read_bytes() == whole
    if name == "provenance.json":
        assert b'{"runs": 3}' in {kept.read_bytes() for kept in copy.glob("provenance.damaged*")}


@pytest.mark.parametrize("nth", range(0, 12, 2))
def test_a_disk_that_is_full_when_a_sweep_begins_is_told_and_nothing_is_torn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    fsync, calls = os.fsync, count()

    def full(handle: int) -> None:
        if next(calls) >= nth:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(Sweep, "run", lambda *arguments: 0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        code = main_here(SMOKE, "--results", tmp_path)
    err = capsys.readouterr()
    assert code == 2 or nth >= 6
    assert code == 0 or "No space left on device" in err.err
    assert "Traceback" not in err.err + err.out
    assert not list(tmp_path.rglob("*.tmp"))
    assert main_here(SMOKE, "--results", tmp_path) == 0
    assert find_plan(tmp_path / "smoke")


def test_what_no_machine_can_hold_is_refused_at_once(greedy: tuple[SweepProcess, Path]) -> None:
    driver, folder = greedy
    assert driver.wait() == 2
    assert (
        f"error: resources: a trial fits on no machine: CPU 512 asked, {os.cpu_count()} on the largest machine;"
        " lower `resources:` or join a cluster\n"
    ) in driver.output
    assert not folder.exists()


def test_an_address_where_no_ray_answers_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main_here(SMOKE, "--results", tmp_path, "--address", "127.0.0.1:1") == 2
    assert "error: no Ray answers at 127.0.0.1:1" in capsys.readouterr().err
    assert not (tmp_path / "smoke").exists()


def test_ctrl_c_before_tune_listens_is_no_sudden_end() -> None:
    """The signal that Tune is told by would end the process."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    interrupt, before = Interrupt(), {n: signal.getsignal(n) for n in numbers}
    interrupt.listening = tune_listens
    try:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)  # Tune may have listened in a test before
        interrupt.install()
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
        with pytest.raises(KeyboardInterrupt) as stopped:
            signal.raise_signal(signal.SIGTERM)
        assert interrupt.exit_code == get_exit_code(stopped.value) == 143
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_before_ray_is_up_it_says_by_which_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int, code: int
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Sweep, "run", lambda *arguments: signal.raise_signal(number))
    try:
        assert main_here(SMOKE, "--results", tmp_path) == code
    finally:
        signal.signal(signal.SIGTERM, before)
    said, command, *rest = capsys.readouterr().err.splitlines()
    assert said == "Interrupted. All that was trained is kept; the same command carries on:"
    assert command.startswith("  python -m ") and not rest


@pytest.mark.slow
@pytest.mark.parametrize("when", ["before the first epoch", "in the midst"])
def test_terminated_it_ends_with_143(tmp_path: Path, when: str) -> None:
    driver = SweepProcess(SMOKE, *LONGER, "--results", tmp_path, scratch=tmp_path / "tmp")
    folder = tmp_path / "smoke"
    driver.wait_until(
        lambda: list(folder.glob("trials/*")) != [] if when == "before the first epoch" else beyond(folder, 90)
    )
    assert driver.stop(signal.SIGTERM) == 143
    assert "All that was trained is kept; the same command carries on:" in driver.output
    before = read_costs(folder)
    again = SweepProcess(SMOKE, *LONGER, "--results", tmp_path, scratch=tmp_path / "tmp")
    assert again.wait() == 0
    assert count_retrained(before, read_costs(folder)) == 0 if before else when == "before the first epoch"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_ten_instants_it_ends_as_undisturbed(undisturbed: Path, tmp_path: Path) -> None:
    """In turn the driver alone, whose workers train on for a while, and the driver with all its processes."""
    folder, drivers, seen = tmp_path / "smoke", [], []
    try:
        for i in range(10):
            driver = SweepProcess(SMOKE, *LONGER, *MORE, "--results", tmp_path, scratch=tmp_path / "tmp")
            drivers.append(driver)
            driver.wait_until(partial(beyond, folder, (EPOCHS + 4 * 40 + 10) * (i + 0.5) / 11))
            driver.kill(workers=bool(i % 2))
            seen.append(read_costs(folder))
        last = SweepProcess(SMOKE, *LONGER, *MORE, "--results", tmp_path, scratch=tmp_path / "tmp")
        drivers.append(last)
        assert last.wait() == 0, last.output
    finally:
        for driver in drivers:
            driver.close()
    assert hash_records(folder) == hash_records(undisturbed)
    assert not list(folder.rglob("error.txt"))
    assert [count_retrained(before, read_costs(folder)) <= 1 for before in seen] == [True] * 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB; needs root."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: a full disk needs the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["read-only", "gone"])
def test_storage_that_cannot_be_written_or_is_gone_stops_it_and_when_it_is_back_it_goes_on(
    undisturbed: Path, small_disk: Path, tmp_path: Path, how: str
) -> None:
    def mount(*options: str) -> None:
        subprocess.run(["mount", *options], check=True)

    mount("-o", "remount,size=100m", str(small_disk))
    aside, fixed, folder = tmp_path / "aside", tmp_path / "fixed", small_disk / "smoke"
    for place in (aside, fixed):
        place.mkdir()
        mount("--bind", str(small_disk), str(place))  # keeps what is on it
    mount("-o", "remount,bind,ro", str(fixed))  # what is written to now would refuse to become so itself
    arguments = (SMOKE, *LONGER, *MORE, "--results", small_disk)
    stopped = SweepProcess(*arguments, scratch=tmp_path / "tmp")
    try:
        stopped.wait_until(lambda: beyond(folder, EPOCHS // 3))
        before = read_costs(folder)
        if how == "read-only":
            mount("--bind", str(fixed), str(small_disk))
            message = f"Stopped: the storage can only be read ({folder}); make it writable, then carry on with the same"
        else:
            subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
            message = f"Stopped: the storage is gone ({folder}); bring it back, then carry on with the same command"
        assert stopped.wait() == 1, stopped.output
        assert message in stopped.output
        assert stopped.output.strip().splitlines()[-1].startswith("  python -m search.run ")
        if how == "read-only":
            subprocess.run(["umount", "--lazy", str(small_disk)], check=True)
        else:
            assert not list(small_disk.rglob("*.json*")), "nothing was written under the mount point"
            mount("--bind", str(aside), str(small_disk))
        assert not list(folder.rglob("error.txt"))
        again = SweepProcess(*arguments, scratch=tmp_path / "tmp")
        assert again.wait() == 0, again.output
        assert hash_records(folder) == hash_records(undisturbed)
        assert count_retrained(before, read_costs(folder)) <= 1
    finally:
        stopped.close()
        for place in (aside, fixed):
            subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_stops_it_and_with_room_again_it_goes_on(
    undisturbed: Path, small_disk: Path, tmp_path: Path
) -> None:
    arguments = (SMOKE, *LONGER, *MORE, "--results", small_disk)
    full = SweepProcess(*arguments, scratch=tmp_path / "tmp")
    assert full.wait() == 1, full.output
    folder = small_disk / "smoke"
    assert f"Stopped: the disk is full ({folder}); free some room, then carry on with the same command" in full.output
    assert 0 < count_epochs(folder) < EPOCHS
    assert not list(folder.rglob("error.txt"))
    still = SweepProcess(*arguments, scratch=tmp_path / "tmp")
    assert still.wait() in (1, 2), still.output
    assert "No space left" in still.output or "disk is full" in still.output
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    roomy = SweepProcess(*arguments, scratch=tmp_path / "tmp")
    assert roomy.wait() == 0, roomy.output
    assert hash_records(folder) == hash_records(undisturbed)
    assert not list(folder.rglob("*.tmp")) + list(folder.rglob(".tmp-*"))
