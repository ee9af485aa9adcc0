"""GAIR-RST: attacks twice and mixes both adversaries by geometry, which does not factor into the pieces of Method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import model_validator
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.knobs import BurnIn, Knobs, to_epochs
from trainers.losses import TRADES, cross_entropy, kl, schedule_value
from trainers.method import Columns, Method, observe, with_clean_images
from trainers.passes import UPDATE, Passes
from trainers.schedules import Schedule, SignedSchedule
from trainers.starts import Previous
from trainers.step import Batch, Net, Step
from trainers.weights import tanh


class GAIRRST(Knobs):
    """CE(f(x), y) + beta (w KL(p(x) || p(x')) + (1 - w) KL(p(x) || p(x_cw))); Zhang et al. 2021, eq. 13.

    w is eq. 6, not normalised, since it mixes two terms. x' is the KL adversary of TRADES, as in the authors' code,
    where the text says CE; its attack counts kappa against the (pseudo-)labels. x_cw climbs the margin within the same
    budget. Until burn_in the method is TRADES; with extra data that is the RST of Carmon et al. 2019, arXiv:1905.13736.
    """

    kind: Literal["gair-rst"] = "gair-rst"
    adversarial: ClassVar[bool] = True
    counts_steps: ClassVar[bool] = True
    graphs: ClassVar[int] = 3
    attack: PGD = PGD(epsilon=0.031, step_size=0.007, start="normal", ascend="kl")
    beta: Schedule = 6.0
    lam: SignedSchedule = 3.0
    burn_in: BurnIn = "50%"

    @model_validator(mode="after")
    def _fit(self) -> GAIRRST:
        if self.attack.steps < 2 or self.attack.toward is not None or self.attack.tau is not None:
            raise ValueError("gair-rst counts the steps of an untargeted attack of fixed length: steps >= 2, no tau")
        if self.attack.ascend == "margin":
            raise ValueError("gair-rst mixes two adversaries, of which one climbs the margin; take ascend: kl or ce")
        if isinstance(self.attack.start, Previous):
            raise ValueError(
                "gair-rst attacks twice, and each would go on from what the other has just left behind; take a start "
                "of none, normal or uniform"
            )
        return self

    def at(self, epoch: int, epochs: int) -> Any:
        if epoch < to_epochs(self.burn_in, epochs):
            return Method(attack=self.attack, loss=TRADES(beta=self.beta)).at(epoch, epochs)
        return super().at(epoch, epochs).model_copy(update={"burn_in": 0})

    def moves(self) -> bool:
        return True

    def passes(self) -> Passes:
        """Return what one visit of an example costs, as the method acts after its burn-in: two attacks, three looks."""
        return self.attack.passes() + self._other_attack.passes() + Passes(forwards=2) + UPDATE

    @property
    def _other_attack(self) -> PGD:
        return self.attack.model_copy(update={"ascend": "margin", "guide": None})

    def losses(self, net: Net, batch: Batch, rng: Generator) -> Iterator[tuple[Tensor, Columns]]:
        """Yield the loss of a batch and the columns of its examples, as Method does."""
        adversary = with_clean_images(batch, self.attack(net, batch, rng))
        other = with_clean_images(batch, self._other_attack(net, batch, rng))
        features, robust = net.features_and_logits(adversary.x)
        beyond, clean = net(other.x), net(batch.x)  # BN statistics end on the image, as in the authors' code
        if adversary.kappa is None:
            raise TypeError("PGD counts its steps")
        weight = tanh(adversary.kappa.to(robust.dtype) / adversary.steps, schedule_value(self.lam))
        apart = weight * kl(clean, robust) + (1 - weight) * kl(clean, beyond)
        loss = cross_entropy(clean, batch.y) + schedule_value(self.beta) * apart
        yield loss.mean(), observe(Step(batch, adversary, clean, robust, features), weight, batch.y)
