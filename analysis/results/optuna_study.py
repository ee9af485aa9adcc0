"""Axes and trials in the terms of Optuna: distributions, parameters and studies.

Optuna takes a while to import, and only exports and the importance of knobs need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from analysis.results.axes import Axes
from analysis.results.search_block import read_search_block
from analysis.results.sweep import Sweep
from trainers.knobs import parse_share
from trainers.terminal.silence import silence_library

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.study import Study

State = Literal["COMPLETE", "FAIL", "PRUNED"]
RANGES = ("uniform", "loguniform", "int")  # of an axis in a space; any other axis lists its values


@dataclass(frozen=True)
class Domain:
    """The values of an axis: a list of choices, or a range of numbers."""

    choices: tuple[float | str, ...] = ()  # empty for a range
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_integer: bool = False

    def build_distribution(self) -> BaseDistribution:
        """Return the domain as a distribution of Optuna."""
        import_optuna()
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.is_integer:
            return IntDistribution(int(self.low), int(self.high))
        return FloatDistribution(self.low, self.high, log=self.is_log)


@dataclass(frozen=True)
class StudyTrial:
    """A trial of a study."""

    state: State
    values: tuple[float, ...]  # of the objectives; empty unless the trial is complete
    parameters: Mapping[str, float | str]  # only the axes that act
    attributes: Mapping[str, Any] = field(default_factory=dict)
    violations: Mapping[str, float] = field(default_factory=dict)  # constraint -> by how much it is missed
    curve: Mapping[int, float] = field(default_factory=dict)  # epoch -> the objective then
    started: datetime | None = None
    ended: datetime | None = None


def read_domains(results: Sweep) -> dict[str, Domain]:
    """Return the domain of each axis: the range that the space draws from, else the values of the trials."""
    block = read_search_block(results).get("axes")
    written = block if isinstance(block, Mapping) else {}
    return {path: _read_domain(results.axes, path, written.get(path)) for path in results.axes.paths}


def _read_domain(axes: Axes, path: str, written: Any) -> Domain:
    values = [*list_parameters(axes, path).values()]
    kind = next((kind for kind in RANGES if isinstance(written, Mapping) and written.get(kind)), None)
    if kind is None or not all(isinstance(value, int | float) for value in values):
        return Domain(choices=tuple(dict.fromkeys(values)))
    numbers = [float(value) for value in values]
    bounds = [parse_share(bound) for bound in written[kind]] if isinstance(written[kind], list) else []
    numbers += [float(bound) for bound in bounds if isinstance(bound, int | float)]
    return Domain((), min(numbers), max(numbers), kind == "loguniform", kind == "int")


def list_parameters(axes: Axes, path: str) -> dict[str, float | str]:
    """Return each label of an axis as the value of a parameter, in the order of the axis.

    It is a number on a numeric axis without infinite values, and the label elsewhere. A whole number is an integer.
    """
    labels = axes.order[path]
    if not axes.finite(path):
        return {label: label for label in labels}
    numbers = [axes.number(path, label) for label in labels]
    return {
        label: int(number) if number.is_integer() else number for label, number in zip(labels, numbers, strict=True)
    }


def import_optuna() -> Any:
    """Import Optuna without the warning of its progress bar, which nothing here shows, about missing widgets."""
    with silence_library("optuna"):
        import optuna

    return optuna


def build_study(
    name: str, objectives: Mapping[str, str], domains: Mapping[str, Domain], trials: Sequence[StudyTrial],
    storage: Any = None, attributes: Mapping[str, Any] | None = None,
) -> Study:  # fmt: skip
    """Build a study of trials that were run elsewhere, in a storage of Optuna or in memory.

    `objectives` are names with their direction, `max` or `min`.
    """
    optuna = import_optuna()
    directions = [f"{direction}imize" for direction in objectives.values()]
    study = optuna.create_study(study_name=name, storage=storage, directions=directions)
    study.set_metric_names([*objectives])
    for key, value in (attributes or {}).items():
        study.set_user_attr(key, value)
    known = {path: domain.build_distribution() for path, domain in domains.items()}
    study.add_trials(_build_trials(trials, known))
    return study


def _build_trials(trials: Iterable[StudyTrial], known: Mapping[str, BaseDistribution]) -> Iterator[Any]:
    from optuna.trial import FrozenTrial, TrialState

    now = datetime.now()
    for number, trial in enumerate(trials):
        frozen = FrozenTrial(
            number=number,
            trial_id=number,
            state=TrialState[trial.state],
            value=None,
            values=trial.values or None,
            datetime_start=trial.started or now,
            datetime_complete=trial.ended or now,
            params=dict(trial.parameters),
            distributions={path: known[path] for path in trial.parameters},
            user_attrs=dict(trial.attributes),
            system_attrs={},
            intermediate_values=dict(trial.curve),
        )
        for name, violation in trial.violations.items():
            frozen.set_constraint(name, violation)
        yield frozen
