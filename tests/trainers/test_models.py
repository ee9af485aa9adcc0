"""The architectures are those of the papers, and what training relies on holds for each of them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import pytest
import torch
import yaml
from pydantic import TypeAdapter, ValidationError
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainers.attacks import PGD
from trainers.models import (
    KINDS,
    MLP,
    MODELS,
    VGG,
    DigitsCNN,
    MnistCNN,
    Model,
    Network,
    PreActResNet18,
    ResNet,
    SmallCNN,
    WideResNet,
    build_network,
)
from trainers.models.layers import GlobalAverage
from trainers.step import Batch, Net

QUICK: dict[str, Model] = {
    "mlp": MLP(hidden=(16, 8)),
    "small_cnn": SmallCNN(),
    "digits_cnn": DigitsCNN(),
    "mnist_cnn": MnistCNN(),
    "resnet": ResNet(depth=10, width=4),
    "resnet, bottlenecks": ResNet(depth=50, width=4),
    "preact_resnet18": PreActResNet18(width=4),
    "preact_resnet18, raw shortcut": PreActResNet18(width=4, shortcut="raw"),
    "preact_resnet18, no final BN": PreActResNet18(width=4, final_bn=False),
    "wrn": WideResNet(depth=10, width=1),
    "vgg": VGG(depth=11),
}
LEAST = {"small_cnn": 8, "mnist_cnn": 16, "vgg": 32}  # pixels a side; the others take any
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
every_model = pytest.mark.parametrize("model", QUICK.values(), ids=QUICK.keys())


def parse(text: str) -> Model:
    return TypeAdapter(Model).validate_python(yaml.safe_load(text))


def usual(model: Model) -> int:
    """Return a small image size that the model takes."""
    return max(16, LEAST.get(model.name, 1))


def network(model: Model, seed: int = 0, size: int | None = None) -> Network:
    return build_network(model, 3, size or usual(model), 10, MEAN, STD, seed)


def layers(net: Network) -> Any:
    """Return the body as a list to be indexed: stem, stages, what follows."""
    assert isinstance(net.body, nn.Sequential)
    return net.body


def flat(net: Network) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in net.parameters()])


def images(count: int, size: int = 16) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def warmed(model: Model) -> Network:
    """Return a network in eval mode whose BN has seen data, so that its statistics are not 0 and 1."""
    net = network(model)
    with torch.no_grad():
        net.train()(images(16, usual(model)))
    return net.eval()


def parameters(model: Model, channels: int, size: int) -> int:
    with torch.device("meta"):
        return sum(p.numel() for p in model.build(channels, size, 10).parameters())


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("{name: small_cnn}", 1_639_282),
        ("{name: resnet10}", 4_903_242),
        ("{name: resnet18}", 11_173_962),
        ("{name: resnet26}", 17_444_682),
        ("{name: resnet34}", 21_282_122),
        ("{name: resnet42}", 29_986_122),
        ("{name: resnet50}", 23_520_842),
        ("{name: preact_resnet18}", 11_172_170),  # Rice et al.
        ("{name: preact_resnet18, shortcut: raw}", 11_172_170),  # Wong et al.
        ("{name: preact_resnet18, final_bn: false}", 11_171_146),  # Zhang et al.
        ("{name: wrn_16_10}", 17_116_634),
        ("{name: wrn_28_10}", 36_479_194),
        ("{name: wrn_32_10}", 46_160_474),  # of Zhang et al.: the same as the next one
        ("{name: wrn_34_10}", 46_160_474),  # 48,262,586 would be with a block that is never used
        ("{name: vgg11}", 9_231_114),
        ("{name: vgg13}", 9_416_010),
        ("{name: vgg16}", 14_728_266),
        ("{name: vgg19}", 20_040_522),
    ],
)
def test_parameter_counts_of_the_papers(text: str, count: int) -> None:
    assert parameters(parse(text), 3, 32) == count


@pytest.mark.parametrize(
    ("depth", "widths", "count"),
    [
        (11, (64, 128, 256, 256, *[512] * 4), 9_231_114),
        (13, (64, 64, 128, 128, 256, 256, *[512] * 4), 9_416_010),
        (16, (64, 64, 128, 128, 256, 256, 256, *[512] * 6), 14_728_266),
        (19, (64, 64, 128, 128, 256, 256, 256, 256, *[512] * 8), 20_040_522),
    ],
)
def test_the_counts_of_vgg_are_those_of_its_layers(depth: int, widths: tuple[int, ...], count: int) -> None:
    """9ab weights and a bias b of each convolution, 2b of its BN; one linear layer where the name counts three."""
    convolutions = sum(9 * a * b + 3 * b for a, b in pairwise((3, *widths)))
    assert convolutions + 512 * 10 + 10 == count
    assert len(widths) + 3 == depth
    with torch.device("meta"):
        body = layers(VGG(depth=depth).build(3, 32, 10))
    assert tuple(layer.out_channels for layer in body if isinstance(layer, nn.Conv2d)) == widths


def test_mlp_count() -> None:
    assert parameters(MLP(), 3, 32) == 3072 * 256 + 256 + 256 * 256 + 256 + 256 * 10 + 10


def test_mnist_cnn_count() -> None:
    """1 -> 32 -> 32, 32 -> 64 -> 64 by 3x3 with bias; 64 maps of 4x4 are left of 28x28; then 200, 200, 10."""
    convolutions = (9 * 1 + 1) * 32 + (9 * 32 + 1) * 32 + (9 * 32 + 1) * 64 + (9 * 64 + 1) * 64
    assert convolutions + 1025 * 200 + 201 * 200 + 201 * 10 == 312_202
    assert parameters(MnistCNN(), 1, 28) == 312_202


def test_digits_cnn_is_small() -> None:
    assert parameters(DigitsCNN(), 1, 8) == 9 * 32 + 64 + 9 * 32 * 64 + 128 + 256 * 10 + 10


@pytest.mark.parametrize("size", [8, 28, 32, 64])
@every_model
def test_any_usual_image_size_or_a_reason(model: Model, size: int) -> None:
    least = LEAST.get(model.name, 1)
    if size < least:
        with pytest.raises(
            ValueError, match=rf"{model.name} .*{least}x{least} pixels or more; got {size}x{size}; take"
        ):
            network(model, size=size)
        return
    net = network(model, size=size).eval()
    features, logits = net.features_and_logits(images(2, size))
    assert features.shape == (2, net.head.in_features)
    assert logits.shape == (2, 10)


@every_model
def test_logits_are_the_head_of_the_features(model: Model) -> None:
    net, x = warmed(model), images(4, usual(model))
    features, logits = net.features_and_logits(x)
    assert torch.equal(features, net.features(x))
    assert torch.equal(logits, net.head(net.features(x)))
    assert torch.equal(logits, net(x))


@every_model
def test_in_eval_mode_an_example_does_not_depend_on_its_batch(model: Model) -> None:
    net, x = warmed(model), images(6, usual(model))
    together = net.features_and_logits(x)
    alone = [torch.cat(parts) for parts in zip(*(net.features_and_logits(example[None]) for example in x), strict=True)]
    for a, b in zip(together, alone, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@every_model
def test_normalising_inside_equals_normalising_outside(model: Model) -> None:
    inside, outside = warmed(model), warmed(model)
    outside.normalize((0, 0, 0), (1, 1, 1))
    x = images(4, usual(model))
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    assert torch.equal(inside.features(x), outside.features((x - mean) / std))
    assert not torch.allclose(inside.features(x), outside.features(x))


@every_model
def test_weights_depend_on_the_seed_alone(model: Model) -> None:
    first = flat(network(model, seed=3))
    torch.rand(1)
    assert torch.equal(first, flat(network(model, seed=3)))
    assert not torch.equal(first, flat(network(model, seed=4)))


@every_model
def test_every_parameter_is_used(model: Model) -> None:
    """A block that forward never enters would be counted, decayed and saved for nothing."""
    net = network(model).train()
    net(images(4, usual(model))).logsumexp(1).sum().backward()
    assert [name for name, parameter in net.named_parameters() if parameter.grad is None] == []


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
    [
        (ResNet(width=4), 4),
        (ResNet(depth=50, width=4), 4),
        (PreActResNet18(width=4), 4),
        (WideResNet(depth=10, width=1), 8),
        (VGG(depth=11), 1),
    ],
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


def test_without_the_final_bn_pooling_follows_the_last_block() -> None:
    body = layers(network(PreActResNet18(width=4, final_bn=False)))
    assert [type(layer) for layer in body[-2:]] == [nn.Sequential, GlobalAverage]


@pytest.mark.parametrize("shortcut", ["activated", "raw"])
def test_preactivation_shortcut(shortcut: Literal["activated", "raw"]) -> None:
    """With a residual branch of zero a block is its shortcut: x where nothing changes shape, else a conv.

    That takes relu(bn(x)) in Rice et al. and x itself in Wong et al.
    """
    body = layers(network(PreActResNet18(width=4, shortcut=shortcut)).eval())
    same, halving = body[1][0], body[2][0]
    for block in (same, halving):
        nn.init.zeros_(block.conv2.weight)
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    assert torch.equal(same(x), x)
    assert torch.equal(halving(x), halving.shortcut(x if shortcut == "raw" else halving.bn1(x).relu()))


@pytest.mark.parametrize(("depth", "last_bn"), [(18, "bn2"), (50, "bn3")])
def test_postactivation_ends_in_relu(depth: int, last_bn: str) -> None:
    """With a residual branch of zero a block is relu of its shortcut."""
    body = layers(network(ResNet(depth=depth, width=4)).eval())
    stage = body[2]
    halving, same = stage[0], stage[1]
    for block in (same, halving):
        nn.init.zeros_(getattr(block, last_bn).weight)
    x = torch.randn(2, halving.conv1.in_channels, 8, 8, generator=torch.Generator().manual_seed(1))
    out = halving(x)
    assert torch.equal(out, halving.shortcut(x).relu())
    assert torch.equal(same(out), out.relu())


@pytest.mark.parametrize(
    ("depth", "blocks"),
    [(10, [1] * 4), (18, [2] * 4), (26, [3] * 4), (34, [3, 4, 6, 3]), (42, [5] * 4), (50, [3, 4, 6, 3])],
)
def test_a_resnet_is_as_deep_as_its_name(depth: int, blocks: list[int]) -> None:
    """Stem and head are a layer each; shortcuts do not count."""
    net = network(ResNet(depth=depth, width=1))
    assert [len(stage) for stage in layers(net)[1:5]] == blocks
    deep = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d) and "shortcut" not in name]
    assert len(deep) + 1 == depth


def test_the_3x3_of_a_bottleneck_takes_the_stride() -> None:
    halving = layers(network(ResNet(depth=50, width=4)))[2][0]
    assert [conv.stride[0] for conv in (halving.conv1, halving.conv2, halving.conv3)] == [1, 2, 1]
    assert [conv.out_channels for conv in (halving.conv1, halving.conv2, halving.conv3)] == [8, 8, 32]


def test_wide_resnet_initialisation() -> None:
    net = network(WideResNet(depth=10, width=4))
    weight = layers(net)[3][0].conv1.weight  # 128 -> 256, 3x3: Normal(0, sqrt(2 / (9 * 256)))
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)
    assert not net.head.bias.any()


def test_vgg_initialisation() -> None:
    net = network(VGG(depth=11))
    convolutions = [layer for layer in layers(net) if isinstance(layer, nn.Conv2d)]
    weight = convolutions[3].weight  # 256 -> 256, 3x3
    assert weight.std().item() == pytest.approx((2 / (9 * 256)) ** 0.5, rel=0.01)
    assert not any(bias.any() for bias in [net.head.bias, *(layer.bias for layer in convolutions)])
    norms = [layer for layer in layers(net) if isinstance(layer, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and not norm.bias.any() for norm in norms)


def test_mnist_cnn_initialisation() -> None:
    """Kaiming normal convolutions, fan in; the hidden linear layers as PyTorch has them; a head of zeros."""
    net = network(MnistCNN())
    convolutions = [layer for layer in layers(net) if isinstance(layer, nn.Conv2d)]
    assert convolutions[3].weight.std().item() == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)
    assert not any(layer.bias.any() for layer in convolutions)
    assert not net.head.weight.any() and not net.head.bias.any()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_new_mnist_cnn_cannot_be_attacked_and_one_update_later_it_can(norm: Literal["linf", "l2"]) -> None:
    """Its head of zeros has no gradient at the image, so that every step of an attack stays where it is."""
    net, attack = network(MnistCNN()).eval(), PGD(epsilon=0.1, steps=2, start="none", norm=norm)
    batch = Batch(images(4), torch.arange(4))

    def adversary() -> Tensor:
        return attack(Net(net), batch, Generator()).x

    assert torch.equal(adversary(), batch.x)
    functional.cross_entropy(net(batch.x), batch.y).backward()
    assert not any(parameter.grad.any() for parameter in net.body.parameters() if parameter.grad is not None)
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert not torch.equal(adversary(), batch.x)


def test_dropout_acts_in_training_only_and_before_the_features() -> None:
    net, x = network(MnistCNN()), images(2)
    with torch.random.fork_rng(devices=[]):
        assert not torch.equal(net.train().features(x), net.features(x))
    assert torch.equal(net.eval().features(x), net.features(x))


@pytest.mark.parametrize("model", [SmallCNN(), MnistCNN(), VGG(depth=11)], ids=lambda model: model.name)
def test_the_least_size_is_the_least(model: Model) -> None:
    least = LEAST[model.name]
    assert network(model, size=least).eval()(images(1, least)).shape == (1, 10)
    with pytest.raises(ValueError, match=rf"{least}x{least} pixels or more; got {least - 1}x{least - 1}; take"):
        network(model, size=least - 1)


def test_yaml_names_a_model_and_its_knobs() -> None:
    assert parse("{name: mlp, hidden: [64, 32]}") == MLP(hidden=(64, 32))
    assert parse("{name: mlp, hidden: []}").build(1, 8, 10).head.in_features == 64  # logistic regression
    assert parse("{name: wrn, depth: 28, width: 10}") == WideResNet(depth=28)


def test_a_usual_name_is_short_for_its_knobs() -> None:
    assert parse("{name: resnet18}") == ResNet(depth=18, width=64)
    assert parse("{name: resnet50, width: 32}") == ResNet(depth=50, width=32)
    assert parse("{name: wrn_28_10, depth: 28}") == WideResNet(depth=28, width=10)
    assert parse("{name: wrn_28_4}") == WideResNet(depth=28, width=4)
    assert parse("{name: vgg16}") == VGG(depth=16)


def test_the_wrn_32_10_of_zhang_et_al_is_wrn_34_10() -> None:
    assert parse("{name: wrn_32_10}") == parse("{name: wrn_34_10}") == WideResNet(depth=34, width=10)


def test_a_model_reads_back_as_itself() -> None:
    for model in MODELS.values():
        assert TypeAdapter(Model).validate_python(model.model_dump()) == model


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{name: mlp, hiden: [64]}", "hiden"),
        ("{name: mlp, hidden: [64, 0]}", "greater than 0"),
        ("{name: mlp, hidden: 64}", "valid tuple"),
        ("{name: small_cnn, width: 64}", "width"),
        ("{name: resnet18, width: 0}", "greater than 0"),
        ("{name: resnet, depth: 20}", r"no ResNet is 20 layers.*mean 18\? \(allowed: 10, 18, 26, 34, 42, 50\)"),
        ("{name: resnet, depth: '18'}", "valid integer"),
        ("{name: resnet, depth: true}", "valid integer"),
        (
            "{name: wrn, depth: 32}",
            r"no wide ResNet is 32 layers.*mean 34\? \(allowed: 10, 16, 22, 28, 34, 40, \.\.\.\)",
        ),
        ("{name: wrn, depth: 4}", "no wide ResNet is 4 layers deep; did you mean 10"),
        ("{name: vgg, depth: 15}", r"no VGG is 15 layers.*mean 16\? \(allowed: 11, 13, 16, 19\)"),
        ("{name: vgg11, width: 64}", "width"),
        ("{name: preact_resnet18, shortcut: relu}", "'activated' or 'raw'"),
        ("{name: preact_resnet18, final_bn: 1}", "valid boolean"),
        ("{name: resnet18, depth: 34}", "resnet18 has depth 18; write `name: resnet` to set the depth; got 34"),
        ("{name: wrn_28_10, width: 4}", "wrn_28_10 has width 10; write `name: wrn`"),
        ("{name: resnet20}", "no ResNet is 20 layers deep; did you mean 18"),
        ("{name: wrn_32_4}", "no wide ResNet is 32 layers deep; did you mean 34"),
        ("{name: wrn_34_0}", "greater than 0"),
        ("{name: reznet18}", r"no model is called 'reznet18'; did you mean resnet18\? \(allowed: mlp, .*, vgg19\)"),
        ("{name: [resnet18]}", "name"),
        ("{width: 64}", "name"),
    ],
)
def test_wrong_knobs_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        parse(text)


# Without normalisation


@pytest.mark.parametrize("name", KINDS)
def test_without_normalisation_a_network_sees_the_pixels(name: str) -> None:
    """Its body is fed the image itself, and its weights are those of the network that normalises."""
    model = KINDS[name].model_copy(update={"normalize": False})
    with torch.device("meta"):
        size = next(side for side in (8, 16, 32) if _takes(KINDS[name], side))
    plain, normal = (build_network(kind, 1, size, 10, (0.4,), (0.2,), seed=3).eval() for kind in (model, KINDS[name]))
    x = torch.rand(2, 1, size, size)
    seen: list[torch.Tensor] = []
    plain.body.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    out = plain.features(x)
    assert torch.equal(seen[0], x)
    torch.testing.assert_close(out, normal.features((x * 0.2) + 0.4), atol=1e-3, rtol=1e-3)
    assert not torch.equal(out, normal.features(x))
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), normal.parameters(), strict=True))


def _takes(model: Any, size: int) -> bool:
    try:
        model.build(1, size, 10)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", KINDS)
def test_normalisation_leaves_no_trace_unless_it_is_off(name: str) -> None:
    assert "normalize" not in KINDS[name].model_dump()
    off = TypeAdapter(Model).validate_python({"name": name, "normalize": False})
    assert off.model_dump()["normalize"] is False and TypeAdapter(Model).validate_python(off.model_dump()) == off
