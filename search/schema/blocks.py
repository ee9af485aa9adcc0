"""The blocks of a space: what a trial is, what is made first, which trials there are, how all is measured."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from search.schema.axes import Axes
from search.schema.budget import Budget
from search.schema.limits import GENERATION
from search.schema.loggers import Logger
from search.schema.messages import nearest
from search.schema.objectives import OBJECTIVES, Constraints, Objectives
from search.schema.replicates import Adaptive, Replicates, first_seeds
from search.schema.resources import Resources
from search.schema.stopping import Stopping
from search.schema.upstream import Pretrain, Ranks
from search.stopping.base import NoStopping
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs, Real

STRATEGIES = ("grid", "random", "qmc", "tpe", "nsga2", "gp")
ADAPTIVE = ("tpe", "nsga2", "gp")  # those that learn from what came before
# which states stay when no training needs them any more: every one, forks and last ones, last ones, none
Keep = Literal["all", "forks", "best", "none"]
Tree = dict[str, Any]


def _known(strategy: Any) -> Any:
    if strategy not in STRATEGIES:
        raise ValueError(f"no strategy {strategy!r}{nearest(str(strategy), list(STRATEGIES))}")
    return strategy


class Search(Knobs):
    """Which trials there are, and how often each is repeated."""

    axes: Axes = Field(default_factory=dict)
    strategy: Annotated[str, BeforeValidator(_known)] = "grid"
    trials: PositiveInt | None = None  # how many configurations any other strategy draws
    generation: Annotated[PositiveInt, Field(le=GENERATION)] = (
        8  # how many an adaptive strategy asks for at once, knowing what came before
    )
    seed: NonNegativeInt = 0  # of the draws
    replicates: Replicates = (0,)
    stopping: Stopping = NoStopping()
    objectives: Objectives = dict.fromkeys(OBJECTIVES, "max")
    checkpoint: Literal["best", "last"] = "best"  # whose metrics they are
    constraints: Constraints = ()
    budget: Budget = Budget()
    checkpoint_seconds: Annotated[Real, Field(ge=0)] = 30.0  # at least so long between a trial's checkpoints
    retries: NonNegativeInt = 2  # of a trial whose worker died, in a row without getting further
    timeout: Annotated[Real, Field(gt=0)] | None = None  # seconds; of an epoch, the last one with the final attacks
    keep: Keep = "best"  # the states of which epochs stay once no training needs them
    loggers: Annotated[tuple[Logger, ...], Field(strict=False)] = ()  # trackers that epochs are handed to

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that every configuration has from the start."""
        return first_seeds(self.replicates)

    @property
    def adds_seeds(self) -> bool:
        """Whether configurations may get further ones."""
        return isinstance(self.replicates, Adaptive)

    @property
    def adapts(self) -> bool:
        """Whether its configurations hang on what came before."""
        return self.strategy in ADAPTIVE

    @property
    def draws(self) -> bool:
        """Whether its configurations are asked for, and not all listed."""
        return self.strategy != "grid"


class Space(Knobs):
    """The top level of a space's YAML."""

    trial: Tree = Field(default_factory=dict)
    profile: Ranks | None = None
    pretrain: Pretrain | None = None
    search: Search = Search()
    evaluate: Evaluation = Evaluation()
    resources: Resources = Resources()
