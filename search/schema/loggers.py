"""Trackers that the epochs of trainings are handed to: `search: {loggers: [tensorboard, mlflow, wandb]}`.

Each is Ray's own callback. What they keep lies in the sweep's folder, under loggers/, unless the tracker's own
environment variables (MLFLOW_TRACKING_URI, WANDB_PROJECT_NAME, WANDB_MODE, ...) say otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from typing import Literal

Logger = Literal["tensorboard", "mlflow", "wandb"]
PACKAGES: dict[Logger, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}


def absent(loggers: Iterable[Logger]) -> Iterator[str]:
    """Which packages are missing, and what installs them."""
    for name in loggers:
        if find_spec(PACKAGES[name]) is None:
            extra = f"python -m pip install -e '.[{name}]'"
            yield f"{name} needs the package {PACKAGES[name]}, which is not installed; add it: {extra}"
