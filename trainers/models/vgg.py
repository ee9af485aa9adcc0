"""VGG networks with BN for 32x32 images."""

from __future__ import annotations

from typing import Annotated, Literal

from torch import nn

from trainers.models.depths import check_depth
from trainers.models.layers import GlobalAverage, conv_bn_relu, init_kaiming_normal
from trainers.models.network import Network, Normalizing

WIDTHS = (64, 128, 256, 512, 512)
# convolutions of each width: configurations A, B, D and E
VGGS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(Normalizing):
    """VGG of Simonyan & Zisserman 2015, arXiv:1409.1556, with BN and a single linear layer, as in the field's code.

    It is initialised as in the code of Dong et al. 2021, except for the head's weight, there Normal(0, 0.01). The code
    of Zhang et al. 2020, arXiv:2002.11242, uses PyTorch's defaults.
    """

    name: Literal["vgg"] = "vgg"
    depth: Annotated[int, check_depth("VGG", VGGS)] = 13

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network. Raises ValueError if the images are too small to be halved five times."""
        if size < 32:
            raise ValueError(
                "model vgg halves its images five times and needs 32x32 pixels or more; "
                f"got {size}x{size}; take small_cnn or resnet10"
            )
        layers: list[nn.Module] = []
        a = channels
        for b, count in zip(WIDTHS, VGGS[self.depth], strict=True):
            for _ in range(count):
                layers += conv_bn_relu(a, b, bias=True)
                a = b
            layers.append(nn.MaxPool2d(2))
        return init_kaiming_normal(Network(nn.Sequential(*layers, GlobalAverage()), a, channels, classes), "fan_out")
