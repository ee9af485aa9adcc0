"""Ends that come from outside: a request to stop, with a grace period; Ray that dies under the driver."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import search.cluster.ray_cluster
import search.execution.graceful_stop
import search.execution.ray_liveness
from search.cluster.ray_cluster import connect
from search.execution.graceful_stop import GracefulStop, compute_grace_period
from search.execution.ray_backend import tune_listens
from search.execution.ray_liveness import RayLivenessMonitor
from search.signals import Interrupt, get_exit_code, install_handlers
from trainers.record_reader import read_json, read_rows
from trainers.terminal.console import Console

from ..helpers import (
    ROOT,
    SweepProcess,
    count_epochs,
    find_workers,
    kill_process,
    list_descendants,
    read_command_line,
    smoke,
)


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)}
    installed = Interrupt()
    installed.install()
    yield installed
    for number, handler in before.items():
        signal.signal(number, handler)


class Actor:
    """A worker of which only its pausing matters."""

    def __init__(self) -> None:
        self.paused = 0
        self.pause = SimpleNamespace(remote=self._pause)

    def _pause(self) -> Any:
        self.paused += 1
        return self


def trial(status: str, actor: Actor | None) -> Any:
    return SimpleNamespace(status=status, RUNNING="RUNNING", temporary_state=SimpleNamespace(ray_actor=actor))


def test_a_stop_request_pauses_all_running_trials_before_tune_ends(
    interrupt: Interrupt, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Any] = []
    monkeypatch.delenv("SEARCH_ENDS_AT", raising=False)
    monkeypatch.setattr(
        search.ray_env.ray,
        "wait",
        lambda refs, num_returns, timeout: waited.append((len(refs), num_returns, timeout)),
    )
    told: list[list[Any]] = []
    signal.signal(signal.SIGUSR1, lambda *arguments: told.append(list(waited)))
    interrupt.listening = tune_listens
    console = Console(file=StringIO(), width=60)
    grace = GracefulStop(interrupt, console)
    actors = [Actor(), Actor(), Actor()]
    trials = [
        trial("RUNNING", actors[0]),
        trial("RUNNING", actors[1]),
        trial("TERMINATED", actors[2]),
        trial("PENDING", None),
    ]
    grace.on_step_end(0, trials)
    assert not told
    signal.raise_signal(signal.SIGTERM)
    grace.on_step_end(1, trials)
    grace.on_step_end(2, trials)
    assert told == [[(2, 2, search.execution.graceful_stop.DEFAULT_GRACE)]]
    assert [actor.paused for actor in actors] == [1, 1, 0]
    assert interrupt.exit_code == 143
    printed = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(printed) > 1 and max(map(len, printed)) <= 60
    assert " ".join(printed).startswith("Stopping: running trainings finish and store their epochs, 1 min 30 s at most")


@pytest.mark.parametrize("trials", [[], [trial("PENDING", None)]], ids=["none", "waits for a process"])
def test_a_stop_request_before_any_training_runs_promises_no_wait(
    interrupt: Interrupt, monkeypatch: pytest.MonkeyPatch, trials: list[Any]
) -> None:
    monkeypatch.setattr(search.ray_env.ray, "wait", lambda *_, **__: pytest.fail("nothing is to be waited for"))
    told: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: told.append(number))
    interrupt.listening = tune_listens
    console = Console(file=StringIO(), width=100)
    grace = GracefulStop(interrupt, console)
    signal.raise_signal(signal.SIGINT)
    grace.on_step_end(0, trials)
    assert told == [signal.SIGUSR1]
    expected = "Stopping: no training runs, so that nothing has to be stored first.\n"
    assert console.file.getvalue() == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("ends", "seconds"),
    [("1600", 570.0), ("1120", 90.0), ("1090", 60.0), ("1e9", 3600.0), ("1000", 90.0), ("", 90.0), ("soon", 90.0)],
)
def test_the_grace_period_is_the_time_that_the_scheduler_leaves(
    monkeypatch: pytest.MonkeyPatch, ends: str, seconds: float
) -> None:
    monkeypatch.setenv("SEARCH_ENDS_AT", ends)
    assert compute_grace_period(1000.0) == seconds


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("ends", [RuntimeError("it died"), None])
def test_a_stop_request_during_the_start_of_ray_stops_once_ray_is_up(
    interrupt: Interrupt, monkeypatch: pytest.MonkeyPatch, number: int, code: int, ends: Exception | None
) -> None:
    reached: list[str] = []

    def starting(**options: Any) -> None:
        signal.signal(number, lambda *_: sys.exit(15))  # as Ray does
        signal.raise_signal(number)
        reached.append("up")
        if ends:
            raise ends

    monkeypatch.setattr(search.ray_env.ray, "init", starting)
    monkeypatch.setattr(search.ray_env.ray, "shutdown", lambda: reached.append("down"))
    install_handlers()
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt) as caught, connect(None):
        reached.append("run")
    assert reached == ["up", "down"]
    assert get_exit_code(caught.value) == code
    assert signal.getsignal(number) is before
    signal.signal(number, signal.SIG_DFL)
    assert signal.getsignal(number) is signal.SIG_DFL, "others may be set again"


TWICE = """
import signal
from search.signals import Interrupt
interrupt = Interrupt("python -m search.run space.yaml")
interrupt.install()
interrupt.listening = lambda: True
signal.raise_signal(signal.SIGTERM)
print("still there", flush=True)
signal.raise_signal(signal.SIGINT)
"""


@pytest.mark.parametrize("terminal", [False, True])
def test_a_second_stop_request_ends_at_once_and_shows_the_resume_command(terminal: bool) -> None:
    read, write = os.openpty() if terminal else os.pipe()
    code = subprocess.run([sys.executable, "-c", TWICE], stdout=write, check=False, cwd=ROOT).returncode
    printed = os.read(read, 1000).decode().replace("\r", "")
    os.close(read)
    os.close(write)
    assert code == 130
    kept = "Ended at once. What was stored is kept; the same command carries on:\n  python -m search.run space.yaml\n"
    assert printed == "still there\n" + ("\n\x1b[?25h" if terminal else "") + kept


HUNG_UP = """
import signal, sys
from search.signals import Interrupt, install_handlers
install_handlers()
interrupt = Interrupt()
interrupt.install()
interrupt.listening = lambda: True
print("before", flush=True)
for _ in range(3):
    signal.raise_signal(signal.SIGHUP)
