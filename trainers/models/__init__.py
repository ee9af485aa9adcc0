"""The architectures a trial may name, and how one of them becomes a network."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field

from trainers.models.network import Network
from trainers.models.residual import PreActResNet18, ResNet18, WideResNet
from trainers.models.small import MLP, DigitsCNN, SmallCNN

__all__ = [
    "MLP",
    "DigitsCNN",
    "Model",
    "Network",
    "PreActResNet18",
    "ResNet18",
    "SmallCNN",
    "WideResNet",
    "build_network",
]

Model = Annotated[MLP | SmallCNN | DigitsCNN | ResNet18 | PreActResNet18 | WideResNet, Field(discriminator="name")]


def build_network(
    model: Model,
    channels: int,
    size: int,
    classes: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seed: int,
) -> Network:
    """A network for images of size x size, on the CPU, whose initial weights depend on `seed` alone.

    The global random generators are left as they were. Raises ValueError if the model cannot take the images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU too
        network = model.build(channels, size, classes)
    network.normalize(mean, std)
    return network
