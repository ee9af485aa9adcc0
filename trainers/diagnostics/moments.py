"""When a diagnostic is measured, and what it is measured on."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from trainers.attacks import PGD
from trainers.balls import Norm
from trainers.data import Split
from trainers.knobs import Knobs, Moment, to_epochs
from trainers.step import Net

Moments = Annotated[tuple[Moment, ...], Field(strict=False, min_length=1)]


class Subject(NamedTuple):
    """What is measured: a network after an epoch, with the data and the budget of its study."""

    net: Net
    train: Split  # not augmented, with the labels that are trained on
    test: Split
    epsilon: float
    norm: Norm
    curves: PGD  # the attack of training curves
    seed: int  # of this epoch, for the draws of attacks


class Diagnostic(Knobs):
    """The base of every diagnostic: the epochs after which it is measured."""

    after: Moments = ("100%",)  # numbers of epochs, or shares of all: after each of these

    def due(self, epoch: int, epochs: int) -> bool:
        """Return whether it is measured after an epoch (0-based) of `epochs`; a share comes after one at least."""
        return epoch + 1 in {max(1, to_epochs(moment, epochs)) for moment in self.after}

    def describe_moments(self) -> str:
        """Return in words when it is measured, such as 'after epoch 30 and 100% of training'."""
        counts = [str(moment) for moment in self.after if isinstance(moment, int)]
        shares = [moment for moment in self.after if isinstance(moment, str)]
        epochs = [f"epoch{'s' * (len(counts) > 1)} {', '.join(counts)}"] * bool(counts)
        return "after " + " and ".join([*epochs, *[f"{', '.join(shares)} of training"] * bool(shares)])
