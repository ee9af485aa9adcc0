"""Names of accuracies: which attack a metric was measured under, how to write it, which is the strongest.

A metric is `<split>_<clean|attack>_acc`; `attacks` in a trial's result says in words what each attack was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

CHECKPOINTS = {"best": "validation-selected epoch", "last": "last epoch"}
EPOCH_METRIC = "test_pgd_acc"  # the robust accuracy that is measured along training
CLEAN = "test_clean_acc"
_BESIDE = "_clean"  # ends the name of the clean accuracy on the images that an attack looked at: test_aa_clean_acc
_METRIC = re.compile(r"^(?P<split>train|val|test)_(?P<attack>\w+)_acc$")
_BUDGET = re.compile(r"\b(?P<norm>linf|l2), epsilon (?P<epsilon>[^\s,]+)")
_IMAGES = re.compile(r" on (?:the first )?(?P<n>\d+) images(?P<drawn> drawn by class)?$")
_SEEING = re.compile(r"\b(?:apgd|fab)\b")  # attacks of AutoAttack that use gradients
APGD_STEPS = 100
_PGD = re.compile(r"PGD-(?P<steps>\d+)(?: on the (?P<loss>margin|KL)[^,]*)?(, (?P<restarts>\d+) restarts)?")
_LOSSES = ("KL", None, "margin")  # of PGDs alike in steps, from the weakest; None: CE
_UNTOLD = {"aa": "AutoAttack standard", "pgdplus": "PGD-40, 5 restarts, right at every iterate"}  # of old records


def parse_attack(metric: str) -> str | None:
    """The key of the attack a metric was measured under; None for clean accuracy and for other quantities."""
    match = _METRIC.match(metric)
    return match["attack"] if match and match["attack"] != "clean" and not metric.endswith("_clean_acc") else None


def complete_descriptions(attacks: Mapping[str, str]) -> dict[str, str]:
    """Descriptions as older records mean them, where "on 300 images" were the first 300 of the test set."""
    return {name: _IMAGES.sub(_told, text) for name, text in attacks.items()}


def _told(found: re.Match[str]) -> str:
    return found[0] if found["drawn"] else f" on the first {found['n']} images"


def shorten_attack(attack: str, attacks: Mapping[str, str]) -> str:
    """An attack in a word or two, from its description: "PGD-20, linf, epsilon 0.1" -> "PGD-20".

    Where another attack begins alike, what tells them apart is added: "PGD-20 epsilon 0.1".
    """
    bare = {name: _IMAGES.sub("", text) for name, text in attacks.items()}
    heads = {name: re.split(r"[,(:;]", text)[0].strip() for name, text in bare.items()}
    head = heads.get(attack)
    if not head:
        return attack.upper()
    twins = [_parts(bare[name]) for name, other in heads.items() if other == head and name != attack]
    telling = [part for part in _parts(bare[attack]) if any(part not in twin for twin in twins)]
    return " ".join([head, *telling[:1]])


def describe_images(metric: str, attacks: Mapping[str, str]) -> str:
    """On how many images a metric was measured, if not on all: " on 300 images"."""
    match = _METRIC.match(metric)
    found = _IMAGES.search(attacks.get(_beside(match["attack"]), "")) if match else None
    return found[0].removesuffix(" drawn by class") if found else ""


def _parts(description: str) -> list[str]:
    return [part.strip() for part in description.split(",")]


def describe_metric(metric: str, attacks: Mapping[str, str]) -> str:
    """A metric in words, fit for an axis: "robust test accuracy, PGD-20"."""
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
    """A test metric in a word or two, fit for a column whose attack is told beside the table: "clean", "PGD-20"."""
    attack = parse_attack(metric)
    if attack and attack in attacks:
        return shorten_attack(attack, {attack: attacks[attack]})
    return describe_metric(metric, attacks).replace(" test accuracy", "")


def rate_strength(metric: str, attacks: Mapping[str, str]) -> tuple[bool, int, int, int]:
    """A sort key, from what the attack was: those at the budget of the curves above those at another, AutoAttack
    above PGD that is right at every iterate above PGD by its steps, whatever the space calls them. A custom AutoAttack
    of one attack that sees gradients is as PGD of so many steps, one without any is weaker. Of PGDs of as many steps
    that on the margin is above that on CE, above that on the KL divergence.
    """
    loss = _LOSSES.index(None)
    attack = parse_attack(metric) or ""
    text = attacks.get(attack) or _UNTOLD.get(attack, f"PGD-{attack[3:]}" if re.fullmatch(r"pgd\d+", attack) else "")
    if text.startswith("AutoAttack"):
        seeing = len(_SEEING.findall(text.partition(")")[0]))
        kind, effort = (3, 0) if "custom" not in text else (2, 0) if seeing > 1 else (0, APGD_STEPS * seeing)
    elif found := _PGD.match(text):
        kind, effort = int("every iterate" in text), int(found["steps"]) * int(found["restarts"] or 1)
        loss = _LOSSES.index(found["loss"])
    else:
        kind, effort = (0, 0) if attack == "pgd" else (-1, 0)
    return parse_budget(text) in (None, parse_budget(attacks.get("pgd", text))), kind, effort, loss


def parse_budget(description: str) -> tuple[str, str] | None:
    """Norm and epsilon of an attack, as its description writes them; None where it says neither."""
    found = _BUDGET.search(description)
    return (found["norm"], found["epsilon"]) if found else None


def is_comparable(one: str, other: str, examples: float) -> bool:
    """Whether two attacks, by their descriptions, had one budget and the same images of a test set of so many."""
    return parse_budget(one) == parse_budget(other) and count_images(one, examples) == count_images(other, examples)


def count_images(description: str, examples: float) -> float:
    """How many images an attack had of a test set of so many."""
    found = _IMAGES.search(description)
    return min(float(found["n"]), examples) if found else examples


def parse_images(metric: str, attacks: Mapping[str, str], examples: float) -> tuple[float, bool]:
    """How many images of a test set of so many a metric was measured on, and whether they were drawn by class, or all.

    Metrics may share a front where both are equal: a draw hangs on its number alone.
    """
    match = _METRIC.match(metric)
    description = attacks.get(_beside(match["attack"]) if match else "", "")
    n, found = count_images(description, examples), _IMAGES.search(description)
    return n, n == examples or found is None or found["drawn"] is not None


def find_clean_metric(metric: str, attacks: Mapping[str, str], examples: float) -> str:
    """The clean test accuracy on the images that a robust one was measured on."""
    n, _ = parse_images(metric, attacks, examples)
    return CLEAN if n == examples else f"{metric.removesuffix('_acc')}{_BESIDE}_acc"


def _beside(attack: str) -> str:
    return attack.removesuffix(_BESIDE)


def find_strongest(metrics: Iterable[str], attacks: Mapping[str, str]) -> str | None:
    """The robust test accuracy of the strongest attack among some metrics."""
    robust = [metric for metric in metrics if metric.startswith("test_") and _is_robust(metric, attacks)]
    return max(robust, key=lambda metric: rate_strength(metric, attacks), default=None)


def _is_robust(metric: str, attacks: Mapping[str, str]) -> bool:
    """Whether it was measured under an attack: where attacks are told, other names are those of corruptions."""
    attack = parse_attack(metric)
    return attack in attacks if attacks else attack is not None


def group_descriptions(metric: str, attacks: Iterable[tuple[str, Mapping[str, str]]]) -> dict[str, list[str]]:
    """What was measured under a metric's name: description -> who measured it so; (who, attacks) pairs in."""
    attack, found = parse_attack(metric), dict[str, list[str]]()
    for who, named in attacks:
        if attack is not None and attack in named:
            found.setdefault(named[attack], []).append(who)
    return found
