"""The architectures a trial may name, and how one of them becomes a network."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field

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

NAMED = {"wrn_28_10": WideResNet(depth=28, width=10), "wrn_34_10": WideResNet(depth=34, width=10)}


def _named(value: Any) -> Any:
    """Read the usual name of a WRN, `{name: wrn_28_10}`, as its depth and width."""
    if isinstance(value, dict) and value.get("name") in NAMED:
        return NAMED[value["name"]].model_dump() | {key: item for key, item in value.items() if key != "name"}
    return value


Model = Annotated[
    MLP | SmallCNN | DigitsCNN | ResNet18 | PreActResNet18 | WideResNet,
    Field(discriminator="name"),
    BeforeValidator(_named),
]


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
