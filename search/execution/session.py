"""One trial being trained: resumed from its deepest stage, moved on in slices, recorded, and ended.

Knows the store and the trainer, and nothing of Ray: whoever calls `advance` schedules.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from search.exceptions import PlanMismatch
from search.monitor.epoch_progress import Beat
from search.planning.jobs import Job, JobStatus, dump_config
from search.planning.start_weights import StartWeights
from search.store.checkpoint_writer import Writer, copy_to_cpu, wait_for_writes
from search.store.health import check
from search.store.remote import parse_path
from search.store.segments import Segment, added, cut, joined, lines, packed_arrays, so_far
from search.store.store import Arrays, Resumed, Store
from trainers.chain import Surroundings, chain, training_code
from trainers.config import TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation
from trainers.measure import mean_accuracy_by_class
from trainers.npz import read_arrays
from trainers.reading import Damage
from trainers.record_io import Row, append_rows, sealed, write_atomic, write_json
from trainers.recording import subset_summary
from trainers.records import EpochRecord
from trainers.trainer import Diverged, Trainer

UNFIT = (LookupError, TypeError, ValueError, AttributeError)  # of a state that is another's
MISFIT = "Error(s) in loading state_dict"  # ... as torch says it
PATIENCE = (0.1, 0.3, 1, 3)  # seconds: on a network's file system another node's new file may be seen late


class Session:
    """One trial of a sweep, from its deepest stored stage to its result."""

    def __init__(self, job: Job, data: Data) -> None:
        self.job = job
        self.store = Store(parse_path(job.folder))
        self.folder = self.store.trial(job.trial)
        self.config = TrialConfig.model_validate(job.config)
        self.evaluation = Evaluation.model_validate(job.evaluation)
        ranking = self._ranking() if self.config.needs_ranking() else None
        self._ranks = json.loads(str(ranking["provenance"])) if ranking else None  # of what the subset is cut by
        self.data = data
        start = StartWeights.model_validate(job.start) if job.start else None
        around = Surroundings.here(
            job.data, self.config.compute, job.threads, start.identity if start else None, job.code
        )
        self.chain = chain(self.config, self.evaluation, around, job.ranks)
        if self.chain.final != job.final or training_code() != job.training_code:
            raise PlanMismatch(
                f"{job.trial}: this worker's training code, torch version or settings differ from the driver's; "
                "install the same on every node"
            )
        weights = start.load(self.store) if start else None
        self._fresh_trainer = partial(Trainer, self.config, self.evaluation, self.data, ranking, job.threads, weights)
        self.trainer = self._fresh_trainer()
        self._beat = Beat(self.folder)
        self.until = self.config.epochs if job.until is None else job.until
        self.segments: list[Segment] = []
        self.saved = [0]  # epochs after which a checkpoint stands or is being written
        self.stored = 0  # the last of them that stands
        self._writer = Writer()
        self._writing = 0.0  # seconds that the last one took
        self._fresh = Segment([], [], {})
        self._bytes: dict[str, int] = {}  # of each record, for a torn one to be noticed
        self._digests: dict[str, str] = {}  # ... and one that was changed
        self._told = 0
        self._begun = False
        self._whole = True  # not in the midst of an epoch: the state is that of a stage

    def _ranking(self) -> Arrays:
        """What the subset is cut by. Raises PlanMismatch if it is not there."""
        path, damage = self.store.ranking(str(self.job.ranks)), Damage()
        ranking = read_arrays(path, damage)
        if ranking is None or "provenance" not in ranking:
            why = damage.get(str(path), "it is missing" if ranking is None else "it is no ranking")
            raise PlanMismatch(f"{self.job.trial}: {path}: {why}; the command that ran the sweep makes it again")
        return ranking

    def advance(self, seconds: float) -> JobStatus:
        """Train for about so long, at least one epoch, or until another trial can go on from here; then end it."""
        until = time.monotonic() + seconds
        if not self._begun:
            self._begin()
        try:
            while self.trainer.epoch < self.until:
                self._epoch()
                worth_telling = self.trainer.epoch in self.job.forks or time.monotonic() >= until
                if worth_telling and self.trainer.epoch < self.until:
                    return "running"
        except Diverged as error:
            return self._end("diverged", {"diverged": {"epoch": error.epoch, "why": error.why}})
        if self.job.stop:
            return self._end("stopped", {"stopped": self.job.stop})
        if self.until < self.config.epochs:
            self._settle()
            return "paused"
        return self._end("completed", {})

    def pause(self) -> None:
        """Store the state as it is, if an error did not leave it half-way; a later session goes on from it."""
        with suppress(OSError):  # a full disk: the last checkpoint stands
            if self._fresh.rows and self._whole:
                self._checkpoint()
            self._settle()

    @property
    def latest(self) -> EpochRecord:
        """The newest row, for whoever watches."""
        rows = self._fresh.rows or (self.segments[-1].rows if self.segments else [])
        return rows[-1] if rows else {}

    def news(self) -> list[EpochRecord]:
        """The rows that were not told of yet; at first all there are, whoever trained them."""
        rows = self._rows()
        told, self._told = self._told, len(rows)
        return rows[told:]

    def _begin(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "error.txt").unlink(missing_ok=True)
        self._write("config.yaml", dump_config(self.job, self._ranks).encode())
        if resumed := self._taken_up():
            self.segments = resumed.segments
            self.saved.append(resumed.epoch)
            self.stored = resumed.epoch
        self._rewrite()
        self._saved_at = time.monotonic()
        self._begun = True

    def _taken_up(self) -> Resumed | None:
        """The deepest checkpoint, which the trainer now has; one that it cannot have is set aside and trained again."""
        while resumed := self._resumed():
            try:
                self.trainer.load_state_dict(resumed.state)
                return resumed
            except (*UNFIT, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not str(error).startswith(MISFIT):
                    raise
            self.store.set_aside(self.chain[resumed.epoch])
            self.trainer = self._fresh_trainer()
        return None

    def _resumed(self) -> Resumed | None:
        wait_for_writes()
        for patience in PATIENCE:
            resumed = self.store.deepest(self.chain)
            if (resumed.epoch if resumed else 0) >= self.job.since:
                return resumed
            time.sleep(patience)
        return self.store.deepest(self.chain)  # what does not appear is trained again

    def _epoch(self) -> None:
        self._whole = False
        self._beat.begin(self.trainer.epoch)
        self.trainer.on_batch = self._beat.tell
        row, instances, cost = self.trainer.run_epoch(self.config.stage(self.trainer.epoch))
        cost["by"] = self.job.trial
        its = Segment([row], [cost], {name: values[None] for name, values in instances.items()})
        self._fresh = added(self._fresh, its)
        self._whole = True
        if isinstance(self.folder, Path):  # elsewhere nothing is appended: the rows come with the next checkpoint
            append_rows(self.folder / "epochs.jsonl", [row])
            append_rows(self.folder / "cost.jsonl", [cost])
        self._beat.end()
        epoch = self.trainer.epoch
        if epoch == self.until or epoch in self.job.forks:
            self._checkpoint()
            self._settle()  # others wait for it
        elif time.monotonic() - self._saved_at >= self.job.checkpoint_seconds - self._writing:
            self._checkpoint()
            if self.job.checkpoint_seconds <= self._writing:
                self._settle()  # a kill while it is being written would cost more than was said

    def _checkpoint(self) -> None:
        epoch, parent, segment = self.trainer.epoch, self.saved[-1], self._fresh
        above = self.chain[parent] if parent else None
        state = copy_to_cpu(self.trainer.state_dict())

        def write() -> None:
            began = time.monotonic()
            self.store.publish(self.chain[epoch], above, epoch, state, segment)
            self.stored = epoch
            self._writing = time.monotonic() - began
            self._forget(self.saved[1:-2])  # the newest two stay: should one be damaged, the other serves

        self._settle()
        self.segments.append(segment)
        self._fresh = Segment([], [], {})
        self.saved.append(epoch)
        self._saved_at = time.monotonic()
        self._writer.begin(write)
        if not isinstance(self.folder, Path):
            self._rewrite()

    def _settle(self) -> None:
        """Wait for what is being written; training may not end, nor others be told, before it stands."""
        self._writer.wait()

    def _forget(self, epochs: Iterable[int]) -> None:
        """Drop states that only this trial could want, and does not any more."""
        if self.job.keep != "all":
            for epoch in epochs:
                if epoch not in self.job.forks:
                    self.store.forget_state(self.chain[epoch])

    def _end(self, status: JobStatus, more: Row) -> JobStatus:
        began = time.perf_counter()
        self._settle()
        rows = self._rows()
        result: Row = {"trial": self.job.trial, "status": status, "epochs": len(rows)} | more
        if self.config.burn_in:
            result["burn_in"] = self.config.burn_in
        arrays = self._instances()
        if status == "completed":
            metrics, classes, measured = self.trainer.final()
            mean = {"mean": its} if (its := mean_accuracy_by_class(arrays)) else {}
            result |= metrics | {"classes": classes | mean}
            arrays |= measured
        elif status == "stopped":
            result |= so_far(rows)
        mask = np.zeros(len(self.data.train), bool)
        mask[self.trainer.selected(self.config.stage(max(len(rows) - 1, 0))).numpy()] = True
        result |= {
            "attacks": self.evaluation.attacks(),
            "data": {
                "train": len(self.data.train),
                "val": len(self.data.val),
                "test": len(self.data.test),
                "classes": self.data.classes,
                "flipped": int(self.data.flipped.sum()),
            },
            "class_names": list(self.data.names),
            "subset": subset_summary(mask, self.data),
            "chain": self.chain.final,
        }
        check(self.store.folder)
        self._rewrite()
        append_rows(self.folder / "cost.jsonl", [{"final_seconds": time.perf_counter() - began, "by": self.job.trial}])
        self._write("instances.npz", packed_arrays(arrays, compress=True))
        result |= {"bytes": self._bytes, "sha256": self._digests}
        write_json(self.folder / "result.json", sealed(result))  # last: its presence says that all the rest is there
        if status != "stopped":  # which may yet be taken up again
            kept = status == "completed" and self.job.keep != "none"
            self._forget(epoch for epoch in range(1, len(rows) + 1 - kept))
        return status

    def _parts(self) -> list[Segment]:
        """All that was recorded; of a trial that is stopped up to there, though it may have been trained on."""
        parts = [*self.segments, self._fresh]
        return cut(parts, self.until) if self.job.stop else parts

    def _rows(self) -> list[EpochRecord]:
        return [row for part in self._parts() for row in part.rows]

    def _instances(self) -> Arrays:
        y = self.data.train.y.numpy()
        base: Arrays = {"index": self.data.index, "y": y, "y_clean": self.data.y_clean}
        return base | joined(self._parts())

    def _rewrite(self) -> None:
        """Make the record files hold exactly what the stages hold: a kill may have left rows beyond or torn."""
        costs = [cost for part in (*self.segments, self._fresh) for cost in part.costs]
        self._write("epochs.jsonl", lines(self._rows()))
        write_atomic(self.folder / "cost.jsonl", lines(costs))

    def _write(self, name: str, content: bytes) -> None:
        """Write a record that is the same bytes however it came about."""
        write_atomic(self.folder / name, content)
        self._bytes[name], self._digests[name] = len(content), sha256(content).hexdigest()
