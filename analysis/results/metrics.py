"""Names of accuracies: the attack behind a metric, its title, and which attack is the strongest.

A metric is `<split>_<clean|attack>_acc`; `attacks` in a trial's result describes each attack in words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

CHECKPOINTS = {"best": "validation-selected epoch", "last": "last epoch"}
EPOCH_METRIC = "test_pgd_acc"  # the robust accuracy along training
CLEAN = "test_clean_acc"
ACCURACY, BOUND = "_acc", "_bound"  # ends of the names of an accuracy, and of what it is at most where it is unknown
_BESIDE = "_clean"  # ends the name of the clean accuracy on the images of an attack: test_aa_clean_acc
_METRIC = re.compile(r"^(?P<split>train|val|test)_(?P<attack>\w+)_acc$")
_BUDGET = re.compile(r"\b(?P<norm>linf|l2), epsilon (?P<epsilon>[^\s,]+)")
_IMAGES = re.compile(r" on (?:the first )?(?P<n>\d+) images(?P<drawn> drawn by class)?$")
_SEEING = re.compile(r"\b(?:apgd|fab)\b")  # attacks of AutoAttack that use gradients
APGD_STEPS = 100
_PGD = re.compile(r"PGD-(?P<steps>\d+)[^,]*(, (?P<restarts>\d+) restarts)?")
_UNDESCRIBED = {"aa": "AutoAttack standard", "pgdplus": "PGD-40, 5 restarts, right at every iterate"}  # old records


def parse_attack(metric: str) -> str | None:
    """Return the name of the attack a metric was measured under; None for clean accuracy and other quantities."""
    match = _METRIC.match(metric)
    return match["attack"] if match and match["attack"] != "clean" and not metric.endswith("_clean_acc") else None


def name_bound(metric: str) -> str:
    """Return the name of the upper bound of an accuracy: "test_aa_bound"."""
    return metric.removesuffix(ACCURACY) + BOUND


def complete_descriptions(attacks: Mapping[str, str]) -> dict[str, str]:
    """Complete the descriptions of older records, where "on 300 images" were the first 300 of the test set."""
    return {name: _IMAGES.sub(_name_images, text) for name, text in attacks.items()}


def _name_images(found: re.Match[str]) -> str:
    return found[0] if found["drawn"] else f" on the first {found['n']} images"


def shorten_attack(attack: str, attacks: Mapping[str, str]) -> str:
    """Shorten an attack's description to a word or two: "PGD-20, linf, epsilon 0.1" -> "PGD-20".

    If another description begins alike, the first part that differs is added: "PGD-20 epsilon 0.1".
    """
    bare = {name: _IMAGES.sub("", text) for name, text in attacks.items()}
    heads = {name: re.split(r"[,(:;]", text)[0].strip() for name, text in bare.items()}
    head = heads.get(attack)
    if not head:
        return attack.upper()
    namesakes = [_parts(bare[name]) for name, other in heads.items() if other == head and name != attack]
    different = [part for part in _parts(bare[attack]) if any(part not in parts for parts in namesakes)]
    return " ".join([head, *(part.removeprefix(head).strip() for part in different[:1])])


def describe_images(metric: str, attacks: Mapping[str, str]) -> str:
    """Write on how many images a metric was measured, if not on all: " on 300 images"."""
    match = _METRIC.match(metric)
    found = _IMAGES.search(attacks.get(_beside(match["attack"]), "")) if match else None
    return found[0].removesuffix(" drawn by class") if found else ""


def _parts(description: str) -> list[str]:
    return [part.strip() for part in description.split(",")]


def describe_metric(metric: str, attacks: Mapping[str, str]) -> str:
    """Write a metric in words, for an axis: "robust test accuracy, PGD-20"."""
    match = _METRIC.match(metric)
    if match is None:
        return metric.replace("_", " ")
    split = {"val": "validation", "train": "training"}.get(match["split"], match["split"])
    if match["attack"] == "clean":
        return f"clean {split} accuracy"
    if metric.endswith("_clean_acc"):
        return f"clean {split} accuracy{describe_images(metric, attacks)}"
    if not _is_robust(metric, attacks):
        return f"{split} accuracy, {match['attack'].replace('_', ' ')}"
    return f"robust {split} accuracy, {shorten_attack(match['attack'], attacks)}{describe_images(metric, attacks)}"


def shorten_metric(metric: str, attacks: Mapping[str, str]) -> str:
    """Write a test metric in a word or two, for a column whose attack stands beside the table: "clean", "PGD-20"."""
    attack = parse_attack(metric)
    if attack and attack in attacks:
        return shorten_attack(attack, {attack: attacks[attack]})
    return describe_metric(metric, attacks).replace(" test accuracy", "")


def rate_strength(metric: str, attacks: Mapping[str, str]) -> tuple[bool, int, int]:
    """Return a sort key for the strength that a metric's attack should have, whatever the space calls the attack.

    Attacks at the budget of the curves rank above those at another. AutoAttack ranks above PGD that must be right at
    every iterate, and that above other PGD, by its steps times its restarts, whatever its loss. A custom AutoAttack
    with one attack that uses gradients counts as PGD with as many steps, and one without any is weaker.
    """
    attack = parse_attack(metric) or ""
    text = attacks.get(attack) or _UNDESCRIBED.get(
        attack, f"PGD-{attack[3:]}" if re.fullmatch(r"pgd\d+", attack) else ""
    )
    if text.startswith("AutoAttack"):
        seeing = len(_SEEING.findall(text.partition(")")[0]))
        kind, effort = (3, 0) if "custom" not in text else (2, 0) if seeing > 1 else (0, APGD_STEPS * seeing)
    elif found := _PGD.match(text):
        kind, effort = int("every iterate" in text), int(found["steps"]) * int(found["restarts"] or 1)
    else:
        kind, effort = (0, 0) if attack == "pgd" else (-1, 0)
    return parse_budget(text) in (None, parse_budget(attacks.get("pgd", text))), kind, effort


def parse_budget(description: str) -> tuple[str, str] | None:
    """Return the norm and epsilon of an attack, as its description writes them; None if it has neither."""
    found = _BUDGET.search(description)
    return (found["norm"], found["epsilon"]) if found else None


def is_comparable(one: str, other: str, examples: float) -> bool:
    """Return whether two attacks had one budget and the same images, out of a test set of `examples`."""
    return parse_budget(one) == parse_budget(other) and count_images(one, examples) == count_images(other, examples)


def count_images(description: str, examples: float) -> float:
    """Return how many images an attack had, out of a test set of `examples`."""
    found = _IMAGES.search(description)
    return min(float(found["n"]), examples) if found else examples


def parse_images(metric: str, attacks: Mapping[str, str], examples: float) -> tuple[float, bool]:
    """Return on how many images a metric was measured, and whether these were drawn by class, or all.

    `examples`: the size of the test set. Metrics may share a front if both are equal: a draw depends on its number
    alone.
    """
    match = _METRIC.match(metric)
    description = attacks.get(_beside(match["attack"]) if match else "", "")
    n, found = count_images(description, examples), _IMAGES.search(description)
    return n, n == examples or found is None or found["drawn"] is not None


def find_clean_metric(metric: str, attacks: Mapping[str, str], examples: float) -> str:
    """Return the clean test accuracy on the images that a robust one was measured on."""
    n, _ = parse_images(metric, attacks, examples)
    return CLEAN if n == examples else f"{metric.removesuffix('_acc')}{_BESIDE}_acc"


def _beside(attack: str) -> str:
    return attack.removesuffix(_BESIDE)


def find_strongest(metrics: Iterable[str], attacks: Mapping[str, str], trials: pd.DataFrame) -> str | None:
    """Return the robust test accuracy of the strongest attack among some metrics.

    Measurements order the attacks that `rate_strength` rates alike, such as PGD-20 on two losses: the strongest leaves
    the lowest mean accuracy at the last epoch, over the `trials` that were measured under all of these. It is the first
    listed if means are equal or no trial was measured under all.
    """
    robust = [metric for metric in metrics if metric.startswith("test_") and _is_robust(metric, attacks)]
    ratings = [rate_strength(metric, attacks) for metric in robust]
    alike = [metric for metric, rating in zip(robust, ratings, strict=True) if rating == max(ratings)]
    measured = trials.reindex(columns=[f"last_{metric}" for metric in alike]).dropna()
    means = measured.mean().tolist() if len(measured) else [0.0] * len(alike)
    return min(zip(means, alike, strict=True), key=lambda pair: pair[0])[1] if alike else None


def _is_robust(metric: str, attacks: Mapping[str, str]) -> bool:
    """Return whether a metric was measured under an attack: if attacks are described, other names are corruptions."""
    attack = parse_attack(metric)
    return attack in attacks if attacks else attack is not None
