"""Reporting the epochs of trainings to trackers: one result an epoch and one tracker run a training.

The epochs are read from the records. The run of a training therefore has all of its epochs, also those copied from
another training or trained by an earlier run of the sweep, and none twice, however often the training is resumed. A
thread does all of this, as a tracker may be slow or fail.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from secrets import token_hex
from typing import Any, TypedDict

from search.exceptions import SpaceError
from search.monitor.callback import Callback
from search.monitor.jsonl_tail import JsonlTail
from search.monitor.trial_progress import ENDED, read_status
from search.planning.jobs import Job
from search.schema.loggers import Logger
from trainers.checking import build_checker
from trainers.record_io import Place, Row, canonical
from trainers.record_reader import is_cost_row, is_epoch_row, read_json
from trainers.record_shapes import check_result

FLUSH_SECONDS = 10.0  # for reporting what is pending once the sweep was asked to stop
UPLOAD_SECONDS = 60  # for wandb to upload what is pending at the end


class _LoggedRecord(TypedDict):
    """The content of given.json: what a tracker already has of a training."""

    epochs: int
    ended: int | None
    run: str | None


_check_logged = build_checker(_LoggedRecord)


class TrackedRun:
    """The run of one training in one tracker, with the attributes that Ray's callbacks read from a Tune trial."""

    def __init__(self, folder: Path, job: Job, study: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "given.json"
        known = read_json(self._file, _check_logged) or {"epochs": 0}
        self.logged_epochs: int = known["epochs"]
        self.logged_end: int | None = known.get("ended")  # the epoch of the logged end, None if it is not logged
        self.trial_id: str | None = known.get("run")
        self.local_path, self.experiment_dir_name = str(folder.absolute()), study
        self.config: Row = job.config
        self.evaluated_params: Row = {}
        self._name = job.trial

    def __str__(self) -> str:
        return self._name

    def init_local_path(self) -> None:
        """Do nothing: the folder exists."""

    def save(self) -> None:
        """Store what was logged. If the file is lost only a row is logged twice, so that it need not be durable."""
        temporary = self._file.with_suffix(".tmp")
        content = {"epochs": self.logged_epochs, "ended": self.logged_end, "run": self.trial_id}
        temporary.write_text(canonical(content))
        os.replace(temporary, self._file)


class TrackedTraining:
    """A running training: its new epochs, and its run in each tracker."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = Path(job.folder, "trials", job.trial)
        self.runs: dict[str, TrackedRun] = {}
        self._epoch_rows = JsonlTail(self.folder / "epochs.jsonl", is_epoch_row)
        self._cost_rows = JsonlTail(self.folder / "cost.jsonl", is_cost_row)
        self._epochs: dict[int, Row] = {}  # whose costs are not read yet
        self._costs: dict[int, Row] = {}  # whose epochs are not read yet

    def read_new(self) -> Iterator[Row]:
        """Yield the new epochs, with their costs."""
        rows, costs = self._epoch_rows.read_new()[1], self._cost_rows.read_new()[1]  # written in this order
        self._epochs |= {row["epoch"]: row for row in rows}
        self._costs |= {cost["epoch"]: cost for cost in costs if "epoch" in cost}
        for epoch in sorted(self._epochs.keys() & self._costs.keys()):
            cost = {key: value for key, value in self._costs.pop(epoch).items() if key != "by"}
            yield self._epochs.pop(epoch) | cost | {"training_iteration": epoch}

    @property
    def status(self) -> str:
        return read_status(self.folder, self.job.final)

    def read_result(self) -> Row:
        """Return the metrics of the result, at the training's last epoch."""
        found = read_json(self.folder / "result.json", check_result) or {}
        measured = {name: found[name] for name in ("best", "last") if name in found}
        return measured | {"training_iteration": max(found.get("epochs", 1) - 1, 0)}


class TrackerCallback(Callback):
    """Receives Tune's events and has a thread report the new records of the training to all trackers."""

    def __init__(
        self, folder: Place, loggers: dict[str, Any], report: Callable[[str], None], is_stopping: Callable[[], bool]
    ) -> None:
        """Report to `loggers`; once `is_stopping` returns that the sweep should stop, wait for no slow tracker."""
        self.folder, self.loggers, self._report, self._is_stopping = folder, loggers, report, is_stopping
        self._events: SimpleQueue[tuple[Job, bool] | None] = SimpleQueue()
        self._trainings: dict[str, TrackedTraining] = {}
        self._thread = threading.Thread(target=self._work, name="loggers", daemon=True)

    def __enter__(self) -> TrackerCallback:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._events.put(None)
        with suppress(KeyboardInterrupt):  # what is pending is left out
            self._thread.join(FLUSH_SECONDS if self._is_stopping() else None)

    def on_report(self, task: str, job: Job) -> None:
        self._enqueue(job, False)

    def on_end(self, task: str, job: Job) -> None:
        self._enqueue(job, True)

    def _enqueue(self, job: Job, is_over: bool) -> None:
        if self.loggers:
            self._events.put((job, is_over))

    def _work(self) -> None:
        while event := self._events.get():
            self._log_training(*event)
        for training in list(self._trainings.values()):
            self._log_training(training.job, True)
        self._call_all(lambda name, logger: logger.on_experiment_end([]))

    def _log_training(self, job: Job, is_over: bool) -> None:
        """Log what is new of a training. If its task is over, end its runs, or interrupt them if it has no result."""
        if job.trial not in self._trainings:
            self._trainings[job.trial] = TrackedTraining(job)
        training = self._trainings[job.trial]
        with suppress(OSError):
            rows = list(training.read_new())
            self._call_all(
                lambda name, logger: self._log_epochs(logger, self._find_run(name, logger, training, rows), rows)
            )
        if is_over:
            del self._trainings[job.trial]
            status = training.status
            result = training.read_result() if status in ENDED else None
            self._call_all(
                lambda name, logger: self._log_end(logger, training.runs.get(name), result, status == "failed")
            )

    def _call_all(self, call: Callable[[str, Any], None]) -> None:
        """Call a function for every tracker. A tracker that fails is left out from then on; the sweep goes on."""
        for name, logger in list(self.loggers.items()):
            try:
                call(name, logger)
            except Exception as error:
                del self.loggers[name]
                self._report(f"logger {name} failed and is left out from here on: {type(error).__name__}: {error}")

    def _find_run(self, name: str, logger: Any, training: TrackedTraining, rows: list[Row]) -> TrackedRun | None:
        """Return the training's run in a tracker, started with its first epochs; None if it has none yet."""
        if name not in training.runs and rows:
            folder = Path(str(self.folder), "loggers", name, training.job.trial)
            training.runs[name] = TrackedRun(folder, training.job, self.folder.name)
            logger.log_trial_start(training.runs[name])
        return training.runs.get(name)

    def _log_epochs(self, logger: Any, run: TrackedRun | None, rows: list[Row]) -> None:
        if run is None:
            return
        for row in rows:
            if row["epoch"] >= run.logged_epochs:
                logger.log_trial_result(row["epoch"], run, row)
                run.logged_epochs = row["epoch"] + 1
        run.save()

    def _log_end(self, logger: Any, run: TrackedRun | None, result: Row | None, failed: bool) -> None:
        if run is None:
            return
        if result and result["training_iteration"] != run.logged_end:
            run.evaluated_params = {"seed": run.config["seed"]}
            run.logged_end = result["training_iteration"]
            logger.log_trial_result(run.logged_end, run, result)
            run.save()
        logger.log_trial_end(run, failed=failed)


def build_loggers(loggers: Iterable[Logger], folder: Place) -> dict[str, Any]:
    """Return Ray's callbacks, set up. Raises SpaceError if one fails, as without a key or a server that answers."""
    callbacks: dict[str, Any] = {}
    for name in loggers:
        try:
            callbacks[name] = BUILDERS[name](Path(str(folder)))
            callbacks[name].setup()
        except Exception as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise SpaceError([f"search.loggers: {name}: {why[0]}"]) from None
    return callbacks


def _build_tensorboard(folder: Path) -> Any:
    from ray.tune.logger import TBXLoggerCallback

    class TensorBoard(TBXLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """Wait for a new second, as files are named by it and would overwrite each other."""
            while list(Path(trial.local_path).glob(f"events.out.tfevents.{int(time.time())}.*")):
                time.sleep(0.1)
            super().log_trial_start(trial)

    return TensorBoard()


def _build_mlflow(folder: Path) -> Any:
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    class MLflow(MLflowLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """Resume the run of a training that was logged before."""
            if trial.trial_id:
                self._trial_runs[trial] = trial.trial_id
            super().log_trial_start(trial)
            trial.trial_id = self._trial_runs[trial]

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    store = folder / "loggers" / "mlflow"
    store.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.absolute()}/mlflow.db"
    return MLflow(tracking_uri=uri, experiment_name=folder.name)


def _build_wandb(folder: Path) -> Any:
    import ray
    from ray.air.integrations.wandb import WandbLoggerCallback
    from ray.air.util.node import _force_on_current_node

    class WandB(WandbLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """Resume the run of a training that was logged before."""
            trial.trial_id = trial.trial_id or token_hex(8)
            # Ray's own class passes the key in a runtime environment, which Ray writes into its log files
            if not getattr(self, "_remote_logger_class", None):
                here = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, **_force_on_current_node())
                self._remote_logger_class = here(self._logger_actor_cls)
            super().log_trial_start(trial)

    project = os.environ.get("WANDB_PROJECT_NAME", "robust-search")
    return WandB(project, group=folder.name, upload_timeout=UPLOAD_SECONDS, resume="allow")


BUILDERS: dict[Logger, Callable[[Path], Any]] = {
    "tensorboard": _build_tensorboard,
    "mlflow": _build_mlflow,
    "wandb": _build_wandb,
}
