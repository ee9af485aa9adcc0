"""Names of accuracies: which attack a metric was measured under, how to write it, which is the strongest.

A metric is `<split>_<clean|attack>_acc`; `attacks` in a trial's result says in words what each attack was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

CHECKPOINTS = {"best": "validation-selected epoch", "last": "last epoch"}
EPOCH_METRIC = "test_pgd_acc"  # the robust accuracy that is measured along training
_METRIC = re.compile(r"^(?P<split>train|val|test)_(?P<attack>\w+)_acc$")
_BUDGET = re.compile(r"\b(?P<norm>linf|l2), epsilon (?P<epsilon>[^\s,]+)")
_IMAGES = re.compile(r" on (\d+) images$")
_PGD = re.compile(r"PGD-(?P<steps>\d+)(, (?P<restarts>\d+) restarts)?")
_UNTOLD = {"aa": "AutoAttack standard", "pgdplus": "PGD-40, 5 restarts, right at every iterate"}  # of old records


def attack_of(metric: str) -> str | None:
    """The key of the attack a metric was measured under; None for clean accuracy and for other quantities."""
    match = _METRIC.match(metric)
    return match["attack"] if match and match["attack"] != "clean" else None


def attack_title(attack: str, attacks: Mapping[str, str]) -> str:
    """An attack in a word or two, from its description: "PGD-20, linf, epsilon 0.1" -> "PGD-20".

    Where another attack begins alike, what tells them apart is added: "PGD-20 epsilon 0.1".
    """
    heads = {name: re.split(r"[,(:;]", text)[0].strip() for name, text in attacks.items()}
    head = heads.get(attack)
    if not head:
        return attack.upper()
    twins = [_parts(attacks[name]) for name, other in heads.items() if other == head and name != attack]
    telling = [part for part in _parts(attacks[attack]) if any(part not in twin for twin in twins)]
    return " ".join([head, *telling[:1]])


def _parts(description: str) -> list[str]:
    return [part.strip() for part in description.split(",")]


def title(metric: str, attacks: Mapping[str, str]) -> str:
    """A metric in words, fit for an axis: "robust test accuracy, PGD-20"."""
    match = _METRIC.match(metric)
    if match is None:
        return metric.replace("_", " ")
    split = {"val": "validation", "train": "training"}.get(match["split"], match["split"])
    if match["attack"] == "clean":
        return f"clean {split} accuracy"
    if not _is_robust(metric, attacks):
        return f"{split} accuracy, {match['attack'].replace('_', ' ')}"
    return f"robust {split} accuracy, {attack_title(match['attack'], attacks)}"


def heading(metric: str, attacks: Mapping[str, str]) -> str:
    """A test metric in a word or two, fit for a column whose attack is told beside the table: "clean", "PGD-20"."""
    attack = attack_of(metric)
    if attack and attack in attacks:
        return attack_title(attack, {attack: attacks[attack]})
    return title(metric, attacks).replace(" test accuracy", "")


def strength(metric: str, attacks: Mapping[str, str]) -> tuple[bool, int, int]:
    """A sort key, from what the attack was: those at the budget of the curves above those at another, AutoAttack
    above PGD that is right at every iterate above PGD by its steps, whatever the space calls them.
    """
    attack = attack_of(metric) or ""
    text = attacks.get(attack) or _UNTOLD.get(attack, f"PGD-{attack[3:]}" if re.fullmatch(r"pgd\d+", attack) else "")
    if text.startswith("AutoAttack"):
        kind, effort = 3 if "standard" in text else 2, 0
    elif found := _PGD.match(text):
        kind, effort = int("every iterate" in text), int(found["steps"]) * int(found["restarts"] or 1)
    else:
        kind, effort = (0, 0) if attack == "pgd" else (-1, 0)
    return budget(text) in (None, budget(attacks.get("pgd", text))), kind, effort


def budget(description: str) -> tuple[str, str] | None:
    """Norm and epsilon of an attack, as its description writes them; None where it says neither."""
    found = _BUDGET.search(description)
    return (found["norm"], found["epsilon"]) if found else None


def comparable(one: str, other: str, examples: float) -> bool:
    """Whether two attacks, by their descriptions, had one budget and the same images of a test set of so many."""
    return budget(one) == budget(other) and images(one, examples) == images(other, examples)


def images(description: str, examples: float) -> float:
    """How many images an attack had of a test set of so many."""
    found = _IMAGES.search(description)
    return min(float(found[1]), examples) if found else examples


def strongest(metrics: Iterable[str], attacks: Mapping[str, str]) -> str | None:
    """The robust test accuracy of the strongest attack among some metrics."""
    robust = [metric for metric in metrics if metric.startswith("test_") and _is_robust(metric, attacks)]
    return max(robust, key=lambda metric: strength(metric, attacks), default=None)


def _is_robust(metric: str, attacks: Mapping[str, str]) -> bool:
    """Whether it was measured under an attack: where attacks are told, other names are those of corruptions."""
    attack = attack_of(metric)
    return attack in attacks if attacks else attack is not None


def descriptions(metric: str, attacks: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, list[str]]:
    """What was measured under a metric's name: description -> who measured it so; (who, attacks) pairs in."""
    attack, found = attack_of(metric), dict[str, list[str]]()
    for who, named in attacks:
        if attack is not None and attack in named:
            found.setdefault(named[attack], []).append(who)
    return found
