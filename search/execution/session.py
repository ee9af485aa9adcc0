"""The training of one trial: resumed from its deepest stage, advanced in slices, recorded, and finished.

A session knows the store and the trainer, and nothing of Ray: the caller of `advance` schedules it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np

from search.exceptions import PlanMismatch
from search.monitor.epoch_progress import EpochProgressWriter
from search.planning.jobs import Job, JobStatus, dump_config
from search.planning.retention import select_finished, select_superseded
from search.planning.start_weights import StartWeights
from search.store.checkpoint_writer import CheckpointWriter, copy_to_cpu, wait_for_writes
from search.store.health import check_folders_exist
from search.store.remote import parse_path
from search.store.segments import (
    Segment,
    append_segment,
    format_json_lines,
    join_diagnostics,
    join_instances,
    pack_arrays,
    summarize_rows,
    truncate_segments,
)
from search.store.stages import DIAGNOSTICS, INSTANCES
from search.store.store import Arrays, Checkpoint, Store
from trainers.config import TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation
from trainers.hardware import describe_device
from trainers.measure import mean_accuracy_by_class
from trainers.npz import read_arrays
from trainers.record_io import Row, append_rows, sealed, write_atomic, write_json
from trainers.record_reader import Damage
from trainers.recording import subset_summary
from trainers.records import EpochRecord
from trainers.state_chain import Surroundings, chain, training_code
from trainers.trainer import Diverged, Trainer
from trainers.verdict_log import VerdictLog

# raised when the state of another training is loaded
FOREIGN_STATE_ERRORS = (LookupError, TypeError, ValueError, AttributeError)
FOREIGN_STATE_MESSAGE = "Error(s) in loading state_dict"  # in a RuntimeError of torch
READ_DELAYS = (0.1, 0.3, 1, 3)  # seconds: on a network file system a new file of another node may appear late


class Session:
    """One trial of a sweep, from its deepest stored stage to its result."""

    def __init__(self, job: Job, data: Data) -> None:
        self.job = job
        self.store = Store(parse_path(job.folder))
        self.folder = self.store.trial_folder(job.trial)
        self.config = TrialConfig.model_validate(job.config)
        self.evaluation = Evaluation.model_validate(job.evaluation)
        ranking = self._read_ranking() if self.config.needs_ranking() else None
        self._ranking_provenance = json.loads(str(ranking["provenance"])) if ranking else None
        self.data = data
        start = StartWeights.model_validate(job.start) if job.start else None
        identity = start.identity if start else None
        surroundings = Surroundings.here(job.data, self.config.compute, job.threads, identity, job.code)
        self.chain = chain(self.config, self.evaluation, surroundings, job.ranks)
        if self.chain.final != job.final or training_code() != job.training_code:
            raise PlanMismatch(
                f"{job.trial}: this worker's training code, torch version or settings differ from the driver's; "
                "install the same on every node"
            )
        weights = start.load(self.store) if start else None
        self._make_trainer = partial(Trainer, self.config, self.evaluation, self.data, ranking, job.threads, weights)
        self.trainer = self._make_trainer()
        self._progress_writer = EpochProgressWriter(self.folder)
        self.until = self.config.epochs if job.until is None else job.until
        self.segments: list[Segment] = []
        self.saved = [0]  # epochs after which a checkpoint is stored or being written
        self.stored = 0  # the last of them that is stored
        self._writer = CheckpointWriter()
        self._write_seconds = 0.0  # of the last checkpoint
        self._unsaved = Segment([], [], {}, {})
        self._bytes: dict[str, int] = {}  # of each record, to detect a truncated one
        self._digests: dict[str, str] = {}  # of each record, to detect a changed one
        self._reported_rows = 0
        self._started = False
        self._between_epochs = True  # within an epoch the state is not that of a stage

    def _read_ranking(self) -> Arrays:
        """Return the ranking that the subset is selected by. Raises PlanMismatch if it is missing or damaged."""
        path, damage = self.store.ranking_path(str(self.job.ranks)), Damage()
        ranking = read_arrays(path, damage)
        if ranking is None or "provenance" not in ranking:
            why = damage.get(str(path), "it is missing" if ranking is None else "it is not a ranking")
            raise PlanMismatch(f"{self.job.trial}: {path}: {why}; the command that ran the sweep makes it again")
        return ranking

    def advance(self, seconds: float) -> JobStatus:
        """Train for about `seconds`, at least one epoch; write the result if the trial has ended. Returns the outcome.

        Returns earlier after an epoch from which another trial can continue.
        """
        deadline = time.monotonic() + seconds
        if not self._started:
            self._start()
        try:
            while self.trainer.epoch < self.until:
                self._train_epoch()
                should_report = self.trainer.epoch in self.job.forks or time.monotonic() >= deadline
                if should_report and self.trainer.epoch < self.until:
                    return "running"
        except Diverged as error:
            return self._write_result("diverged", {"diverged": {"epoch": error.epoch, "why": error.why}})
        if self.job.stop:
            return self._write_result("stopped", {"stopped": self.job.stop})
        if self.until < self.config.epochs:
            self.wait_for_writer()
            return "paused"
        return self._write_result("completed", {})

    def pause(self) -> None:
        """Store the current state for a later session, unless an error left it within an epoch."""
        with suppress(OSError):  # a full disk: the last checkpoint remains
            if self._unsaved.rows and self._between_epochs:
                self._save_checkpoint()
            self.wait_for_writer()

    def wait_for_writer(self) -> None:
        """Wait for the checkpoint being written: it must be stored before the session ends or reports it."""
        self._writer.wait()

    def take_new_rows(self) -> list[EpochRecord]:
        """Return the rows since the last call; the first call returns all rows, including those of other trials."""
        rows = self._list_rows()
        reported, self._reported_rows = self._reported_rows, len(rows)
        return rows[reported:]

    def _start(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "error.txt").unlink(missing_ok=True)
        if resumed := self._resume():
            self.segments = resumed.segments
            self.saved.append(resumed.epoch)
            self.stored = resumed.epoch
        if self.trainer.epoch < self.config.epochs:  # else it may have a result, whose records stay until the new ones
            self._write_config()
            self._write_records()
        self._saved_at = time.monotonic()
        self._started = True

    def _resume(self) -> Checkpoint | None:
        """Load the deepest checkpoint into the trainer and return it; set aside each one that does not fit."""
        while resumed := self._find_checkpoint():
            try:
                self.trainer.load_state_dict(resumed.state)
                return resumed
            except (*FOREIGN_STATE_ERRORS, RuntimeError) as error:
                if isinstance(error, RuntimeError) and not str(error).startswith(FOREIGN_STATE_MESSAGE):
                    raise
            self.store.set_aside(self.chain[resumed.epoch])
            self.trainer = self._make_trainer()
        return None

    def _find_checkpoint(self) -> Checkpoint | None:
        wait_for_writes()
        for patience in READ_DELAYS:
            resumed = self.store.load_deepest(self.chain)
            if (resumed.epoch if resumed else 0) >= self.job.since:
                return resumed
            time.sleep(patience)
        return self.store.load_deepest(self.chain)  # missing epochs are trained again

    def _train_epoch(self) -> None:
        self._between_epochs = False
        self._progress_writer.start(self.trainer.epoch)
        self.trainer.on_batch = self._progress_writer.update
        row, instances, cost = self.trainer.run_epoch(self.config.stage(self.trainer.epoch), self._recall)
        began = time.perf_counter()
        ends = self.trainer.epoch == self.config.epochs  # what is measured then is measured on the last state
        diagnostics = {} if ends else self.trainer.diagnose()
        cost["evaluate_seconds"] += time.perf_counter() - began
        cost["by"] = self.job.trial
        cost["device"] = describe_device(self.trainer.device)
        epoch_segment = Segment([row], [cost], {name: values[None] for name, values in instances.items()}, diagnostics)
        self._unsaved = append_segment(self._unsaved, epoch_segment)
        self._between_epochs = True
        if isinstance(self.folder, Path):  # a URL cannot be appended to; the next checkpoint writes the rows
            append_rows(self.folder / "epochs.jsonl", [row])
            append_rows(self.folder / "cost.jsonl", [cost])
        self._progress_writer.finish()
        epoch = self.trainer.epoch
        if epoch == self.until or epoch in self.job.forks:
            self._save_checkpoint()
            self.wait_for_writer()  # other trials wait for it
        elif time.monotonic() - self._saved_at >= self.job.checkpoint_seconds - self._write_seconds:
            self._save_checkpoint()
            if self.job.checkpoint_seconds <= self._write_seconds:
                self.wait_for_writer()  # a kill during the write would cost more than checkpoint_seconds

    def _save_checkpoint(self) -> None:
        epoch, parent, segment = self.trainer.epoch, self.saved[-1], self._unsaved
        parent_name = self.chain[parent] if parent else None
        state = copy_to_cpu(self.trainer.state_dict())

        def write() -> None:
            began = time.monotonic()
            self.store.write_stage(self.chain[epoch], parent_name, epoch, state, segment)
            self.stored = epoch
            self._write_seconds = time.monotonic() - began
            self._drop_states(select_superseded(self.job, self.saved))

        self.wait_for_writer()
        self.segments.append(segment)
        self._unsaved = Segment([], [], {}, {})
        self.saved.append(epoch)
        self._saved_at = time.monotonic()
        self._writer.start(write)
        if not isinstance(self.folder, Path):
            self._write_records()

    def _drop_states(self, epochs: Sequence[int]) -> None:
        for epoch in epochs:
            self.store.drop_state(self.chain[epoch])

    def _write_result(self, status: JobStatus, more: Row) -> JobStatus:
        began = time.perf_counter()
        self.wait_for_writer()
        rows = self._list_rows()
        result: Row = {"trial": self.job.trial, "status": status, "epochs": len(rows)} | more
        if self.config.burn_in:
            result["burn_in"] = self.config.burn_in
        arrays = self._join_instances()
        last = Segment([], [], {}, self.trainer.diagnose() if status == "completed" else {})
        if status == "completed":
            metrics, classes, measured = self.trainer.final(VerdictLog(self.folder), {*self.job.postponed})
            mean = mean_accuracy_by_class(arrays)
            result |= metrics | {"classes": classes | ({"mean": mean} if mean else {})}
            arrays |= measured
        elif status == "stopped":
            result |= summarize_rows(rows)
        result |= self._describe_data(epochs=len(rows))
        check_folders_exist(self.store.folder)
        self._write_config()
        self._write_records()
        append_rows(self.folder / "cost.jsonl", [{"final_seconds": time.perf_counter() - began, "by": self.job.trial}])
        self._write_record(INSTANCES, pack_arrays(arrays, compress=True))
        if diagnostics := join_diagnostics([*self._list_segments(), last]):
            diagnostics |= self.trainer.list_diagnosed_examples()
            self._write_record(DIAGNOSTICS, pack_arrays(diagnostics, compress=True))
        result |= {"bytes": self._bytes, "sha256": self._digests}
        write_json(self.folder / "result.json", sealed(result))  # last: all other records are then there
        if status != "stopped":  # a stopped trial may be resumed
            self._drop_states(select_finished(self.job, len(rows), status == "completed"))
        return status

    def _describe_data(self, epochs: int) -> Row:
        """Return the part of a result that describes the attacks, the data and the subset of the last epoch."""
        data, attacks = self.data, self.trainer.evaluation.attacks()
        mask = np.zeros(len(data.train), bool)
        mask[self.trainer.selected(self.config.stage(max(epochs - 1, 0))).numpy()] = True
        sizes = {"train": len(data.train), "val": len(data.val), "test": len(data.test)}
        return {
            "attacks": {name: text for name, text in attacks.items() if name not in self.job.postponed},
            "data": sizes | {"classes": data.classes, "flipped": int(data.flipped.sum())},
            "class_names": list(data.names),
            "subset": subset_summary(mask, data),
            "chain": self.chain.final,
        }

    def _list_segments(self) -> list[Segment]:
        """Return all recorded segments; a stopped trial is cut at its stop, even if it was trained further."""
        segments = [*self.segments, self._unsaved]
        return truncate_segments(segments, self.until) if self.job.stop else segments

    def _list_rows(self) -> list[EpochRecord]:
        return [row for segment in self._list_segments() for row in segment.rows]

    def _recall(self) -> Arrays:
        """Return the per-instance records of the epochs so far, among them those that other trials trained."""
        return join_instances([*self.segments, self._unsaved])

    def _join_instances(self) -> Arrays:
        y = self.data.train.y.numpy()
        base: Arrays = {"index": self.data.index, "y": y, "y_clean": self.data.y_clean}
        return base | join_instances(self._list_segments())

    def _write_config(self) -> None:
        self._write_record("config.yaml", dump_config(self.job, self._ranking_provenance).encode())

    def _write_records(self) -> None:
        """Rewrite the record files to match the stages: a kill may have left further or partial rows."""
        costs = [cost for segment in (*self.segments, self._unsaved) for cost in segment.costs]
        self._write_record("epochs.jsonl", format_json_lines(self._list_rows()))
        write_atomic(self.folder / "cost.jsonl", format_json_lines(costs))

    def _write_record(self, name: str, content: bytes) -> None:
        """Write a record whose bytes do not depend on interruptions, and note its size and digest."""
        write_atomic(self.folder / name, content)
        self._bytes[name], self._digests[name] = len(content), sha256(content).hexdigest()
