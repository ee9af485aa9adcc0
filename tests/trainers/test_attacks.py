"""Attacks: closed forms on linear models, the ball they stay in, the traces they do not leave, what they count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainers.attacks import PGD, NoAttack, Toward
from trainers.losses import cross_entropy, kl, margin
from trainers.methods import METHODS
from trainers.models import MLP, DigitsCNN, build_network
from trainers.step import Adversary, Batch, Net

MakeLinear = Callable[..., Net]
ASCENDS = ["ce", "kl", "margin"]


def seeded(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def network(model: Any = None) -> Net:
    """Return a network of 4 classes, an MLP by default; steep, so that predictions change within small balls."""
    module = build_network(model or MLP(hidden=(16,)), 1, 8, 4, (0.5,), (0.05,), seed=1)
    return Net(module.eval())


def images(count: int = 12, seed: int = 0) -> Batch:
    """Return images that touch 0 and 1, and labels of 4 classes."""
    x = torch.rand(count, 1, 8, 8, generator=seeded(seed)) * 1.5 - 0.25
    return Batch(x.clamp(0, 1), torch.randint(4, (count,), generator=seeded(seed + 1)))


def labelled(net: Net, count: int = 12, seed: int = 0) -> Batch:
    """Return images under the labels that the network gives them, so that attacks start from correct."""
    x = images(count, seed).x
    with torch.no_grad():
        return Batch(x, net(x).argmax(1))


def two_classes(linear: MakeLinear, side: int = 4) -> tuple[Net, Tensor, Batch]:
    """Return a linear model, its slope w_1 - w_0 as an image, and grey images of class 0."""
    weight = torch.randn(2, side * side, generator=seeded(3))
    slope = (weight[1] - weight[0]).view(1, 1, side, side)
    x = 0.5 + 0.1 * torch.rand(5, 1, side, side, generator=seeded(4))
    return linear(weight), slope, Batch(x, torch.zeros(5, dtype=torch.long))


def climbed(ascend: str, net: Net, batch: Batch, x: Tensor) -> Tensor:
    with torch.no_grad():
        logits = net(x)
        if ascend == "kl":
            return kl(net(batch.x), logits)
        return cross_entropy(logits, batch.y) if ascend == "ce" else margin(logits, batch.y)


def lengths(delta: Tensor, norm: str) -> Tensor:
    return delta.flatten(1).norm(dim=1, p=torch.inf if norm == "linf" else 2)


# Closed forms


@pytest.mark.parametrize("ascend", ["ce", "margin"])
def test_one_step_on_a_linear_model_is_fgsm(linear: MakeLinear, ascend: Any) -> None:
    net, slope, batch = two_classes(linear)
    attack = PGD(epsilon=0.1, step_size="epsilon", steps=1, start="none", ascend=ascend)
    assert torch.equal(attack(net, batch, seeded()).x, batch.x + 0.1 * slope.sign())


@pytest.mark.parametrize("start", ["none", "uniform", "normal"])
@pytest.mark.parametrize("epsilon", [0.1, 0.45])
def test_many_steps_on_a_linear_model_reach_the_corner_of_the_ball(
    linear: MakeLinear, start: Any, epsilon: float
) -> None:
    net, slope, batch = two_classes(linear)
    corner = torch.where(slope > 0, batch.x + epsilon, batch.x - epsilon).clamp(0, 1)
    attack = PGD(epsilon=epsilon, step_size="epsilon/4", steps=8, start=start)
    assert torch.equal(attack(net, batch, seeded()).x, corner)


@pytest.mark.parametrize("epsilon", [0.05, 1.0])
def test_l2_steps_go_along_the_gradient(linear: MakeLinear, epsilon: float) -> None:
    """In the papers' code an l2 budget of 1.0 silently becomes 1/255; here 1.0 is 1.0."""
    net, slope, batch = two_classes(linear, side=16)  # of so many pixels none leaves [0, 1]
    unit = slope / slope.norm()
    part = PGD(norm="l2", epsilon=epsilon, step_size="epsilon/4", steps=3, start="none")(net, batch, seeded())
    torch.testing.assert_close(part.x, batch.x + 0.75 * epsilon * unit)
    whole = PGD(norm="l2", epsilon=epsilon, step_size="epsilon/4", steps=10, start="none")(net, batch, seeded())
    torch.testing.assert_close(whole.x, batch.x + epsilon * unit)
    assert lengths(whole.x - batch.x, "l2") == pytest.approx([epsilon] * 5, rel=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_flat_loss_moves_nothing(linear: MakeLinear, norm: Any) -> None:
    net = linear(torch.zeros(4, 64))
    batch = images()
    assert torch.equal(PGD(epsilon=0.3, norm=norm, start="none")(net, batch, seeded()).x, batch.x)


def plain_pgd(net: Net, batch: Batch, start: Tensor, epsilon: float, length: float, steps: int, ascend: str) -> Any:
    """Run textbook PGD on a perturbation, one example at a time, as an independent opinion."""
    found, kappas = [], []
    for x, y, delta in zip(batch.x, batch.y, start - batch.x, strict=True):
        kappa = 0
        for _ in range(steps):
            delta = delta.detach().requires_grad_()
            logits = net.module((x + delta)[None])[0]
            kappa += int(logits.argmax() == y)
            if ascend == "ce":
                functional.cross_entropy(logits, y).backward()
            elif ascend == "kl":
                clean = net.module(x[None])[0].detach()
                functional.kl_div(logits.log_softmax(0), clean.softmax(0), reduction="sum").backward()
            else:
                (max(logits[k] for k in range(4) if k != y) - logits[y]).backward()
            assert delta.grad is not None
            delta = (delta.detach() + length * delta.grad.sign()).clamp(-epsilon, epsilon)
            delta = (x + delta).clamp(0, 1) - x
        found.append(x + delta)
        kappas.append(kappa)
    return torch.stack(found), torch.tensor(kappas)


@pytest.mark.parametrize("ascend", ASCENDS)
@pytest.mark.parametrize("start", ["uniform", "normal"])
def test_agrees_with_an_independent_loop(ascend: Any, start: Any) -> None:
    net = network()
    batch = labelled(net)
    knobs: dict[str, Any] = {"epsilon": 0.04, "step_size": 0.013, "start": start, "ascend": ascend}
    begun = PGD(steps=0, **knobs)(net, batch, seeded()).x
    x, kappa = plain_pgd(net, batch, begun, 0.04, 0.013, 5, ascend)
    ours = PGD(steps=5, **knobs)(net, batch, seeded())
    torch.testing.assert_close(ours.x, x, rtol=0, atol=1e-6)
    assert ours.kappa is not None and torch.equal(ours.kappa, kappa)
    assert 0 < kappa.sum() < 5 * len(kappa)  # else the count says little


# The ball


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(
    norm=st.sampled_from(["linf", "l2"]),
    start=st.sampled_from(["none", "uniform", "normal"]),
    ascend=st.sampled_from(ASCENDS),
    keep=st.sampled_from(["last", "worst"]),
    restarts=st.integers(1, 3),
    steps=st.integers(0, 4),
    epsilon=st.sampled_from([0.0, 1e-4, 0.031, 0.5, 1.0, 2.0]),
    step_size=st.sampled_from(["epsilon/4", "3*epsilon", 0.7]),
    seed=st.integers(0, 99),
)
def test_an_adversary_stays_in_the_ball_and_among_images(seed: int, epsilon: float, norm: str, **knobs: Any) -> None:
    batch = images(seed=seed)
    if epsilon == 0 and knobs["step_size"] != 0.7:
        knobs["steps"] = 0  # no step to take
    if knobs["ascend"] == "kl" and knobs["start"] == "none":
        knobs["start"] = "normal"  # at the image itself the KL is 0, and so is its gradient
    if norm == "linf":
        epsilon = min(epsilon, 1.0)  # the whole cube
    attack = PGD.model_validate(knobs | {"epsilon": epsilon, "norm": norm})
    x = attack(network(), batch, seeded(seed)).x
    assert x.shape == batch.x.shape and not x.requires_grad
    assert x.min() >= 0 and x.max() <= 1
    assert lengths(x - batch.x, norm).max() <= epsilon * (1 + 1e-6) + 1e-6


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("start", ["none", "uniform", "normal"])
@pytest.mark.parametrize("keep", ["last", "worst"])
def test_no_steps_return_the_start_and_one_step_moves_it(norm: Any, start: Any, keep: Any) -> None:
    net = network()
    batch = labelled(net)
    knobs: dict[str, Any] = {"epsilon": 0.03, "norm": norm, "start": start, "keep": keep}
    begun = PGD(steps=0, **knobs)(net, batch, seeded())
    moved = PGD(steps=1, **knobs)(net, batch, seeded())
    assert begun.kappa is None and moved.kappa is not None
    assert torch.equal(begun.x, batch.x) == (start == "none")
    assert (lengths(moved.x - begun.x, "linf") > 0).all()


@given(
    ascend=st.sampled_from(ASCENDS), start=st.sampled_from(["uniform", "normal"]), seed=st.integers(0, 9),
    bn=st.sampled_from(["eval", "train"]), geometry=st.sampled_from(["count", "image_first"]),
)  # fmt: skip
def test_noise_alone_asks_nothing_of_the_network(seed: int, **knobs: Any) -> None:
    """Whatever would be climbed: the same noise, no pass, and no BatchNorm statistics moved."""
    net, batch = network(DigitsCNN()), images()
    net.module.train()
    before = everything(net.module)
    found = PGD(steps=0, epsilon=0.1, **knobs)(net, batch, seeded(seed))
    plain = PGD(steps=0, epsilon=0.1, start=knobs["start"])(net, batch, seeded(seed))
    assert torch.equal(found.x, plain.x) and found.kappa is None and found.logits is None
    assert (net.forwards, net.backwards) == (0, 0)
    assert all(map(torch.equal, before, everything(net.module)))


def test_of_several_starts_the_highest_is_kept() -> None:
    """Noise of several draws is compared by the loss that would be climbed."""
    net, batch = network(), images()
    rng = seeded()
    draws = [PGD(steps=0, epsilon=0.1)(net, batch, rng).x for _ in range(3)]
    heights = torch.stack([functional.cross_entropy(net(x), batch.y, reduction="none") for x in draws])
    kept = PGD(steps=0, epsilon=0.1, restarts=3)(net, batch, seeded()).x
    expected = torch.stack(draws)[heights.argmax(0), torch.arange(len(batch.y))]
    assert torch.equal(kept, expected)


def test_uniform_starts_fill_the_ball() -> None:
    x = torch.full((2000, 1, 2, 2), 0.5)
    net, batch = Net(build_network(MLP(), 1, 2, 4, (0.5,), (0.5,), 0)), Batch(x, torch.zeros(2000, dtype=torch.long))
    cube = PGD(steps=0, epsilon=0.2)(net, batch, seeded()).x - x
    assert cube.mean().abs() < 0.01 and cube.std() == pytest.approx(0.2 / 3**0.5, rel=0.02)
    radius = lengths(PGD(steps=0, epsilon=0.2, norm="l2")(net, batch, seeded()).x - x, "l2")
    assert radius.mean() == pytest.approx(0.1, rel=0.03) and radius.max() > 0.19
    normal = PGD(steps=0, epsilon=0.2, start="normal")(net, batch, seeded()).x - x
    assert normal.std() == pytest.approx(0.001, rel=0.03)


# Traces


def everything(module: nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in module.state_dict().values()]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("ascend", ASCENDS)
@pytest.mark.parametrize("keep", ["last", "worst"])
def test_in_eval_mode_an_attack_leaves_no_trace(training: bool, ascend: Any, keep: Any) -> None:
    net = network(DigitsCNN())
    module = net.module.train(training)
    module.head.bias.requires_grad_(False)
    module.head.weight.grad = torch.ones_like(module.head.weight)
    before, wanted = everything(module), [p.requires_grad for p in module.parameters()]
    PGD(bn="eval", ascend=ascend, keep=keep, steps=3, restarts=2)(net, images(), seeded())
    assert all(map(torch.equal, before, everything(module)))
    assert [p.requires_grad for p in module.parameters()] == wanted
    assert all(m.training == training for m in module.modules())
    assert [name for name, p in module.named_parameters() if p.grad is not None] == ["head.weight"]
    assert torch.equal(module.head.weight.grad, torch.ones_like(module.head.weight))


@pytest.mark.parametrize(
    ("knobs", "moves"),
    [
        ({"steps": 4}, 4),
        ({"steps": 4, "ascend": "kl"}, 5),  # and once on the clean images
        ({"steps": 4, "keep": "worst"}, 5),  # the last point is looked at too
        ({"steps": 4, "restarts": 2}, 10),
        ({"steps": 0}, 0),
    ],
)
def test_in_train_mode_every_look_moves_the_running_statistics(knobs: Any, moves: int) -> None:
    net = network(DigitsCNN())
    norms = [m for m in net.module.modules() if isinstance(m, nn.BatchNorm2d)]
    before = everything(net.module)
    PGD(bn="train", **knobs)(net, images(), seeded())
    assert [int(m.num_batches_tracked) for m in norms] == [moves] * len(norms)  # type: ignore[arg-type]
    assert any(not torch.equal(a, b) for a, b in zip(before, everything(net.module), strict=True)) == (moves > 0)
    assert not net.module.training


@pytest.mark.parametrize("bn", ["eval", "train"])
def test_while_attacked_a_network_is_a_function_of_its_input_alone(bn: str) -> None:
    """No graph through the weights is built: it would cost a third of the attack."""
    net = network(DigitsCNN())
    with net.attacked(bn):
        assert not net(images().x).requires_grad
        assert net.module.training == (bn == "train")
    assert net(images().x).requires_grad


def test_an_attack_that_fails_leaves_no_trace_either() -> None:
    net = network(DigitsCNN())
    with pytest.raises(IndexError):
        PGD(bn="train")(net, Batch(images().x, torch.full((12,), 9)), seeded())
    assert not net.module.training and all(p.requires_grad for p in net.module.parameters())


@pytest.mark.parametrize("start", ["none", "uniform", "normal"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_randomness_comes_from_the_given_generator_alone(start: Any, norm: Any) -> None:
    net, batch, rng = network(), images(), seeded()
    globally, given = torch.get_rng_state(), rng.get_state()
    attack = PGD(start=start, norm=norm, restarts=2)
    first = attack(net, batch, rng).x
    assert torch.equal(torch.get_rng_state(), globally)
    assert torch.equal(rng.get_state(), given) == (start == "none")  # a piece that is off draws nothing
    assert torch.equal(attack(net, batch, seeded()).x, first)


def test_no_attack_is_the_image_and_draws_nothing() -> None:
    net, batch, rng = network(), images(), seeded()
    before = rng.get_state()
    adversary = NoAttack()(net, batch, rng)
    assert adversary.x is batch.x
    assert (adversary.kappa, adversary.survived) == (None, None)
    assert torch.equal(rng.get_state(), before)
    assert net.forwards == net.backwards == 0


@pytest.mark.parametrize(
    ("knobs", "forwards", "backwards"),
    [({}, 10, 10), ({"ascend": "kl"}, 11, 10), ({"keep": "worst"}, 11, 10), ({"restarts": 3}, 33, 30)],
)
def test_passes_are_counted(knobs: Any, forwards: int, backwards: int) -> None:
    net = network()
    PGD(**knobs)(net, images(), seeded())
    n = len(images().x)
    assert (net.forwards, net.backwards) == (forwards * n, backwards * n)


def test_logits_are_fp32_whatever_the_precision_inside() -> None:
    plain = network()
    half = Net(plain.module, "bf16")
    features, logits = half.features_and_logits(images().x)
    assert features.dtype == logits.dtype == torch.float32
    assert not torch.equal(logits, plain(images().x))
    torch.testing.assert_close(logits, plain(images().x), rtol=0.1, atol=0.2)


def test_kl_attack_in_bf16_takes_the_first_step_of_fp32() -> None:
    """The KL at a start of 0.001 N(0, 1) lies below what bf16 resolves: two of five pixels would go the other way."""
    plain, batch = network(), images()
    half = Net(plain.module, "bf16")
    once = PGD(ascend="kl", start="normal", steps=1)
    assert torch.equal(once(half, batch, seeded()).x, once(plain, batch, seeded()).x)
    assert half.bf16 and not torch.equal(half(batch.x), plain(batch.x))  # which computes in bf16 still


@pytest.mark.parametrize("ascend", ASCENDS)
@pytest.mark.parametrize("tau", [None, 0])
def test_only_kl_attack_looks_at_its_start_in_fp32(ascend: Any, tau: int | None) -> None:
    plain = network()
    attack = PGD(ascend=ascend, start="normal", steps=2, tau=tau)
    bf16, fp32 = (attack(Net(plain.module, how), images(), seeded()).logits for how in ("bf16", "fp32"))
    assert bf16 is not None and fp32 is not None
    assert torch.equal(bf16, fp32) == (ascend == "kl")


# What is counted and returned


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_kappa_counts_the_points_still_correct(linear: MakeLinear, steps: int) -> None:
    x = images(6).x
    always = linear(torch.zeros(4, 64), torch.tensor([0.0, 9.0, 0.0, 0.0]))
    right, wrong = Batch(x, torch.full((6,), 1)), Batch(x, torch.full((6,), 2))
    for keep in ("last", "worst"):
        attack = PGD(steps=steps, keep=keep)
        assert attack(always, right, seeded()).kappa.tolist() == [steps] * 6  # type: ignore[union-attr]
        assert attack(always, wrong, seeded()).kappa.tolist() == [0] * 6  # type: ignore[union-attr]


def test_kappa_does_not_look_at_the_last_point(linear: MakeLinear) -> None:
    """A step of 0.1 a time fools the third point, x_2; of two steps it is the last, which nobody inspects."""
    net = linear(torch.tensor([[-1.0], [1.0]]), torch.tensor([1.3, 0.0]))  # class 1 from a pixel of 0.65 on
    batch = Batch(torch.full((1, 1, 1, 1), 0.5), torch.zeros(1, dtype=torch.long))
    kappas = []
    for steps in range(1, 6):
        attack = PGD(epsilon=0.4, step_size=0.1, steps=steps, start="none", keep="worst")
        adversary = attack(net, batch, seeded())
        assert adversary.kappa is not None and adversary.survived is not None
        kappas.append(int(adversary.kappa))
        assert bool(adversary.survived) == (steps < 2)
    assert kappas == [1, 2, 2, 2, 2]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    ascend=st.sampled_from(ASCENDS),
    norm=st.sampled_from(["linf", "l2"]),
    step_size=st.sampled_from(["epsilon/4", "2*epsilon"]),
)
def test_the_worst_point_is_no_lower_than_the_last(seed: int, ascend: str, norm: Any, step_size: str) -> None:
    net, batch = network(), images(seed=seed)
    knobs: dict[str, Any] = {"epsilon": 0.1, "steps": 4, "ascend": ascend, "norm": norm, "step_size": step_size}
    last = PGD(**knobs)(net, batch, seeded())
    worst = PGD(**knobs, keep="worst")(net, batch, seeded())
    assert (climbed(ascend, net, batch, worst.x) >= climbed(ascend, net, batch, last.x) - 1e-5).all()
    assert torch.equal(worst.kappa, last.kappa)  # type: ignore[arg-type]
    assert last.survived is None


def test_the_worst_point_is_sometimes_not_the_last() -> None:
    net, batch = network(), images(64)
    knobs: dict[str, Any] = {"epsilon": 0.1, "steps": 4, "step_size": "2*epsilon"}
    last, worst = PGD(**knobs)(net, batch, seeded()), PGD(**knobs, keep="worst")(net, batch, seeded())
    gain = climbed("ce", net, batch, worst.x) - climbed("ce", net, batch, last.x)
    assert gain.max() > 0.01


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 999),
    ascend=st.sampled_from(ASCENDS),
    keep=st.sampled_from(["last", "worst"]),
    restarts=st.integers(2, 4),
)
def test_restarts_are_no_weaker_than_the_first_alone(seed: int, ascend: str, keep: Any, restarts: int) -> None:
    net, batch = network(), images(seed=seed)
    knobs: dict[str, Any] = {"epsilon": 0.05, "steps": 3, "ascend": ascend, "keep": keep}
    one = PGD(**knobs)(net, batch, seeded(seed))
    many = PGD(**knobs, restarts=restarts)(net, batch, seeded(seed))
    assert (climbed(ascend, net, batch, many.x) >= climbed(ascend, net, batch, one.x) - 1e-5).all()
    assert (many.kappa <= one.kappa).all()  # type: ignore[operator]
    if one.survived is not None:
        assert not (many.survived & ~one.survived).any()  # type: ignore[operator]


