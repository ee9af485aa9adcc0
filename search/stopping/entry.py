"""A training as stopping sees it, and what it must share with others to be compared with them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from search.stopping.curves import Contestant, Curve
from search.stopping.phases import phases
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation


@dataclass(frozen=True)
class Entry:
    """One training of a sweep: a seed of a configuration. Those that make rankings or weights do not enter."""

    training: str
    configuration: str
    config: TrialConfig
    classes: int
    group: str = ""  # generations are judged apart; a grid is one group
    fresh: bool = True  # starts from new weights

    @cached_property
    def problem(self) -> str:
        """What accuracies share that are on one front."""
        return json.dumps(self.config.data.model_dump(mode="json"), sort_keys=True)

    @cached_property
    def contest(self) -> tuple[str, str, int, bool]:
        """What curves share that are compared at an epoch: from old weights, or in fewer epochs, one learns sooner."""
        return self.group, self.problem, self.config.epochs, self.fresh

    def contestant(self, evaluation: Evaluation, curves: Iterable[Curve]) -> Contestant:
        """Its configuration, with the curves of all seeds."""
        epochs = self.config.epochs
        return Contestant(
            name=self.configuration,
            phases=phases(self.config),
            measured=tuple(epoch for epoch in range(epochs) if evaluation.due(epoch, epochs)),
            curves=tuple(curves),
            chance=1 / self.classes,
            adversarial=self.config.method.adversarial,
        )
