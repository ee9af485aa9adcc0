"""Replicates: how many seeds each configuration has, and which of them deserve one more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from search.schema.limits import SEEDS
from search.schema.upstream import Seeds
from trainers.knobs import Knobs

if TYPE_CHECKING:
    pass


class Adaptive(Knobs):
    """At least `min` seeds, as a spread takes two, and up to `max` of them where the front is in doubt."""

    min: Annotated[int, Field(ge=2)]
    max: Annotated[int, Field(ge=2, le=SEEDS)]

    @model_validator(mode="after")
    def _room(self) -> Adaptive:
        if self.min >= self.max:
            raise ValueError(f"more seeds at most than at least; got min {self.min}, max {self.max}")
        return self


def _kind(value: Any) -> str:
    return "Adaptive" if isinstance(value, Adaptive | dict) else "Seeds"


Replicates = Annotated[Annotated[Seeds, Tag("Seeds")] | Annotated[Adaptive, Tag("Adaptive")], Discriminator(_kind)]


def first_seeds(replicates: tuple[int, ...] | Adaptive) -> tuple[int, ...]:
    """The seeds that every configuration has."""
    return tuple(range(replicates.min)) if isinstance(replicates, Adaptive) else replicates
