"""The plain training loop of the literature, for comparison: it computes the same, up to rounding.

The loop is as in the code of Dong et al. 2021 and Zhang et al. 2021 (arXiv:2010.01736): fp32, PIL transforms in a
DataLoader, loss.backward() through all parameters at each step of the attack. On a GPU it has the settings of that
code, which are not the trainer's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from trainers.attacks import PGD
from trainers.data import Split, Splits, to_pixels
from trainers.knobs import step_length
from trainers.losses import CrossEntropy
from trainers.method import Method
from trainers.step import Batch, Net
from trainers.trainer import Trainer


class Plain:
    """A copy of a trainer's network as it stands, and the plain loop around it.

    Raises ValueError for a method other than linf PGD on cross-entropy.
    """

    def __init__(self, trainer: Trainer) -> None:
        config, method = trainer.config, trainer.config.stage(trainer.epoch).method
        attack = method.attack if isinstance(method, Method) and isinstance(method.loss, CrossEntropy) else None
        if not isinstance(attack, PGD) or _unusual(attack):
            raise ValueError(
                "--plain: the plain loop is written for linf PGD on cross-entropy alone, from no or a uniform start; "
                "take fgsm-at, fast-at or pgd-at"
            )
        self.attack = attack
        self.device = trainer.device
        self.network = deepcopy(trainer.net.module).to(memory_format=torch.contiguous_format)
        self.optimizer = config.optimizer.build(self.network.parameters())
        for group in self.optimizer.param_groups:
            group["lr"] = config.stage(trainer.epoch).optimizer.lr_at(0, 1)
        self.loader: Any = DataLoader(_Images(trainer.data.train, config.data), config.batch_size, shuffle=True)
        self.noise = Generator(self.device)

    def run_epoch(self) -> None:
        """Train on every image once."""
        with usual_settings(self.device):
            for x, y in self.loader:
                self.step(x.to(self.device), y.to(self.device), self.noise)

    def step(self, x: Tensor, y: Tensor, rng: Generator) -> Tensor:
        """Make one update; return the adversarial examples, (B, channels, H, W)."""
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
            gradient: Any = delta.grad
            delta.data = torch.clamp(delta.data + length * gradient.sign(), -epsilon, epsilon)
            delta.data = torch.clamp(delta.data, 0 - x, 1 - x)
            gradient.zero_()
        return (x + delta).detach()


@contextmanager
def usual_settings(device: torch.device) -> Iterator[None]:
    """Compute on a GPU as code of the field does: with TF32 convolutions, torch's default, and the fastest kernels.

    The trainer's settings return at the end of the context. On a CPU it changes nothing.
    """
    if device.type != "cuda":
        yield
        return
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(False)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
            yield
    finally:
        torch.use_deterministic_algorithms(deterministic)


def _unusual(attack: PGD) -> bool:
    knobs = (attack.norm, attack.ascend, attack.keep, attack.restarts)
    return knobs != ("linf", "ce", "last", 1) or attack.start == "normal"


class _Images(Dataset[tuple[Tensor, int]]):
    """A split as PIL images, cropped and mirrored one by one."""

    def __init__(self, split: Split, splits: Splits) -> None:
        from PIL import Image  # imported late, as torchvision is: both are slow to import and needed here alone
        from torchvision import transforms

        x = split.x.cpu().numpy()
        self.open = Image.fromarray
        self.x = x[:, 0] if x.shape[1] == 1 else np.ascontiguousarray(np.moveaxis(x, 1, -1))
        self.y = split.y.tolist()
        mirror = [transforms.RandomHorizontalFlip()] if splits.flip else []
        crop = transforms.RandomCrop(self.x.shape[1], padding=splits.crop)
        self.transform = transforms.Compose([crop, *mirror, transforms.ToTensor()])

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(self.open(self.x[i])), self.y[i]


class Agreement(NamedTuple):
    """Difference of two implementations after one step on the same batch from the same noise."""

    moved: float  # share of the adversaries' pixels that differ by more than 1e-6
    furthest: float  # the largest difference of a pixel
    update: float  # |difference of the two parameter updates| / |update|


def agreement(trainer: Trainer, dtype: torch.dtype, images: int = 8) -> Agreement:
    """Compare a step of a trainer's method with one of the plain loop on a copy, both in the given precision."""
    trainer.net.module.to(dtype)
    plain, net = Plain(trainer), Net(trainer.net.module)
    stage = trainer.config.stage(trainer.epoch)
    x, y = to_pixels(trainer.examples.x[:images]).to(dtype), trainer.examples.y[:images]
    batch = Batch(x.contiguous(memory_format=trainer.examples.layout), y)
    before = _flat(plain.network)
    ours = plain.attack(net, batch, _noise(trainer)).x
    others = plain.step(x, y, _noise(trainer))
    ((loss, _),) = stage.method.losses(net, batch, _noise(trainer))
    loss.backward()
    optimizer = trainer.config.optimizer.build(net.module.parameters())
    optimizer.param_groups[0]["lr"] = stage.optimizer.lr_at(0, 1)
    optimizer.step()
    apart = (ours - others).abs()
    update = _flat(plain.network) - before
    error = _flat(net.module) - before - update
    return Agreement((apart > 1e-6).double().mean().item(), apart.max().item(), (error.norm() / update.norm()).item())


def _noise(trainer: Trainer) -> Generator:
    return Generator(trainer.device).manual_seed(0)


def _flat(network: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in network.parameters()])
