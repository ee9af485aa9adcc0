"""The `search:` block of the space that a sweep stored: objectives, constraints and the checkpoint that selects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from analysis.results.metrics import CLEAN, EPOCH_METRIC
from analysis.results.sweep import Sweep
from trainers.objectives import WrittenConstraint, split_constraint
from trainers.record_reader import read_yaml

DEFAULT_OBJECTIVES = {"val_clean_acc": "max", "val_pgd_acc": "max"}  # as of a space that names none


class Objective(NamedTuple):
    """A metric that trials are compared by."""

    metric: str
    checkpoint: str  # best or last
    direction: str  # max or min

    @property
    def column(self) -> str:
        """The column of trials that holds it."""
        return f"{self.checkpoint}_{self.metric}"


def is_search(sweep: Sweep) -> bool:
    """Return whether the configurations of a sweep were drawn one after the other."""
    return any(trial.get("generation") is not None for trial in sweep.plan["trials"])


def read_search_block(results: Sweep) -> Mapping[str, Any]:
    """Return the `search:` block of the stored space; empty if it has none, is damaged, or missing."""
    tree = read_yaml(results.folder / "space.yaml", results.damage)
    block = tree.get("search") if tree else None
    return block if isinstance(block, dict) else {}


def read_checkpoint(results: Sweep) -> str:
    """Return the checkpoint whose validation metrics select, best or last."""
    return str(read_search_block(results).get("checkpoint", "best"))


def read_constraints(results: Sweep) -> list[WrittenConstraint]:
    """Return the constraints of the search; what is no constraint is left out."""
    written = (split_constraint(str(text)) for text in read_search_block(results).get("constraints") or ())
    return [constraint for constraint in written if constraint]


def list_objectives(results: Sweep) -> list[Objective]:
    """Return what the search compares trials by, at its checkpoint.

    Where validation measured none of it, these are both test accuracies at the last epoch, which describe and select
    nothing.
    """
    checkpoint, done = read_checkpoint(results), results.completed
    directions = results.plan.get("objectives") or DEFAULT_OBJECTIVES
    found = [Objective(metric, checkpoint, direction) for metric, direction in directions.items()]
    if all(objective.column in done and done[objective.column].notna().any() for objective in found):
        return found
    return [Objective(metric, "last", "max") for metric in (CLEAN, EPOCH_METRIC)]
