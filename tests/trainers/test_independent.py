"""Other people's attacks on the same networks: the same points where the steps are the same, and no better ones.

Foolbox (Rauber et al. 2020) and the Adversarial Robustness Toolbox (Nicolae et al. 2018) for single runs, the packaged
AutoAttack (Croce & Hein 2020) as the stronger opponent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import eagerpy
import foolbox
import numpy as np
import pyautoattack
import pytest
import torch
from foolbox.attacks.carlini_wagner import best_other_classes
from foolbox.criteria import TargetedMisclassification
from torch import Tensor, nn

from trainers.accuracy import evaluation_mode
from trainers.attack_runs import FGSM, PGDAttack
from trainers.attacks import PGD, Toward
from trainers.config import TrialConfig
from trainers.data import Split, to_pixels
from trainers.min_perturbation import MinimumPerturbation
from trainers.step import Batch, Net
from trainers.trainer import Trainer

from .helpers import seeded

EPSILON = 0.12
LENGTH = {"linf": 0.03, "l2": 0.25}
BUDGET = {"linf": EPSILON, "l2": 1.0}
WITHSTOOD = {"linf": EPSILON, "l2": 0.6}  # by some of the images, and not by others
N = 256  # a power of two: sums and means over it have gradients of the very same bits


class Margin(nn.Module):
    """The two largest logits decide: the gap between the best other class and the label's, as a mean."""

    def forward(self, z: Tensor, one_hot: Tensor) -> Tensor:
        y = one_hot.argmax(1)
        top = z.topk(2, dim=1)
        best_other = torch.where(top.indices[:, 0] == y, top.values[:, 1], top.values[:, 0])
        return (best_other - z[torch.arange(len(z)), y]).mean()


class Target(NamedTuple):
    net: Net
    batch: Batch

    @property
    def foolbox(self) -> Any:
        return foolbox.PyTorchModel(self.net.module, bounds=(0, 1), device="cpu")

    def art(self, loss: nn.Module) -> Any:
        from art.estimators.classification import PyTorchClassifier  # late: the toolbox takes seconds to import

        classes = self.net.module.head.out_features
        return PyTorchClassifier(self.net.module, loss, tuple(self.batch.x.shape[1:]), classes, clip_values=(0, 1),
                                 device_type="cpu")  # fmt: skip

    def right(self, x: Any) -> Tensor:
        with torch.no_grad():
            return self.net(torch.as_tensor(x)).argmax(1) == self.batch.y

    def accuracy(self, x: Any) -> float:
        return self.right(x).float().mean().item()


