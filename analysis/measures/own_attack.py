"""The attacks that trainings train under, in words: what is measured along training itself is under these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from analysis.results.choice import read_path
from analysis.results.selection import Selection
from trainers.record_io import Row
from trainers.wording import format_value, name_piece

OWN_ATTACK = "own attack"  # in the names of what is measured under it
MOST_EPSILONS = 4  # that are listed; of more the range is given


def explain_own_attack(selection: Selection) -> str:
    """Say what the own attack of a training is, and on which images it is measured."""
    return f"Own attack: that of the training, in each batch before its update{describe_augmentation(selection)}."


def describe_augmentation(selection: Selection) -> str:
    """Return a clause that says which images are augmented; empty if no training augments its images."""
    augmented = [bool(read_path(config, "data.crop") or read_path(config, "data.flip")) for config in selection.trained]
    if not any(augmented):
        return ""
    return ", on augmented images" if all(augmented) else ", on augmented images where the data have a crop or flip"


def describe_training_attacks(configs: Iterable[Row]) -> str:
    """Write the attacks of some trainings: "PGD-10, linf, epsilon 0.1, 0.2".

    Those that differ in their epsilon alone are one, and so are those that differ in their name alone.
    """
    epsilons: dict[tuple[str, str], set[float]] = {}  # name and norm -> the epsilons
    for config in configs:
        name, norm, epsilon = _read_attack(config.get("method") or {})
        epsilons.setdefault((name, norm), set()).update([] if epsilon is None else [epsilon])
    names: dict[str, list[str]] = {}  # what follows the name -> the names
    for (name, norm), found in epsilons.items():
        names.setdefault(f"{norm}{_list_epsilons(found)}", []).append(name)
    return "; or ".join(f"{' or '.join(heads)}{rest}" for rest, heads in names.items())


def _read_attack(method: Mapping[str, Any]) -> tuple[str, str, float | None]:
    """Return the name of a method's attack, its norm, and its epsilon; a method without an attack is one itself."""
    attack = method.get("attack") or method
    name = name_piece(attack)
    if name == "none":
        return "no attack", "", None
    if name == "pgd" and attack.get("steps") == 1 and attack.get("start") == "none":
        name, steps = "fgsm", ""
    else:
        steps = f"-{attack['steps']}" if "steps" in attack else ""
    climbed = f" on {attack['ascend']}" if attack.get("ascend", "ce") != "ce" else ""
    norm = f", {attack['norm']}" if "norm" in attack else ""
    return f"{name.upper()}{steps}{climbed}", norm, attack.get("epsilon")


def _list_epsilons(epsilons: set[float]) -> str:
    """Return a clause with some epsilons in order, or with the range of many."""
    words = [_round(epsilon) for epsilon in sorted(epsilons)]
    if len(words) > MOST_EPSILONS:
        return f", epsilon {words[0]} to {words[-1]}"
    return f", epsilon {', '.join(words)}" if words else ""


def _round(epsilon: float) -> str:
    """Return an epsilon in words, to four digits if it was drawn."""
    text = format_value(epsilon)
    return text if "/" in text else f"{epsilon:.4g}"
