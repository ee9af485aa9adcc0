"""The architectures are those of the papers, and what training relies on holds for each of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml
from pydantic import TypeAdapter, ValidationError
from torch import Tensor, nn
from torch.nn import functional

from trainers.models import (
    MLP,
    DigitsCNN,
    Model,
    Network,
    PreActResNet18,
    ResNet18,
    SmallCNN,
    WideResNet,
    build_network,
)

QUICK: list[Model] = [
    MLP(hidden=(16, 8)),
    SmallCNN(),
    DigitsCNN(),
    ResNet18(width=4),
    PreActResNet18(width=4),
    WideResNet(depth=10, width=1),
]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
every_model = pytest.mark.parametrize("model", QUICK, ids=lambda model: model.name)


def parse(text: str) -> Model:
    return TypeAdapter(Model).validate_python(yaml.safe_load(text))


def network(model: Model, seed: int = 0, size: int = 16) -> Network:
    return build_network(model, 3, size, 10, MEAN, STD, seed)


def layers(net: Network) -> Any:
    """The body as a list to be indexed: stem, stages, what follows."""
    assert isinstance(net.body, nn.Sequential)
    return net.body


def images(count: int, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def warmed(model: Model) -> Network:
    """A network in eval mode whose BN has seen data, so that its statistics are not 0 and 1."""
    net = network(model)
    with torch.no_grad():
        net.train()(images(16))
    return net.eval()


@pytest.mark.parametrize(
    ("model", "size", "count"),
    [
        (MLP(), 32, 3072 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10),
        (SmallCNN(), 32, 1_639_282),
        (ResNet18(), 32, 11_173_962),
        (PreActResNet18(), 32, 11_172_170),  # 1,024 fewer would be the variant without the final BN
        (WideResNet(depth=16), 32, 17_116_634),
        (WideResNet(depth=28), 32, 36_479_194),
        (WideResNet(depth=34), 32, 46_160_474),
    ],
)
def test_parameter_counts_of_the_papers(model: Model, size: int, count: int) -> None:
    with torch.device("meta"):
        net = model.build(3, size, 10)
    assert sum(p.numel() for p in net.parameters()) == count


def test_digits_cnn_is_small() -> None:
    net = DigitsCNN().build(1, 8, 10)
    assert sum(p.numel() for p in net.parameters()) == 9 * 32 + 64 + 9 * 32 * 64 + 128 + 256 * 10 + 10


@pytest.mark.parametrize("size", [8, 28, 32, 64])
@every_model
def test_any_usual_image_size(model: Model, size: int) -> None:
    net = network(model, size=size).eval()
    features, logits = net.features_and_logits(images(2, size))
    assert features.shape == (2, net.head.in_features)
    assert logits.shape == (2, 10)


@every_model
def test_logits_are_the_head_of_the_features(model: Model) -> None:
    net, x = warmed(model), images(4)
    features, logits = net.features_and_logits(x)
    assert torch.equal(features, net.features(x))
    assert torch.equal(logits, net.head(net.features(x)))
    assert torch.equal(logits, net(x))


@every_model
def test_in_eval_mode_an_example_does_not_depend_on_its_batch(model: Model) -> None:
    net, x = warmed(model), images(6)
    alone = torch.cat([net(example[None]) for example in x])
    torch.testing.assert_close(net(x), alone, rtol=1e-4, atol=1e-5)


@every_model
def test_normalising_inside_equals_normalising_outside(model: Model) -> None:
    inside, outside = warmed(model), warmed(model)
    outside.normalize((0, 0, 0), (1, 1, 1))
    x = images(4)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    assert torch.equal(inside(x), outside((x - mean) / std))
    assert not torch.allclose(inside(x), outside(x))


@every_model
def test_weights_depend_on_the_seed_alone(model: Model) -> None:
    first = network(model, seed=3)
    torch.rand(1)
    again, other = network(model, seed=3), network(model, seed=4)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.head.weight, other.head.weight)


def test_building_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    network(PreActResNet18(width=2))
    assert torch.equal(before, torch.get_rng_state())


def test_normalisation_is_saved_but_not_trained() -> None:
    net = network(MLP())
    assert {"mean", "std"} <= net.state_dict().keys()
    assert not {"mean", "std"} & dict(net.named_parameters()).keys()


def test_normalisation_needs_a_positive_std_for_each_channel() -> None:
    with pytest.raises(ValueError, match=r"3 channels needs 3 means.*got mean \(0\.5,\)"):
        build_network(MLP(), 3, 8, 10, (0.5,), (0.2,), seed=0)
    with pytest.raises(ValueError, match="positive stds"):
        build_network(MLP(), 1, 8, 10, (0.5,), (0.0,), seed=0)


@pytest.mark.parametrize(
    ("model", "side"),
    [(ResNet18(width=4), 4), (PreActResNet18(width=4), 4), (WideResNet(depth=10, width=1), 8)],
)
def test_pooling_at_32_is_the_average_pooling_of_the_papers(model: Model, side: int) -> None:
    net, x = network(model, size=32).eval(), images(3, 32)
    maps = layers(net)[:-1]((x - net.mean) / net.std)
    torch.testing.assert_close(net.features(x), functional.avg_pool2d(maps, side).flatten(1))


@pytest.mark.parametrize("model", [PreActResNet18(width=4), WideResNet(depth=10, width=1)], ids=lambda m: m.name)
def test_preactivation_ends_in_bn_and_relu(model: Model) -> None:
    body = layers(network(model))
    assert isinstance(body[0], nn.Conv2d)  # and starts bare
    assert [type(layer) for layer in body[-3:-1]] == [nn.BatchNorm2d, nn.ReLU]


def test_preactivation_shortcut_takes_the_activated_input() -> None:
    """With a residual branch of zero a block is its shortcut: the conv of relu(bn(x)), or the raw x."""
    body = layers(network(PreActResNet18(width=4)).eval())
    same, halving = body[1][0], body[2][0]
    for block in (same, halving):
        nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(same(x), x)
    assert torch.equal(halving(x), halving.shortcut(halving.bn1(x).relu()))


def test_postactivation_ends_in_relu() -> None:
    """With a residual branch of zero a block is relu of its shortcut."""
    body = layers(network(ResNet18(width=4)).eval())
    same, halving = body[1][0], body[2][0]
    for block in (same, halving):
        nn.init.zeros_(block.bn2.weight)
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(same(x), x.relu())
    assert torch.equal(halving(x), halving.shortcut(x).relu())


def test_wide_resnet_initialisation() -> None:
    net = network(WideResNet(depth=10, width=4))
    weight = layers(net)[3][0].conv1.weight  # 128 -> 256, 3x3: Normal(0, sqrt(2 / (9 * 256)))
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)
    assert not net.head.bias.any()


def test_small_cnn_refuses_images_it_cannot_pool() -> None:
    with pytest.raises(ValueError, match=r"small_cnn.*8x8 pixels or more; got 7x7.*digits_cnn"):
        build_network(SmallCNN(), 1, 7, 10, (0.5,), (0.2,), seed=0)


def test_yaml_names_a_model_and_its_knobs() -> None:
    assert parse("{name: mlp, hidden: [64, 32]}") == MLP(hidden=(64, 32))
    assert parse("{name: mlp, hidden: []}").build(1, 8, 10).head.in_features == 64  # logistic regression
    assert parse("{name: wrn, depth: 28, width: 10}") == WideResNet(depth=28)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{name: mlp, hiden: [64]}", "hiden"),
        ("{name: mlp, hidden: [64, 0]}", "greater than 0"),
        ("{name: mlp, hidden: 64}", "valid tuple"),
        ("{name: small_cnn, width: 64}", "width"),
        ("{name: resnet18, width: 0}", "greater than 0"),
        ("{name: wrn, depth: 32}", r"6n \+ 4.*got 32"),
        ("{name: vgg}", "'mlp', 'small_cnn'"),
    ],
)
def test_wrong_knobs_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)
