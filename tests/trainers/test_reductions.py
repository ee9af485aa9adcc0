"""A special case of one method is another, bit for bit; and no two methods of the table are the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainers.attacks import PGD, NoAttack
from trainers.config import TrialConfig
from trainers.losses import TRADES
from trainers.method import Method
from trainers.methods import METHODS
from trainers.schedules import Piecewise
from trainers.trainer import Trainer

FGSM = PGD(epsilon=0.1, step_size="epsilon", steps=1, start="none")
PLAIN = PGD(epsilon=0.1, steps=4)
KL = PGD(epsilon=0.1, steps=3, start="normal", ascend="kl")

METHOD_REDUCTIONS = {
    "pgd, one step of epsilon from the image -> fgsm-at": (
        Method(attack=PGD(steps=1, step_size=8 / 255, start="none")),
        METHODS["fgsm-at"],
    ),
    "fgsm, a step beyond the ball -> fgsm": (
        Method(attack=FGSM.model_copy(update={"step_size": "3*epsilon"})),
        Method(attack=FGSM),
    ),
    "pgd, no steps from the image -> standard": (Method(attack=PGD(steps=0, start="none")), METHODS["standard"]),
    "pgd, epsilon 0 -> standard": (Method(attack=PGD(epsilon=0)), METHODS["standard"]),
    "trades, beta 0 -> standard (a net without BN)": (Method(attack=KL, loss=TRADES(beta=0)), METHODS["standard"]),
    "restarts from the same start -> one": (
        Method(attack=PLAIN.model_copy(update={"start": "none", "restarts": 3})),
        Method(attack=PLAIN.model_copy(update={"start": "none"})),
    ),
    "bn in train mode (a net without BN) -> eval": (
        Method(attack=PLAIN.model_copy(update={"bn": "train"})),
        Method(attack=PLAIN),
    ),
    "a schedule that never changes -> its number": (
        Method(attack=PLAIN.model_copy(update={"epsilon": Piecewise(values=(0.1, 0.1), drops=(1,))})),
        Method(attack=PLAIN),
    ),
    "a written step -> its number": (
        Method(attack=PLAIN.model_copy(update={"step_size": "epsilon/4"})),
        Method(attack=PLAIN.model_copy(update={"step_size": 0.025})),
    ),
}  # fmt: skip

TRIAL_REDUCTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ranked, all of them -> all": ({"subset": {"name": "ranked", "size": "100%"}}, {}),
    "hardest, all of them -> all": ({"subset": {"name": "ranked", "side": "hardest", "size": 60}}, {}),
    "band of all quantiles -> all": ({"subset": {"name": "ranked", "side": "band", "band": [0, 1]}}, {}),
    "random, all of them -> all": ({"subset": {"name": "random", "size": "100%"}}, {}),
    "random of the trial's seed -> random without one": (
        {"subset": {"name": "random", "size": 40, "seed": 0}},
        {"subset": {"name": "random", "size": 40}},
    ),
    "a batch larger than the data -> as large as the data": ({"batch_size": 60}, {"batch_size": 1000}),
    "label noise of nobody -> none": (
        {"data": {"name": "digits", "train": 60, "val": 60, "test": 60, "noise_seed": 5}},
        {},
    ),
    "a flat schedule -> its number": (
        {"optimizer": {"name": "sgd", "lr": {"name": "piecewise", "values": [0.1, 0.1], "drops": [0.5]}}},
        {"optimizer": {"name": "sgd", "lr": 0.1}},
    ),
}


@pytest.fixture(scope="module")
def parameters(trained: Callable[..., Trainer]) -> Callable[..., list[Tensor]]:
    """The parameters after two epochs, with a ranking at hand."""
    score = np.random.default_rng(0).permutation(60) / 60
    ranking = {"rank_instability": score, "rank_difficulty": score}
    return lambda config: list(trained(config, ranking).net.module.parameters())


@pytest.mark.parametrize("name", METHOD_REDUCTIONS)
def test_method_reduces(tiny: Callable[..., TrialConfig], parameters: Any, name: str) -> None:
    fancy, plain = METHOD_REDUCTIONS[name]
    assert fancy != plain
    assert all(map(torch.equal, parameters(tiny(method=fancy)), parameters(tiny(method=plain))))


@pytest.mark.parametrize("name", TRIAL_REDUCTIONS)
def test_trial_reduces(tiny: Callable[..., TrialConfig], parameters: Any, name: str) -> None:
    fancy, plain = (tiny(method={"attack": PLAIN.model_dump()}, **changes) for changes in TRIAL_REDUCTIONS[name])
    assert fancy != plain
    assert all(map(torch.equal, parameters(fancy), parameters(plain)))


def test_trades_with_beta_0_is_not_standard_where_there_is_bn(
    tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]
) -> None:
    """The adversary's forward in train mode moves the running statistics, though no gradient comes of it."""
    cnn = {"name": "digits_cnn"}
    fancy, plain = (
        trained(tiny(model=cnn, method=method)).net.module
        for method in (Method(attack=KL, loss=TRADES(beta=0)), METHODS["standard"])
    )
    differs = {
        name
        for (name, one), other in zip(fancy.state_dict().items(), plain.state_dict().values(), strict=True)
        if not torch.equal(one, other)
    }
    assert differs and all("running" in name or "num_batches" in name for name in differs)


def test_no_two_methods_are_the_same(tiny: Callable[..., TrialConfig], parameters: Any) -> None:
    """As they act once no burn-in holds them back, on what they leave in the network."""
    after = {name: parameters(tiny(method=method.at(98, 100).model_dump())) for name, method in METHODS.items()}
    for one, other in combinations(METHODS, 2):
        assert not any(map(torch.equal, after[one], after[other])), (one, other)


def test_reductions_are_not_vacuous(tiny: Callable[..., TrialConfig], parameters: Any) -> None:
    """The plain sides differ from one another: the attacks do act at this size."""
    plain = [
        parameters(tiny(method=method)) for method in (METHODS["standard"], Method(attack=FGSM), Method(attack=PLAIN))
    ]
    for one, other in combinations(plain, 2):
        assert not any(map(torch.equal, one, other))
    assert METHODS["standard"].attack == NoAttack()