print("after", flush=True)
sys.exit(interrupt.exit_code)
"""


@pytest.mark.parametrize("nohup", [False, True])
@pytest.mark.parametrize("terminal", [False, True])
def test_repeated_hangups_request_one_stop_and_none_under_nohup(terminal: bool, nohup: bool) -> None:
    read, write = os.openpty() if terminal else os.pipe()
    how = signal.SIG_IGN if nohup else signal.SIG_DFL
    code = subprocess.run(
        [sys.executable, "-c", HUNG_UP], stdout=write, check=False, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, how),
    ).returncode  # fmt: skip
    printed = os.read(read, 1000).decode().replace("\r", "")
    os.close(read)
    os.close(write)
    assert code == (0 if nohup else 129)
    last = "before\n\n\x1b[?25hHung up: running trials end their epoch and are stored; the same command carries on.\n"
    assert printed == (last if terminal and not nohup else "before\nafter\n")


STARTING = """
import os, signal, sys, threading
from search.signals import defer_signals, get_exit_code, install_handlers
install_handlers()
try:
    with defer_signals():
        signal.raise_signal(signal.SIGHUP)
        print("up", signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= {signal.SIGHUP}, flush=True)
except KeyboardInterrupt as error:
    signal.raise_signal(signal.SIGHUP)
    sys.exit(get_exit_code(error))
