"""The attack that stands beside PGD: what PGD says of a method with masked gradients is not evidence of robustness.

Claims about PGD are judged a second time under the strongest of AutoAttack, PGD that must be right at every iterate
(PGD+ of Carmon et al. 2019) and PGD on the margin loss (Carlini and Wagner 2017), if a run recorded any.
"""

from __future__ import annotations

import re

from analysis.claims.metric import Metric, parse_metric
from analysis.results.metrics import find_strongest, rate_strength
from analysis.results.sweep import Sweep

_STRONG = re.compile(r"AutoAttack|PGD-\d+ on the margin|.*right at every iterate")


def find_attacks(metric: Metric) -> list[str]:
    """Return the attacks under which a metric has test accuracies, without clean."""
    words = [term.words for term in metric.terms if term.kind == "accuracy"]
    return [attack for _, split, attack in words if split == "test" and attack != "clean"]


def is_about_pgd(metric: Metric, sweep: Sweep) -> bool:
    """Return whether a metric rests on PGD alone: it has robust accuracies, and none under a second attack."""
    attacks = find_attacks(metric)
    return bool(attacks) and not any(_STRONG.match(sweep.attacks.get(name, "")) for name in attacks)


def find_second(metric: Metric, sweep: Sweep) -> str | None:
    """Return the name of the strongest second attack that a sweep recorded, at the end or along training.

    It has the budget of the metric's own attack, if any has, and is rated no weaker; None without any.
    """
    strong = [name for name, text in sweep.attacks.items() if _STRONG.match(text)]
    metrics = [f"test_{name}_acc" for name in strong]
    known = [name for name in metrics if f"last_{name}" in sweep.completed or name in sweep.epochs]
    best = find_strongest(known, sweep.attacks, sweep.completed)
    own = max((rate_strength(f"test_{name}_acc", sweep.attacks) for name in find_attacks(metric)), default=None)
    if best is None or own is None or rate_strength(best, sweep.attacks) < own:
        return None
    return best.removeprefix("test_").removesuffix("_acc")


def swap_attack(metric: Metric, attack: str) -> Metric | None:
    """Return a metric with its test accuracies under another attack; None if it needs more than these.

    A peak over all epochs becomes the checkpoint that validation selects: a second attack has no curve. A training
    accuracy, a floor or an epoch belongs to the attack of the curves.
    """
    if any(term.kind != "accuracy" or term.words[1] != "test" for term in metric.terms):
        return None
    text = []
    for summand in metric.summands:
        terms = [term for term in (summand.term, summand.divisor) if term is not None]
        words = [_swap(term.words, attack) for term in terms]
        text.append(f"{'-' if summand.sign < 0 else '+'} {' / '.join(words)}")
    return parse_metric(" ".join(text).removeprefix("+ "))


def _swap(words: tuple[str, ...], attack: str) -> str:
    when, split, name = words
    when = "best" if when == "peak" else when
    return f"{when} {split} {name if name == 'clean' else attack}"
