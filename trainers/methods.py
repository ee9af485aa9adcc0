"""The table of the literature's methods: each row is attack x loss x weight x target, or a class of its own.

Budgets are those of the paper or its code: 8/255 and 0.031 are different settings. trainers/DIFFERENCES.md lists where
this code differs from the authors'. Some techniques are not rows, since they combine with every row: a subset
(trainers/subsets.py), label smoothing (target), weight perturbation (awp), weight averaging and a checkpoint to start
from (trainers/config.py). Plain fine-tuning is pgd-at from a checkpoint with extra data.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

from pydantic import BeforeValidator, Field

from trainers.attacks import PGD, Guide, NoAttack, Toward
from trainers.balls import check_norm
from trainers.free_at import Free
from trainers.gair_rst import GAIRRST
from trainers.iat import IAT
from trainers.knobs import KnobError
from trainers.losses import MART, TRADES, ConsistentCE, Guided, PriorCE
from trainers.method import Method
from trainers.mma import MMA
from trainers.schedules import Line, Piecewise
from trainers.starts import Previous, Scaled
from trainers.targets import RunningAverage
from trainers.weights import GAIR, Confidence, Probability

AnyMethod = Method | GAIRRST | Free | MMA

_KL = PGD(epsilon=0.031, step_size=0.007, start="normal", ascend="kl")  # the attack of TRADES
_CE = PGD(epsilon=0.031, step_size=0.007, start="normal")  # of MART
_ATTA = PGD(epsilon=8 / 255, step_size=4 / 255, steps=1, start=Previous())  # of Liu et al. 2021
_FOLLOW = RunningAverage(keep=0.1)
_GAT = Piecewise(values=(10, 40), drops=(0.86,))  # in their code the weight grows after the 86th of 100 epochs
_NUAT = Line(start=0, end=4.5, by=0.9)
_HALF = PGD(steps=1, step_size="epsilon", start=Scaled(noise="bernoulli", times=0.5))  # of GAT and NuAT

METHODS: dict[str, AnyMethod] = {
    # standard training
    "standard": Method(attack=NoAttack()),
    # Goodfellow et al. 2015, arXiv:1412.6572: one step of size epsilon from the image itself
    "fgsm-at": Method(attack=PGD(steps=1, step_size="epsilon", start="none")),
    # Wong et al. 2020, arXiv:2001.03994: one step of 1.25 epsilon from a uniform start, BN in train mode
    "fast-at": Method(attack=PGD(steps=1, step_size="1.25*epsilon", bn="train")),
    # de Jorge et al. 2022, arXiv:2202.01181: one step of epsilon from noise of twice epsilon, without projection
    "n-fgsm": Method(
        attack=PGD(steps=1, step_size="epsilon", start=Scaled(noise="uniform", times=2), project=False, bn="train")
    ),
    # Sriramanan et al. 2020, arXiv:2011.14969: the attack climbs the loss, the weights of both are lambda
    "gat": Method(attack=_HALF.model_copy(update={"guide": Guide(beta=_GAT)}), loss=Guided(beta=_GAT)),
    # Sriramanan et al. 2021 (NeurIPS): the same with the nuclear norm over the batch
    "nuat": Method(
        attack=_HALF.model_copy(update={"guide": Guide(distance="nuclear", beta=_NUAT)}),
        loss=Guided(distance="nuclear", beta=_NUAT),
    ),
    # Jia et al. 2022, arXiv:2207.08859: FGSM-MEP, lambda 10 and mu 0.3; without a momentum it is FGSM-EP
    "fgsm-pgi": Method(
        attack=PGD(
            steps=1, step_size="epsilon", start=Previous(fill="bernoulli", reset_every=40, momentum=0.3), bn="train"
        ),
        loss=PriorCE(beta=10.0),
    ),
    # Shafahi et al. 2019, arXiv:1904.12843
    "free-at": Free(),
    # Madry et al. 2018, arXiv:1706.06083; the l2 budget of Rice et al. 2020, arXiv:2002.11569
    "pgd-at": Method(attack=PGD()),
    "pgd-at-l2": Method(attack=PGD(epsilon=128 / 255, step_size=15 / 255, norm="l2")),
    # Zhang et al. 2019, arXiv:1901.08573: the attack climbs the KL term from a small normal start
    "trades": Method(attack=_KL, loss=TRADES(beta=6.0)),
    # Wang et al. 2020 (ICLR): beta as for ResNet-18 in their code, 6 for WRN
    "mart": Method(attack=_CE, loss=MART(beta=5.0)),
    # Zhang et al. 2020, arXiv:2002.11242: tau grows at epochs 50 and 90 of 120
    "fat": Method(attack=PGD(epsilon=0.031, step_size=0.007, tau=Piecewise(values=(0, 1, 2), drops=(5 / 12, 0.75)))),
    # Zhang et al. 2021, arXiv:2010.01736: lambda 0 and burn-in 60 of 120 epochs as in Table 1, budget as in Fig. 4; the
    # start is random, as in app. C.3 and their code, where Algorithms 1 and 3 print the image itself
    "gairat": Method(weight=GAIR(lam=0.0)),
    # ... Table 1: tau 0, 3, 6 from epochs 40 and 70 of 120
    "gair-fat": Method(
        attack=PGD(epsilon=0.031, step_size=0.007, tau=Piecewise(values=(0, 3, 6), drops=(1 / 3, 7 / 12))),
        weight=GAIR(lam=0.0),
    ),
    # ... Alg. 5 and Table 2: burn-in 75 of 100 epochs; the start is that of TRADES, 0.001 N(0, I), where Algorithm 4
    # prints a random unit vector times a xi that it does not give (start: {name: direction, length: xi})
    "gair-trades": Method(attack=_KL, loss=TRADES(beta=6.0), weight=GAIR(lam=-1.0, burn_in="75%")),
    # ... eqs. 10 and 11, Figs. 19 and 20: burn-in 75 of 120 epochs
    "gair-mart": Method(attack=_CE, loss=MART(beta=5.0), weight=GAIR(lam=0.0, burn_in="62.5%")),
    "gair-mart-kl": Method(attack=_CE, loss=MART(beta=5.0, weighs="kl"), weight=GAIR(lam=0.0, burn_in="62.5%")),
    # ... eq. 13 and Table 3, to be trained with extra data
    "gair-rst": GAIRRST(),
    # Ding et al. 2020, arXiv:1812.02637
    "mma": MMA(),
    # Zheng et al. 2020, arXiv:1912.11969: one step from the last visit's perturbation; their code divides the mean loss
    # by the batch of 64 once more, which is loss_scale: 1/64 of the optimizer
    "atta": Method(attack=PGD(epsilon=0.031, step_size=0.015, steps=1, start=Previous())),
    # Liu et al. 2021, sec. 6.1 and Alg. 1
    "atta-reweight": Method(attack=_ATTA, weight=Probability()),
    "atta-adaptive": Method(attack=_ATTA, target=_FOLLOW),
    "atta-reweight-adaptive": Method(attack=_ATTA, weight=Probability(), target=_FOLLOW),
    # ... sec. 6.2, from a checkpoint with half of each batch from extra data
    "finetune-reweight": Method(weight=Probability(burn_in=0)),
    "finetune-kl": Method(loss=ConsistentCE()),
    "finetune-reweight-kl": Method(loss=ConsistentCE(), weight=Probability(burn_in=0)),
    # Balaji et al. 2019, arXiv:1910.08051
    "iat": Method(attack=IAT()),
    # Huang et al. 2020, arXiv:2002.10319, on TRADES: from epoch 70 of 100
    "self-adaptive": Method(
        attack=_KL, loss=TRADES(beta=6.0), weight=Confidence(), target=RunningAverage(follow="clean", burn_in="70%")
    ),
    # Dong et al. 2021, app. H: airplane-truck of CIFAR-10, from a checkpoint
    "targeted": Method(attack=PGD(toward=Toward(label=0, instead=9))),
}


NAMES = ("name", "base", "kind")  # the keys that identify pieces and methods


def overlay(base: dict, change: dict, named: dict | None = None) -> dict:
    """Merge a mapping into another; a piece whose `name`, or a method whose `base` or `kind` changes is replaced whole.

    `named` is the base with the names that its pieces have by default, if these are to count too.
    """
    named = base if named is None else named
    if any(key in change and change[key] != named.get(key) for key in NAMES):
        return change
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = overlay(base[key], value, named[key]) if both else value
    return merged


def named(value: object) -> object:
    """Read `trades`, or `{base: trades, loss: {beta: 3}}`, as the table's row with changes laid over it.

    Without a base it is pgd-at that is changed.
    """
    if isinstance(value, str):
        value = {"base": value}
    if not isinstance(value, dict):
        return value
    base = value.get("base", "pgd-at")
    if not isinstance(base, str) or base not in METHODS:
        near = get_close_matches(str(base), METHODS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"no method is called {base!r}{hint} (there are {', '.join(METHODS)})")
    row, change = METHODS[base].model_dump(), {key: item for key, item in value.items() if key != "base"}
    _check_norms(row, change)
    return overlay(row, change)


def _check_norms(row: dict, change: dict) -> None:
    """Raise KnobError if a norm is changed and a length of the row, or of the piece that replaces it, is not."""
    attack, kind = change.get("attack"), change.get("kind", row["kind"])
    own = (
        row
        if kind == row["kind"]
        else next((method.model_dump() for method in METHODS.values() if method.kind == kind), {})
    )
    found: dict[tuple[str, ...], str | None] = {("norm",): check_norm(own, change)}
    if isinstance(attack, dict):
        old = row.get("attack") or {}
        same = attack.get("name", old.get("name")) == old.get("name")
        found["attack", "norm"] = check_norm(old if same else PGD().model_dump(), attack)
    if problems := {knob: why for knob, why in found.items() if why}:
        raise KnobError(problems)


NamedMethod = Annotated[AnyMethod, Field(discriminator="kind", validate_default=True), BeforeValidator(named)]