"""


def test_a_hangup_during_the_start_of_ray_stops_once_ray_is_up() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STARTING], capture_output=True, text=True, check=False, cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (129, "up True\n", "")


@pytest.fixture
def raylet(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Something that answers, for Ray's process."""
    listening = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setattr(search.execution.ray_liveness, "CHECK_SECONDS", 0.02)
    monkeypatch.setattr(search.execution.ray_liveness, "EXIT_SECONDS", 0.2)
    address = listening.getsockname()
    monkeypatch.setattr(search.execution.ray_liveness, "find_endpoints", lambda: {"raylet": address})
    return listening


def test_a_dead_raylet_interrupts_the_driver(interrupt: Interrupt, raylet: socket.socket) -> None:
    with pytest.raises(KeyboardInterrupt), RayLivenessMonitor(interrupt, Console(file=StringIO())):
        time.sleep(0.2)
        assert interrupt.failure is None, "it lives"
        raylet.close()
        time.sleep(10)
    assert str(interrupt.failure).startswith("Ray died: its raylet at 127.0.0.1:")
    assert interrupt.exit_code == 0


@pytest.mark.long
def test_an_unreachable_gcs_is_reported_before_it_is_given_up(
    interrupt: Interrupt, raylet: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    console, address = Console(file=StringIO()), raylet.getsockname()
    monkeypatch.setattr(search.execution.ray_liveness, "find_endpoints", lambda: {"GCS": address})
    with pytest.raises(KeyboardInterrupt), RayLivenessMonitor(interrupt, console):
        raylet.close()
        until = time.monotonic() + 10
        while "does not answer" not in console.file.getvalue():  # type: ignore[attr-defined]
            assert time.monotonic() < until and not interrupt.failure
            time.sleep(0.01)
        time.sleep(10)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed.splitlines() == ["Ray's GCS does not answer; given up in 1 s."], "once, at the pace of this test"
    assert interrupt.failure == f"Ray died: its GCS at {address[0]}:{address[1]} does not answer any more"


@pytest.mark.parametrize(
    ("asked", "code", "message"), [(0, 1, "Stopped: Ray died: its raylet"), (143, 143, "Stopped, as asked.")]
)
def test_a_driver_that_no_signal_reaches_exits_with_the_resume_command(
    interrupt: Interrupt, raylet: socket.socket, monkeypatch: pytest.MonkeyPatch, asked: int, code: int, message: str
) -> None:
    """As within a call of Ray that waits for what has died."""
    ended, codes, console = threading.Event(), [], Console(file=StringIO())
    monkeypatch.setattr(os, "_exit", lambda code: (codes.append(code), ended.set()))
    monkeypatch.setattr(Interrupt, "abort", lambda interrupt, why: None)
    interrupt.exit_code = asked
    with RayLivenessMonitor(interrupt, console):
        raylet.close()
        assert ended.wait(10)
    assert codes == [code]
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith(message)
    assert "the same command carries on:" in text


@pytest.mark.long
def test_an_ended_sweep_is_no_longer_watched(
    interrupt: Interrupt, raylet: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("it was ended"))
    with RayLivenessMonitor(interrupt, Console(file=StringIO())):
        pass
    raylet.close()
    time.sleep(0.5)
    assert interrupt.failure is None


@pytest.mark.long
def test_a_process_unreachable_from_the_start_is_not_watched(interrupt: Interrupt, raylet: socket.socket) -> None:
    """A Ray client may not reach the processes of its cluster."""
    raylet.close()
    with RayLivenessMonitor(interrupt, Console(file=StringIO())):
        time.sleep(0.5)
    assert interrupt.failure is None


# --- the same with Ray

LONG = {"trial__epochs": 150, "evaluate__every": 100}


def begun(tmp_path: Path, **changes: Any) -> SweepProcess:
    (tmp_path / "smoke.yaml").write_text(smoke(**LONG | changes))
    return SweepProcess(tmp_path / "smoke.yaml", "--results", tmp_path, scratch=tmp_path / "tmp")


@pytest.mark.slow
@pytest.mark.parametrize("process", ["raylet/raylet", "gcs/gcs_server"])
def test_a_killed_ray_ends_the_sweep_with_code_1_and_it_resumes(tmp_path: Path, process: str) -> None:
    driver = begun(tmp_path)
    try:
        driver.wait_until(lambda: count_epochs(tmp_path / "smoke") > 60)
        (pid,) = (pid for pid in list_descendants(driver.process.pid) if process in read_command_line(pid))
        kill_process(pid)
        assert driver.wait() == 1
        assert "Stopped: Ray died: its " in driver.output
        assert driver.output.strip().splitlines()[-1].startswith("  python -m search.run ")
    finally:
        driver.close()
    again = begun(tmp_path)
    try:
        assert again.wait() == 0, again.output
    finally:
        again.close()


@pytest.mark.slow
def test_running_epochs_are_finished_and_stored_after_a_stop_request(tmp_path: Path) -> None:
    """Of some seconds, and no checkpoint would be due for long."""
    slow = {"attack": {"epsilon": 0.1, "steps": 1500}}
    driver = begun(tmp_path, trial__method=slow, search__checkpoint_seconds=1e6)
    folder = tmp_path / "smoke"
    try:
        driver.wait_until(lambda: count_epochs(folder) >= 3 and len(find_workers(driver)) == 2)
        before, asked = count_epochs(folder), time.monotonic()
        assert driver.stop(signal.SIGTERM) == 143
        took = time.monotonic() - asked
        printed = driver.output
    finally:
        driver.close()
    stored = {read_json(path.with_name("stage.json"))["epoch"] for path in folder.glob("stages/??/*/state.pt")}
    trained = [len(read_rows(path)) for path in folder.glob("trials/*/epochs.jsonl")]
    assert stored == set(trained)
    assert sum(trained) > before, "the epochs that were running are among them"
    assert took < search.execution.graceful_stop.DEFAULT_GRACE
    assert "Stopped, as asked." in printed


class Terminal:
    """One of its own for a command; `close` is what its user does."""

    def __init__(self, *command: str | Path) -> None:
        self._ours, terminal = os.openpty()

        def its_own() -> None:
            os.setsid()
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)

        self.process = subprocess.Popen(
            list(map(str, command)), cwd=ROOT, stdin=terminal, stdout=terminal, stderr=terminal, preexec_fn=its_own
        )
        os.close(terminal)

    def reads(self) -> None:
        """Take what was printed, so that whoever prints need not wait."""
        while select.select([self._ours], [], [], 0)[0]:
            os.read(self._ours, 4096)

    def close(self) -> None:
        os.close(self._ours)


