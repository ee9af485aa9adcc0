"""The blocks of a space that are trained before its trials: what makes a ranking, and what they start from."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, NonNegativeInt, Tag, field_validator

from search.schema.limits import SEEDS
from search.schema.ranking_file import RankingFile
from trainers.knobs import Knobs

Tree = dict[str, Any]


def _seeds(start: int) -> BeforeValidator:
    """A number of seeds, counted from `start`, or the seeds themselves."""

    def read_seeds(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= SEEDS:
                raise ValueError(
                    f"1 to {SEEDS:,} seeds; got {value:,}" if value > 0 else f"at least one seed; got {value}"
                )
            return tuple(range(start, start + value))
        return tuple(value) if isinstance(value, list) else value

    return BeforeValidator(read_seeds)


def _distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"each seed once; got {list(seeds)}")
    return seeds


Seeds = Annotated[tuple[NonNegativeInt, ...], _seeds(0), Field(min_length=1), AfterValidator(_distinct)]
# a ranking made by the very trainings it is judged on would know their luck
RankingSeeds = Annotated[tuple[NonNegativeInt, ...], _seeds(1000), Field(min_length=1), AfterValidator(_distinct)]


class Profile(Knobs):
    """The trainings that make a ranking: a set of seeds for each `data` block that ranked subsets are cut from.

    And for each value of the axes that it `follows`: Liu et al. 2021 rank under the very perturbation that the subset
    is then trained with.
    """

    seeds: RankingSeeds = (1000, 1001, 1002)
    trial: Tree = Field(default_factory=dict)  # laid over the space's `trial:`
    follows: Annotated[tuple[str, ...], Field(strict=False)] = ()  # such as method.attack.epsilon
    first_epoch: NonNegativeInt = 0  # from which losses count as difficulty: 10 in the code of Liu et al. 2021
    average: Literal["ranks", "scores"] = "ranks"  # over the seeds

    @field_validator("trial")
    @classmethod
    def _no_knob_in_vain(cls, trial: Tree) -> Tree:
        if "data" in trial:
            raise ValueError("a ranking is made on the data that it cuts; remove the key `data`")
        if "seed" in trial:
            raise ValueError("seeds of a ranking are written `profile: {seeds: [seed, ...]}`; remove the key `seed`")
        return trial


def _ranked_by(block: Any) -> str:
    of_file = isinstance(block, RankingFile) or (isinstance(block, dict) and "file" in block)
    return "RankingFile" if of_file else "Profile"


Ranks = Annotated[
    Annotated[Profile, Tag("Profile")] | Annotated[RankingFile, Tag("RankingFile")], Discriminator(_ranked_by)
]


class Pretrain(Knobs):
    """A training made first for each seed (and data, and model) of the trials, which then start from its weights.

    Liu et al. 2021, sec. 6.2, and Dong et al. 2021, app. H: adversarial fine-tuning.
    """

    trial: Tree = Field(default_factory=dict)  # laid over the space's `trial:`; a null takes a key out
    weights: Literal["best", "last"] = "best"

    @field_validator("trial")
    @classmethod
    def _shares(cls, trial: Tree) -> Tree:
        for key in ("data", "model", "seed"):
            if key in trial:
                raise ValueError(
                    f"a pretraining has the {key} of the trials that start from it; remove the key `{key}`"
                )
        if "start_from" in trial:
            raise ValueError("a pretraining starts from fresh weights; remove the key `start_from`")
        return trial
