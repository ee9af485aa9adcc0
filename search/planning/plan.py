"""A plan: the trainings of a sweep, their stages, and what some of them make for others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, field
from functools import cached_property
from typing import Any

from search.planning.datasets import count_training_examples
from search.planning.rankings import PlannedRanking
from search.planning.stage_tree import StageTree
from search.planning.start_weights import StartWeights
from search.stopping.base import StoppingRule
from search.store.plan_file import FORMAT
from trainers.chain import Chain, training_code
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.record_io import Row


@dataclass(frozen=True)
class Planned:
    """One training to be done: a trial of the sweep, or one that makes what trials need.

    Kind 'profile' makes a ranking, kind 'pretrain' the weights that trials start from.
    """

    id: str
    kind: str
    configuration: str  # the trials that differ in nothing but the seed share it
    replicate: int
    axes: dict[str, str]  # path -> label
    values: dict[str, Any]
    config: TrialConfig
    ranks: str | None  # the ranking it is cut from (a trial) or makes (a profile)
    data: str  # split_identity
    chain: Chain  # the names of its states
    start: StartWeights | None = None  # None: fresh weights
    generation: int | None = None  # in which it was asked for, where a search adapts

    @property
    def final(self) -> str:
        """The name of its last state."""
        return self.chain.final

    @property
    def makes(self) -> str | None:
        """The name of what it makes for others, perhaps together with other trainings."""
        return {"profile": self.ranks, "pretrain": self.id}.get(self.kind)

    @property
    def needs(self) -> set[str]:
        """The names of what must be made before it can begin."""
        before = (self.ranks, self.start.training if self.start else None)
        return {name for name in before if name not in (None, self.makes)}

    def row(self) -> Row:
        """As plan.json holds it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "configuration": self.configuration,
            "replicate": self.replicate,
            "seed": self.config.seed,
            "axes": self.axes,
            "values": self.values,
            "config": self.config.model_dump(mode="json"),
            "ranks": self.ranks,
            "start": self.start.model_dump() if self.start else None,
            "data": self.data,
            "chain": self.final,
            "epochs": self.config.epochs,
            "passes": [round(float(count), 9) for count in astuple(self.config.mean_passes())],
            "fraction": self.config.subset.fraction(count_training_examples(self.config.data)),
            "generation": self.generation,
        }


@dataclass
class Plan:
    """All trainings of a sweep; it only grows at its end, so that a training keeps its place."""

    evaluation: Evaluation
    objectives: dict[str, str]
    axes: list[str]
    threads: int  # of each training; their number moves bits
    code: str  # the training code that stages are named after
    stopping: StoppingRule
    trials: list[Planned] = field(default_factory=list)
    rankings: dict[str, PlannedRanking] = field(default_factory=dict)  # by name

    @cached_property
    def tree(self) -> StageTree:
        """Which epochs they share."""
        return StageTree([trial.chain for trial in self.trials], [self._rests(trial) for trial in self.trials])

    def grow(self, trials: Iterable[Planned]) -> None:
        """Add trainings."""
        self.trials = [*self.trials, *trials]
        self.__dict__.pop("tree", None)

    def _rests(self, trial: Planned) -> tuple[int, ...]:
        """Return after how many epochs a trial may wait for others to be compared with."""
        if trial.kind != "trial":
            return ()
        epochs = trial.config.epochs
        measured = [epoch for epoch in range(epochs) if self.evaluation.due(epoch, epochs)]
        return self.stopping.rung_epochs(epochs, measured)

    def to_json(self, study: str) -> Row:
        return {
            "format": FORMAT,
            "study": study,
            "objectives": self.objectives,
            "evaluate": self.evaluation.model_dump(mode="json"),
            "attacks": self.evaluation.attacks(),
            "axes": self.axes,
            "threads": self.threads,
            "code": self.code,
            "accepted": [] if self.code == training_code() else [training_code()],
            "rankings": {name: ranking.provenance for name, ranking in self.rankings.items()},
            "epochs": {"asked": self.tree.asked, "distinct": self.tree.distinct},
            "trials": [
                trial.row() | {"forks": list(self.tree.forks(i)), "branch": self.tree.branches[i].tolist()}
                for i, trial in enumerate(self.trials)
            ],
        }