@pytest.mark.slow
def test_closing_the_terminal_stores_every_training(tmp_path: Path) -> None:
    """All that was started in the terminal hears of it, Ray's processes too, and nothing can be printed any more."""
    (tmp_path / "smoke.yaml").write_text(smoke(**LONG, search__checkpoint_seconds=1e6))
    folder = tmp_path / "smoke"
    terminal = Terminal(sys.executable, "-m", "search.run", tmp_path / "smoke.yaml", "--results", tmp_path)
    started: list[int] = []
    try:
        while count_epochs(folder) < 20:
            terminal.reads()
            assert terminal.process.poll() is None
            time.sleep(0.05)
        started = list_descendants(terminal.process.pid)
        terminal.close()
        assert terminal.process.wait(60) == 129
    finally:
        terminal.process.kill()
        for pid in started:
            if "ray" in read_command_line(pid):
                kill_process(pid)
    stored = {read_json(path.with_name("stage.json"))["epoch"] for path in folder.glob("stages/??/*/state.pt")}
    assert stored == {len(read_rows(path)) for path in folder.glob("trials/*/epochs.jsonl")}
    assert [run["exit"] for run in read_json(folder / "provenance.json")["runs"]] == [129]
    assert not list(Path("/tmp").glob(f"rs-{terminal.process.pid}-*"))
