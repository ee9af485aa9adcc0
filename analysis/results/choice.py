"""The trials that a figure needs, in terms of their configurations, and whether a sweep has them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from analysis.results.sweep import Sweep
from trainers.record_io import Row

EVALUATED = "the epsilon of the evaluation"  # stands for that number among the values that a choice allows
SIZES = "subset.size"  # as what runs along x: lines are then kinds of subsets, whatever their size
FEWEST_PLACES = 3  # along x: two are a difference


@dataclass(frozen=True)
class Choice:
    """The trials of a figure, by their configurations, and what tells them apart in it.

    A dotted path such as `method.weight.lam` names a part of a trial's configuration. The axes that vary have three
    uses: those under a path of `lines` name the line of a trial, that under `x` its place on the line, and all others
    its panel.
    Trials of one panel, line and place differ in their seed alone.
    """

    where: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # path -> the values that are kept
    contains: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # path -> values that some trial has, each
    lines: tuple[str, ...] = ()
    x: str = ""
    fewest: int = 1  # values that the paths of the lines have, together
    panels: tuple[str, ...] = ()  # paths that name the panel even where each line has one value of them
    without: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # path -> values; who has all is left out
    join: bool = False  # whether lines of several sweeps share panels, if data and attack are the same


def find_lack(sweep: Sweep, choice: Choice) -> str:
    """Say which trials or axis a sweep lacks for a choice; empty if it has what the choice needs."""
    configs = _kept_configs(sweep, choice)
    if not configs:
        unmet = {
            path: values for path, values in choice.where.items() if not _kept_configs(sweep, Choice({path: values}))
        }
        words = _describe_values(unmet or choice.where) or " or ".join(choice.without)
        return f"trials with {words}" if len(sweep.completed) else "completed trials"
    if choice.join:
        return ""
    if missing := find_missing([sweep], choice):
        return f"trials with {' and '.join(missing)}"
    for paths, fewest in ((choice.lines, choice.fewest), ((choice.x,), FEWEST_PLACES)):
        if not any(paths):
            continue
        roots = ["subset" if path == SIZES else path for path in paths]
        count = len({str([read_path(config, path) for path in roots]) for config in configs})
        if count < fewest:
            return f"an axis of {' or '.join(paths)} with {fewest} values or more"
    return ""


def find_missing(sweeps: Sequence[Sweep], choice: Choice) -> list[str]:
    """Return what no completed trial of some sweeps has, of what a choice must contain, as words."""
    return [
        f"{path} {value}"
        for path, values in choice.contains.items()
        for value in values
        if not any(
            matches(sweep, config, path, (value,)) for sweep in sweeps for config in _kept_configs(sweep, choice)
        )
    ]


def list_configs(sweep: Sweep) -> Iterable[tuple[str, Row]]:
    """Return the id and the configuration of each planned trial."""
    return ((trial["id"], trial.get("config") or {}) for trial in sweep.plan["trials"])


def is_chosen(sweep: Sweep, config: Row, choice: Choice) -> bool:
    """Return whether a choice keeps a configuration."""
    kept = all(matches(sweep, config, *pair) for pair in choice.where.items())
    return kept and not (choice.without and all(matches(sweep, config, *pair) for pair in choice.without.items()))


def matches(sweep: Sweep, config: Row, path: str, values: Sequence[Any]) -> bool:
    """Return whether a configuration has one of the values at a path."""
    found = read_path(config, path)
    if EVALUATED in values and (found is None or _equal(found, sweep.plan.get("evaluate", {}).get("epsilon"))):
        return True
    return any(_equal(found, value) for value in values)


def read_path(config: Any, path: str) -> Any:
    """Return the part of a configuration at a dotted path; None if there is none."""
    for key in path.split("."):
        config = config.get(key) if isinstance(config, Mapping) else None
    return config


def _kept_configs(sweep: Sweep, choice: Choice) -> list[Row]:
    """Return the configurations of the completed trials of a choice."""
    done = set(sweep.completed["id"])
    return [config for trial, config in list_configs(sweep) if trial in done and is_chosen(sweep, config, choice)]


def _equal(one: Any, other: Any) -> bool:
    """Return whether two values are one, numbers to rounding: 8/255 is written in several ways."""
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)
    return bool(one == other)


def _describe_values(where: Mapping[str, Sequence[Any]]) -> str:
    return " and ".join(
        f"{path} {' or '.join(dict.fromkeys(_write_value(value) for value in values if value is not None))}"
        for path, values in where.items()
    )


def _write_value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
