"""A sweep as a process that can be watched and killed, and comparisons of its records; for the soak and for tests."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import psutil

from search import ROOT
from search.store.remote import RemotePath
from trainers.record_io import Place
from trainers.record_reader import read_rows

DETERMINISTIC = ("epochs.jsonl", "result.json", "instances.npz", "diagnostics.npz", "config.yaml")
CostLines = dict[str, list[str]]
PRIORITY = {"RAY_worker_niceness": "0"}  # Ray lowers that of its workers, which would starve beside other work
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "last byte lost": lambda content: content[:-1],
    "garbage behind": lambda content: content + b"\0garbage",
}


class SweepProcess:
    """`python -m search.run` as a process, with the processes that it starts."""

    def __init__(
        self, *arguments: str | Path, scratch: Path, program: tuple[str, ...] = ("-m", "search.run"), **environ: str
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._started: list[psutil.Process] = []
        self._sessions: set[str] = set()
        self._stdout, self._stderr = (scratch / f"{time.monotonic_ns()}.{name}" for name in ("out", "err"))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TUNE_"))}
        with self._stdout.open("wb") as out, self._stderr.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, *program, *map(str, arguments)], cwd=ROOT, stdout=out, stderr=err,
                env=environment | PRIORITY | {"TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"} | environ,
            )  # fmt: skip

    @property
    def printed(self) -> str:
        """Return what the process has written to standard output so far."""
        return self._stdout.read_text()

    @property
    def complaint(self) -> str:
        """The last line that it has written to standard error, empty if there is none."""
        return (self._stderr.read_text().strip().splitlines() or [""])[-1]

    @property
    def raw_output(self) -> str:
        return self._stdout.read_text() + self._stderr.read_text()

    @property
    def output(self) -> str:
        """The output of the process. Raises AssertionError if it has a traceback: every reader checks for one."""
        if "Traceback" in self.raw_output:
            raise AssertionError(self.raw_output)
        return self.raw_output

    def wait(self, timeout: float = 400) -> int:
        return self.process.wait(timeout)

    def wait_until(self, happened: Callable[[], bool], timeout: float = 300) -> None:
        """Wait until a condition holds. Raises AssertionError if the process ends first, or after `timeout` seconds."""
        until = time.monotonic() + timeout
        while not happened():
            if self.process.poll() is not None:
                raise AssertionError(f"ended too early:\n{self.output}")
            if time.monotonic() > until:
                raise AssertionError(f"nothing happened in {timeout} s:\n{self.output}")
            time.sleep(0.005)

    def wait_for_handlers(self) -> None:
        """Wait until it handles signals or has ended, as a signal kills an interpreter that is still starting."""
        while self.process.poll() is None and not _read_caught_signals(self.process.pid) >> (signal.SIGTERM - 1) & 1:
            time.sleep(0.005)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self, workers: bool) -> None:
        """Kill it by SIGKILL, with its child processes or leaving these to end by themselves."""
        self._started = find_descendants(self.process.pid)
        self._sessions = {
            name for child in self._started for name in re.findall(r"/tmp/rs-[\w-]+", read_command_line(child.pid))
        }
        self.process.kill()
        self.process.wait()
        if workers:
            self.close()

    def close(self) -> None:
        """End the processes and remove the folders that a kill left behind."""
        if self.process.poll() is None:
            self.kill(workers=False)
        for child in self._started:
            with suppress(psutil.NoSuchProcess):  # it has ended; psutil kills no other process that got its number
                child.kill()
        for session in self._sessions:
            shutil.rmtree(session, ignore_errors=True)


def find_descendants(pid: int) -> list[psutil.Process]:
    """Return the processes that a process started, and those that these started."""
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def list_descendants(pid: int) -> list[int]:
    """Return the ids of the processes that a process started, and of those that these started."""
    return [child.pid for child in find_descendants(pid)]


def read_command_line(pid: int) -> str:
    """Return the command line of a process, empty if it has ended."""
    try:
        return " ".join(psutil.Process(pid).cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return ""


def _read_caught_signals(pid: int) -> int:
    """Return the signals for which a process has handlers, one bit each."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("SigCgt:")[2].split()[0], 16)


def kill_process(pid: int) -> None:
    """Kill a process by SIGKILL, unless it has ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def find_workers(driver: SweepProcess) -> list[int]:
    """Return the processes in which trials train now; Ray writes the running method of an actor into its title."""
    return [pid for pid in list_descendants(driver.process.pid) if re.match(r"ray::\w+\.train", read_command_line(pid))]


def find_raylet(driver: SweepProcess) -> int | None:
    """Return Ray's raylet under a driver."""
    return next(
        (pid for pid in list_descendants(driver.process.pid) if "raylet/raylet" in read_command_line(pid)), None
    )


def hash_files(folder: Place) -> dict[str, str]:
    """Return the sha256 of every file under a folder."""
    if isinstance(folder, RemotePath):
        return {path: sha256((folder / path).read_bytes()).hexdigest() for path, *_ in folder.list_files()}
    files = sorted(path for path in Path(str(folder)).rglob("*") if path.is_file())
    return {str(path.relative_to(str(folder))): sha256(path.read_bytes()).hexdigest() for path in files}


def hash_records(folder: Place) -> dict[str, str]:
    """Return the sha256 of the records that a sweep must write with the same bytes, however often it is interrupted."""
    return {
        name: digest
        for name, digest in hash_files(folder).items()
        if name.startswith("profile/") or (name.startswith("trials/") and name.endswith(DETERMINISTIC))
    }


def count_epochs(folder: Path) -> int:
    """Return how many epochs a sweep has recorded so far."""
    return sum(len(read_rows(path)) for path in folder.glob("trials/*/epochs.jsonl"))


def read_costs(folder: Path) -> CostLines:
    """Return the cost lines of each training; the duration of an epoch tells two trainings of it apart."""
    return {path.parent.name: path.read_text().splitlines() for path in folder.glob("trials/*/cost.jsonl")}


def count_retrained(before: CostLines, after: CostLines) -> int:
    """Return the most epochs that any training recorded before a fault and had to train again."""
    return max((len(lost) for lost in _list_lost(before, after)), default=0)


def sum_retrained_seconds(before: CostLines, after: CostLines) -> float:
    """Return the most seconds that these took, without the newest one, whose checkpoint was not due yet."""
    return max((sum(lost[:-1]) for lost in _list_lost(before, after)), default=0.0)


def _list_lost(before: CostLines, after: CostLines) -> list[list[float]]:
    """Return the seconds of the epochs of each training that were recorded before and are not any more."""
    lost = []
    for name, lines in before.items():
        now = after.get(name, [])
        kept = next((i for i, line in enumerate(lines) if i >= len(now) or now[i] != line), len(lines))
        rows = [json.loads(line) for line in lines[kept:] if line.endswith("}")]  # a kill may have torn the last
        lost.append([row["seconds"] + row["evaluate_seconds"] for row in rows if "epoch" in row])
    return lost
