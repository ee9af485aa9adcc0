"""The architectures that a trial may name, and the construction of a network from one."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, get_args

import torch
from pydantic import BeforeValidator, Field, TypeAdapter

from trainers.formatting import did_you_mean
from trainers.models.network import Network
from trainers.models.residual import RESNETS, PreActResNet18, ResNet
from trainers.models.small import MLP, DigitsCNN, MnistCNN, SmallCNN
from trainers.models.vgg import VGG, VGGS
from trainers.models.wide import WideResNet

__all__ = [
    "MLP",
    "MODELS",
    "VGG",
    "DigitsCNN",
    "MnistCNN",
    "Model",
    "Network",
    "PreActResNet18",
    "ResNet",
    "SmallCNN",
    "WideResNet",
    "build_network",
    "needs_two_examples",
]

Architecture = MLP | DigitsCNN | MnistCNN | SmallCNN | ResNet | PreActResNet18 | WideResNet | VGG
KINDS: dict[str, Architecture] = {kind().name: kind() for kind in get_args(Architecture)}
USUAL = (
    *(f"resnet{depth}" for depth in RESNETS),
    *(f"wrn_{depth}_10" for depth in (16, 28, 32, 34)),
    *(f"vgg{depth}" for depth in VGGS),
)
SPELLINGS = (
    re.compile(r"(?P<name>resnet|vgg)(?P<depth>\d{1,4})"),
    re.compile(r"(?P<name>wrn)_(?P<depth>\d{1,4})_(?P<width>\d{1,4})"),
)


def _knobs_of(name: str) -> dict[str, Any] | None:
    """Return the knobs of a usual name, such as {name: wrn, depth: 28, width: 10} for `wrn_28_10`; None for others."""
    name = {"wrn_32_10": "wrn_34_10"}.get(name, name)  # Zhang et al. count layers as Madry et al. do
    for match in (spelling.fullmatch(name) for spelling in SPELLINGS):
        if match:
            return {knob: int(text) if text.isdecimal() else text for knob, text in match.groupdict().items()}
    return None


def _named(value: Any) -> Any:
    """Replace a usual name by its knobs; other knobs may be set beside the name."""
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str) or name in KINDS:
        return value
    knobs = _knobs_of(name)
    if knobs is None:
        hint = did_you_mean(name, (*KINDS, *USUAL))
        raise ValueError(f"no model is called {name!r}{hint} (allowed: {', '.join((*KINDS, *USUAL))})")
    for knob, fixed in knobs.items():
        if knob != "name" and value.get(knob, fixed) != fixed:
            raise ValueError(
                f"{name} has {knob} {fixed}; write `name: {knobs['name']}` to set the {knob}; got {value[knob]!r}"
            )
    return value | knobs


Model = Annotated[Architecture, Field(discriminator="name"), BeforeValidator(_named)]
MODELS: dict[str, Architecture] = KINDS | {name: TypeAdapter(Model).validate_python({"name": name}) for name in USUAL}


@lru_cache
def needs_two_examples(model: Model, channels: int, size: int, classes: int) -> bool:
    """Return whether a batch needs two images, as BatchNorm on maps of 1x1 sees one value a channel in a batch of one.

    Raises ValueError if the model cannot take images of size x size.
    """
    with torch.device("meta"):
        network, image = model.build(channels, size, classes).train(), torch.empty(1, channels, size, size)
        try:
            network(image)
        except ValueError:
            return True
    return False


def build_network(
    model: Model,
    channels: int,
    size: int,
    classes: int,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    seed: int,
) -> Network:
    """Return a network for images of size x size, on the CPU, whose initial weights depend on `seed` only.

    `mean` and `std` are those of the data, one a channel in pixels of [0, 1]; a model with `normalize: false` ignores
    them. The global random generators keep their state. Raises ValueError if the model cannot take the images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reseed every GPU too
        network = model.build(channels, size, classes)
    if model.normalize:
        network.normalize(mean, std)
    return network