def points(net: Net, batch: Batch, steps: int, rng: Generator, **knobs: Any) -> list[Tensor]:
    """Return every point a run visits: the last points of its prefixes."""
    state = rng.get_state()
    visited = []
    for k in range(steps + 1):
        rng.set_state(state)
        visited.append(PGD(steps=k, **knobs)(net, batch, rng).x)
    return visited


def test_survived_means_right_at_every_point_of_every_restart() -> None:
    net = network(MLP(hidden=(32, 32)))  # bent enough for predictions to flip back
    batch = labelled(net, 64)
    knobs: dict[str, Any] = {"epsilon": 0.1, "step_size": "2*epsilon"}
    rng = seeded(5)
    visited = points(net, batch, 3, rng, **knobs) + points(net, batch, 3, rng, **knobs)
    with torch.no_grad():
        right = torch.stack([net(x).argmax(1) == batch.y for x in visited])
    adversary = PGD(**knobs, steps=3, keep="worst", restarts=2)(net, batch, seeded(5))
    assert adversary.survived is not None and torch.equal(adversary.survived, right.all(0))
    assert 0 < right.all(0).sum() < right[3].sum()  # some fell at a point other than the last
    kappa = torch.minimum(right[:3].sum(0), right[4:7].sum(0))
    assert adversary.kappa is not None and torch.equal(adversary.kappa, kappa)


