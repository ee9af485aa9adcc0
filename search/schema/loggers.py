"""Trackers that receive epochs while trainings run: `search: {loggers: [tensorboard, mlflow, wandb]}`.

Each is a callback of Ray. Trackers write to loggers/ in the sweep's folder, unless their own
environment variables (MLFLOW_TRACKING_URI, WANDB_PROJECT_NAME, WANDB_MODE, ...) say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Literal

Logger = Literal["tensorboard", "mlflow", "wandb"]
PACKAGES: dict[Logger, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


def explain_missing_packages(loggers: Iterable[Logger]) -> Iterator[str]:
    """Yield a message for each missing package, with the command that installs it."""
    for name in loggers:
        if find_spec(PACKAGES[name]) is None:
            extra = f"python -m pip install -e '.[{name}]'"
            yield f"{name} needs the package {PACKAGES[name]}, which is not installed; add it: {extra}"
