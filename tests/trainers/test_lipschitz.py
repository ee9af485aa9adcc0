"""Lipschitz bounds: never below the constant itself, exact where it is known, and no looser than they need be."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainers.attacks import PGD
from trainers.data import Split
from trainers.diagnostics.lipschitz import Lipschitz, list_parts
from trainers.diagnostics.moments import Subject
from trainers.diagnostics.spectral_norm import TOLERANCE, bound_norm, find_alignment
from trainers.models import MLP, MODELS, DigitsCNN, PreActResNet18, ResNet, SmallCNN, WideResNet, build_network
from trainers.models.network import Network
from trainers.models.residual import BasicBlock, Bottleneck, PreActBlock
from trainers.step import Net

from .helpers import seeded

CLOSE = TOLERANCE / 2  # of a norm that has converged


def bounds(network: Network, side: int = 8, channels: int = 1, **knobs: Any) -> dict[str, float]:
    x = torch.zeros(2, channels, side, side, dtype=torch.uint8)
    split = Split(x, torch.zeros(2, dtype=torch.long))
    found = Lipschitz(**knobs).measure(Subject(Net(network), split, split, 0.1, "linf", PGD(), seed=0))
    return {name: float(value) for name, value in found.items()}


def network(model: Any, side: int = 8, channels: int = 1, steep: float = 1.0) -> Network:
    """Return a network with BatchNorm statistics and scales that differ between channels, in eval mode."""
    made = build_network(model, channels, side, 4, (0.5,) * channels, (0.3,) * channels, seed=1)
    rng = seeded(7)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.running_var, 0.2, 2.0), (module.running_mean, -0.3, 0.3),
                (module.weight.data, -1.5, 1.5), (module.bias.data, -0.5, 0.5),
            ):  # fmt: skip
                tensor.copy_(low + (high - low) * torch.rand(tensor.shape, generator=rng))  # type: ignore[union-attr]
    made.head.weight.data *= steep
    return made.eval()


def steepest(made: Network, side: int = 8, channels: int = 1, points: int = 24) -> float:
    """Return the largest norm of a Jacobian that is found: at random points, each moved uphill."""
    double = made.double()
    x = torch.rand(points, channels, side, side, generator=seeded(3), dtype=torch.float64)
    best = 0.0
    for start in x:
        point = start.clone()
        for _ in range(4):
            jacobian = torch.autograd.functional.jacobian(lambda z: double(z[None])[0], point).flatten(1)
            best = max(best, float(torch.linalg.matrix_norm(jacobian, 2)))
            _, _, right = torch.linalg.svd(jacobian, full_matrices=False)
            point = point + 0.2 * right[0].view_as(point)
    made.float()
    return best


def matrix(apply: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    """Return the matrix of an affine map, column by column."""
    eye = torch.eye(like[0].numel(), dtype=like.dtype).view(-1, *like.shape[1:])
    return (apply(eye) - apply(torch.zeros_like(like))).flatten(1).T


@pytest.mark.parametrize("vectors", [4, 20])
@pytest.mark.parametrize("stride", [1, 2])
def test_norm_of_a_convolution_is_that_of_its_matrix_and_never_below(vectors: int, stride: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(2, 3, 3, stride, padding=1).double().requires_grad_(False)
    like = torch.zeros(1, 2, 6, 6, dtype=torch.float64)
    exact = float(torch.linalg.matrix_norm(matrix(conv, like), 2))
    found = bound_norm(conv, like, vectors, 2000, seeded())
    assert exact * (1 - 1e-12) <= found.bound <= exact * (1 + CLOSE)


def stretch(scales: Tensor, vectors: int, iterations: int, seed: int, **options: float) -> float:
    """Return the bound of the diagonal map of these scales."""
    like = torch.zeros(1, len(scales), dtype=torch.float64)
    return bound_norm(lambda x: x * scales, like, vectors, iterations, seeded(seed), **options).bound


@pytest.mark.parametrize("iterations", [1, 2, 5, 20, 100])
def test_norm_that_is_not_reached_is_rounded_up(iterations: int) -> None:
    """Singular values that differ by a thousandth: power iteration would need thousands of steps."""
    scales = torch.linspace(1, 2, 1000, dtype=torch.float64)
    found = [stretch(scales, 4, iterations, seed) for seed in range(5)]
    assert min(found) >= 2 and (max(found) < 2.05) == (iterations == 100)


@pytest.mark.parametrize("excess", [1e-8, 1e-6, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("iterations", [1, 9, 60])
def test_one_direction_that_is_stretched_more_than_all_others_is_not_missed(excess: float, iterations: int) -> None:
    """All Ritz values are close to 1 at first, with small residuals, wherever the one direction hides."""
    scales = torch.ones(500, dtype=torch.float64)
    scales[7] += excess
    assert min(stretch(scales, 5, iterations, seed) for seed in range(10)) >= 1 + excess


@pytest.mark.parametrize("iterations", [1, 2, 4, 9])
def test_as_few_bounds_are_too_low_as_their_risk_says(iterations: int) -> None:
    """With a risk of a half and one vector some are too low, which also shows that the bound is not far too large."""
    scales = torch.full((20,), 0.99, dtype=torch.float64)
    scales[3] = 1.0
    low = sum(stretch(scales, 1, iterations, seed, risk=0.5) < 1 for seed in range(200))
    assert 0 < low <= 100 + 3 * math.sqrt(50)


def test_a_random_block_is_as_far_from_a_vector_as_its_risk_says() -> None:
    """The share of random blocks whose squared alignment with the first axis is below c is the risk."""
    drawn = torch.randn(2000, 30, 4, dtype=torch.float64, generator=seeded())
    squares = torch.linalg.qr(drawn)[0][:, 0].square().sum(-1)
    for risk in (0.05, 0.5):
        assert float((squares < find_alignment(4, 30, risk)).double().mean()) == pytest.approx(risk, abs=0.03)
    assert find_alignment(30, 30, 1e-12) == 1


def test_norm_of_a_map_with_two_equal_largest_singular_values() -> None:
    found = bound_norm(lambda x: 3 * x.flip(1) + 1, torch.zeros(1, 5, dtype=torch.float64), 2, 50, seeded())
    assert 3 <= found.bound == pytest.approx(3, rel=1e-7) and found.iterations == 1


def test_norm_of_zero_is_zero_and_of_nan_is_infinite() -> None:
    like = torch.zeros(1, 5, dtype=torch.float64)
    assert bound_norm(lambda x: 0 * x + 1, like, 3, 50, seeded()).bound == 0
    assert math.isinf(bound_norm(lambda x: x * math.nan, like, 3, 50, seeded()).bound)


def test_bound_of_a_linear_network_is_its_norm() -> None:
    """Normalised pixels through one matrix: merged it is exact, layer by layer it is here as well, as std is scalar."""
    made = network(MLP(hidden=()))
    exact = float(torch.linalg.matrix_norm(made.head.weight.detach().double(), 2)) / 0.3
    found = bounds(made)
    assert found["merged"] == pytest.approx(exact, rel=CLOSE) and found["naive"] == pytest.approx(exact, rel=CLOSE)


def test_bound_of_an_mlp_is_the_product_of_its_norms_and_above_every_slope() -> None:
    made = network(MLP(hidden=(16, 16)))
    weights = [module.weight.detach().double() for module in made.modules() if isinstance(module, nn.Linear)]
    product = np.prod([float(torch.linalg.matrix_norm(weight, 2)) for weight in weights]) / float(made.std)
    found = bounds(made)
    assert product <= found["merged"] <= product * (1 + CLOSE) ** 3
    assert steepest(made) <= found["merged"] <= found["naive"]


SMALL: dict[str, Any] = {
    "strided convolutions": DigitsCNN(),
    "max-pooling": SmallCNN(),
    "basic blocks": ResNet(depth=10, width=2),
    "bottlenecks": ResNet(depth=50, width=2),
    "activated shortcuts": PreActResNet18(width=2),
    "raw shortcuts": PreActResNet18(width=2, shortcut="raw", final_bn=False),
    "wide": WideResNet(depth=10, width=1),
}


@pytest.mark.long
@pytest.mark.parametrize("model", SMALL.values(), ids=SMALL.keys())
def test_no_slope_exceeds_the_bounds_of_a_network_in_eval_mode(model: Any) -> None:
    made = network(model)
    found = bounds(made, iterations=40, vectors=10)
    assert 0 < steepest(made, points=2) <= min(found["merged"], found["naive"])


@pytest.mark.parametrize(
    "block",
    [
        BasicBlock(2, 2, 1), BasicBlock(2, 4, 2), Bottleneck(4, 4, 1), Bottleneck(4, 8, 2), PreActBlock(2, 2, 1),
        PreActBlock(2, 4, 2), PreActBlock(2, 4, 2, raw=True),
    ],
    ids=lambda block: f"{type(block).__name__}-{getattr(block, 'raw', '')}",
)  # fmt: skip
def test_parts_of_a_residual_block_compute_what_the_block_does(block: nn.Module) -> None:
    block = block.double().eval()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    x = torch.randn(3, next(block.parameters()).shape[0], 6, 6, dtype=torch.float64, generator=seeded())
    if isinstance(block, BasicBlock | Bottleneck):
        x = torch.randn(3, block.conv1.in_channels, 6, 6, dtype=torch.float64, generator=seeded())

    def run(parts: Any, x: Tensor) -> Tensor:
        for part in parts:
            x = run(part.one, x) + run(part.other, x) if hasattr(part, "one") else part.apply(x)
        return x

    assert torch.allclose(run(list_parts(block), x), block(x), atol=1e-12)


def test_bound_of_a_residual_block_is_that_of_its_branches_together() -> None:
    """With one position and one channel each map is a number, and the block's steepest slope is the bound."""
    block = BasicBlock(1, 1, 1)
    with torch.no_grad():
        for conv, weight in ((block.conv1, 2.0), (block.conv2, 3.0)):
            conv.weight.zero_()
            conv.weight[0, 0, 1, 1] = weight
    made = Network(nn.Sequential(block, nn.Flatten()), 1, 1, 2).eval()
    with torch.no_grad():
        made.head.weight.copy_(torch.tensor([[3.0], [4.0]]))
    slack = 1 / (1 + 1e-5)  # eps of two BatchNorms
    assert bounds(made, side=1)["merged"] == pytest.approx((1 + 6 * slack) * 5, rel=1e-6)
    x = torch.tensor([0.2, 0.3]).view(2, 1, 1, 1)
    slope = float((made(x)[1] - made(x)[0]).detach().norm()) / 0.1
    assert slope == pytest.approx((1 + 6 * slack) * 5, rel=1e-4)


