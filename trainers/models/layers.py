"""Layers that several architectures share, and an initialisation."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from trainers.models.network import Network


class GlobalAverage(nn.Module):
    """Mean over all positions, (B, F, H, W) -> (B, F): avgpool4 or avgpool8 of the papers, for any size.

    It is a plain mean because the gradient of AdaptiveAvgPool2d uses a nondeterministic CUDA kernel.
    """

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def conv_bn_relu(a: int, b: int, stride: int = 1, bias: bool = False) -> tuple[nn.Module, ...]:
    """Return a 3x3 convolution with padding 1 from a to b channels, BN and ReLU."""
    return nn.Conv2d(a, b, 3, stride=stride, padding=1, bias=bias), nn.BatchNorm2d(b), nn.ReLU()


def init_kaiming_normal(network: Network, fan: Literal["fan_in", "fan_out"]) -> Network:
    """Initialise convolutions by Normal(0, sqrt(2 / fan)), their biases and the head's by 0, and return the network.

    The fan of a k x k convolution is k^2 times its channels in or out: He et al. 2015, arXiv:1502.01852, eqs. 10 and
    14. BN starts at 1 and 0, and linear weights at PyTorch's defaults.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode=fan, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    nn.init.zeros_(network.head.bias)
    return network
