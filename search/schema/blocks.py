"""The blocks of a space: trial, profile and pretrain, search, evaluate and resources."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt

from search.schema.axes import Axes
from search.schema.budget import Budget
from search.schema.limits import MAX_GENERATION
from search.schema.loggers import Logger
from search.schema.messages import suggest_allowed
from search.schema.objectives import OBJECTIVES, Constraints, Objectives
from search.schema.prerequisites import Pretrain, RankingSource
from search.schema.replicates import AdaptiveReplicates, CertifiedReplicates, Replicates, list_first_seeds
from search.schema.resources import Resources
from search.schema.stopping import Stopping
from search.schema.yaml_tree import Tree
from search.stopping.base import NoStopping
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs, Real

STRATEGIES = ("grid", "random", "qmc", "tpe", "nsga2", "gp")
ADAPTIVE_STRATEGIES = ("tpe", "nsga2", "gp")  # these learn from earlier results
# states to keep once no training needs them: all, forks and last states, last states, none
Keep = Literal["all", "forks", "best", "none"]


def _check_strategy(strategy: Any) -> Any:
    if strategy not in STRATEGIES:
        raise ValueError(f"no strategy {strategy!r}{suggest_allowed(str(strategy), list(STRATEGIES))}")
    return strategy


class Search(Knobs):
    """The `search:` block: the trials, their seeds, and how they run."""

    axes: Axes = Field(default_factory=dict)  # the keys that vary, and their values
    # grid crosses the listed values of all axes; the others draw `trials` configurations, from ranges too, and tpe,
    # nsga2 and gp learn from earlier results
    strategy: Annotated[str, BeforeValidator(_check_strategy)] = "grid"
    trials: PositiveInt | None = None  # number of configurations to draw; a grid has none
    # configurations that an adaptive strategy proposes at once, from the results of earlier generations
    generation: Annotated[PositiveInt, Field(le=MAX_GENERATION)] = 8
    seed: NonNegativeInt = 0  # of drawn configurations
    replicates: Replicates = (0,)  # seeds of each configuration
    stopping: Stopping = NoStopping()  # rule that ends trainings early
    objectives: Objectives = dict.fromkeys(OBJECTIVES, "max")  # what the front is of, by the means over seeds
    checkpoint: Literal["best", "last"] = "best"  # whose metrics are compared; best: the epoch that validation selects
    constraints: Constraints = ()  # a search prefers configurations that keep them
    budget: Budget = Budget()  # limits that end the sweep; a later run with larger ones continues it
    checkpoint_seconds: Annotated[Real, Field(ge=0)] = 30.0  # least time between a trial's checkpoints
    retries: NonNegativeInt = 2  # of a trial whose worker died; the count restarts whenever the trial makes progress
    # end the sweep at its first training that fails, once its retries are used up; a diverged one has not failed
    fail_fast: bool = False
    # seconds for one epoch, the last one including the final attacks; 900 s more where torch.compile is used
    timeout: Annotated[Real, Field(gt=0)] | None = None
    keep: Keep = "best"  # states to keep once no training needs them
    loggers: Annotated[tuple[Logger, ...], Field(strict=False)] = ()  # trackers that receive epochs

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that every configuration has from the start."""
        return list_first_seeds(self.replicates)

    @property
    def adds_seeds(self) -> bool:
        """Return whether configurations may get further seeds while the search runs."""
        return isinstance(self.replicates, AdaptiveReplicates | CertifiedReplicates)

    @property
    def certifies(self) -> bool:
        """Return whether configurations get seeds until the verdicts on them are sure."""
        return isinstance(self.replicates, CertifiedReplicates)

    @property
    def adapts(self) -> bool:
        """Return whether configurations depend on earlier results."""
        return self.strategy in ADAPTIVE_STRATEGIES

    @property
    def grows(self) -> bool:
        """Return whether results decide on further trainings, so that a number of trainings is that so far."""
        return self.adapts or self.adds_seeds

    @property
    def expected_trials(self) -> int:
        """Return how many trials a search asks for in all of its generations; 0 if all are planned or it is unknown."""
        return self.trials * len(self.seeds) if self.adapts and self.trials and not self.adds_seeds else 0

    @property
    def draws(self) -> bool:
        """Return whether configurations are drawn rather than listed in a grid."""
        return self.strategy != "grid"


class Space(Knobs):
    """The top level of a space's YAML."""

    # what the study asks, in one sentence, for its report; without it, the first sentence of the file's first comment
    question: str | None = None
    trial: Tree = Field(default_factory=dict)
    profile: RankingSource | None = None
    pretrain: Pretrain | None = None
    search: Search = Search()
    evaluate: Evaluation = Evaluation()
    resources: Resources = Resources()
