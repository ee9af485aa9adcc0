"""Methods: attack x loss x weight x target, and the table of the named ones."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

from pydantic import BeforeValidator, Field
from torch import Generator, Tensor

from trainers.attacks import PGD, Attack, NoAttack
from trainers.knobs import Knobs
from trainers.losses import TRADES, CrossEntropy, Loss, cross_entropy
from trainers.step import Batch, Net, Step
from trainers.targets import Given, Target
from trainers.weights import Uniform, Weight

Columns = dict[str, Tensor]


class Method(Knobs):
    """How one batch becomes a loss: the only place where the pieces meet."""

    attack: Attack = PGD()
    loss: Loss = CrossEntropy()
    weight: Weight = Uniform()
    target: Target = Given()

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> tuple[Tensor, Columns]:
        """The training loss of a batch, a scalar, and what is recorded of each example, (B,) each."""
        adversary = self.attack(net, batch, rng)
        clean = net(batch.x) if self.loss.needs_clean else None
        features, robust = net.features_and_logits(adversary.x)
        step = Step(batch, adversary, clean, robust, features)
        risk = self.loss(step, self.target(step))
        weight = self.weight(step)
        total = risk.robust if weight is None else weight * risk.robust
        if risk.clean is not None:
            total = risk.clean + total
        return total.mean(), observe(step, weight)


def observe(step: Step, weight: Tensor | None) -> Columns:
    """Per example, of the training step before its update: CE, correctness, p_y and feature norm on the adversary."""
    logits, y = step.robust.detach(), step.batch.y
    columns = {
        "loss": cross_entropy(logits, y),
        "correct": logits.argmax(1) == y,
        "p_y": logits.softmax(1).gather(1, y[:, None]).squeeze(1),
        "feature_norm": step.features.detach().norm(dim=1),
    }
    if step.adversary.kappa is not None:
        columns["kappa"] = step.adversary.kappa
    if weight is not None:
        columns["weight"] = weight
    return columns


METHODS: dict[str, Method] = {
    # standard training
    "standard": Method(attack=NoAttack()),
    # Goodfellow et al. 2015, arXiv:1412.6572: one step of size epsilon from the image itself
    "fgsm-at": Method(attack=PGD(steps=1, step_size="epsilon", start="none")),
    # Wong et al. 2020, arXiv:2001.03994: one step of 1.25 epsilon from a uniform start, BN in train mode
    "fast-at": Method(attack=PGD(steps=1, step_size="1.25*epsilon", bn="train")),
    # Madry et al. 2018, arXiv:1706.06083
    "pgd-at": Method(attack=PGD()),
    # Zhang et al. 2019, arXiv:1901.08573: the attack climbs the KL term from a small normal start
    "trades": Method(attack=PGD(epsilon=0.031, step_size=0.007, start="normal", ascend="kl"), loss=TRADES(beta=6.0)),
}


def overlay(base: dict, change: dict) -> dict:
    """Mappings merge; a piece whose `name`, or a method whose `base` changes is replaced whole."""
    if any(key in change and change[key] != base.get(key) for key in ("name", "base")):
        return change
    merged = dict(base)
    for key, value in change.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = overlay(base[key], value) if both else value
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
    return overlay(METHODS[base].model_dump(), {key: item for key, item in value.items() if key != "base"})


NamedMethod = Annotated[Method, BeforeValidator(named), Field(validate_default=True)]