@pytest.mark.parametrize("ascend", ASCENDS)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_small_step_raises_what_is_climbed(ascend: Any, norm: Any) -> None:
    net = network()
    batch = labelled(net)
    knobs: dict[str, Any] = {"epsilon": 0.1, "step_size": 1e-4, "ascend": ascend, "norm": norm}
    begun, moved = (PGD(steps=k, **knobs)(net, batch, seeded()).x for k in (0, 1))
    assert (climbed(ascend, net, batch, moved) > climbed(ascend, net, batch, begun)).all()


# Friendly adversaries: an example rests once it was wrong at tau + 1 points


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 999), tau=st.integers(0, 5), start=st.sampled_from(["none", "uniform", "normal"]))
def test_an_example_rests_at_its_tau_plus_first_wrong_point(seed: int, tau: int, start: Any) -> None:
    """Zhang et al. 2020, Alg. 1: the points before the last are looked at, and who rests costs nothing more."""
    steps, net, batch = 5, network(), images(seed=seed)
    knobs: dict[str, Any] = {"epsilon": 0.1, "start": start}
    visited = torch.stack(points(net, batch, steps, seeded(seed), **knobs))
    with torch.no_grad():
        wrong = torch.stack([net(x).argmax(1) != batch.y for x in visited[:-1]])
    due = wrong.cumsum(0) > tau
    stop = torch.where(due.any(0), due.long().argmax(0), steps)
    net.forwards = net.backwards = 0
    adversary = PGD(**knobs, steps=steps, tau=tau)(net, batch, seeded(seed))
    torch.testing.assert_close(adversary.x, visited[stop, torch.arange(len(stop))])
    looked_at = int((stop + 1).clamp(max=steps).sum())
    assert (net.forwards, net.backwards) == (looked_at, looked_at)
    until = torch.arange(steps)[:, None] <= stop
    assert adversary.kappa is not None and torch.equal(adversary.kappa, (until & ~wrong).sum(0))


