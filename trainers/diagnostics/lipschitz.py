"""Upper bounds of the Lipschitz constant of a network, from pixels to logits in l2: AutoLip, naive and merged.

Scaman & Virmaux 2018 (arXiv:1805.10965) multiply the norms of the layers; ReLU and max-pooling have 1. naive: each
convolution, BatchNorm, pooling and linear layer by itself. merged: affine layers that follow one another, such as
convolution and BatchNorm, as one map, which is never larger. The norm of each map is rounded up to a bound that holds
but for a probability of 1e-12 (spectral_norm). The sum of two branches has the sum of their bounds, where the identity
has 1. The layers are those of eval mode, with zero padding and the image size of the data.

Liu et al. 2021 iterate each residual block as though it were linear, which is no bound: their numbers (Table 6, Figure
11) lie on another scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import singledispatch
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Generator, Tensor, nn

from trainers.diagnostics.moments import Diagnostic, Subject
from trainers.diagnostics.spectral_norm import bound_norm
from trainers.models.layers import GlobalAverage
from trainers.models.network import Network
from trainers.models.residual import BasicBlock, Bottleneck, PreActBlock
from trainers.npz import Arrays

Map = Callable[[Tensor], Tensor]


class Affine(NamedTuple):
    """A map x -> A x + b of each example."""

    apply: Map


class Contraction(NamedTuple):
    """A map that brings no two inputs farther apart."""

    apply: Map


class Sum(NamedTuple):
    """The sum of two branches of the same input, each a chain of maps; an empty chain is the identity."""

    one: list[Part]
    other: list[Part]


Part = Affine | Contraction | Sum


class Lipschitz(Diagnostic):
    """Bounds of the network's Lipschitz constant, computed in double precision.

    The norm of each affine map is rounded up from a subspace iteration, so that fewer iterations give a looser bound.
    """

    vectors: PositiveInt = 20  # iterated at once
    iterations: PositiveInt = 200  # at most, for each map

    def measure(self, subject: Subject) -> Arrays:
        """Return the bounds `naive` and `merged`, and the most iterations that a map took.

        The passes that are counted are those of one map, the mean over all maps.
        """
        network = deepcopy(subject.net.module).double().eval().requires_grad_(False)
        like = torch.zeros(1, *subject.test.x.shape[1:], dtype=torch.float64, device=subject.test.x.device)
        found: Arrays = {}
        most = 0
        for name, merged in (("naive", False), ("merged", True)):
            walk = _Walk(self.vectors, self.iterations, merged, Generator().manual_seed(subject.seed))
            found[name] = np.array(walk.bound(list_parts(network), like)[0])
            most = max(most, *walk.iterations_taken)
            passes = round(sum(walk.iterations_taken) / len(walk.iterations_taken) * self.vectors)
            subject.net.forwards += passes
            subject.net.backwards += passes
        found["merged"] = np.minimum(found["merged"], found["naive"])  # the norms of both are rounded up
        return found | {"iterations": np.array(most, np.int32)}

    def list_examples(self, subject: Subject) -> Arrays:
        """Return nothing: the bounds hold for all inputs."""
        return {}

    def describe(self, epsilon: float, norm: str) -> str:
        """Return the diagnostic in words, with what it costs."""
        most = f"at most {2 * self.iterations * self.vectors:,} forward and backward passes of an image, in fp64"
        return f"bounds of the Lipschitz constant in l2, naive and merged; {most}"


class _Walk:
    """A walk along the parts of a network, that multiplies and adds their bounds."""

    def __init__(self, vectors: int, iterations: int, merged: bool, rng: Generator) -> None:
        self.vectors, self.iterations, self.merged, self.rng = vectors, iterations, merged, rng
        self.iterations_taken: list[int] = []  # by each map

    def bound(self, parts: list[Part], x: Tensor) -> tuple[float, Tensor]:
        """Return the bound of a chain on inputs such as x, (1, ...), and an output."""
        product = 1.0
        for part in self._grouped(parts):
            if isinstance(part, Sum):
                (one, x_one), (other, x_other) = self.bound(part.one, x), self.bound(part.other, x)
                factor, x = one + other, x_one + x_other
            else:
                factor, x = self._factor(part, x), part.apply(x)
            product *= factor
        return product, x

    def _grouped(self, parts: list[Part]) -> Iterator[Part]:
        """Yield the parts; if merged, neighbouring affine maps as one."""
        for affine, group in groupby(parts, lambda part: isinstance(part, Affine)):
            members = list(group)
            if affine and self.merged:
                maps = [part.apply for part in members if isinstance(part, Affine)]
                yield Affine(nn.Sequential(*map(_Layer, maps)))
            else:
                yield from members

    def _factor(self, part: Affine | Contraction, x: Tensor) -> float:
        if isinstance(part, Contraction):
            return 1.0
        norm = bound_norm(part.apply, x, self.vectors, self.iterations, self.rng)
        self.iterations_taken.append(norm.iterations)
        return norm.bound


class _Layer(nn.Module):
    def __init__(self, apply: Map) -> None:
        super().__init__()
        self.apply_map = apply

    def forward(self, x: Tensor) -> Tensor:
        return self.apply_map(x)


@singledispatch
def list_parts(module: nn.Module) -> list[Part]:
    """Return a module in eval mode as a chain of maps whose bounds are known.

    Raises TypeError for a module without a rule.
    """
    raise TypeError(f"no Lipschitz bound of {type(module).__name__} is known; add a rule to {__name__}")


@list_parts.register
def _(module: nn.Conv2d | nn.Linear | nn.BatchNorm2d | nn.AvgPool2d | nn.Flatten | GlobalAverage) -> list[Part]:
    return [Affine(module)]


@list_parts.register
def _(module: nn.ReLU) -> list[Part]:
    return [Contraction(torch.relu)]


@list_parts.register
def _(module: nn.MaxPool2d) -> list[Part]:
    if module.kernel_size != module.stride or module.padding or module.dilation != 1:
        raise TypeError(f"no Lipschitz bound of {module} is known: its windows overlap or are padded")
    return [Contraction(module)]


@list_parts.register
def _(module: nn.Dropout) -> list[Part]:
    return []


@list_parts.register
def _(module: nn.Sequential) -> list[Part]:
    return [part for child in module for part in list_parts(child)]


@list_parts.register
def _(module: Network) -> list[Part]:
    normalize = Affine(lambda x: (x - module.mean) / module.std)
    return [normalize, *list_parts(module.body), *list_parts(module.head)]


@list_parts.register
def _(module: BasicBlock) -> list[Part]:
    main = [*_chain(module.conv1, module.bn1), Contraction(torch.relu), *_chain(module.conv2, module.bn2)]
    return [Sum(main, list_parts(module.shortcut)), Contraction(torch.relu)]


@list_parts.register
def _(module: Bottleneck) -> list[Part]:
    relu = Contraction(torch.relu)
    pairs = [_chain(module.conv1, module.bn1), _chain(module.conv2, module.bn2), _chain(module.conv3, module.bn3)]
    return [Sum([*pairs[0], relu, *pairs[1], relu, *pairs[2]], list_parts(module.shortcut)), relu]


@list_parts.register
def _(module: PreActBlock) -> list[Part]:
    relu = Contraction(torch.relu)
    first: list[Part] = [*_chain(module.bn1), relu]
    rest = [*_chain(module.conv1, module.bn2), relu, *_chain(module.conv2)]
    if module.shortcut is None:
        return [Sum([*first, *rest], [])]
    shortcut = list_parts(module.shortcut)
    return [Sum([*first, *rest], shortcut)] if module.raw else [*first, Sum(rest, shortcut)]


def _chain(*modules: nn.Module) -> list[Part]:
    return [part for module in modules for part in list_parts(module)]
