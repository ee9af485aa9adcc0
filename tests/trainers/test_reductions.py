"""A special case of one method is another, bit for bit; and no two methods of the table are the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainers.attacks import PGD, Guide, NoAttack
from trainers.awp import AWP
from trainers.config import TrialConfig
from trainers.free_at import Free
from trainers.gair_rst import GAIRRST
from trainers.iat import IAT
from trainers.losses import MART, TRADES, ConsistentCE, Guided, PriorCE
from trainers.method import Method
from trainers.methods import METHODS, AnyMethod
from trainers.mma import MMA
from trainers.schedules import Line, Piecewise
from trainers.starts import Previous, Scaled
from trainers.targets import RunningAverage, Smoothed
from trainers.trainer import Trainer
from trainers.weights import GAIR, Confidence, GAIRSigmoid, GAIRSteps, LossSize, Probability

from .helpers import composed

FGSM = PGD(epsilon=0.1, step_size="epsilon", steps=1, start="none")
PLAIN = PGD(epsilon=0.1, steps=4)
KL = PGD(epsilon=0.1, steps=3, start="normal", ascend="kl")
STILL = PGD(epsilon=0.1, steps=4, start="none")  # draws nothing
FRIENDLY = PLAIN.model_copy(update={"tau": 4})


def one_step(start: Any) -> PGD:
    return PGD(epsilon=0.1, step_size=0.05, steps=1, start=start)


def atta(reset_every: int | None = 10, momentum: float | None = None, **knobs: Any) -> Method:
    return Method(attack=one_step(Previous(reset_every=reset_every, momentum=momentum)), **knobs)


def self_adaptive(weight: Any = None, **knobs: Any) -> Method:
    target = RunningAverage(follow="clean", **{"burn_in": 0} | knobs)
    return Method(attack=KL, loss=TRADES(), weight=weight or Confidence(), target=target)


METHOD_REDUCTIONS: dict[str, tuple[AnyMethod, AnyMethod]] = {
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
    "gairat, lambda huge -> pgd-at": (Method(attack=PLAIN, weight=GAIR(lam=1e3, burn_in=0)), Method(attack=PLAIN)),
    "gairat, lambda infinite -> pgd-at": (
        Method(attack=PLAIN, weight=GAIR(lam=float("inf"), burn_in=0)), Method(attack=PLAIN),
    ),
    "gairat by the sigmoid, lambda huge -> pgd-at": (
        Method(attack=PLAIN, weight=GAIRSigmoid(lam=1e3, burn_in=0)), Method(attack=PLAIN),
    ),
    "gairat by steps that are level -> pgd-at": (
        Method(attack=PLAIN, weight=GAIRSteps(values=(1, 1), drops=(0.5,), burn_in=0)), Method(attack=PLAIN),
    ),
    "weighted by loss, tilt 0, by nothing -> pgd-at": (
        Method(attack=PLAIN, weight=LossSize(tilt=0, burn_in=0)), Method(attack=PLAIN),
    ),
    "weighted by loss in burn-in -> pgd-at": (Method(attack=PLAIN, weight=LossSize(burn_in=2)), Method(attack=PLAIN)),
    "gairat in burn-in -> pgd-at": (Method(attack=PLAIN, weight=GAIR(lam=0, burn_in=2)), Method(attack=PLAIN)),
    "gair-trades, lambda infinite -> trades": (
        Method(attack=KL, loss=TRADES(), weight=GAIR(lam=float("inf"), burn_in=0)), Method(attack=KL, loss=TRADES()),
    ),
    "gair-trades in burn-in -> trades": (
        Method(attack=KL, loss=TRADES(), weight=GAIR(burn_in=2)), Method(attack=KL, loss=TRADES()),
    ),
    "gair-mart, lambda huge -> mart": (
        Method(attack=PLAIN, loss=MART(), weight=GAIR(lam=1e3, burn_in=0)), Method(attack=PLAIN, loss=MART()),
    ),
    "gair-mart in burn-in -> mart": (
        Method(attack=PLAIN, loss=MART(), weight=GAIR(burn_in=2)), Method(attack=PLAIN, loss=MART()),
    ),
    "gair-mart-kl in burn-in -> mart": (
        Method(attack=PLAIN, loss=MART(weighs="kl"), weight=GAIR(burn_in=2)), Method(attack=PLAIN, loss=MART()),
    ),
    "fat, tau = steps -> pgd-at": (Method(attack=FRIENDLY), Method(attack=PLAIN)),
    "fat, tau = steps in time -> pgd-at": (
        Method(attack=PLAIN.model_copy(update={"tau": Line(start=4, end=8)})), Method(attack=PLAIN),
    ),
    "gair-fat, tau = steps -> gairat": (
        Method(attack=FRIENDLY, weight=GAIR(burn_in=0)), Method(attack=PLAIN, weight=GAIR(burn_in=0)),
    ),
    "gair-rst in burn-in -> trades": (GAIRRST(attack=KL, burn_in=2), Method(attack=KL, loss=TRADES())),
    "gair-rst, beta 0 -> standard (a net without BN)": (GAIRRST(attack=KL, beta=0, burn_in=0), METHODS["standard"]),
    "gair-rst, lambda huge, from the image -> trades (a net without BN)": (
        GAIRRST(attack=STILL, lam=1e3, burn_in=0), Method(attack=STILL, loss=TRADES()),
    ),
    "gair-rst, lambda low, from the image -> trades by the margin (a net without BN)": (
        GAIRRST(attack=STILL, lam=-1e3, burn_in=0),
        Method(attack=STILL.model_copy(update={"ascend": "margin"}), loss=TRADES()),
    ),
    "self-adaptive, momentum 1 -> trades": (self_adaptive(momentum=1.0), Method(attack=KL, loss=TRADES())),
    "self-adaptive, keep 1 -> trades": (self_adaptive(keep=1.0), Method(attack=KL, loss=TRADES())),
    "self-adaptive in burn-in -> trades": (self_adaptive(burn_in=2), Method(attack=KL, loss=TRADES())),
    "atta drawn anew each epoch, uniform -> one step of pgd-at": (
        Method(attack=one_step(Previous(fill="uniform", reset_every=1))), Method(attack=one_step("uniform")),
    ),
    "atta drawn anew each epoch, normal -> one step from a normal start": (
        atta(reset_every=1), Method(attack=one_step("normal")),
    ),
    "atta, adaptive, keep 1 -> atta": (atta(target=RunningAverage(keep=1.0, burn_in=0)), atta()),
    "atta, adaptive, momentum 1 -> atta": (atta(target=RunningAverage(momentum=1.0, keep=0.1, burn_in=0)), atta()),
    "atta, adaptive, its targets updated and not yet fitted -> atta": (
        atta(target=RunningAverage(keep=0.1, burn_in=2, updates="always")), atta(),
    ),
    "atta, adaptive, its targets updated from the first epoch, which fits them -> atta, adaptive": (
        atta(target=RunningAverage(burn_in=0, updates="always")), atta(target=RunningAverage(burn_in=0)),
    ),
    "atta, adaptive, in burn-in -> atta": (atta(target=RunningAverage(keep=0.1, burn_in=2)), atta()),
    "atta, reweighted, in burn-in -> atta": (atta(weight=Probability(burn_in=2)), atta()),
    "iat, momentum 1 -> pgd-at": (Method(attack=IAT(epsilon=0.1, steps=4, momentum=1.0)), Method(attack=PLAIN)),
    "iat in burn-in -> pgd-at": (Method(attack=IAT(epsilon=0.1, steps=4, burn_in=2)), Method(attack=PLAIN)),
    "ce-kl, beta 0 -> ce (a net without BN)": (
        Method(attack=PLAIN, loss=ConsistentCE(beta=0)), Method(attack=PLAIN),
    ),
    "noise of one epsilon -> uniform": (
        Method(attack=one_step(Scaled(times=1))), Method(attack=one_step("uniform")),
    ),
    "without projection, from the image, a step within epsilon -> pgd-at": (
        Method(attack=one_step("none").model_copy(update={"project": False})), Method(attack=one_step("none")),
    ),
    "guided, lambda 0 -> unguided": (
        Method(attack=one_step("uniform").model_copy(update={"guide": Guide(beta=0, alternate=False)})),
        Method(attack=one_step("uniform")),
    ),
    "gat, lambda 0 -> standard (a net without BN)": (Method(attack=PLAIN, loss=Guided(beta=0)), METHODS["standard"]),
    "nuat, lambda 0 -> standard (a net without BN)": (
        Method(attack=PLAIN, loss=Guided(distance="nuclear", beta=0)), METHODS["standard"],
    ),
    "fgsm-mep, mu 0 -> fgsm-ep, which is atta": (atta(momentum=0.0), atta()),
    "fgsm-pgi, lambda 0 -> ce (a net without BN)": (Method(attack=PLAIN, loss=PriorCE(beta=0)), Method(attack=PLAIN)),
    "smoothing by nothing -> given": (Method(attack=PLAIN, target=Smoothed(share=0.0)), Method(attack=PLAIN)),
    "weight perturbation in burn-in -> none": (Method(attack=PLAIN, awp=AWP(burn_in=2)), Method(attack=PLAIN)),
    "free-at, one replay within next to nothing -> standard": (Free(epsilon=1e-30, replays=1), METHODS["standard"]),
    "mma, all of the clean gradient -> standard (a net without BN)": (MMA(clean=1.0), METHODS["standard"]),
}  # fmt: skip

# The same, one step away from its limit: what is no reduction.
NOT_QUITE: dict[str, tuple[AnyMethod, AnyMethod]] = {
    "gairat, lambda 0": (Method(attack=PLAIN, weight=GAIR(lam=0, burn_in=0)), Method(attack=PLAIN)),
    "gairat by the sigmoid": (Method(attack=PLAIN, weight=GAIRSigmoid(lam=0, burn_in=0)), Method(attack=PLAIN)),
    "gairat by steps": (
        Method(attack=PLAIN, weight=GAIRSteps(values=(1, 0.9), drops=(0.5,), burn_in=0)), Method(attack=PLAIN),
    ),
    "weighted by loss": (Method(attack=PLAIN, weight=LossSize(tilt=0.1, burn_in=0)), Method(attack=PLAIN)),
    "gairat in burn-in for an epoch": (Method(attack=PLAIN, weight=GAIR(lam=0, burn_in=1)), Method(attack=PLAIN)),
    "gair-trades": (Method(attack=KL, loss=TRADES(), weight=GAIR(burn_in=0)), Method(attack=KL, loss=TRADES())),
    "gair-mart": (Method(attack=PLAIN, loss=MART(), weight=GAIR(burn_in=0)), Method(attack=PLAIN, loss=MART())),
    "gair-mart-kl, lambda huge": (
        Method(attack=PLAIN, loss=MART(weighs="kl"), weight=GAIR(lam=1e3, burn_in=0)),
        Method(attack=PLAIN, loss=MART()),
    ),
    "fat, tau 0": (Method(attack=PLAIN.model_copy(update={"tau": 0})), Method(attack=PLAIN)),
    "gair-fat, tau 0": (
        Method(attack=PLAIN.model_copy(update={"tau": 0}), weight=GAIR(burn_in=0)),
        Method(attack=PLAIN, weight=GAIR(burn_in=0)),
    ),
    "gair-rst": (GAIRRST(attack=STILL, burn_in=0), Method(attack=STILL, loss=TRADES())),
    "self-adaptive": (self_adaptive(), Method(attack=KL, loss=TRADES())),
    "self-adaptive without its weights": (self_adaptive(weight=Probability(burn_in=2)), self_adaptive()),
    "atta, not drawn anew": (atta(), Method(attack=one_step("normal"))),
    "atta, adaptive": (atta(target=RunningAverage(keep=0.1, burn_in=0)), atta()),
    "atta, adaptive, its targets updated before they are fitted": (
        atta(target=RunningAverage(burn_in=1, updates="always")), atta(target=RunningAverage(burn_in=1)),
    ),
    "atta, reweighted": (atta(weight=Probability(burn_in=0)), atta()),
    "iat": (Method(attack=IAT(epsilon=0.1, steps=4, burn_in=0)), Method(attack=PLAIN)),
    "ce-kl": (Method(attack=PLAIN, loss=ConsistentCE()), Method(attack=PLAIN)),
    "noise of less than an epsilon": (
        Method(attack=one_step(Scaled(times=0.9))), Method(attack=one_step("uniform")),
    ),
    "without projection": (
        Method(attack=one_step("uniform").model_copy(update={"project": False})), Method(attack=one_step("uniform")),
    ),
    "guided": (
        Method(attack=one_step("uniform").model_copy(update={"guide": Guide()})), Method(attack=one_step("uniform")),
    ),
    "gat": (Method(attack=PLAIN, loss=Guided()), METHODS["standard"]),
    "fgsm-pgi": (Method(attack=PLAIN, loss=PriorCE()), Method(attack=PLAIN)),
    "smoothing": (Method(attack=PLAIN, target=Smoothed(share=0.01)), Method(attack=PLAIN)),
    "weight perturbation": (Method(attack=PLAIN, awp=AWP(burn_in=1)), Method(attack=PLAIN)),
    "free-at, two replays": (Free(epsilon=1e-30, replays=2), METHODS["standard"]),
    "free-at": (Free(epsilon=0.1, replays=1), METHODS["standard"]),
    "mma": (MMA(clean=0.9, d_max=0.3), METHODS["standard"]),
}  # fmt: skip

DISTURBED = {"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1, "flip": True}

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
    "drop-unlearned after the last epoch -> all": (
        {"subset": {"name": "drop-unlearned", "epoch": 2}, "batch_size": 4}, {"batch_size": 4},
    ),
    "averaging in burn-in -> none": ({"average": {"name": "ema", "burn_in": 2}}, {}),
    "sparing the unlearned an attack, where there is none -> all": (
        {"method": "standard", "subset": {"name": "drop-unlearned", "epoch": 1, "instead": "clean"}},
        {"method": "standard"},
    ),
    "atta drawn anew each epoch from nothing, cropped and mirrored -> one step from the image": (
        {"method": Method(attack=one_step(Previous(fill="none", reset_every=1))).model_dump(), "data": DISTURBED},
        {"method": Method(attack=one_step("none")).model_dump(), "data": DISTURBED},
    ),
}  # fmt: skip

WITH_BN = [
    "gairat, lambda huge -> pgd-at", "fat, tau = steps -> pgd-at", "gair-fat, tau = steps -> gairat",
    "atta, adaptive, keep 1 -> atta", "iat, momentum 1 -> pgd-at",
]  # fmt: skip

SAME_STAGES = [name for name in METHOD_REDUCTIONS if any(word in name for word in (
    "in burn-in", "infinite", "momentum 1", "keep 1", "by nothing"
))]  # fmt: skip


MANY_UPDATES = {"batch_size": 4}  # mma is standard training until a probability exceeds 1/2


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
    many = MANY_UPDATES if "mma" in name else {}
    assert all(map(torch.equal, parameters(tiny(method=fancy, **many)), parameters(tiny(method=plain, **many))))


@pytest.mark.parametrize("name", WITH_BN)
def test_method_reduces_with_convolutions_and_statistics(
    tiny: Callable[..., TrialConfig], bits: Callable[..., list[Tensor]], name: str
) -> None:
    fancy, plain = (bits(tiny(method=method, model={"name": "digits_cnn"})) for method in METHOD_REDUCTIONS[name])
    assert all(map(torch.equal, fancy, plain))


@pytest.mark.parametrize("name", NOT_QUITE)
def test_methods_a_step_from_a_reduction_differ(tiny: Callable[..., TrialConfig], parameters: Any, name: str) -> None:
    """The knobs of the reductions do act at this size."""
    fancy, plain = (parameters(tiny(method=method, **MANY_UPDATES)) for method in NOT_QUITE[name])
    assert not any(map(torch.equal, fancy, plain))


@pytest.mark.parametrize("name", SAME_STAGES)
def test_piece_switched_off_is_absent_from_the_stage(name: str) -> None:
    """So that trainings share it: a sweep tells stages apart by their configuration."""
    fancy, plain = METHOD_REDUCTIONS[name]
    assert [fancy.at(epoch, 2) for epoch in (0, 1)] == [plain.at(epoch, 2) for epoch in (0, 1)]


@pytest.mark.parametrize("name", TRIAL_REDUCTIONS)
def test_trial_reduces(tiny: Callable[..., TrialConfig], parameters: Any, name: str) -> None:
    method = {"attack": PLAIN.model_dump()}
    fancy, plain = (tiny(**{"method": method} | changes) for changes in TRIAL_REDUCTIONS[name])
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


@pytest.mark.long
def test_no_two_methods_are_the_same(tiny: Callable[..., TrialConfig], parameters: Any) -> None:
    """As they act once no burn-in holds them back, on what they leave in the network."""
    acting = {name: method.at(98, 100).model_dump() for name, method in METHODS.items()}
    after = {name: parameters(tiny(method=method, **MANY_UPDATES)) for name, method in acting.items()}
    for one, other in combinations(METHODS, 2):
        assert not any(map(torch.equal, after[one], after[other])), (one, other)


def test_reductions_are_not_vacuous(tiny: Callable[..., TrialConfig], parameters: Any) -> None:
    """The plain sides differ from one another: the attacks do act at this size."""
    plain = [
        parameters(tiny(method=method)) for method in (METHODS["standard"], Method(attack=FGSM), Method(attack=PLAIN))
    ]
    for one, other in combinations(plain, 2):
        assert not any(map(torch.equal, one, other))
    assert composed(METHODS["standard"]).attack == NoAttack()
