"""On what terms accuracies were taken: only those taken on the same terms may share a front or a column of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from analysis.metrics import parse_attack
from analysis.results import Results
from analysis.selection import read_checkpoint
from trainers.records import problem_titles

CURVES = "pgd"  # the attack along training, by which validation selects an epoch


class Terms(NamedTuple):
    """Data, attacks with their budget and images, and the rule that selects."""

    problem: str  # the `data` block, as JSON
    data: str  # what identifies the examples behind it, where that was recorded
    metrics: tuple[str, ...]
    measured: tuple[str, ...]  # the attack of each metric, in words; empty where it has none or none was recorded
    rule: tuple[str, str]  # at which checkpoint validation compares, and under which attack it selects an epoch

    @property
    def y(self) -> str:
        """The attack of the last metric, in words."""
        return self.measured[-1]

    def attacks(self, others: Sequence[Terms] = ()) -> dict[str, str]:
        """The attacks by their names, with those of other terms beside them for a title to tell them apart."""
        unlike = {
            f"{place} {name}": text for place, other in enumerate(others) for name, text in other._named().items()
        }
        return {name: text for name, text in (self._named() | unlike).items() if text}

    def _named(self) -> dict[str, str]:
        return {parse_attack(metric) or "": text for metric, text in zip(self.metrics, self.measured, strict=True)}


def terms(results: Results, *metrics: str) -> list[Terms]:
    """The terms of each trial of a sweep, in the order of `Results.sweep`; of one without a result, those of the rest.

    `metrics`: those that are to be compared.
    """
    data: dict[str, str] = {}  # of a configuration: its first seed's, as a seed may also draw the data
    for planned in results.plan["trials"]:
        data.setdefault(planned["configuration"], str(planned.get("data", "")))
    found = []
    told, rule = results.attacks, read_checkpoint(results)
    for trial, configuration, problem in results.sweep[["id", "configuration", "problem"]].to_numpy(str).tolist():
        attacks = results.outcomes.get(trial, {}).get("attacks") or told
        measured = tuple(attacks.get(parse_attack(metric) or "", "") for metric in metrics)
        found.append(Terms(problem, data.get(configuration, ""), metrics, measured, (rule, attacks.get(CURVES, ""))))
    return found


def titles(sweeps: Mapping[Terms, Sequence[str]], every: Sequence[str]) -> dict[Terms, str]:
    """What tells terms from the others: whose they are where not all sweeps have them, and the fields of the data.

    `sweeps`: those that have these terms; `every`: all there are.
    """
    problems = problem_titles({its.problem: None for its in sweeps})
    found = {}
    for its, names in sweeps.items():
        whose = ", ".join(names) if len(names) < len(every) else ""
        found[its] = ": ".join(filter(None, (whose, problems[its.problem])))
    alike = [its for its, text in found.items() if list(found.values()).count(text) > 1]
    return found | {its: f"{found[its]} ({its.y or its.rule[0]})".strip() for its in alike}