@pytest.fixture(scope="module")
def trained_network(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Target:
    """A small convolutional network trained by PGD, and test images."""
    data = {"name": "digits", "train": 600, "val": 60, "test": N}
    method = {"attack": {"epsilon": 0.1, "steps": 3}}
    after = trained(tiny(data=data, model={"name": "digits_cnn"}, method=method, epochs=5))
    after.net.module.eval()
    test = after.splits["test"]
    return Target(after.net, Batch(to_pixels(test.x), test.y))


@pytest.fixture(scope="module")
def linear_network(linear: Callable[..., Net], trained_network: Target) -> Target:
    """Ten random templates, and images under the labels that they give."""
    net = linear(torch.randn(10, 64, generator=seeded(1)))
    net.module.eval()
    x = trained_network.batch.x
    with torch.no_grad():
        return Target(net, Batch(x, net(x).argmax(1)))


@pytest.fixture(scope="module", params=["cnn", "linear"])
def target(request: Any, trained_network: Target, linear_network: Target) -> Target:
    return trained_network if request.param == "cnn" else linear_network


def ours(target: Target, seed: int = 0, **knobs: Any) -> Tensor:
    return PGD(**knobs)(target.net, target.batch, seeded(seed)).x


def toolbox_pgd(target: Target, loss: nn.Module, **knobs: Any) -> Any:
    """Return the PGD of the Adversarial Robustness Toolbox against a network."""
    from art.attacks.evasion import ProjectedGradientDescent

    return ProjectedGradientDescent(target.art(loss), batch_size=N, verbose=False, **knobs)


def toolbox_fgsm(target: Target, **knobs: Any) -> Any:
    """Return the FGSM of the Adversarial Robustness Toolbox against a network."""
    from art.attacks.evasion import FastGradientMethod

    return FastGradientMethod(target.art(nn.CrossEntropyLoss()), batch_size=N, **knobs)


def together(one: Tensor, other: Any) -> None:
    torch.testing.assert_close(one, torch.as_tensor(other), rtol=0, atol=2e-6)


# The same steps


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("steps", [1, 7])
def test_pgd_from_the_image_is_foolboxs(target: Target, norm: Any, steps: int) -> None:
    kind = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[norm]
    attack = kind(abs_stepsize=LENGTH[norm], steps=steps, random_start=False)
    _, reference, fooled = attack(target.foolbox, target.batch.x, target.batch.y, epsilons=BUDGET[norm])
    x = ours(target, epsilon=BUDGET[norm], step_size=LENGTH[norm], steps=steps, norm=norm, start="none")
    together(x, reference)
    assert torch.equal(~target.right(x), fooled)


@pytest.mark.long
def test_pgd_from_the_image_is_that_of_the_toolbox(target: Target) -> None:
    attack = toolbox_pgd(target, nn.CrossEntropyLoss(), eps=EPSILON, eps_step=0.03, max_iter=7)
    reference = attack.generate(target.batch.x.numpy(), target.batch.y.numpy())
    together(ours(target, epsilon=EPSILON, step_size=0.03, steps=7, start="none"), reference)


def test_l2_pgd_from_the_image_is_that_of_the_toolbox(target: Target) -> None:
    """On images of so little contrast that nothing leaves [0, 1]: the toolbox clips there before it projects."""
    pale = target._replace(batch=target.batch._replace(x=0.3 + 0.4 * target.batch.x))
    attack = toolbox_pgd(pale, nn.CrossEntropyLoss(), norm=2, eps=0.3, eps_step=0.08, max_iter=7)
    reference = attack.generate(pale.batch.x.numpy(), pale.batch.y.numpy())
    together(ours(pale, epsilon=0.3, step_size=0.08, steps=7, norm="l2", start="none"), reference)


def test_fgsm_is_foolboxs_and_that_of_the_toolbox(target: Target) -> None:
    x = ours(target, epsilon=EPSILON, step_size="epsilon", steps=1, start="none")
    attack = foolbox.attacks.LinfFastGradientAttack(random_start=False)
    together(x, attack(target.foolbox, target.batch.x, target.batch.y, epsilons=EPSILON)[1])
    toolbox = toolbox_fgsm(target, eps=EPSILON)
    together(x, toolbox.generate(target.batch.x.numpy(), target.batch.y.numpy()))


def test_climbing_the_margin_is_the_toolboxs_climb_of_it(target: Target) -> None:
    attack = toolbox_pgd(target, Margin(), norm=np.inf, eps=EPSILON, eps_step=0.03, max_iter=7)
    reference = attack.generate(target.batch.x.numpy(), target.batch.y.numpy())
    x = ours(target, epsilon=EPSILON, step_size=0.03, steps=7, start="none", ascend="margin")
    together(x, reference)


class Begun:
    """An attack of Foolbox from a start that is given; by its own rule for the best other class up the margin."""

    def __init__(self, target: Target, begun: Tensor, ascend: str, **knobs: Any) -> None:
        super().__init__(random_start=True, **knobs)  # type: ignore[call-arg]
        self.begun, self.ascend = begun, ascend
        with torch.no_grad():
            self.clean = target.net(target.batch.x).softmax(1)

    def get_random_start(self, x0: Any, epsilon: float) -> Any:
        return eagerpy.astensor(self.begun)

    def get_loss_fn(self, model: Any, labels: Any) -> Any:
        def divergence(x: Any) -> Any:
            return eagerpy.astensor(nn.functional.kl_div(model(x).raw.log_softmax(1), self.clean, reduction="sum"))

        def margin(x: Any) -> Any:
            z, rows = model(x), range(len(labels))
            return (z[rows, best_other_classes(z, labels)] - z[rows, labels]).sum()

        if self.ascend == "ce":
            return super().get_loss_fn(model, labels)  # type: ignore[misc]
        return {"kl": divergence, "margin": margin}[self.ascend]


class LinfBegun(Begun, foolbox.attacks.LinfPGD):
    """In l-infinity."""


class L2Begun(Begun, foolbox.attacks.L2PGD):
    """In l2."""


def as_bytes(target: Target) -> Split:
    return Split((255 * target.batch.x).round().to(torch.uint8), target.batch.y)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(
    ("ascend", "start"),
    [("ce", "none"), ("ce", "uniform"), ("margin", "none"), ("margin", "uniform"), ("kl", "uniform")],
)
def test_an_evaluation_says_of_each_image_what_foolbox_says(
    trained_network: Target, norm: Any, ascend: Any, start: Any
) -> None:
    """PGD-20 as `evaluate.final` runs it: verdict by verdict, from the same starts."""
    target, knobs = trained_network, {"norm": norm, "epsilon": WITHSTOOD[norm], "start": start}
    begun, kind = ours(target, steps=0, **knobs), {"linf": LinfBegun, "l2": L2Begun}[norm]
    attack = kind(target, begun, ascend, rel_stepsize=0.25, steps=20)
    reference = target.right(attack(target.foolbox, target.batch.x, target.batch.y, epsilons=WITHSTOOD[norm])[1])
    found = PGDAttack(ascend=ascend, start=start).find_robust(target.net, as_bytes(target), WITHSTOOD[norm], norm, 0)
    assert torch.equal(found, reference)
    assert 0.2 < found.float().mean() < target.accuracy(target.batch.x) - 0.2


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("ascend", ["ce", "margin"])
def test_an_evaluation_says_of_each_image_what_the_toolbox_says(
    trained_network: Target, norm: Any, ascend: str
) -> None:
    """On images of so little contrast that nothing leaves [0, 1], where the toolbox projects as it does."""
    target, budget = trained_network, 0.4 * WITHSTOOD[norm]
    grey = (127 + (target.batch.x - 0.5) * 96).round() / 255
    pale = target._replace(batch=target.batch._replace(x=grey))
    loss = nn.CrossEntropyLoss() if ascend == "ce" else Margin()
    attack = toolbox_pgd(pale, loss, norm={"linf": np.inf, "l2": 2}[norm], eps=budget, eps_step=budget / 4, max_iter=20)
    reference = pale.right(attack.generate(pale.batch.x.numpy(), pale.batch.y.numpy()))
    run = PGDAttack(ascend=ascend, start="none")  # type: ignore[arg-type]
    found = run.find_robust(pale.net, as_bytes(pale), budget, norm, 0)
    assert torch.equal(found, reference)
    assert 0.05 < found.float().mean() < pale.accuracy(pale.batch.x) - 0.05


def test_fgsm_of_an_evaluation_is_foolboxs(trained_network: Target) -> None:
    target = trained_network
    for norm, kind in (("linf", foolbox.attacks.LinfFastGradientAttack), ("l2", foolbox.attacks.L2FastGradientAttack)):
        attack = kind(random_start=False)
        x = attack(target.foolbox, target.batch.x, target.batch.y, epsilons=BUDGET[norm])[1]
        found = FGSM().find_robust(target.net, as_bytes(target), BUDGET[norm], norm, 0)  # type: ignore[arg-type]
        assert torch.equal(found, target.right(x)) and not found.all()


def test_going_toward_a_class_is_foolboxs_targeted_attack(target: Target) -> None:
    goals = torch.where(target.batch.y == 3, 8, 3)
    attack = foolbox.attacks.LinfPGD(abs_stepsize=0.03, steps=7, random_start=False)
    criterion = TargetedMisclassification(goals)
    _, reference, _ = attack(target.foolbox, target.batch.x, criterion, epsilons=EPSILON)
    toward = Toward(label=3, instead=8)
    together(ours(target, epsilon=EPSILON, step_size=0.03, steps=7, start="none", toward=toward), reference)


def test_climbing_the_divergence_is_foolboxs_with_that_loss(target: Target) -> None:
    knobs: dict[str, Any] = {"epsilon": EPSILON, "start": "normal", "ascend": "kl"}
    begun = ours(target, steps=0, **knobs)
    attack = LinfBegun(target, begun, "kl", abs_stepsize=0.03, steps=4)
    _, reference, _ = attack(target.foolbox, target.batch.x, target.batch.y, epsilons=EPSILON)
    x = ours(target, steps=4, step_size=0.03, **knobs)
    apart = (x - reference).abs().flatten(1).amax(1)
    assert (apart < 2e-6).float().mean() > 0.97  # where the start hardly differs, rounding decides a sign


def radii(target: Target, **knobs: Any) -> np.ndarray:
    return MinimumPerturbation(**knobs).measure(target.net, as_bytes(target))


def far(target: Target, x: Any) -> np.ndarray:
    return np.abs(np.asarray(x) - target.batch.x.numpy()).max((1, 2, 3))


def test_the_minimum_perturbation_along_one_gradient_is_the_toolboxs(target: Target) -> None:
    """Of those that are right to begin with; the others are 0 here and a step there."""
    found = radii(target, step=2 / 255, limit=0.25, variant="single", label="given")
    attack = toolbox_fgsm(target, eps=0.25, eps_step=2 / 255, minimal=True)
    reference = attack.generate(target.batch.x.numpy(), target.batch.y.numpy())
    right, fooled = target.right(target.batch.x).numpy(), ~target.right(reference).numpy()
    assert (right & fooled).sum() > N / 4
    np.testing.assert_allclose(found[right & fooled], far(target, reference)[right & fooled], atol=1e-5)
    assert (found[right & ~fooled] > 0.25).all() and not found[~right].any()


def test_iterative_minimum_perturbation_is_the_first_length_on_foolboxs_path_that_fools(
    trained_network: Target,
) -> None:
    target, step = trained_network, 6 / 255
    found, seen = (
        radii(target, step=step, limit=8 * step, label="given"),
        np.where(target.right(trained_network.batch.x), np.inf, 0),
    )
    for steps in range(1, 9):
        attack = foolbox.attacks.LinfPGD(abs_stepsize=step, steps=steps, random_start=False)
        _, x, fooled = attack(target.foolbox, target.batch.x, target.batch.y, epsilons=1.0)
        seen = np.where(np.isinf(seen) & fooled.numpy(), far(target, x), seen)
    assert np.isinf(seen).sum() < N / 2
    np.testing.assert_allclose(found, np.where(np.isinf(seen), 9 * step, seen), atol=1e-4)


# The same strength


@pytest.mark.long
def test_pgd_from_random_starts_is_no_weaker_than_foolboxs_and_the_toolboxs(trained_network: Target) -> None:
    """At 20 steps of a quarter of the radius; one run varies by 1.5 examples, a difference of two means by 1.2."""
    target, found = trained_network, np.zeros((3, 3))
    images, labels = target.batch.x.numpy(), target.batch.y.numpy()
    toolbox = toolbox_pgd(
        target, nn.CrossEntropyLoss(), eps=EPSILON, eps_step=EPSILON / 4, max_iter=20, num_random_init=1
    )
    attack = foolbox.attacks.LinfPGD(rel_stepsize=0.25, steps=20, random_start=True)
    for seed in range(3):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # the toolbox draws from it
        reference = attack(target.foolbox, target.batch.x, target.batch.y, epsilons=EPSILON)[1]
        points = (ours(target, seed, epsilon=EPSILON, steps=20), reference, toolbox.generate(images, labels))
        found[seed] = [target.accuracy(x) for x in points]
    our, foolboxs, toolboxs = found.mean(0)
    assert our == pytest.approx(foolboxs, abs=4 / N) and our == pytest.approx(toolboxs, abs=4 / N)
    assert 0.2 < our < target.accuracy(target.batch.x) - 0.2  # there was something to fool, and something left


@pytest.mark.long
def test_apgd_fools_no_fewer_examples_than_pgd_and_mostly_the_same(trained_network: Target) -> None:
    """What PGD-20 fools within the radius APGD-CE fools too, and hardly more."""
    target = trained_network
    survives = target.right(ours(target, epsilon=EPSILON, steps=20))
    with evaluation_mode(target.net, 0):
        attack = pyautoattack.AutoAttack(target.net.module, norm="Linf", eps=EPSILON, seed=0, version="custom",
                                         attacks=["apgd-ce"], device="cpu")  # fmt: skip
        x, _ = attack.run_standard_evaluation(target.batch.x.contiguous(), target.batch.y, batch_size=N)
    assert (x - target.batch.x).abs().max() <= EPSILON + 1e-6
    strong = target.right(x)
    assert strong.float().mean() <= survives.float().mean() + 0.002
    assert (strong & ~survives).sum() <= 1
    assert strong.float().mean() >= survives.float().mean() - 0.05
