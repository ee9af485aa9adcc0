"""Layers that several architectures share, and an initialisation."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from trainers.models.network import Network


class GlobalAverage(nn.Module):
    """Mean over all positions, (B, F, H, W) -> (B, F): avgpool4 or avgpool8 of the papers, for any size.

    A plain mean, for the gradient of AdaptiveAvgPool2d is among the nondeterministic CUDA kernels.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def conv_bn_relu(a: int, b: int, stride: int = 1, bias: bool = False) -> tuple[nn.Module, ...]:
    """Convolution, BN, ReLU."""
    return nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU()


def init_kaiming_normal(network: Network, fan: Literal["fan_in", "fan_out"]) -> Network:
    """Convolutions Normal(0, sqrt(2 / fan)), k^2 times the channels in or out; their biases and the head's 0.

    He et al. 2015, arXiv:1502.01852, eqs. 10 and 14. BN starts at 1 and 0, linear weights where PyTorch puts them.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=fan, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.zeros_(network.head.bias)
    return network
