"""The plain training loop of the field's code, to compare with: what it computes is the same, to rounding.

As in the code of Dong et al. 2021 and Zhang et al. 2021 (arXiv:2010.01736): fp32, PIL transforms in a DataLoader,
loss.backward() through all parameters at each step of the attack.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from trainers.attacks import PGD
from trainers.data import pixels
from trainers.knobs import step_length
from trainers.losses import CrossEntropy
from trainers.step import Batch, Net
from trainers.trainer import Trainer, derived


class Plain:
    """A copy of a trainer's network as it stands, and the plain loop around it.

    Raises ValueError for a method other than linf PGD on cross-entropy.
    """

    def __init__(self, trainer: Trainer) -> None:
        config, method = trainer.config, trainer.config.stage(trainer.epoch).method
        attack = method.attack
        usual = isinstance(attack, PGD) and (attack.norm, attack.ascend, attack.keep, attack.restarts)
        if usual != ("linf", "ce", "last", 1) or not isinstance(method.loss, CrossEntropy):
            raise ValueError("the plain loop knows linf PGD on cross-entropy only")
        self.attack: PGD = attack
        self.device = trainer.device
        self.network = deepcopy(trainer.net.module).to(memory_format=torch.contiguous_format)
        self.optimizer = config.optimizer.build(self.network.parameters())
        for group in self.optimizer.param_groups:
            group["lr"] = config.stage(trainer.epoch).optimizer.lr_at(0, 1)
        images = _Images(trainer)
        self.loader: Any = DataLoader(images, config.batch_size, shuffle=True, generator=Generator())
        self.noise = Generator(self.device)

    def run_epoch(self) -> None:
        for x, y in self.loader:
            self.step(x.to(self.device), y.to(self.device), self.noise)

    def step(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        """One update. Returns the adversarial examples, (B, channels, H, W)."""
        self.network.train(self.attack.bn == "train")
        adversary = self._attacked(x, y, rng)
        self.network.train()
        self.optimizer.zero_grad()
        functional.cross_entropy(self.network(adversary), y).backward()
        self.optimizer.step()
        return adversary

    def _attacked(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        epsilon = float(self.attack.epsilon)  # type: ignore[arg-type]  # a schedule is a number within a stage
        length = step_length(self.attack.step_size, epsilon)
        delta = torch.zeros_like(x)
        if self.attack.start == "uniform":
            delta = epsilon * (2 * torch.rand(x.shape, generator=rng, device=x.device) - 1)
        delta = torch.clamp(delta, 0 - x, 1 - x)
        delta.requires_grad_()
        for _ in range(self.attack.steps):
            functional.cross_entropy(self.network(x + delta), y).backward()
            gradient = delta.grad
            assert gradient is not None  # noqa: S101
            delta.data = torch.clamp(delta.data + length * gradient.sign(), -epsilon, epsilon)
            delta.data = torch.clamp(delta.data, 0 - x, 1 - x)
            gradient.zero_()
        return (x + delta).detach()
