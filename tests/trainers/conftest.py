"""Small trials that finish in milliseconds: an MLP on 60 of scikit-learn's digits."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainers.config import TrialConfig
from trainers.data import Data, prepare_data
from trainers.evaluate import Evaluation
from trainers.models.network import Network
from trainers.plain_subsets import Ranking
from trainers.sources import Digits
from trainers.step import Net
from trainers.trainer import Trainer

from .helpers import train_all

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # Foolbox brings GitPython, which is no use without a git

TINY: dict[str, Any] = {
    "data": {"name": "digits", "train": 60, "val": 60, "test": 60},
    "model": {"name": "mlp", "hidden": [16]},
    "batch_size": 32,
    "epochs": 2,
}


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny() -> Callable[..., TrialConfig]:
    """A configuration of two epochs, with changes of its keys."""
    return lambda **changes: TrialConfig.model_validate(TINY | changes)


@pytest.fixture(scope="session")
def digits() -> Callable[[TrialConfig], Data]:
    """The data of a configuration; each split is made once."""
    source, made = Digits().load(), {}

    def data(config: TrialConfig) -> Data:
        if config.data not in made:
            own = source if config.data.name == "digits" else config.data.load()
            made[config.data] = prepare_data(own, config.data)
        return made[config.data]

    return data


@pytest.fixture(scope="session")
def trainer(digits: Any) -> Callable[..., Trainer]:
    """A trainer of a configuration before its first epoch; measures PGD-2 unless told otherwise."""

    def make(config: TrialConfig, ranking: Ranking | None = None, **evaluation: Any) -> Trainer:
        measures = Evaluation.model_validate({"epsilon": 0.1, "steps": 2, "final": {}} | evaluation)
        return Trainer(config, measures, digits(config), ranking)

    return make


@pytest.fixture(scope="session")
def trained(trainer: Any) -> Callable[..., Trainer]:
    """A trainer after all its epochs."""

    def run(config: TrialConfig, ranking: Ranking | None = None, **evaluation: Any) -> Trainer:
        ready = trainer(config, ranking, **evaluation)
        train_all(ready, config)
        return ready

    return run


@pytest.fixture(scope="session")
def bits(trained: Any) -> Callable[..., list[Tensor]]:
    """The network's parameters and buffers after all epochs of a configuration, and those that are measured."""

    def run(config: TrialConfig, ranking: Ranking | None = None) -> list[Tensor]:
        after = trained(config, ranking)
        return [*after.net.module.state_dict().values(), *(after.measured_state() or {}).values()]

    return run


@pytest.fixture(scope="session")
def linear() -> Callable[..., Net]:
    """A network that is logits = weight @ pixels + bias, in fp32, on images of side x side."""

    def make(weight: Tensor, bias: Tensor | None = None) -> Net:
        classes, pixels = weight.shape
        network = Network(nn.Flatten(), pixels, 1, classes)
        with torch.no_grad():
            network.head.weight.copy_(weight)
            network.head.bias.copy_(torch.zeros(classes) if bias is None else bias)
        return Net(network)

    return make
