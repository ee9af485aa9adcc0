"""The `replicates:` key: the seeds of each configuration."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag, model_validator

from search.schema.limits import MAX_SEEDS
from search.schema.prerequisites import Seeds
from trainers.knobs import Knobs


class AdaptiveReplicates(Knobs):
    """At least `min` seeds, two or more to estimate their spread, and up to `max` where the front is uncertain."""

    min: Annotated[int, Field(ge=2)]
    max: Annotated[int, Field(ge=2, le=MAX_SEEDS)]

    @model_validator(mode="after")
    def _check_range(self) -> AdaptiveReplicates:
        if self.min >= self.max:
            raise ValueError(f"max is above min; got min {self.min}, max {self.max}")
        return self


def _tag_replicates(value: Any) -> str:
    return "AdaptiveReplicates" if isinstance(value, AdaptiveReplicates | dict) else "Seeds"


Replicates = Annotated[
    Annotated[Seeds, Tag("Seeds")] | Annotated[AdaptiveReplicates, Tag("AdaptiveReplicates")],
    Discriminator(_tag_replicates),
]


def list_first_seeds(replicates: tuple[int, ...] | AdaptiveReplicates) -> tuple[int, ...]:
    """Return the seeds that every configuration has from the start."""
    return tuple(range(replicates.min)) if isinstance(replicates, AdaptiveReplicates) else replicates
