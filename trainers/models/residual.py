"""Residual networks for 32x32 images: ResNet-18, PreActResNet-18 and wide ResNets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import AfterValidator, PositiveInt
from torch import Tensor, nn
from torch.nn.functional import relu

from trainers.knobs import Knobs
from trainers.models.network import GlobalAverage, Network


class BasicBlock(nn.Module):
    """He et al. 2016, arXiv:1512.03385: ReLU after the addition, BN on a shortcut that changes shape."""

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = _conv3x3(a, b, stride), nn.BatchNorm2d(b)
        self.conv2, self.bn2 = _conv3x3(b, b), nn.BatchNorm2d(b)
        self.shortcut = nn.Sequential()
        if stride != 1 or a != b:
            self.shortcut = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b))

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(out + self.shortcut(x))


class PreActBlock(nn.Module):
    """He et al. 2016, arXiv:1603.05027: BN and ReLU first.

    A shortcut that changes shape is one convolution, without BN, of the activated input (Rice et al. 2020,
    Zagoruyko & Komodakis 2016); that of Wong et al. 2020 takes the raw input instead.
    """

    def __init__(self, a: int, b: int, stride: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(a), _conv3x3(a, b, stride)
        self.bn2, self.conv2 = nn.BatchNorm2d(b), _conv3x3(b, b)
        self.shortcut = nn.Conv2d(a, b, 1, stride, bias=False) if stride != 1 or a != b else None

    def forward(self, x: Tensor) -> Tensor:
        active = relu(self.bn1(x))
        shortcut = x if self.shortcut is None else self.shortcut(active)
        out: Tensor = self.conv2(relu(self.bn2(self.conv1(active))))
        return out + shortcut


class ResNet18(Knobs):
    """Post-activation ResNet-18 with a 3x3 stem, as in Zhang et al. 2021, arXiv:2010.01736."""

    name: Literal["resnet18"] = "resnet18"
    width: PositiveInt = 64  # channels of the first of four stages, doubled by each next one

    def build(self, channels: int, size: int, classes: int) -> Network:
        w = self.width
        stem = nn.Sequential(_conv3x3(channels, w), nn.BatchNorm2d(w), nn.ReLU())
        stages = _stages(BasicBlock, 2, w, (w, 2 * w, 4 * w, 8 * w))
        return Network(nn.Sequential(stem, *stages, GlobalAverage()), 8 * w, channels, classes)


class PreActResNet18(Knobs):
    """Pre-activation ResNet-18 of Rice et al. 2020, arXiv:2002.11569: bare stem, BN and ReLU before pooling.

    The code of Zhang et al. 2021 leaves that last BN and ReLU out.
    """

    name: Literal["preact_resnet18"] = "preact_resnet18"
    width: PositiveInt = 64  # channels of the first of four stages, doubled by each next one

    def build(self, channels: int, size: int, classes: int) -> Network:
        w = self.width
        stages = _stages(PreActBlock, 2, w, (w, 2 * w, 4 * w, 8 * w))
        return _preactivation(_conv3x3(channels, w), stages, 8 * w, channels, classes)


def _wide_depth(depth: int) -> int:
    if depth < 10 or depth % 6 != 4:
        raise ValueError(f"the depth of a wide ResNet is 6n + 4: 10, 16, 22, 28, 34, ...; got {depth}")
    return depth


class WideResNet(Knobs):
    """WRN-depth-width of Zagoruyko & Komodakis 2016, arXiv:1605.07146.

    The WRN-32-10 of Zhang et al. is of the same size and layout as WRN-34-10. The TRADES code and its heirs
    construct a further group of blocks that forward never uses, and so count 48.3 million parameters.
    """

    name: Literal["wrn"] = "wrn"
    depth: Annotated[int, AfterValidator(_wide_depth)] = 34
    width: PositiveInt = 10  # the first of three stages has 16 times as many channels

    def build(self, channels: int, size: int, classes: int) -> Network:
        w = 16 * self.width
        stages = _stages(PreActBlock, (self.depth - 4) // 6, 16, (w, 2 * w, 4 * w))
        network = _preactivation(_conv3x3(channels, 16), stages, 4 * w, channels, classes)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(network.head.bias)
        return network


def _preactivation(stem: nn.Module, stages: list[nn.Module], width: int, channels: int, classes: int) -> Network:
    body = nn.Sequential(stem, *stages, nn.BatchNorm2d(width), nn.ReLU(), GlobalAverage())
    return Network(body, width, channels, classes)


def _stages(
    block: Callable[[int, int, int], nn.Module], depth: int, a: int, widths: tuple[int, ...]
) -> list[nn.Module]:
    """One stage of `depth` blocks for each width; each stage but the first halves the image."""
    stages: list[nn.Module] = []
    for position, b in enumerate(widths):
        first = block(a, b, 1 if position == 0 else 2)
        stages.append(nn.Sequential(first, *(block(b, b, 1) for _ in range(depth - 1))))
        a = b
    return stages


def _conv3x3(a: int, b: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(a, b, 3, stride, padding=1, bias=False)
