"""Networks for small images: an MLP, the two networks called SmallCNN, and a smaller CNN for 8x8 digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt
from torch import nn

from trainers.models.layers import conv_bn_relu, init_kaiming_normal
from trainers.models.network import Network, Normalizing


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # YAML has only lists, which frozen knobs cannot hash


class MLP(Normalizing):
    """Fully connected ReLU layers; without hidden layers it is logistic regression."""

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[Annotated[PositiveInt, Field(le=65_536)], ...], BeforeValidator(_as_tuple)] = (256, 256)

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network for images of size x size pixels."""
        widths = (channels * size * size, *self.hidden)
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        return Network(nn.Sequential(nn.Flatten(), *layers), widths[-1], channels, classes)


class SmallCNN(Normalizing):
    """The "6 convolutions and 2 FC layers" of Zhang et al. 2020, arXiv:2002.11242 and 2010.01736.

    The MNIST network that the TRADES repository calls SmallCNN is mnist_cnn.
    """

    name: Literal["small_cnn"] = "small_cnn"

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network. Raises ValueError if the images are too small to be halved three times."""
        if size < 8:
            raise ValueError(
                "model small_cnn halves its images three times and needs 8x8 pixels or more; "
                f"got {size}x{size}; take mlp or digits_cnn"
            )
        layers: list[nn.Module] = []
        for a, b in pairwise((channels, 64, 128, 196)):
            layers += [*conv_bn_relu(a, b, bias=True), *conv_bn_relu(b, b, bias=True), nn.MaxPool2d(2)]
        flat = 196 * (size // 8) ** 2
        body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 256), nn.ReLU())
        return Network(body, 256, channels, classes)


class MnistCNN(Normalizing):
    """The MNIST network of Zhang et al. 2019, arXiv:1901.08573, whose code calls it SmallCNN.

    As in that code convolutions are Kaiming normal, and the head starts at zero. A new network therefore predicts class
    0 for every image and has no gradient at the image. As sign(0) = 0, the first batch is trained on the attack's start
    (for FGSM the clean images), and its gradient reaches only the head.
    """

    name: Literal["mnist_cnn"] = "mnist_cnn"

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network. Raises ValueError if four unpadded convolutions and two halvings leave no pixel."""
        if size < 16:
            raise ValueError(
                "model mnist_cnn pads no convolution and needs 16x16 pixels or more; "
                f"got {size}x{size}; take mlp or digits_cnn"
            )
        layers: list[nn.Module] = []
        for a, b in ((channels, 32), (32, 64)):
            layers += [nn.Conv2d(a, b, 3), nn.ReLU(), nn.Conv2d(b, b, 3), nn.ReLU(), nn.MaxPool2d(2)]
        flat = 64 * (((size - 4) // 2 - 4) // 2) ** 2
        dense = [nn.Linear(flat, 200), nn.ReLU(), nn.Dropout(0.5), nn.Linear(200, 200), nn.ReLU()]
        body = nn.Sequential(*layers, nn.Flatten(), *dense)
        network = init_kaiming_normal(Network(body, 200, channels, classes), "fan_in")
        nn.init.zeros_(network.head.weight)
        return network


class DigitsCNN(Normalizing):
    """Two convolutions of stride 2 instead of max-pooling, whose gradient is slow on a CPU with channels last."""

    name: Literal["digits_cnn"] = "digits_cnn"

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network for images of size x size pixels."""
        side = -(-size // 4)  # two halvings, each rounded up
        body = nn.Sequential(*conv_bn_relu(channels, 32, stride=2), *conv_bn_relu(32, 64, stride=2), nn.Flatten())
        return Network(body, 64 * side**2, channels, classes)
