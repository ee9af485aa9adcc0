"""Handing the epochs of trainings to loggers: one result an epoch, one run a training, whatever the number of tasks.

The epochs are read from the records, so that a training's run has all of them, also those that another training made or
an earlier run of the sweep, and none twice. All of it is done by a thread: a tracker may be slow, or fail.
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
from search.monitor.trial_progress import ENDED, status_of
from search.planning.jobs import Job
from search.schema.loggers import Logger
from trainers.checking import build_checker
from trainers.reading import is_cost_row, is_epoch_row, read_json
from trainers.record_io import Place, Row, canonical
from trainers.shapes import check_result

HURRY_SECONDS = 10.0  # for what is still to be handed over when the sweep was asked to stop


class _Given(TypedDict):
    """As given.json has it: what a logger was handed of a training."""

    epochs: int
    ended: int | None
    run: str | None


_GIVEN = build_checker(_Given)


class Run:
    """A training's run with one logger; what Ray's callbacks ask of a Tune trial."""

    def __init__(self, place: Path, job: Job, study: str) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self._file = place / "given.json"
        known = read_json(self._file, _GIVEN) or {"epochs": 0}
        self.given: int = known["epochs"]
        self.ended: int | None = known.get("ended")  # at which epoch, if its end was given
        self.trial_id: str | None = known.get("run")
        self.local_path, self.experiment_dir_name = str(place.absolute()), study
        self.config: Row = job.config
        self.evaluated_params: Row = {}
        self._name = job.trial

    def __str__(self) -> str:
        return self._name

    def init_local_path(self) -> None:
        """It is there."""

    def keep(self) -> None:
        """Remember what was given; nothing hangs on it but a row that is shown twice, so it need not be durable."""
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(canonical({"epochs": self.given, "ended": self.ended, "run": self.trial_id}))
        os.replace(temporary, self._file)


class Training:
    """One that trains now: its rows as they come, and its run with each logger."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.folder = Path(job.folder, "trials", job.trial)
        self.runs: dict[str, Run] = {}
        self._rows = JsonlTail(self.folder / "epochs.jsonl", is_epoch_row)
        self._costs = JsonlTail(self.folder / "cost.jsonl", is_cost_row)
        self._uncosted: dict[int, Row] = {}
        self._cost: dict[int, Row] = {}

    def look(self) -> Iterator[Row]:
        """The epochs that are new, with what they cost."""
        rows, costs = self._rows.look()[1], self._costs.look()[1]  # an epoch's row is written before its cost
        self._uncosted |= {row["epoch"]: row for row in rows}
        self._cost |= {cost["epoch"]: cost for cost in costs if "epoch" in cost}
        for epoch in sorted(self._uncosted.keys() & self._cost.keys()):
            cost = {key: value for key, value in self._cost.pop(epoch).items() if key != "by"}
            yield self._uncosted.pop(epoch) | cost | {"training_iteration": epoch}

    @property
    def status(self) -> str:
        return status_of(self.folder, self.job.final)

    def result(self) -> Row:
        """What it ended with, at its last epoch."""
        found = read_json(self.folder / "result.json", check_result) or {}
        measured = {name: found[name] for name in ("best", "last") if name in found}
        return measured | {"training_iteration": max(found.get("epochs", 1) - 1, 0)}


