"""Trackers that the epochs of trainings are handed to: `search: {loggers: [tensorboard, mlflow, wandb]}`.

Each is Ray's own callback. What they keep lies in the sweep's folder, under loggers/, unless the tracker's own
environment variables (MLFLOW_TRACKING_URI, WANDB_PROJECT_NAME, WANDB_MODE, ...) say otherwise.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from search.schema.problems import SpaceError
from trainers.record_io import Place

Logger = Literal["tensorboard", "mlflow", "wandb"]
PACKAGES: dict[Logger, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
UPLOAD_SECONDS = 60  # that wandb gets at the end for what is not uploaded yet


def absent(loggers: Iterable[Logger]) -> Iterator[str]:
    """Which packages are missing, and what installs them."""
    for name in loggers:
        if find_spec(PACKAGES[name]) is None:
            extra = f"python -m pip install -e '.[{name}]'"
            yield f"{name} needs the package {PACKAGES[name]}, which is not installed; add it: {extra}"


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
