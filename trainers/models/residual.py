"""Residual networks for 32x32 images: post-activation ResNets of several depths, and PreActResNet-18."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Literal

from pydantic import PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

from trainers.models.depths import check_depth
from trainers.models.layers import GlobalAverage, conv_bn_relu
from trainers.models.network import Network, Normalizing

# blocks in each of the four stages; those of depth 50 are bottlenecks
RESNETS = {10: (1,) * 4, 18: (2,) * 4, 26: (3,) * 4, 34: (3, 4, 6, 3), 42: (5,) * 4, 50: (3, 4, 6, 3)}


class BasicBlock(nn.Module):
    """Basic block of He et al. 2016, arXiv:1512.03385: ReLU after the addition, BN on a shortcut that changes shape."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = conv3x3(a, b, stride), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = conv3x3(b, b), nn.BatchNorm2d(b)
        self.shortcut = _shortcut(a, b, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(out + self.shortcut(x))


class Bottleneck(nn.Module):
    """Bottleneck of He et al. 2016, arXiv:1512.03385: 1x1 to a quarter of the channels, 3x3 with stride, 1x1 back."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        inner = b // 4
        self.conv1, self.bn1 = nn.Conv2d(a, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = conv3x3(inner, inner, stride), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, b, 1, bias=False), nn.BatchNorm2d(b)
        self.shortcut = _shortcut(a, b, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = relu(self.bn2(self.conv2(relu(self.bn1(self.conv1(x))))))
        return relu(self.bn3(self.conv3(out)) + self.shortcut(x))


class PreActBlock(nn.Module):
    """The pre-activation block of He et al. 2016, arXiv:1603.05027: BN and ReLU before each convolution.

    A shortcut that changes shape is one convolution without BN, applied to the activated or to the raw input.
    """

    def __init__(self, a: int, b: int, stride: int, raw: bool = False) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), conv3x3(a, b, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), conv3x3(b, b)
        self.shortcut = nn.Conv2d(a, b, 1, stride, bias=False) if stride != 1 or a != b else None
        self.raw = raw

    def forward(self, x: Tensor) -> Tensor:
        active = relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(x if self.raw else active)
        out: Tensor = self.conv2(relu(self.bn2(self.conv1(active))))
        return out + shortcut


class ResNet(Normalizing):
    """Post-activation ResNet with a 3x3 stem, as in the code of Zhang et al. 2021, arXiv:2010.01736.

    No released code has depths 10, 26 and 42; 8k + 2 layers are read as k basic blocks a stage.
    """

    name: Literal["resnet"] = "resnet"
    depth: Annotated[int, check_depth("ResNet", RESNETS)] = 18
    width: PositiveInt = 64  # channels of the stem; the stages have 1, 2, 4, 8 times as many, bottlenecks 4 times those

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network for images of size x size pixels."""
        w = self.width
        block, b = (Bottleneck, 4 * w) if self.depth == 50 else (BasicBlock, w)
        stem = nn.Sequential(*conv_bn_relu(channels, w))
        body = [stem, *build_stages(block, w, (b, 2 * b, 4 * b, 8 * b), RESNETS[self.depth])]
        return Network(nn.Sequential(*body, GlobalAverage()), 8 * b, channels, classes)


class PreActResNet18(Normalizing):
    """Pre-activation ResNet-18 with a bare 3x3 stem; the defaults are those of Rice et al. 2020, arXiv:2002.11569.

    The code of Wong et al. 2020 (arXiv:2001.03994) has the raw shortcut, that of Zhang et al. 2020 and 2021
    (arXiv:2002.11242, 2010.01736) no final BN.
    """

    name: Literal["preact_resnet18"] = "preact_resnet18"
    width: PositiveInt = 64  # channels of the first of four stages, doubled by each next one
    shortcut: Literal["activated", "raw"] = "activated"  # the input of a shortcut that changes shape
    final_bn: bool = True  # BN and ReLU before pooling

    def build(self, channels: int, size: int, classes: int) -> Network:
        """Return a new network for images of size x size pixels."""
        w = self.width
        block = partial(PreActBlock, raw=self.shortcut == "raw")
        body = [conv3x3(channels, w), *build_stages(block, w, (w, 2 * w, 4 * w, 8 * w), RESNETS[18])]
        final = [nn.BatchNorm2d(8 * w), nn.ReLU()] if self.final_bn else []
        return Network(nn.Sequential(*body, *final, GlobalAverage()), 8 * w, channels, classes)


def build_stages(
    block: Callable[[int, int, int], nn.Module], a: int, widths: Sequence[int], blocks: Sequence[int]
) -> list[nn.Module]:
    """Return a stage for each width, with the given number of blocks; each stage but the first halves the image.

    `a` is the number of input channels.
    """
    layers: list[nn.Module] = []
    for position, (b, count) in enumerate(zip(widths, blocks, strict=True)):
        first = block(a, b, 1 if position == 0 else 2)
        layers.append(nn.Sequential(first, *(block(b, b, 1) for _ in range(count - 1))))
        a = b
    return layers


def conv3x3(a: int, b: int, stride: int = 1) -> nn.Conv2d:
    """Return a 3x3 convolution from a to b channels with padding 1 and no bias."""
    return nn.Conv2d(a, b, 3, stride, padding=1, bias=False)


def _shortcut(a: int, b: int, stride: int) -> nn.Sequential:
    if stride == 1 and a == b:
        return nn.Sequential()
    return nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))