class TrackerCallback(Callback):
    """Hears of reports and has the thread look at the records."""

    def __init__(
        self, folder: Place, loggers: dict[str, Any], tell: Callable[[str], None], hurried: Callable[[], bool]
    ) -> None:
        """`hurried`: whether the sweep was asked to stop, so that nobody waits for a tracker."""
        self.folder, self.loggers, self._tell, self._hurried = folder, loggers, tell, hurried
        self._events: SimpleQueue[tuple[Job, bool] | None] = SimpleQueue()
        self._trainings: dict[str, Training] = {}
        self._thread = threading.Thread(target=self._work, name="loggers", daemon=True)

    def __enter__(self) -> TrackerCallback:
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self._events.put(None)
        with suppress(KeyboardInterrupt):  # what is not handed over yet is left out
            self._thread.join(HURRY_SECONDS if self._hurried() else None)

    def on_report(self, task: str, job: Job) -> None:
        self._hear(job, False)

    def on_end(self, task: str, job: Job) -> None:
        self._hear(job, True)

    def _hear(self, job: Job, over: bool) -> None:
        if self.loggers:
            self._events.put((job, over))

    def _work(self) -> None:
        while event := self._events.get():
            self._look(*event)
        for training in list(self._trainings.values()):
            self._look(training.job, True)
        self._all(lambda name, logger: logger.on_experiment_end([]))

    def _look(self, job: Job, over: bool) -> None:
        """Hand over what is new of a training; where its task is over, end its run, or interrupt it."""
        if job.trial not in self._trainings:
            self._trainings[job.trial] = Training(job)
        training = self._trainings[job.trial]
        with suppress(OSError):
            rows = list(training.look())
            self._all(lambda name, logger: self._give(logger, self._run(name, logger, training, rows), rows))
        if over:
            del self._trainings[job.trial]
            status = training.status
            result = training.result() if status in ENDED else None
            self._all(lambda name, logger: self._end(logger, training.runs.get(name), result, status == "failed"))

    def _all(self, do: Callable[[str, Any], None]) -> None:
        """A tracker that fails costs its log, and not the sweep."""
        for name, logger in list(self.loggers.items()):
            try:
                do(name, logger)
            except Exception as error:
                del self.loggers[name]
                self._tell(f"logger {name} failed and is left out from here on: {type(error).__name__}: {error}")

    def _run(self, name: str, logger: Any, training: Training, rows: list[Row]) -> Run | None:
        if name not in training.runs and rows:
            place = Path(str(self.folder), "loggers", name, training.job.trial)
            training.runs[name] = Run(place, training.job, self.folder.name)
            logger.log_trial_start(training.runs[name])
        return training.runs.get(name)

    def _give(self, logger: Any, run: Run | None, rows: list[Row]) -> None:
        if run is None:
            return
        for row in rows:
            if row["epoch"] >= run.given:
                logger.log_trial_result(row["epoch"], run, row)
                run.given = row["epoch"] + 1
        run.keep()

    def _end(self, logger: Any, run: Run | None, result: Row | None, failed: bool) -> None:
        if run is None:
            return
        if result and result["training_iteration"] != run.ended:
            run.evaluated_params = {"seed": run.config["seed"]}
            run.ended = result["training_iteration"]
            logger.log_trial_result(run.ended, run, result)
            run.keep()
        logger.log_trial_end(run, failed=failed)


UPLOAD_SECONDS = 60  # that wandb gets at the end for what is not uploaded yet


def built(loggers: Iterable[Logger], folder: Place) -> dict[str, Any]:
    """Ray's callbacks, ready for use. Raises SpaceError if one cannot be: there is no key, or no server answers."""
    made: dict[str, Any] = {}
    for name in loggers:
        try:
            made[name] = MAKERS[name](Path(str(folder)))
            made[name].setup()
        except Exception as error:
            why = str(error).strip().splitlines() or [type(error).__name__]
            raise SpaceError([f"search.loggers: {name}: {why[0]}"]) from None
    return made


def _tensorboard(folder: Path) -> Any:
    from ray.tune.logger import TBXLoggerCallback

    class TensorBoard(TBXLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """A file is named by its second, and a second one of that name would take the first one's place."""
            while list(Path(trial.local_path).glob(f"events.out.tfevents.{int(time.time())}.*")):
                time.sleep(0.1)
            super().log_trial_start(trial)

    return TensorBoard()


def _mlflow(folder: Path) -> Any:
    from ray.air.integrations.mlflow import MLflowLoggerCallback

    class MLflow(MLflowLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """A training that was logged before goes on in its run."""
            if trial.trial_id:
                self._trial_runs[trial] = trial.trial_id
            super().log_trial_start(trial)
            trial.trial_id = self._trial_runs[trial]

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    place = folder / "loggers" / "mlflow"
    place.mkdir(parents=True, exist_ok=True)
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{place.absolute()}/mlflow.db"
    return MLflow(tracking_uri=uri, experiment_name=folder.name)


def _wandb(folder: Path) -> Any:
    import ray
    from ray.air.integrations.wandb import WandbLoggerCallback
    from ray.air.util.node import _force_on_current_node

    class WandB(WandbLoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            """A training that was logged before goes on in its run."""
            trial.trial_id = trial.trial_id or token_hex(8)
            if not getattr(
                self, "_remote_logger_class", None
            ):  # Ray's own has the key in a runtime environment, told in Ray's log files
                here = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1, **_force_on_current_node())
                self._remote_logger_class = here(self._logger_actor_cls)
            super().log_trial_start(trial)

    project = os.environ.get("WANDB_PROJECT_NAME", "robust-search")
    return WandB(project, group=folder.name, upload_timeout=UPLOAD_SECONDS, resume="allow")


MAKERS: dict[Logger, Callable[[Path], Any]] = {"tensorboard": _tensorboard, "mlflow": _mlflow, "wandb": _wandb}
