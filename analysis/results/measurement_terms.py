"""The terms of measurements: accuracies share a front or a column of a table only if measured on the same terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.results.metrics import parse_attack
from analysis.results.search_block import read_checkpoint
from analysis.results.sweep import Sweep
from trainers.problems import title_problems

CURVES = "pgd"  # the attack of learning curves, by which validation selects an epoch


class Terms(NamedTuple):
    """Data, attacks with their budget and images, and the rule of selection."""

    problem: str  # the `data` block, as JSON
    data: str  # an identifier of its examples, empty if not recorded
    metrics: tuple[str, ...]
    measured: tuple[str, ...]  # the attack of each metric, in words; empty if it has none or it was not recorded
    rule: tuple[str, str]  # the checkpoint that validation compares, and the attack by which it selects an epoch

    @property
    def y(self) -> str:
        """Return the attack of the last metric, in words."""
        return self.measured[-1]

    def attacks(self, others: Sequence[Terms] = ()) -> dict[str, str]:
        """Return the attacks by name, and also those of other terms so that a title can tell them apart."""
        unlike = {
            f"{place} {name}": text for place, other in enumerate(others) for name, text in other._named().items()
        }
        return {name: text for name, text in (self._named() | unlike).items() if text}

    def _named(self) -> dict[str, str]:
        return {parse_attack(metric) or "": text for metric, text in zip(self.metrics, self.measured, strict=True)}


def read_terms(results: Sweep, *metrics: str) -> list[Terms]:
    """Return the terms of each trial of a sweep for the metrics to compare, in the order of `Sweep.study_trials`.

    A trial without a result, or without one of the attacks, has those of the other trials.
    """
    data: dict[str, str] = {}  # configuration -> data of its first seed, as a seed may also draw the data
    for planned in results.plan["trials"]:
        data.setdefault(planned["configuration"], str(planned.get("data", "")))
    found = []
    rule = read_checkpoint(results)
    for trial, configuration, problem in (
        results.study_trials[["id", "configuration", "problem"]].to_numpy(str).tolist()
    ):
        attacks = results.attacks | results.outcomes.get(trial, {}).get("attacks", {})
        measured = tuple(attacks.get(parse_attack(metric) or "", "") for metric in metrics)
        found.append(Terms(problem, data.get(configuration, ""), metrics, measured, (rule, attacks.get(CURVES, ""))))
    return found


def explain_split(every: Sequence[Terms]) -> str:
    """Say what splits the trainings of several sweeps into several fronts; empty if all share one."""
    kinds: dict[str, set] = {
        "data": {(terms.problem, terms.data) for terms in every},
        "attack": {terms.measured for terms in every},
        "rule that selects the epoch": {terms.rule for terms in every},
    }
    same = " and ".join(name for name, values in kinds.items() if len(values) > 1)
    return f"There are {len(every)} fronts: trainings are compared only with the same {same}." if same else ""


def title_terms(sweeps: Mapping[Terms, Sequence[str]], every: Sequence[str]) -> dict[Terms, str]:
    """Return titles that tell terms apart: their sweeps, if these are not all sweeps, and the fields of the data.

    `sweeps` maps terms to the names of the sweeps that have them; `every` are the names of all sweeps. A title has the
    fields in which its terms differ from those that have a sweep in common with them; the names of the sweeps tell
    them from all others.
    """
    problems: dict[Terms, str] = {}
    for group in _join_overlapping(sweeps):
        titles = title_problems({terms.problem: None for terms in group})
        problems |= {terms: titles[terms.problem] for terms in group}
    found = {}
    for terms, names in sweeps.items():
        prefix = ", ".join(names) if len(names) < len(every) else ""
        found[terms] = ": ".join(filter(None, (prefix, problems[terms])))
    alike = [terms for terms, text in found.items() if list(found.values()).count(text) > 1]
    return found | {terms: f"{found[terms]} ({terms.y or terms.rule[0]})".strip() for terms in alike}


def _join_overlapping(sweeps: Mapping[Terms, Sequence[str]]) -> list[list[Terms]]:
    """Return terms in groups, so that terms with a sweep in common are in one."""
    groups: list[tuple[set[str], list[Terms]]] = []
    for terms, names in sweeps.items():
        common = [group for group in groups if group[0] & set(names)]
        joined = set(names).union(*(held for held, _ in common)), [*(one for _, old in common for one in old), terms]
        groups = [group for group in groups if group not in common] + [joined]
    return [group for _, group in groups]
