"""What tests of pieces share: seeds, examples that are remembered, steps made by hand, steep networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.augmentation import View
from trainers.config import TrialConfig
from trainers.method import Method
from trainers.models import MLP, build_network
from trainers.state import InstanceState
from trainers.step import Adversary, Batch, Net, Step
from trainers.trainer import Epoch, Trainer

WHOLE = View(None, None, None, 0)  # neither cropped nor mirrored


def train_all(trainer: Trainer, config: TrialConfig) -> list[Epoch]:
    """Train to the end; the trainer may ask for the records of its epochs, as in a session."""
    epochs: list[Epoch] = []

    def recall() -> dict[str, np.ndarray]:
        names = set(epochs[0].instances).intersection(*(epoch.instances for epoch in epochs))
        return {name: np.stack([epoch.instances[name] for epoch in epochs]) for name in names}

    for epoch in range(trainer.epoch, config.epochs):
        epochs.append(trainer.run_epoch(config.stage(epoch), recall))
    return epochs


def composed(method: object) -> Method:
    """Return a method that is attack x loss x weight x target, as most are."""
    assert isinstance(method, Method)
    return method


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def steep(model: Any = None, classes: int = 4) -> Net:
    """Return a network, an MLP by default, so steep that predictions change within small balls."""
    return Net(build_network(model or MLP(hidden=(16,)), 1, 8, classes, (0.5,), (0.05,), seed=1))


def visit(x: Tensor, y: Tensor | list[int], state: InstanceState | None = None, view: View = WHOLE) -> Batch:
    """Return all examples of a training set in one batch, with a memory."""
    state = state or InstanceState(len(x), torch.device("cpu"))
    return Batch(x, torch.as_tensor(y), torch.arange(len(x)), view, state)


def images(count: int = 12, classes: int = 4, seed: int = 0) -> Batch:
    """Return remembered images that touch 0 and 1, labelled at random."""
    x = (torch.rand(count, 1, 8, 8, generator=seeded(seed)) * 1.5 - 0.25).clamp(0, 1)
    return visit(x, torch.randint(classes, (count,), generator=seeded(seed + 1)))


def labelled(net: Net, count: int = 12, seed: int = 0) -> Batch:
    """Return the same images under the labels that the network gives them, so that all are right."""
    batch = images(count, seed=seed)
    with torch.no_grad(), net.attacked("eval"):
        return batch._replace(y=net(batch.x).argmax(1))


def step(
    robust: Tensor, y: list[int], clean: Tensor | None = None, kappa: list[int] | None = None, steps: int = 10
) -> Step:
    """Return a training step with given logits and kappas."""
    x = torch.zeros(len(y), 1, 2, 2)
    counted = None if kappa is None else torch.tensor(kappa)
    return Step(visit(x, y), Adversary(x, counted, steps=steps), clean, robust, torch.zeros(len(y), 3))
