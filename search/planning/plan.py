"""A plan: the trainings of a sweep, the epochs they share, and the rankings and weights that some make for others."""

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
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.record_io import Row
from trainers.state_chain import Chain, training_code


@dataclass(frozen=True)
class PlannedTrial:
    """One training: a trial of the sweep (kind 'trial'), or one that trials depend on.

    A 'profile' makes a ranking, a 'pretrain' the weights that trials start from.
    """

    id: str
    kind: str
    configuration: str  # shared by trials that differ only in the seed
    replicate: int
    axes: dict[str, str]  # path -> label
    values: dict[str, Any]
    config: TrialConfig
    ranks: str | None  # the ranking that cuts its subset (a trial), or that it makes (a profile)
    data: str  # split_identity
    chain: Chain  # the names of its states
    start: StartWeights | None = None  # None: fresh weights
    generation: int | None = None  # the generation that proposed it, in an adaptive search
    corrupted: str | None = None  # identity of the corrupted test sets that only its last state is measured on

    @property
    def final(self) -> str:
        """The name of the last state."""
        return self.chain.final

    @property
    def produces(self) -> str | None:
        """The name of the ranking or weights that this training makes for others, perhaps together with other seeds."""
        return {"profile": self.ranks, "pretrain": self.id}.get(self.kind)

    @property
    def requires(self) -> set[str]:
        """The names of the rankings and weights that must exist before this training starts."""
        before = (self.ranks, self.start.training if self.start else None)
        return {name for name in before if name not in (None, self.produces)}

    def to_row(self) -> Row:
        """Return the row of plan.json."""
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
            "fraction": self.config.mean_fraction(count_training_examples(self.config.data)),
            "generation": self.generation,
        } | ({"corrupted": self.corrupted} if self.corrupted else {})


@dataclass
class Plan:
    """All trainings of a sweep. Trainings are only appended, so each keeps its position."""

    evaluation: Evaluation
    objectives: dict[str, str]
    axes: list[str]
    threads: int  # of each training; their number changes bits of results
    code: str  # the training code that stages are named after
    stopping: StoppingRule
    question: str = ""  # what the study asks, for its report
    space: str = ""  # the name of the space's file; the sweep may have another
    trials: list[PlannedTrial] = field(default_factory=list)
    rankings: dict[str, PlannedRanking] = field(default_factory=dict)  # by name

    @cached_property
    def tree(self) -> StageTree:
        """The tree of stages, with the epochs that trainings share."""
        return StageTree([trial.chain for trial in self.trials], [self._list_rungs(trial) for trial in self.trials])

    def add(self, trials: Iterable[PlannedTrial]) -> None:
        """Append trainings."""
        self.trials = [*self.trials, *trials]
        self.__dict__.pop("tree", None)

    def describe_attacks(self) -> dict[str, str]:
        """Return each attack in words, by name, as the first training is measured by it."""
        if not self.trials:
            return self.evaluation.attacks()
        compute = self.trials[0].config.compute
        return self.evaluation.resolved(compute.device, compute.precision).attacks()

    def describe_diagnostics(self) -> dict[str, str]:
        """Return each diagnostic in words, with the passes that it takes, by name."""
        return self.evaluation.diagnostics.describe(self.evaluation.epsilon, self.evaluation.norm)

    def _list_rungs(self, trial: PlannedTrial) -> tuple[int, ...]:
        """Return the epochs after which a trial waits for the trials that it is compared with."""
        if trial.kind != "trial":
            return ()
        epochs = trial.config.epochs
        measured = [epoch for epoch in range(epochs) if self.evaluation.due(epoch, epochs)]
        return self.stopping.rung_epochs(epochs, measured)

    def to_json(self, study: str) -> Row:
        return {
            "format": FORMAT,
            "study": study,
            "space": self.space,
            "question": self.question,
            "objectives": self.objectives,
            "evaluate": self.evaluation.model_dump(mode="json"),
            "attacks": self.describe_attacks(),
            "axes": self.axes,
            "threads": self.threads,
            "code": self.code,
            "accepted": [] if self.code == training_code() else [training_code()],
            "rankings": {name: ranking.provenance for name, ranking in self.rankings.items()},
            "epochs": {"asked": self.tree.asked, "distinct": self.tree.distinct},
            "trials": [
                trial.to_row() | {"forks": list(self.tree.forks(i)), "branch": self.tree.branches[i].tolist()}
                for i, trial in enumerate(self.trials)
            ],
        }
