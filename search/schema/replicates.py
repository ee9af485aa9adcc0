"""The `replicates:` key: the seeds of each configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from search.schema.limits import MAX_SEEDS
from search.schema.objectives import check_objective
from search.schema.prerequisites import Seeds
from trainers.certificate.looks import FIRST, list_looks
from trainers.certificate.verdicts import ERROR, MOST_SEEDS, TOLERANCE
from trainers.knobs import Knobs, Real, Share


class AdaptiveReplicates(Knobs):
    """At least `min` seeds, two or more to estimate their spread, and up to `max` where the front is uncertain."""

    min: Annotated[int, Field(ge=2)]
    max: Annotated[int, Field(ge=2, le=MAX_SEEDS)]

    @model_validator(mode="after")
    def _check_range(self) -> AdaptiveReplicates:
        if self.min >= self.max:
            raise ValueError(f"max is above min; got min {self.min}, max {self.max}")
        return self


def _check_look(seeds: int) -> int:
    """Refuse a number of seeds at which no verdict is looked for: the looks are the same for every sweep."""
    looks = list_looks(2 * seeds)
    if seeds not in looks:
        near = [max(n for n in looks if n < seeds), min(n for n in looks if n > seeds)]
        first = ", ".join(map(str, looks[:10]))
        raise ValueError(f"verdicts are looked for at {first}, … seeds; got {seeds}: take {near[0]} or {near[1]}")
    return seeds


def _tag_tolerance(value: Any) -> str:
    return "each" if isinstance(value, dict) else "points"


Points = Annotated[Real, Field(gt=0, le=100)]
Tolerance = Annotated[
    Annotated[Points, Tag("points")]
    | Annotated[dict[Annotated[str, AfterValidator(check_objective)], Points], Tag("each")],
    Discriminator(_tag_tolerance),
]


class CertifiedReplicates(Knobs):
    """Seeds until each configuration is surely on the front, surely off it, or within the tolerance of it.

    All start with 3 seeds. At 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, … seeds one looks, and those that are still open, with
    those that keep them open, get seeds up to the next look. All verdicts together are false with probability `error`
    at most. `max` may be raised later.
    """

    until: Literal["certified"]
    # percentage points: nobody is better by more in every objective. One number, or one for each objective
    tolerance: Tolerance = TOLERANCE
    error: Annotated[Share, Field(gt=0, le=0.5)] = ERROR
    # seeds of a configuration, at most; one of the looks
    max: Annotated[int, Field(ge=FIRST, le=MAX_SEEDS), AfterValidator(_check_look)] = MOST_SEEDS


def _tag_replicates(value: Any) -> str:
    if isinstance(value, CertifiedReplicates) or (isinstance(value, dict) and "until" in value):
        return "CertifiedReplicates"
    return "AdaptiveReplicates" if isinstance(value, AdaptiveReplicates | dict) else "Seeds"


Replicates = Annotated[
    Annotated[Seeds, Tag("Seeds")]
    | Annotated[AdaptiveReplicates, Tag("AdaptiveReplicates")]
    | Annotated[CertifiedReplicates, Tag("CertifiedReplicates")],
    Discriminator(_tag_replicates),
]
AnyReplicates = tuple[int, ...] | AdaptiveReplicates | CertifiedReplicates


def list_first_seeds(replicates: AnyReplicates) -> tuple[int, ...]:
    """Return the seeds that every configuration has from the start."""
    if isinstance(replicates, CertifiedReplicates):
        return tuple(range(FIRST))
    return tuple(range(replicates.min)) if isinstance(replicates, AdaptiveReplicates) else replicates


def count_most_seeds(replicates: AnyReplicates) -> int:
    """Return the largest number of seeds that a configuration may have."""
    return len(replicates) if isinstance(replicates, tuple) else replicates.max