def test_without_patience_friends_are_the_first_wrong_points() -> None:
    net = network()
    batch = labelled(net, 64)
    knobs: dict[str, Any] = {"epsilon": 0.1, "step_size": "epsilon/8"}
    friendly = PGD(**knobs, tau=0)(net, batch, seeded())
    fierce = PGD(**knobs)(net, batch, seeded())
    assert friendly.kappa is not None and friendly.kappa.unique().numel() > 5  # they rest at different times
    rests = friendly.kappa < 10
    wrong = net(friendly.x).argmax(1) != batch.y
    assert wrong[rests].all() and rests.sum() > 32
    nearer = cross_entropy(net(friendly.x), batch.y) <= cross_entropy(net(fierce.x), batch.y) + 1e-5
    assert nearer[rests].float().mean() > 0.9  # friends are wrong, but hardly


@given(seed=st.integers(0, 999), tau=st.integers(0, 3), order=st.permutations(range(12)))
@settings(max_examples=20, deadline=None)
def test_friends_stay_in_the_places_of_their_images(seed: int, tau: int, order: list[int]) -> None:
    """In one of the authors' codes the batch was sorted by stopping time and met the labels of others."""
    net, batch = network(), images(seed=seed)
    attack = PGD(epsilon=0.05, start="none", tau=tau)
    adversary = attack(net, batch, seeded())
    assert (adversary.x - batch.x).abs().max() <= 0.05 + 1e-6  # and the images are much farther apart
    shuffled = attack(net, Batch(batch.x[order], batch.y[order]), seeded())
    torch.testing.assert_close(shuffled.x, adversary.x[order])
    assert torch.equal(shuffled.kappa, adversary.kappa[order])  # type: ignore[index,arg-type]


