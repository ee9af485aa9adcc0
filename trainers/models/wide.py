"""Wide residual networks for 32x32 images."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import PositiveInt
from torch import nn

from trainers.models.depths import check_depth
from trainers.models.layers import GlobalAverage, init_kaiming_normal
from trainers.models.network import Network, Normalizing
from trainers.models.residual import PreActBlock, build_stages, conv3x3

DEPTHS = range(10, 1001, 6)  # 6n + 4: three stages of n blocks


class WideResNet(Normalizing):
    """WRN-depth-width of Zagoruyko & Komodakis 2016, arXiv:1605.07146.

    The "WRN-32-10" of Zhang et al. 2020 and 2021, after Madry et al., counts its five blocks a stage as (32 - 2) / 6.
    It has the size and layout of WRN-34-10, and wrn_32_10 is read as that. The TRADES code and code derived from it
    construct another group of blocks that forward never uses, and so count 48.3 million parameters.
    """

    name: Literal["wrn"] = "wrn"
    depth: Annotated[int, check_depth("wide ResNet", DEPTHS)] = 34
    width: PositiveInt = 10  # the first of three stages has 16 times as many channels

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network for images of size x size pixels."""
        w, n = 16 * self.width, (self.depth - 4) // 6
        body = [conv3x3(channels, 16), *build_stages(PreActBlock, 16, (w, 2 * w, 4 * w), (n, n, n))]
        body += [nn.BatchNorm2d(4 * w), nn.ReLU(), GlobalAverage()]
        return init_kaiming_normal(Network(nn.Sequential(*body), 4 * w, channels, classes), "fan_out")
