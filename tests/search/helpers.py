"""Spaces as text, sweeps as processes, folders as hashes: what the tests of the search share."""

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
from io import StringIO
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from rich.console import Console

from search import filesystem
from search.asking import Asker
from search.borrowing import superseded
from search.failures import failure_of
from search.jobs import Job
from search.plan import Plan
from search.planner import Planner
from search.remote import Remote
from search.rounds import Rounds
from search.schedule import Task
from search.session import Session
from search.sources import Sources, source_key
from search.space import load
from search.store import Store
from search.sweep import Sweep
from trainers.data import Data, prepare
from trainers.records import Place, read_rows, write_json

ROOT = Path(__file__).resolve().parents[2]
SMOKE = ROOT / "spaces" / "smoke.yaml"
DETERMINISTIC = ("epochs.jsonl", "result.json", "instances.npz", "config.yaml")


def slow(*values: Any) -> list[Any]:
    """Values of a parameter that are only tried with -m slow."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def smoke(**changes: Any) -> str:
    """The text of spaces/smoke.yaml with keys changed: search__replicates=2; None takes a key out."""
    tree = yaml.safe_load(SMOKE.read_text())
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        if value is None:
            del node[last]
        else:
            node[last] = value
    return yaml.safe_dump(tree, sort_keys=False)


def snapshot(folder: Place) -> dict[str, str]:
    """The sha256 of every file under a folder."""
    if isinstance(folder, Remote):
        return {path: sha256((folder / path).read_bytes()).hexdigest() for path, *_ in folder.files()}
    assert isinstance(folder, Path)
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def records(folder: Place) -> dict[str, str]:
    """The sha256 of what a sweep promises to be the same bytes however it came about."""
    return {
        name: digest
        for name, digest in snapshot(folder).items()
        if name.startswith("profile/") or (name.startswith("trials/") and name.endswith(DETERMINISTIC))
    }


def epochs(folder: Path) -> int:
    """How many epochs a sweep has recorded so far."""
    return sum(len(read_rows(path)) for path in folder.glob("trials/*/epochs.jsonl"))


class Tiny:
    """spaces/smoke.yaml, or another space, planned into a folder, its trainings run without Ray.

    `at`: where it is stored, if not in that folder.
    """

    def __init__(self, folder: Path, text: str | None = None, at: Place | None = None, **changes: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "space.yaml").write_text(text or smoke(**changes))
        place = at or folder
        self._console = Console(file=StringIO(), width=1000)
        loaded, sources = load(folder / "space.yaml", []), Sources()
        self.store = Store(place)
        filesystem.establish(self.store.folder)
        search = loaded.space.search
        asker = Asker(search, place) if search.draws else None
        rounds = Rounds(Planner(loaded, sources.fingerprint), self.store, self._console.print, asker)
        self.plan: Plan = rounds.plan()
        renamed = superseded(place, self.plan)
        write_json(place / "plan.json", self.plan.to_json(place.name))
        self.sweep = Sweep(self.store, self.plan, loaded.space, sources, self._console, renamed, rounds)
        self._sources = sources

    def said(self) -> str:
        text: str = self._console.file.getvalue()  # type: ignore[attr-defined]
        return text

    def data(self, i: int) -> Data:
        block = self.plan.trials[i].config.data
        return prepare(self._sources.loaded[source_key(block)], block)

    def job(self, i: int) -> Job:
        return self.sweep._job(Task(i, 0, self.plan.trials[i].config.epochs))

    def session(self, i: int) -> Session:
        return Session(self.job(i), self.data(i))

    def run(self, i: int, seconds: float = inf) -> str:
        """As search.trial does: slices until it ends."""
        try:
            session = self.session(i)
            while (outcome := session.advance(seconds)) == "running":
                continue
        except Exception as error:
            return failure_of(self.job(i), error).outcome
        return outcome

    def all(self) -> Tiny:
        """The whole sweep as Tune would run it with one process: what the queue hands out, one task after another."""
        assert self.going(Random(0)), "not all of it could be done"
        return self

    def going(self, random: Random, workers: int = 1, slices: float = inf) -> bool:
        """The sweep as Tune would run it with so many processes of uneven speed; False if it was cut off before."""
        self.sweep.adopt()
        self.sweep.prepare()
        queue, n = self.sweep.queue, 0
        running: dict[str, Session] = {}
        while slices > 0:
            while len(running) < workers and isinstance(suggested := queue.suggest(str(n)), dict):
                job = Job(**json.loads(suggested["job"]))
                running[str(n)] = Session(job, self.data([trial.id for trial in self.plan.trials].index(job.trial)))
                n += 1
            if not running:
                return not self.sweep.unfinished()
            name = random.choice(sorted(running))
            session = running[name]
            outcome = session.advance(0 if slices < inf or workers > 1 else inf)
            result = session.latest | {"outcome": outcome, "stored": session.stored, "rows": session.news()}
            if outcome == "running":
                queue.on_trial_result(name, result)
            else:
                del running[name]
                queue.on_trial_complete(name, result)
            slices -= 1
        return False

    def trained(self) -> int:
        """How many epochs its trainings trained themselves, and did not take from another."""
        return sum(
            "epoch" in cost and cost["by"] == trial.id
            for trial in self.plan.trials
            for cost in read_rows(self.store.trial(trial.id) / "cost.jsonl")
        )

    def rank(self) -> str | None:
        (ranks,) = self.plan.rankings
        return self.sweep.maker.rank(ranks)

    def folder(self, i: int) -> Any:
        return self.store.trial(self.plan.trials[i].id)


class Driver:
    """`python -m search.run` as a process of its own, with all that it starts."""

    def __init__(
        self, *arguments: str | Path, scratch: Path, program: tuple[str, ...] = ("-m", "search.run"), **environ: str
    ) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self._started: list[int] = []
        self._sessions: set[str] = set()
        self.out, self.err = (scratch / f"{time.monotonic_ns()}.{name}" for name in ("out", "err"))
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("RAY_", "TUNE_"))}
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, *program, *map(str, arguments)], cwd=ROOT, stdout=out, stderr=err,
                env=environment | {"TMPDIR": str(scratch), "OMP_NUM_THREADS": "1"} | environ,
            )  # fmt: skip

    @property
    def said(self) -> str:
        """All it printed; that it never shows a traceback is checked wherever it is read."""
        text = self.out.read_text() + self.err.read_text()
        assert "Traceback" not in text, text
        return text

    def wait(self, timeout: float = 240) -> int:
        return self.process.wait(timeout)

    def when(self, happened: Callable[[], bool], timeout: float = 120) -> None:
        """Return as soon as something has happened; fail if the process ends before it."""
        until = time.monotonic() + timeout
        while not happened():
            assert self.process.poll() is None, f"ended too early:\n{self.said}"
            assert time.monotonic() < until, f"nothing happened in {timeout} s:\n{self.said}"
            time.sleep(0.005)

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self, workers: bool) -> None:
        """SIGKILL, to the processes it started too or leaving them to notice by themselves."""
        self._started = descendants(self.process.pid)
        self._sessions = {name for pid in self._started for name in re.findall(r"/tmp/rs-\w+", command_line(pid))}
        self.process.kill()
        self.process.wait()
        if workers:
            self.close()

    def close(self) -> None:
        """End whatever a kill left."""
        if self.process.poll() is None:
            self.kill(workers=False)
        for pid in self._started:
            if "ray" in command_line(pid):  # and not another process that has got its number meanwhile
                end(pid)
        for session in self._sessions:
            shutil.rmtree(session, ignore_errors=True)


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those they started."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def training(driver: Driver) -> list[int]:
    """The processes in which a driver's trials run now; Ray writes what an actor does into its title."""
    return [pid for pid in descendants(driver.process.pid) if re.match(r"ray::\w+\.train", command_line(pid))]