def test_examples_wrong_from_the_start_do_not_move(linear: MakeLinear) -> None:
    always = linear(torch.zeros(4, 64), torch.tensor([0.0, 9.0, 0.0, 0.0]))
    x = images(6).x
    adversary = PGD(start="none", tau=0)(always, Batch(x, torch.full((6,), 2)), seeded())
    assert torch.equal(adversary.x, x) and always.forwards == 6


@pytest.mark.parametrize(
    ("row", "taus"),
    [("fat", {1: 0, 50: 0, 51: 1, 90: 1, 91: 2, 120: 2}), ("gair-fat", {1: 0, 40: 0, 41: 3, 70: 3, 71: 6, 120: 6})],
)
def test_patience_grows_at_the_papers_epochs(row: str, taus: dict[int, int]) -> None:
    """Epochs counted from 1, of 120."""
    assert {epoch: METHODS[row].at(epoch - 1, 120).attack.tau for epoch in taus} == taus  # type: ignore[union-attr]


def test_jitter_is_noise_of_its_size_at_each_step(linear: MakeLinear) -> None:
    net, batch = linear(torch.zeros(4, 64)), Batch(torch.full((200, 1, 8, 8), 0.5), torch.zeros(200, dtype=torch.long))
    x = PGD(epsilon=0.3, steps=4, start="none", jitter=0.001)(net, batch, seeded()).x
    assert (x - batch.x).std() == pytest.approx(0.002, rel=0.03)  # the root of four steps of 0.001