def test_passes_are_those_of_one_map_the_mean_over_maps() -> None:
    """Maps that stretch all directions alike have their norm after one iteration: three apart, one merged."""
    made = Network(nn.Flatten(), 64, 1, 64)
    with torch.no_grad():
        made.head.weight.copy_(2 * torch.eye(64).flip(0))
    net, split = Net(made), Split(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.long))
    Lipschitz(vectors=3).measure(Subject(net, split, split, 0.1, "linf", PGD(), seed=0))
    assert net.forwards == net.backwards == 3 + 3


@pytest.mark.long
def test_merging_a_convolution_with_its_batchnorm_is_tighter() -> None:
    made = network(DigitsCNN())
    found = bounds(made)
    assert found["merged"] < 0.9 * found["naive"] and found["iterations"] <= 200


@pytest.mark.long
def test_every_architecture_has_a_rule_and_the_measured_network_stays_as_it_is() -> None:
    for name, model in MODELS.items():
        with torch.device("meta"):
            list_parts(model.build(3, 32, 10))
        assert name
    made = network(DigitsCNN())
    before = {key: value.clone() for key, value in made.state_dict().items()}
    made.train()
    bounds(made, iterations=3)
    assert made.training and all(torch.equal(before[key], value) for key, value in made.state_dict().items())


def test_module_without_a_rule_is_named() -> None:
    with pytest.raises(TypeError, match="Tanh"):
        list_parts(nn.Tanh())
    with pytest.raises(TypeError, match="overlap"):
        list_parts(nn.MaxPool2d(3, 2))
