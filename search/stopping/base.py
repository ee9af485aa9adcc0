"""The interface of a stopping rule, and the rule that stops nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from search.stopping.curves import Candidate
from search.stopping.decisions import Decision, DecisionState
from trainers.knobs import Knobs, to_epochs


class StoppingRule(Knobs, ABC):
    """Decides which configurations of a sweep stop early, and after how many epochs.

    A rule is a piece of the YAML: its fields are the knobs of `search.stopping`, its methods the decisions. It holds
    no state, reads no file and knows nothing of the schedule. A rule gets candidates, each with the validation curves
    of all seeds of one configuration (search/stopping/curves.py; a higher value of an objective is better), and `past`,
    what was decided before. It returns decisions about configurations, as all seeds of a configuration stop together.

    Each rule guarantees:

    - Determinism: the decisions follow from the curves and `past` alone. Neither the order of the candidates nor the
      order in which measurements arrive changes them; so a killed sweep decides the same again. A comparison
      therefore waits until all seeds of the group have arrived at its rung.
    - Causality: a decision after n epochs uses the measurements of the first n epochs only. Curves that are cut where
      they stop give the decisions of whole curves, which is why finished sweeps can be replayed.
    - Monotony: a decision in `past` stands. It is neither returned again nor revoked, whatever arrives later; only
      `resume_stopped` lets a stopped configuration train on. A candidate that enters later is compared with all
      candidates and judged alone.
    - Progress: where `limit` makes trials wait, `decide` passes or stops each of them once the whole group has arrived
      (`Candidate.arrived`; a diverged seed has arrived everywhere). A rule that forgets one blocks the sweep.
    - A stop comes after a measured epoch, and before the last one.

    search/execution/stopping_controller.py calls `decide` after each report with a measurement. It appends the
    decisions to `stopping.jsonl`, and they are on disk before the schedule acts on them; a sweep that is resumed
    reads `past` from there. `python -m search.replay` calls the same methods on recorded curves.
    """

    name: str
    stops: ClassVar[bool] = True  # False: no trial ever stops, and no candidate is compared

    @abstractmethod
    def rung_epochs(self, epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
        """Return the rungs, ascending: the numbers of epochs after which candidates of that length may be compared.

        `measured` are the epochs (0-based) that are measured. A rung n stands at a measurement: epoch n - 1 is one of
        them. The planner has trials that share epochs part their ways there at the latest, and trials pause there.
        """

    @abstractmethod
    def decide(self, group: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Return all decisions, beyond `past`, that the measurements so far allow.

        The group is what may be compared epoch by epoch: configurations of the same data, number of epochs, generation
        and kind of start. All of a grid, or of a generation, enter before one is measured. A configuration with a
        trial that failed for good leaves the group.
        """

    def limit(self, candidate: Candidate, past: DecisionState) -> int:
        """Return how many epochs any seed may train before more is decided: up to the next rung without a decision.

        It is not asked for configurations that are stopped or had their last epoch.
        """
        rungs = self.rung_epochs(candidate.epochs, candidate.measured)
        return next((n for n in rungs if (candidate.name, n) not in past.passed), candidate.epochs)

    def resume_stopped(self, rivals: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Return a `finish` decision for each stopped configuration that is trained to its end after all.

        It is called once all trials have ended or stopped, and again when those that it resumed have ended. The
        rivals are all configurations on the same data, whatever their group; they share a front.
        """
        return []


class NoStopping(StoppingRule):
    """Every training goes to its last epoch: what a table to compare with needs."""

    name: Literal["none"] = "none"
    stops: ClassVar[bool] = False

    def rung_epochs(self, epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
        """Return an empty tuple: this rule has no rungs."""
        return ()

    def decide(self, group: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Return no decision."""
        return []


def rungs_at_measurements(rungs: Sequence[int | str], epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
    """Move each rung to the next measurement, and drop rungs at the end of the training and duplicates."""
    wanted = (max(1, to_epochs(rung, epochs)) for rung in rungs)
    found = (next((epoch + 1 for epoch in measured if epoch + 1 >= n), epochs) for n in wanted)
    return tuple(sorted({n for n in found if n < epochs}))