# Toward a class: Dong et al. 2021, app. H


def test_attack_toward_a_class_gives_each_example_its_goal() -> None:
    assert Toward(label=0, instead=9).goals(torch.tensor([0, 3, 9, 0])).tolist() == [9, 0, 0, 9]
    with pytest.raises(ValidationError, match="class 4 need another class"):
        Toward(label=4, instead=4)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_loss_to_the_goal_falls_with_every_step(norm: Any) -> None:
    net, batch = network(), images(64)
    toward = Toward(label=1, instead=3)
    knobs: dict[str, Any] = {"epsilon": 0.2, "norm": norm, "step_size": 1e-3, "toward": toward}
    goals = torch.where(batch.y == 1, 3, 1)
    visited = points(net, batch, 6, seeded(), **knobs)
    with torch.no_grad():
        path = torch.stack([cross_entropy(net(x), goals) for x in visited])
    assert (path.diff(dim=0) < 0).all()


def test_attack_toward_a_class_reaches_that_class(linear: MakeLinear) -> None:
    """One pixel speaks for each class: that of the goal rises, the others fall."""
    net = linear(torch.eye(4))
    batch = Batch(torch.full((3, 1, 2, 2), 0.5), torch.tensor([0, 1, 2]))
    x = PGD(epsilon=0.25, step_size="epsilon", steps=1, start="none", toward=Toward(label=1, instead=3))(
        net, batch, seeded()
    ).x.flatten(1)
    up, down = 0.75, 0.25
    assert x.tolist() == [[down, up, down, down], [down, down, down, up], [down, up, down, down]]


