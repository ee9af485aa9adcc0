"""Networks for small images: an MLP, the papers' SmallCNN and a smaller CNN for 8x8 digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PositiveInt
from torch import nn

from trainers.knobs import Knobs
from trainers.models.network import Network


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # YAML has lists only, and frozen knobs hash


class MLP(Knobs):
    """Fully connected ReLU layers; no hidden layer at all is logistic regression."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)] = (256, 256)

    def build(self, channels: int, size: int, classes: int) -> Network:
        widths = (channels * size * size, *self.hidden)
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        return Network(nn.Sequential(nn.Flatten(), *layers), widths[-1], channels, classes)


class SmallCNN(Knobs):
    """The "6 convolutions and 2 FC layers" of Zhang et al. 2020, arXiv:2002.11242 and 2010.01736.

    Not the MNIST network that the TRADES repository calls SmallCNN.
    """

    name: Literal["small_cnn"] = "small_cnn"

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Raises ValueError if the images are too small to be halved three times."""
        if size < 8:
            raise ValueError(
                "model small_cnn halves its images three times and needs 8x8 pixels or more; "
                f"got {size}x{size}; take mlp or digits_cnn"
            )
        layers: list[nn.Module] = []
        for a, b in pairwise((channels, 64, 128, 196)):
            layers += [*_convolution(a, b, bias=True), *_convolution(b, b, bias=True), nn.MaxPool2d(2)]
        flat = 196 * (size // 8) ** 2
        body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.ReLU())
        return Network(body, 256, channels, classes)


class DigitsCNN(Knobs):
    """Two convolutions of stride 2: the gradient of max-pooling is slow on a CPU with channels last."""

    name: Literal["digits_cnn"] = "digits_cnn"

    def build(self, channels: int, size: int, classes: int) -> Network:
        side = -(-size // 4)  # two halvings, each rounded up
        body = nn.Sequential(*_convolution(channels, 32, stride=2), *_convolution(32, 64, stride=2), nn.Flatten())
        return Network(body, 64 * side**2, channels, classes)


def _convolution(a: int, b: int, stride: int = 1, bias: bool = False) -> tuple[nn.Module, ...]:
    return nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU()
