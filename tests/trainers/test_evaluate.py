"""Evaluation: what the accuracies mean, and that measuring changes nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Generator, Tensor, nn

from trainers.accuracy import evaluation_mode, find_correct, measure_accuracy, predict_split
from trainers.attack_runs import AutoAttackRun, PGDAttack, format_epsilon
from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.data import Split, to_pixels
from trainers.evaluate import Evaluation
from trainers.models import MLP, DigitsCNN, build_network
from trainers.models.network import Network
from trainers.sampling import draw_images, take_images
from trainers.step import Batch, Net
from trainers.trainer import Trainer

pytestmark = pytest.mark.long

MakeLinear = Callable[..., Net]


@pytest.fixture(scope="module")
def fitted(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Trainer:
    """An MLP with clean accuracy well above chance, which attacks lower."""
    return trained(tiny(epochs=25, optimizer={"name": "sgd", "lr": 0.05}, method={"attack": {"epsilon": 0.05}}))


def split(count: int = 40, classes: int = 4, seed: int = 0) -> Split:
    rng = Generator().manual_seed(seed)
    x = torch.randint(256, (count, 1, 8, 8), generator=rng, dtype=torch.uint8)
    return Split(x, torch.randint(classes, (count,), generator=rng))


def labelled(net: Net, count: int = 40) -> Split:
    x = split(count).x
    with torch.no_grad():
        return Split(x, net(to_pixels(x)).argmax(1))


@pytest.mark.parametrize("attack", [None, PGD(), PGD(keep="worst", restarts=2)], ids=str)
def test_a_constant_model_is_right_on_one_class(linear: MakeLinear, attack: Any) -> None:
    net, data = linear(torch.zeros(4, 64), torch.tensor([0.0, 1.0, 0.0, 0.0])), split()
    share = int((data.y == 1).sum()) / 40
    assert 0 < share < 1
    assert measure_accuracy(net, data, attack, seed=0) == share
    assert measure_accuracy(net, data, attack, seed=0, batch_size=7) == share


@pytest.mark.parametrize("attack", [None, PGD(), PGD(keep="worst", restarts=2)], ids=str)
def test_a_network_without_an_answer_is_right_nowhere(linear: MakeLinear, attack: Any) -> None:
    """argmax takes NaN for the highest logit, so that a dead network would be right on the first class."""
    net, data = linear(torch.zeros(4, 64), torch.full((4,), torch.nan)), split()
    assert int((data.y == 0).sum()) > 0
    assert measure_accuracy(net, data, attack, seed=0) == 0
    assert set(predict_split(net, data, 0).tolist()) == {-1}


def silent_where(dead: Callable[[Tensor], Tensor]) -> Net:
    """Return a network that names class 0, and has no answer on the images, (B, 64), that `dead` says, (B,) bool."""

    class Silent(nn.Flatten):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + torch.where(dead(x.flatten(1)), torch.nan, 0.0)[:, None]

    network = Network(Silent(), 64, 1, 4)
    with torch.no_grad():
        network.head.weight.copy_(1e-3 * torch.eye(4, 64))
        network.head.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0]))
    return Net(network)


@pytest.mark.parametrize("restarts", [1, 3])
def test_example_without_a_prediction_under_attack_has_not_withstood_it(restarts: int) -> None:
    """Right on the images themselves, which are multiples of 1/255, and silent between them, where argmax says 0."""
    net = silent_where(lambda x: ((255 * x - (255 * x).round()).abs() > 1e-3).any(1))
    data = Split(split().x, torch.zeros(40, dtype=torch.long))
    assert measure_accuracy(net, data, None, 0) == 1
    for keep in ("last", "worst"):
        assert under(PGDAttack(steps=2, keep=keep, restarts=restarts), net, data, 0.05) == 0


@pytest.mark.parametrize("attack", ["apgd-ce", "apgd-t", "square"])
def test_autoattack_does_not_take_silence_for_class_0(attack: Any) -> None:
    """Right on the images themselves, of all classes, and silent wherever an attack leads."""
    net = silent_where(lambda x: ((255 * x - (255 * x).round()).abs() > 1e-3).any(1))
    right, wrong = torch.zeros(30, dtype=torch.long), torch.ones(10, dtype=torch.long)
    data = Split(split().x, torch.cat([right, wrong]))
    assert measure_accuracy(net, data, None, 0) == 0.75
    assert under(AutoAttackRun(version="custom", attacks=(attack,)), net, data, 0.05) == 0


@pytest.mark.parametrize("keep", ["last", "worst"])
def test_restart_without_a_prediction_is_the_worst(keep: Any) -> None:
    """Silent where the first pixel rises, as it does in half of the starts: 1 of 256 examples has none in eight."""
    net = silent_where(lambda x: x[:, 0] > 128.5 / 255)
    data = Split(torch.full((256, 1, 8, 8), 128, dtype=torch.uint8), torch.zeros(256, dtype=torch.long))
    assert measure_accuracy(net, data, PGD(epsilon=0.2, steps=0, keep=keep, restarts=8), 0) < 0.03
    assert 0.4 < measure_accuracy(net, data, PGD(epsilon=0.2, steps=0, keep=keep), 0) < 0.6


def test_predicted_classes_agree_with_correctness(fitted: Trainer) -> None:
    test = fitted.splits["test"]
    classes = predict_split(fitted.net, test, seed=0, batch_size=7)
    assert torch.equal(classes == test.y, find_correct(fitted.net, test, None, seed=0)) and len(classes.unique()) > 1


def under(attack: PGDAttack | AutoAttackRun, net: Net, data: Split, epsilon: float) -> float:
    """Return the accuracy under an attack."""
    return float(attack.find_robust(net, data, epsilon, "linf", 0).double().mean())


def test_the_worst_is_no_better_than_the_last_and_restarts_no_better_than_one(fitted: Trainer) -> None:
    def measured(**knobs: Any) -> float:
        return under(PGDAttack(steps=5, step_size="epsilon", **knobs), fitted.net, fitted.splits["test"], 0.05)

    last, worst = measured(), measured(keep="worst")
    assert (
        measured(keep="worst", restarts=3)
        <= worst
        <= last
        < measure_accuracy(fitted.net, fitted.splits["test"], None, 0)
    )


def test_keep_worst_is_right_at_every_iterate_by_brute_force() -> None:
    net = Net(build_network(MLP(hidden=(32, 32)), 1, 8, 4, (0.5,), (0.05,), 1))
    data = labelled(net, 60)
    noisy = Split(data.x, torch.where(torch.arange(60) < 10, (data.y + 1) % 4, data.y))  # ten are wrong from the start
    batch = Batch(to_pixels(noisy.x), noisy.y)
    knobs: dict[str, Any] = {"epsilon": 0.1, "step_size": "2*epsilon", "start": "none"}  # no noise: the same for all
    right = torch.ones(60, dtype=torch.bool)
    for steps in range(5):
        x = PGD(steps=steps, **knobs)(net, batch, Generator()).x
        with torch.no_grad():
            right &= net(x).argmax(1) == batch.y
    found = measure_accuracy(net, noisy, PGD(steps=4, keep="worst", **knobs), seed=0)
    assert found == int(right.sum()) / 60
    assert 0 < found < measure_accuracy(net, noisy, PGD(steps=4, **knobs), seed=0)


def test_attack_with_no_correct_example_left(linear: MakeLinear) -> None:
    net = linear(torch.zeros(4, 64), torch.tensor([0.0, 9.0, 0.0, 0.0]))
    data = Split(split().x, torch.zeros(40, dtype=torch.long))
    assert measure_accuracy(net, data, PGD(keep="worst"), seed=0) == 0


def test_a_measurement_depends_on_its_seed_alone(fitted: Trainer) -> None:
    attack = PGD(epsilon=0.05, steps=1)
    first_time = measure_accuracy(fitted.net, fitted.splits["test"], attack, seed=3)
    torch.rand(5)
    assert measure_accuracy(fitted.net, fitted.splits["test"], attack, seed=3) == first_time
    assert (
        len({measure_accuracy(fitted.net, fitted.splits["test"], PGD(epsilon=0.2, steps=0), seed) for seed in range(8)})
        > 1
    )


def test_an_attack_of_its_own_epsilon_overrides_the_study_s(fitted: Trainer) -> None:
    own = under(PGDAttack(epsilon=0.05), fitted.net, fitted.splits["test"], 0.3)
    assert own == under(PGDAttack(), fitted.net, fitted.splits["test"], 0.05)
    assert own > under(PGDAttack(), fitted.net, fitted.splits["test"], 0.3)


def snapshot(net: Net) -> list[Any]:
    module = net.module
    state: list[Tensor] = [tensor.clone() for tensor in module.state_dict().values()]
    flags = [(p.requires_grad, p.grad is None) for p in module.parameters()]
    return [*(t.tolist() for t in state), flags, module.training, torch.get_rng_state().tolist(), sys.gettrace()]


def tracer(*_: Any) -> Any:
    """Act as a debugger or coverage tool."""


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "measure",
    [
        lambda net, data: measure_accuracy(net, data, None, 0),
        lambda net, data: measure_accuracy(net, data, PGD(bn="eval", restarts=2, keep="worst"), 0),
        lambda net, data: under(AutoAttackRun(version="custom", attacks=("apgd-ce",)), net, data, 0.02),
    ],
    ids=["clean", "pgd", "autoattack"],
)
def test_measuring_leaves_no_trace(training: bool, measure: Any) -> None:
    net = Net(build_network(DigitsCNN(), 1, 8, 4, (0.5,), (0.3,), 0).train(training))
    data = labelled(net, 8)
    found = sys.gettrace()
    try:
        sys.settrace(tracer)
        before = snapshot(net)
        measure(net, data)
        after = snapshot(net)
    finally:
        sys.settrace(found)
    assert after == before


def test_the_trace_is_removed_after_a_failure_too() -> None:
    net = Net(build_network(DigitsCNN(), 1, 8, 4, (0.5,), (0.3,), 0).train())
    before = snapshot(net)
    with pytest.raises(KeyError), evaluation_mode(net, 1):
        torch.rand(3)
        raise KeyError
    assert snapshot(net) == before


def test_autoattack_is_no_weaker_than_pgd(fitted: Trainer) -> None:
    """Custom as the data-profiling code runs it, on 40 images; one example of slack for its random starts."""
    run = AutoAttackRun(version="custom", attacks=("apgd-ce", "apgd-t"))
    test = fitted.splits["test"]
    few = take_images(test, draw_images(test.y, 40))
    found, pgd = (under(attack, fitted.net, few, 0.05) for attack in (run, PGDAttack()))
    assert found == under(run, fitted.net, few, 0.05)
    assert 0 < found <= pgd + 1 / 40
    assert found < measure_accuracy(fitted.net, few, None, 0)


@pytest.mark.parametrize(("classes", "attacks"), [(4, ("apgd-t",)), (3, ("apgd-dlr",)), (2, ("apgd-ce", "fab-t"))])
def test_autoattack_takes_as_many_targets_as_there_are_classes(classes: int, attacks: Any) -> None:
    """The original aims at nine other classes, however few there are."""
    net = Net(build_network(MLP(hidden=(8,)), 1, 8, classes, (0.5,), (0.3,), 0))
    data = labelled(net, 6)
    assert 0 <= under(AutoAttackRun(version="custom", attacks=attacks), net, data, 0.02) <= 1


@pytest.mark.parametrize(
    ("classes", "run"),
    [(3, AutoAttackRun()), (3, AutoAttackRun(version="custom", attacks=("apgd-t",))),
     (2, AutoAttackRun(version="custom", attacks=("apgd-ce", "apgd-dlr")))],
    ids=str,
)  # fmt: skip
def test_autoattack_on_too_few_classes_is_refused(classes: int, run: AutoAttackRun) -> None:
    net = Net(build_network(MLP(hidden=(8,)), 1, 8, classes, (0.5,), (0.3,), 0))
    with pytest.raises(ValueError, match=f"the data has {classes}; take version custom"):
        under(run, net, labelled(net, 4), 0.02)


def test_measuring_does_not_change_training(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> None:
    config = tiny(epochs=3, model={"name": "digits_cnn"})
    often, seldom = trained(config, every=1), trained(config, every=3, steps=1)
    states = (each.net.module.state_dict().values() for each in (often, seldom))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


def test_which_epochs_are_measured() -> None:
    assert [e for e in range(7) if Evaluation(every=3).due(e, 7)] == [2, 5, 6]
    assert all(Evaluation().due(e, 4) for e in range(4))


def test_attacks_in_words() -> None:
    final = {
        "pgd_plus": {"name": "pgd", "steps": 40, "restarts": 5, "step_size": 0.01, "keep": "worst", "epsilon": 0.031},
        "aa": {"name": "autoattack", "images": 300},
        "aa_fast": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce", "apgd-t"], "epsilon": "4/255"},
    }
    assert Evaluation.model_validate({"final": final}).attacks() == {
        "pgd": "PGD-10, linf, epsilon 8/255, step epsilon/4",
        "pgd_plus": "PGD-40, 5 restarts, linf, epsilon 0.031, step 0.01, right at every iterate",
        "aa": "AutoAttack standard, linf, epsilon 8/255 on 300 images drawn by class",
        "aa_fast": "AutoAttack custom (apgd-ce + apgd-t), linf, epsilon 4/255",
    }


@pytest.mark.parametrize(
    ("epsilon", "text"),
    [
        (8 / 255, "8/255"), (128 / 255, "128/255"), (1 / 3, "85/255"),
        (0.1, "0.1"), (0.2, "0.2"), (0.031, "0.031"), (1.0, "1"), (0.123456, "0.1235"),
    ],
)  # fmt: skip
def test_budgets_are_shown_as_they_were_meant(epsilon: float, text: str) -> None:
    assert format_epsilon(epsilon) == text


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ({"epsilon": 0}, "greater than 0"),
        ({"every": 0}, "greater than 0"),
        ({"norm": "l1"}, "'linf' or 'l2'"),
        ({"final": {"clean": {"name": "pgd"}}}, "other than clean and pgd"),
        ({"final": {"pgd-20": {"name": "pgd"}}}, "identifiers"),
        ({"final": {"aa": {"name": "pgd"}, "aa_clean": {"name": "pgd"}}}, "recorded beside aa"),
        ({"final": {"aa": {"name": "pgd"}, "aa_gap": {"name": "pgd"}}}, "recorded beside aa"),
        ({"final": {"aa": {"name": "autoattack", "version": "custom"}}}, "only there"),
        ({"final": {"aa": {"name": "autoattack", "attacks": ["apgd-ce"]}}}, "only there"),
        ({"final": {"aa": {"name": "autoattack", "version": "custom", "attacks": ["apgd"]}}}, "'apgd-ce'"),
        ({"final": {"aa": {"name": "autoattack", "version": "plus"}}}, "'standard' or 'custom'"),
        ({"final": {"aa": {"name": "autoattack", "restarts": 2}}}, "one restart"),
        (
            {"final": {"aa": {"name": "autoattack", "version": "custom", "attacks": ["square"], "restarts": 2}}},
            "restarts apply to apgd-ce and apgd-dlr; the attacks are square",
        ),
        ({"final": {"wide": {"name": "pgd", "epsilon": 0}}}, "greater than 0"),
        ({"final": {"wide": {"name": "pgd", "loss": "kl"}}}, "loss"),
    ],
)
def test_wrong_blocks_are_refused(block: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        Evaluation.model_validate(block)


@pytest.mark.parametrize("block", [{"norm": "l2"}, {"norm": "l2", "final": {"wide": {"name": "pgd", "epsilon": 1.0}}}])
def test_a_default_epsilon_is_one_of_its_norm(block: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"norm: l2, and epsilon 0\.03137 would be that of linf: give it too"):
        Evaluation.model_validate(block)
    assert Evaluation.model_validate(block | {"epsilon": "128/255"}).pgd().epsilon == 128 / 255
    assert Evaluation.model_validate({"norm": "linf"}).pgd().epsilon == 8 / 255


def test_l2_budgets_reach_beyond_one() -> None:
    block = {"norm": "l2", "epsilon": 1.5, "final": {"wide": {"name": "pgd", "epsilon": 3, "step_size": 2}}}
    assert Evaluation.model_validate(block).pgd().epsilon == 1.5
