"""The `profile:` and `pretrain:` blocks: trainings before the trials, which make rankings and start weights."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, NonNegativeInt, Tag, field_validator

from search.schema.limits import MAX_SEEDS
from search.schema.ranking_file import RankingFile
from search.schema.yaml_tree import Tree
from trainers.knobs import Knobs


def _read_seeds_from(start: int) -> BeforeValidator:
    """Return a validator that reads a list of seeds, or a number of them counted from `start`."""

    def read_seeds(value: Any) -> Any:
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= MAX_SEEDS:
                raise ValueError(
                    f"1 to {MAX_SEEDS:,} seeds; got {value:,}" if value > 0 else f"at least one seed; got {value}"
                )
            return tuple(range(start, start + value))
        if not isinstance(value, list | tuple):
            raise ValueError(
                f"should be a number of seeds, such as 3, or a list of them, such as [0, 1]; got {value!r}"
            )
        return tuple(value)

    return BeforeValidator(read_seeds)


def _check_distinct(seeds: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"each seed once; got {list(seeds)}")
    return seeds


Seeds = Annotated[tuple[NonNegativeInt, ...], _read_seeds_from(0), Field(min_length=1), AfterValidator(_check_distinct)]
# other seeds than the trials': a ranking made by the trainings it is evaluated on would be biased
RankingSeeds = Annotated[
    tuple[NonNegativeInt, ...], _read_seeds_from(1000), Field(min_length=1), AfterValidator(_check_distinct)
]


class Profile(Knobs):
    """The trainings that make a ranking: all seeds for each `data` block that has ranked subsets.

    Each value of an axis in `follows` has a ranking of its own: Liu et al. 2021 rank under the same perturbation that
    the subset is then trained with.
    """

    seeds: RankingSeeds = (1000, 1001, 1002)
    trial: Tree = Field(default_factory=dict)  # laid over the space's `trial:`
    follows: Annotated[tuple[str, ...], Field(strict=False)] = ()  # such as method.attack.epsilon
    first_epoch: NonNegativeInt = (
        0  # the first epoch whose losses count as difficulty: 10 in the code of Liu et al. 2021
    )
    average: Literal["ranks", "scores"] = "ranks"  # over the seeds

    @field_validator("trial")
    @classmethod
    def _check_trial(cls, trial: Tree) -> Tree:
        if "data" in trial:
            raise ValueError("a ranking is made on the data that it cuts; remove the key `data`")
        if "seed" in trial:
            raise ValueError("seeds of a ranking are written `profile: {seeds: [seed, ...]}`; remove the key `seed`")
        return trial


def _tag_ranking(block: Any) -> str:
    of_file = isinstance(block, RankingFile) or (isinstance(block, dict) and "file" in block)
    return "RankingFile" if of_file else "Profile"


RankingSource = Annotated[
    Annotated[Profile, Tag("Profile")] | Annotated[RankingFile, Tag("RankingFile")], Discriminator(_tag_ranking)
]


class Pretrain(Knobs):
    """Trainings whose weights the trials start from: one for each seed, data block and model of the trials.

    Liu et al. 2021, sec. 6.2, and Dong et al. 2021, app. H: adversarial fine-tuning.
    """

    trial: Tree = Field(default_factory=dict)  # laid over the space's `trial:`; a null removes a key
    weights: Literal["best", "last"] = "best"

    @field_validator("trial")
    @classmethod
    def _check_trial(cls, trial: Tree) -> Tree:
        for key in ("data", "model", "seed"):
            if key in trial:
                raise ValueError(
                    f"a pretraining has the {key} of the trials that start from it; remove the key `{key}`"
                )
        if "start_from" in trial:
            raise ValueError("a pretraining starts from fresh weights; remove the key `start_from`")
        return trial
