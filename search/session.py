"""One trial being trained: resumed from its deepest stage, moved on in slices, recorded, and ended.

Knows the store and the trainer, and nothing of Ray: whoever calls `advance` schedules.
"""

from __future__ import annotations

import errno
import json
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from search.starting import Start
from search.store import Arrays, Segment, Store, read_arrays, write_arrays
from trainers.config import Surroundings, TrialConfig, chain
from trainers.data import Data
from trainers.evaluate import Evaluation
from trainers.recording import subset_summary
from trainers.records import Row, append_rows, canonical, read_json, write_atomic, write_json
from trainers.trainer import Diverged, Trainer

Outcome = Literal["running", "completed", "diverged", "failed", "disk full"]
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Job:
    """All that a worker must be told to train one trial; plain values, so that any node can be."""

    folder: str
    trial: str
    config: Row
    evaluation: Row
    data: str
    source: str  # which of the shared sources its data is drawn from
    ranks: str | None
    final: str
    threads: int
    checkpoint_seconds: float
    start: Row | None = None  # the weights to start from, if not fresh ones
    kept: tuple[str, ...] = ()  # states that other trainings start from


class Mismatch(Exception):
    """This worker would train something else than was planned."""


class Session:
    """One trial of a sweep, from its deepest stored stage to its result."""

    def __init__(self, job: Job, data: Data) -> None:
        self.job = job
        self.store = Store(Path(job.folder))
        self.folder = self.store.trial(job.trial)
        self.config = TrialConfig.model_validate(job.config)
        self.evaluation = Evaluation.model_validate(job.evaluation)
        ranking = None
        if self.config.needs_ranking():
            ranking = read_arrays(self.store.ranking(str(job.ranks)))
        self._ranks = json.loads(str(ranking["provenance"])) if ranking else None  # of what the subset is cut by
        self.data = data
        start = Start.model_validate(job.start) if job.start else None
        self.start = start.identity if start else None
        around = Surroundings.here(job.data, self.config.compute, job.threads, self.start)
        self.chain = chain(self.config, self.evaluation, around, job.ranks)
        if self.chain[-1] != job.final:
            raise Mismatch(
                f"{job.trial}: this worker's training code, torch version or settings differ from the driver's; "
                "install the same on every node"
            )
        weights = start.load(self.store) if start else None
        self.trainer = Trainer(self.config, self.evaluation, self.data, ranking, job.threads, weights)
        self.segments: list[Segment] = []
        self.saved = [0]  # epochs after which a checkpoint stands
        self._fresh = Segment([], [], {})
        self._begun = False
        self._whole = True  # not in the midst of an epoch: the state is that of a stage

    def advance(self, seconds: float) -> Outcome:
        """Train for about so long (at least one epoch); at the end measure and write the result."""
        until = time.monotonic() + seconds
        if not self._begun:
            self._begin()
        try:
            while self.trainer.epoch < self.config.epochs:
                self._epoch()
                if time.monotonic() >= until:
                    return "running"
        except Diverged as error:
            self._end("diverged", {"diverged": {"epoch": error.epoch, "why": error.why}})
            return "diverged"
        self._end("completed", {})
        return "completed"

    def pause(self) -> None:
        """Store the state as it is, if an error did not leave it half-way; a later session goes on from it."""
        if self._fresh.rows and self._whole:
            with suppress(OSError):  # a full disk: the last checkpoint stands
                self._checkpoint()

    @property
    def latest(self) -> Row:
        """The newest row, for whoever watches."""
        rows = self._fresh.rows or (self.segments[-1].rows if self.segments else [])
        return rows[-1] if rows else {}

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "error.txt").unlink(missing_ok=True)
        job = self.job
        described = {"trial": job.config, "evaluate": job.evaluation, "ranks": self._ranks, "start": self.start}
        write_atomic(self.folder / "config.yaml", yaml.safe_dump(described, sort_keys=False))
        if resumed := self.store.deepest(self.chain):
            self.trainer.load_state_dict(resumed.state)
            self.segments = resumed.segments
            self.saved.append(resumed.epoch)
        self._rewrite()
        self._saved_at = time.monotonic()
        self._begun = True

    def _epoch(self) -> None:
        self._whole = False
        row, instances, cost = self.trainer.run_epoch(self.config.stage(self.trainer.epoch))
        self._fresh.rows.append(row)
        self._fresh.costs.append(cost)
        for name, values in instances.items():
            known = self._fresh.instances.get(name)
            self._fresh.instances[name] = values[None] if known is None else np.concatenate([known, values[None]])
        self._whole = True
        append_rows(self.folder / "epochs.jsonl", [row])
        append_rows(self.folder / "cost.jsonl", [cost])
        ended = self.trainer.epoch == self.config.epochs
        if ended or time.monotonic() - self._saved_at >= self.job.checkpoint_seconds:
            self._checkpoint()

    def _checkpoint(self) -> None:
        epoch, parent = self.trainer.epoch, self.saved[-1]
        self.store.publish(
            self.chain[epoch],
            self.chain[parent] if parent else None,
            epoch,
            self.trainer.state_dict(),
            self._fresh,
        )
        self.segments.append(self._fresh)
        self._fresh = Segment([], [], {})
        self.saved.append(epoch)
        if len(self.saved) > 3:  # the newest two stay: should one be damaged, the other serves
            older = self.chain[self.saved[-3]]
            if older not in self.job.kept:
                self.store.forget_state(older)
        self._saved_at = time.monotonic()

    def _end(self, status: str, more: Row) -> None:
        began = time.perf_counter()
        result: Row = {"trial": self.job.trial, "status": status, "epochs": self.trainer.epoch} | more
        arrays = self._instances()
        if status == "completed":
            metrics, classes, measured = self.trainer.final()
            result |= metrics | {"classes": classes}
            arrays |= measured
        mask = np.zeros(len(self.data.train), bool)
        mask[self.trainer.selected(self.config.stage(max(self.trainer.epoch - 1, 0))).numpy()] = True
        result |= {
            "attacks": self.evaluation.attacks(),
            "data": {
                "train": len(self.data.train),
                "val": len(self.data.val),
                "test": len(self.data.test),
                "classes": self.data.classes,
                "flipped": int(self.data.flipped.sum()),
            },
            "subset": subset_summary(mask, self.data),
            "chain": self.chain[-1],
        }
        self._rewrite()
        append_rows(self.folder / "cost.jsonl", [{"final_seconds": time.perf_counter() - began}])
        write_arrays(self.folder / "instances.npz", arrays)
        write_json(self.folder / "result.json", result)  # last: its presence says that all the rest is there

    def _instances(self) -> Arrays:
        y = self.data.train.y.numpy()
        arrays: Arrays = {"index": self.data.index, "y": y, "y_clean": self.data.y_clean}
        parts = [part for part in (*self.segments, self._fresh) if part.instances]
        for name in sorted({name for part in parts for name in part.instances}):
            arrays[name] = np.concatenate([part.instances[name] for part in parts if name in part.instances])
        return arrays

    def _rewrite(self) -> None:
        """Make the record files hold exactly what the stages hold: a kill may have left rows beyond or torn."""
        parts = (*self.segments, self._fresh)
        for name, rows in (
            ("epochs.jsonl", [row for part in parts for row in part.rows]),
            ("cost.jsonl", [cost for part in parts for cost in part.costs]),
        ):
            write_atomic(self.folder / name, "".join(canonical(row) + "\n" for row in rows))


def outcome_of(job: Job, error: Exception) -> Outcome:
    """What an error makes of a trial: a full disk ends the sweep, any other is written to the trial's error.txt."""
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return "disk full"
    try:
        write_atomic(Store(Path(job.folder)).trial(job.trial) / "error.txt", "".join(traceback.format_exception(error)))
    except OSError:
        return "disk full"
    return "failed"


def status_of(store: Store, trial: str, final: str) -> str:
    """completed, diverged, failed, running (it has rows) or planned, as the records say."""
    result: Any = store.result(trial, final)
    if result:
        return str(result["status"])
    folder = store.trial(trial)
    if (folder / "error.txt").exists():
        return "failed"
    stale = read_json(folder / "result.json")
    return "running" if (folder / "epochs.jsonl").exists() and not stale else "planned"