def test_a_goal_that_is_the_label_leaves_nothing_to_fool() -> None:
    """Toward class 0, examples of class 0 alone move elsewhere."""
    net = network()
    batch = images(200)
    x = PGD(epsilon=0.3, toward=Toward(label=0, instead=2))(net, batch, seeded()).x
    with torch.no_grad():
        reached = net(x).argmax(1)
    assert (reached[batch.y == 0] == 2).float().mean() > 0.8
    assert (reached[batch.y != 0] == 0).float().mean() > 0.8


def test_an_adversary_names_its_parts() -> None:
    parts = ("x", "kappa", "survived", "steps", "epsilon", "logits", "start", "gradient_norm")
    assert Adversary._fields == parts


@pytest.mark.parametrize(
    "knobs",
    [{"epsilon": -0.1}, {"steps": -1}, {"steps": 2.5}, {"restarts": 0}, {"norm": "l1"}, {"start": "zero"}, {"K": 3}],
)
def test_wrong_knobs_are_refused(knobs: Any) -> None:
    with pytest.raises(ValidationError):
        PGD.model_validate(knobs)


def test_kappa_may_look_at_the_image_first() -> None:
    """It counts as ever, and is 0 where the image itself is misclassified, whatever a random start makes of it."""
    net, batch = network(), images(count=64)
    knobs: dict[str, Any] = {"epsilon": 0.5, "steps": 3, "step_size": "epsilon/50"}  # the start decides
    counted = PGD(**knobs)(net, batch, seeded()).kappa
    looked = PGD(**knobs, geometry="image_first")(net, batch, seeded()).kappa
    right = net(batch.x).argmax(1) == batch.y
    assert counted is not None and looked is not None and counted[~right].any()
    assert torch.equal(looked, torch.where(right, counted, 0))
