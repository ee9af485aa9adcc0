"""The passes through networks that a whole run took, in training and by AutoAttack, as its records count them.

A pass is that of one example, forwards or backwards; it does not depend on the machine. An epoch that several trainings
share was trained once and counts once; one that was copied from another run (`--reuse`) was trained there. The cheaper
attacks of evaluation are not counted, as no record has their passes.
"""

from __future__ import annotations

from typing import NamedTuple

from analysis.measures.attack_passes import count_attacks
from analysis.results.sweep import Sweep

PASSES = ["forwards", "backwards"]


class RunPasses(NamedTuple):
    """Forward and backward passes of a run, in examples."""

    training: int
    alone: int  # of training, if each trial were trained alone from its first epoch
    attacks: int  # AutoAttack's

    @property
    def total(self) -> int:
        """The passes of training and of AutoAttack."""
        return self.training + self.attacks


def count_run_passes(sweep: Sweep) -> RunPasses | None:
    """Count the passes of a run; None if its records have none, as those of earlier versions."""
    epochs = sweep.epochs
    if not {*PASSES} <= set(epochs):
        return None
    trials = sweep.trials.set_index("id")
    shared = trials["epochs_done"] - trials["epochs_billed"]  # the first ones, which another training computed
    passes = epochs[PASSES].sum(axis=1)
    own = epochs["epoch"] >= epochs["id"].map(shared)
    attacked = count_attacks(sweep)
    return RunPasses(int(passes[own].sum()), int(passes.sum()), attacked.forwards + attacked.backwards)


def describe_run_passes(sweep: Sweep) -> str:
    """Say how many passes a run took, and where they went; empty if its records do not count them."""
    found = count_run_passes(sweep)
    if found is None or not found.total:
        return ""
    alone = f" ({found.alone:,} if each trial were trained alone)" * (found.alone > found.training)
    if not found.attacks:
        return f"Forwards and backwards by training, in examples: {found.training:,}{alone}."
    return (
        f"Forwards and backwards, in examples: {found.total:,}; {found.training:,} by training{alone}, "
        f"{found.attacks:,} by AutoAttack."
    )
