"""A network: input normalisation, a body that ends in pooled activations, and one linear head."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from trainers.knobs import Knobs


class Normalizing(Knobs):
    """The base of every architecture: whether its networks standardise pixels by mean and std of the training split.

    The code of GAIRAT, FAT, TRADES, MART, self-adaptive training and ATTA does not (`normalize: false`); that of Rice
    et al., Wong et al., Dong et al. and Balaji et al. does. Attacks work on pixels in [0, 1] either way.
    """

    normalize: Annotated[bool, Field(exclude_if=lambda normalize: normalize)] = True


class Network(nn.Module):
    """A network from pixels in [0, 1] to logits; it standardises its input, so that attacks work in pixel space."""

    mean: Tensor  # (channels, 1, 1)
    std: Tensor

    def __init__(self, body: nn.Module, width: int, channels: int, classes: int) -> None:
        super().__init__()
        self.body = body  # (B, channels, H, W) -> (B, F), F = width
        self.head = nn.Linear(width, classes)
        self.register_buffer("mean", torch.zeros(channels, 1, 1))
        self.register_buffer("std", torch.ones(channels, 1, 1))

    def normalize(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        """Set mean and std of the input, one pair a channel in pixels of [0, 1]; a new network has mean 0 and std 1.

        Raises ValueError if their number is not that of the channels, or if an std is not positive.
        """
        channels = len(self.mean)
        if not len(mean) == len(std) == channels or min(std) <= 0:
            raise ValueError(
                f"a network of {channels} channels needs {channels} means and {channels} positive stds; "
                f"got mean {mean} and std {std}"
            )
        self.mean.copy_(torch.tensor(mean).view_as(self.mean))
        self.std.copy_(torch.tensor(std).view_as(self.std))

    def features(self, x: Tensor) -> Tensor:
        """Return the penultimate activations, (B, channels, H, W) -> (B, F)."""
        features: Tensor = self.body((x - self.mean) / self.std)
        return features

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return penultimate activations and logits from one pass, (B, channels, H, W) -> (B, F), (B, C)."""
        features = self.features(x)
        return features, self.head(features)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (B, channels, H, W) -> (B, C)."""
        return self.features_and_logits(x)[1]
