"""The hardness of each example in one training: a score of its records, or a loss along training."""

from __future__ import annotations

import re

import numpy as np

from analysis.exceptions import SweepError
from analysis.results.instances import Instances
from analysis.results.sweep import Sweep
from trainers.scores import SCORES, difficulty

LOSSES = re.compile(r"(test|train)(_\w+)?")
TEST_LOSSES, TRAIN_LOSSES = "take `evaluate: {test_losses: true}`", "take `evaluate: {train_losses: true}`"
REMEDIES = {
    "instability_eval": "take `evaluate: {train: true}`",
    "difficulty_entropy": "take `evaluate: {entropy: true}`",
    "gradient_norm": "take `evaluate: {gradient_norm: true}`",
    "min_perturbation": "take `evaluate: {min_perturbation: {}}`",
    "probability": "hold validation examples out",
}


def check_score(by: str) -> str:
    """Return the name of a score or recorded loss unchanged. Raises SweepError if there is none with this name."""
    if by in SCORES or LOSSES.fullmatch(by):
        return by
    raise SweepError(
        f"--by {by!r}: allowed are the scores {', '.join(SCORES)}, and recorded losses: test, test_pgd, train, "
        "train_pgd, and test_<name> or train_<name> of an attack of evaluate.loss_attacks or of a corruption"
    )


def measure_hardness(instances: Instances, by: str) -> np.ndarray | None:
    """Return the hardness (N,), larger for harder examples, NaN for those not trained on; None if not recorded."""
    if by not in SCORES:
        loss = f"{by}_loss"
        return difficulty({"loss": instances[loss]}) if loss in instances else None
    try:
        return SCORES[by](_ReadOnce(instances))
    except KeyError:
        return None


class _ReadOnce(dict[str, np.ndarray]):
    """The arrays that one score reads, each read from the file once."""

    def __init__(self, instances: Instances) -> None:
        super().__init__()
        self._instances = instances

    def __missing__(self, name: str) -> np.ndarray:
        return self.setdefault(name, self._instances[name])


def ranks_test_set(by: str) -> bool:
    """Return whether a score ranks test examples."""
    return by.startswith("test")


def explain_recording(by: str) -> str:
    """Return what to set in a space so that a score or loss is recorded."""
    losses = {"test": TEST_LOSSES, "train": TRAIN_LOSSES}.get(by.partition("_")[0])
    attack = "" if by in ("test", "train", "test_pgd", "train_pgd") else ", with the attack in `loss_attacks`"
    return losses + attack if losses and by not in SCORES else REMEDIES.get(by, "take an attack")


def describe_score(by: str, results: Sweep) -> str:
    """Write a score in words; for minimum perturbations also which label the perturbed image leaves."""
    if by != "min_perturbation":
        return by
    knobs = results.plan.get("evaluate", {}).get("min_perturbation") or {}
    label = knobs.get("label", "given")  # a record that does not say it is older than the knob
    return f"{by} (of the {label} label)"
