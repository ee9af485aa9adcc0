"""Spaces as text, sweeps as processes, folders as hashes: what the tests of the search share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from io import StringIO
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from search.execution.backend import Backend
from search.execution.failures import record_failure
from search.execution.in_process_backend import InProcessBackend
from search.execution.reuse import find_renamed_trials
from search.execution.session import Session
from search.execution.sweep import Sweep
from search.planning.datasets import DatasetCache, identify_source
from search.planning.jobs import Job
from search.planning.plan import Plan
from search.planning.planner import Planner
from search.sampling.ask_tell import AskTellLoop
from search.sampling.study import AskTellStudy
from search.schema.space import load_space
from search.soak.process import DETERMINISTIC as DETERMINISTIC
from search.soak.process import ROOT as ROOT
from search.soak.process import SweepProcess as SweepProcess
from search.soak.process import count_epochs as count_epochs
from search.soak.process import find_workers as find_workers
from search.soak.process import hash_files as hash_files
from search.soak.process import hash_records as hash_records
from search.soak.process import kill_process as kill_process
from search.soak.process import list_descendants as list_descendants
from search.soak.process import read_command_line as read_command_line
from search.store import health
from search.store.store import Store
from trainers.data import Data, prepare_data
from trainers.record_io import Place, write_json
from trainers.record_reader import read_rows
from trainers.terminal.console import Console

from .backends import Killed, UnevenBackend

SMOKE = ROOT / "spaces" / "smoke.yaml"


def slow(*values: Any) -> list[Any]:
    """Return values of a parameter that are only tried with -m slow."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


def spread(firsts: Iterable[Any], seconds: Sequence[Any]) -> list[Any]:
    """Return all pairs of two parameters: each first with two of the seconds in turn, the other pairs with -m slow."""
    return [
        pytest.param(first, second, marks=[] if (j - i) % len(seconds) < 2 else [pytest.mark.slow])
        for i, first in enumerate(firsts)
        for j, second in enumerate(seconds)
    ]


def smoke(**changes: Any) -> str:
    """Return the text of spaces/smoke.yaml with keys changed: search__replicates=2; None takes a key out."""
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


def local(place: Place) -> Path:
    """Return a place that is a folder or a file of this machine."""
    assert isinstance(place, Path)
    return place


class Tiny:
    """spaces/smoke.yaml, or another space, planned into a folder, its trainings run in this process.

    `at`: where it is stored, if not in that folder.
    """

    def __init__(self, folder: Path, text: str | None = None, at: Place | None = None, **changes: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "space.yaml").write_text(text or smoke(**changes))
        place = at or folder
        self._console = Console(file=StringIO(), width=1000)
        loaded, sources = load_space(folder / "space.yaml", []), DatasetCache()
        self.store = Store(place)
        health.create_folders(self.store.folder)
        search = loaded.space.search
        asker = AskTellStudy(search, place) if search.draws else None
        rounds = AskTellLoop(Planner(loaded, sources.fingerprint), self.store, self._console.print, asker)
        self.plan: Plan = rounds.restore_plan()
        renamed = find_renamed_trials(place, self.plan)
        write_json(place / "plan.json", self.plan.to_json(place.name))
        self.sweep = Sweep(
            self.store, self.plan, loaded.space, sources, self._console, InProcessBackend(), renamed, rounds
        )
        self._sources = sources

    def said(self) -> str:
        text: str = self._console.file.getvalue()  # type: ignore[attr-defined]
        return text

    def data(self, i: int) -> Data:
        block = self.plan.trials[i].config.data
        return prepare_data(self._sources.loaded[identify_source(block)], block)

    def job(self, i: int) -> Job:
        return self.sweep.jobs.make_whole(i)

    def session(self, i: int) -> Session:
        return Session(self.job(i), self.data(i))

    def run(self, i: int, seconds: float = inf) -> str:
        """Run a training as search.execution.trainable does: slices until it ends."""
        try:
            session = self.session(i)
            while (outcome := session.advance(seconds)) == "running":
                continue
        except Exception as error:
            return record_failure(self.job(i), error).outcome
        return outcome

    def serve(self, backend: Backend) -> int:
        """Run the sweep on a backend. Returns the exit code."""
        self.sweep.backend = backend
        code = self.sweep.run("the command")
        self.sweep.conclude()
        return code

    def all(self) -> Tiny:
        """Run the whole sweep, one task after another."""
        assert self.going(Random(0)), "not all of it could be done"
        return self

    def going(self, random: Random, workers: int = 1, slices: float = inf) -> bool:
        """Run the sweep on workers of uneven speed, killed after so many epochs; whether all of it is done."""
        with suppress(Killed):
            self.serve(UnevenBackend(random, workers, slices))
        return not self.sweep.unfinished()

    def trained(self) -> int:
        """Return how many epochs its trainings trained themselves, and did not take from another."""
        return sum(
            "epoch" in cost and cost["by"] == trial.id
            for trial in self.plan.trials
            for cost in read_rows(self.store.trial_folder(trial.id) / "cost.jsonl")
        )

    def rank(self) -> str | None:
        (ranks,) = self.plan.rankings
        return self.sweep.prerequisites.build_ranking(ranks)

    def folder(self, i: int) -> Any:
        return self.store.trial_folder(self.plan.trials[i].id)
