"""What tests of compiled passes share: networks, images, and passes that know the batches of an epoch."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.trainers.helpers import seeded
from trainers.compiled import CompiledPasses
from trainers.models import MLP, DigitsCNN, build_network
from trainers.models.network import Network


def network(seed: int = 0, width: int = 16, cnn: bool = False) -> Network:
    model = DigitsCNN() if cnn else MLP(hidden=(width,))
    return build_network(model, 1, 8, 10, (0.5,), (0.3,), seed)


def images(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 1, 8, 8, generator=seeded(seed))


def announced(module: Network, *sizes: int, precision: str = "fp32", replayed: bool = False) -> CompiledPasses:
    passes = CompiledPasses(module, precision, replayed)
    passes.expect(sizes)
    return passes
