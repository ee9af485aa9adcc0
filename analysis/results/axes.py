"""The axes of a sweep: which define the problem, which the subset, which the method; and names by their labels.

Axes under `data` define *which problem* is solved (label noise, data set): accuracies are compared within one such
setting. `subset` and the axes under it define which examples are trained on. All other axes define *how*.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from trainers.knobs import parse_share
from trainers.record_io import Row

SEPARATOR = " · "
ALL = "all"
LATE = "from"  # in the kind of a subset, before the moment that it begins at
MOST_LABELS = 8  # an axis with more values is drawn, not compared value by value
_NUMBER = re.compile(r"(?<![A-Za-z])(k\s*=\s*)?[\d.,]+(e-?\d+)?\s*%?")


def join_parts(*parts: str) -> str:
    """Join names to one; empty ones, and parts that stand in it already, are left out: "alp" and "alp · beta 2"."""
    return SEPARATOR.join(dict.fromkeys(filter(None, (word for part in parts for word in part.split(SEPARATOR)))))


class Names(NamedTuple):
    """A configuration in words."""

    setting: str  # the problem, by the axes that define it
    family: str  # how it is trained
    subset: str  # on what
    choice: str  # the last two: its name within a setting
    name: str  # in any setting


@dataclass(frozen=True)
class Axes:
    """The axes of a sweep, in the plan's order; those with a single value are not `varying`."""

    paths: tuple[str, ...]
    varying: tuple[str, ...]
    order: Mapping[str, tuple[str, ...]]  # path -> its labels, numbers by size, others as planned
    values: Mapping[str, Mapping[str, Any]]  # path -> label -> the value itself
    short: Mapping[str, str]  # path -> shortest ending that no other axis shares

    @property
    def data(self) -> tuple[str, ...]:
        """Axes that define which problem is solved."""
        return tuple(path for path in self.varying if _under(path, "data"))

    @property
    def subset(self) -> tuple[str, ...]:
        """Axes that define which examples are trained on."""
        return tuple(path for path in self.varying if _under(path, "subset"))

    @property
    def method(self) -> tuple[str, ...]:
        """The axes that concern neither data nor subset: they define how to train."""
        return tuple(path for path in self.varying if path not in self.data and path not in self.subset)

    def rank(self, path: str, label: str | None) -> int:
        """Return the place of a label in its axis' order; trials without this axis come first."""
        return self._places[path].get(label, 0)

    @cached_property
    def _places(self) -> dict[str, dict[str | None, int]]:
        return {path: {label: place for place, label in enumerate(order, 1)} for path, order in self.order.items()}

    def numeric(self, path: str) -> bool:
        """Return whether all values of an axis are numbers, such as '8/255' and 'inf', or all shares, such as '20%'."""
        return path in self._numeric_paths

    @cached_property
    def _numeric_paths(self) -> frozenset[str]:
        return frozenset(path for path, found in self.values.items() if _numeric(found.values()))

    def finite(self, path: str) -> bool:
        """Return whether an axis is numeric, and none of its values infinite."""
        return path in self._finite_paths

    @cached_property
    def _finite_paths(self) -> frozenset[str]:
        return frozenset(path for path in self._numeric_paths if all(map(math.isfinite, self._numbers[path].values())))

    def number(self, path: str, label: str) -> float:
        """Return the number that a label of a numeric axis stands for; NaN for a trial without this axis."""
        return self._numbers[path][label] if label else math.nan

    @cached_property
    def _numbers(self) -> dict[str, dict[str, float]]:
        return {path: {label: _number(value) for label, value in found.items()} for path, found in self.values.items()}

    def drawn(self, path: str) -> bool:
        """Return whether an axis has more numbers than are compared one by one, as if drawn from a range."""
        return len(self.order[path]) > MOST_LABELS and self.numeric(path)

    def span(self, path: str) -> str:
        """Write the labels of an axis, or the count and range of its numbers if they are many."""
        labels = self.order[path]
        if self.drawn(path):
            return f"{len(labels)} values from {labels[0]} to {labels[-1]}"
        return ", ".join(labels)

    def describe(self, labels: Mapping[str, str], paths: Sequence[str]) -> str:
        """Name a choice for a reader: text stands for itself, a number or a yes/no follows the name of its axis."""
        words = []
        for path in paths:
            label = labels.get(path)
            if label:
                value = self.values[path][label]
                bare = math.isnan(self.number(path, label)) and not isinstance(value, bool) and value is not None
                words.append(label if bare else f"{self.short[path]} {label}")
        return SEPARATOR.join(words)

    def names(self, labels: Mapping[str, str], configuration: str) -> Names:
        """Name a configuration by its labels: by those that vary, else by all it has.

        `configuration`: the name to use if there are no labels, as in a sweep without axes.
        """
        setting, family, subset = (self.describe(labels, paths) for paths in (self.data, self.method, self.subset))
        fixed = self.describe(labels, [path for path in self.paths if path not in self.varying])
        choice = SEPARATOR.join(filter(None, (family, subset))) or fixed or setting or configuration
        return Names(setting, family, subset, choice, SEPARATOR.join(dict.fromkeys(filter(None, (setting, choice)))))


def read_axes(plan: Row) -> Axes:
    """Read the axes of a plan from the labels and values of its trials."""
    trials = [trial for trial in plan["trials"] if trial["kind"] == "trial"] or plan["trials"]
    paths = tuple(plan.get("axes") or dict.fromkeys(path for trial in trials for path in trial["axes"]))
    values: dict[str, dict[str, Any]] = {path: {} for path in paths}
    for trial in plan["trials"]:
        for path, label in trial["axes"].items():
            values.setdefault(path, {}).setdefault(str(label), trial.get("values", {}).get(path, label))
    order = {path: _ordered(found) for path, found in values.items()}
    used = {path: {trial["axes"].get(path) for trial in trials} for path in paths}
    varying = tuple(path for path in paths if len(used[path]) > 1)
    return Axes(paths, varying, order, values, _short(tuple(values)))


def name_subset_kind(subset: Any, labels: Mapping[str, str]) -> str:
    """Name the kind of a subset, whatever its size: by its configuration, else by its labels without numbers."""
    if isinstance(subset, Mapping) and (name := subset.get("side") or subset.get("name")):
        band = subset.get("band")
        start = subset.get("start")
        words = ["late" if start else "", str(name), "–".join(map(str, band)) if band else ""]
        words.append(f"by {subset['score']}" if subset.get("score") else "")
        words.append("balanced" if subset.get("balance", "none") != "none" else "")
        if plus := subset.get("plus"):
            words.append(f"plus {plus['side']} of {', '.join(map(str, plus['classes']))}")
        words.append("by self" if subset.get("by") == "self" else "")
        if start:
            words.append(f"{LATE} {start}" if isinstance(start, str) else f"{LATE} epoch {start}")
        return " ".join(filter(None, words))
    text = " ".join(label for path, label in labels.items() if _under(path, "subset") and label)
    return " ".join(_NUMBER.sub(" ", text).split()).strip(" ,;:-") or str(subset or ALL)


def _under(path: str, root: str) -> bool:
    return path == root or path.startswith(root + ".")


def _number(value: Any) -> float:
    """Return a value as a number; NaN if it is none."""
    read = value if isinstance(value, bool) else parse_share(value)
    if isinstance(read, str) and read in ("inf", "-inf"):
        return float(read)
    return float(read) if isinstance(read, int | float) and not isinstance(read, bool) else math.nan


def _numeric(values: Collection[Any]) -> bool:
    shares = {isinstance(value, str) and value.endswith("%") for value in values}
    return len(shares) == 1 and not any(math.isnan(_number(value)) for value in values)


def _ordered(found: Mapping[str, Any]) -> tuple[str, ...]:
    if _numeric(found.values()):
        return tuple(sorted(found, key=lambda label: _number(found[label])))
    return tuple(found)


def _short(paths: Sequence[str]) -> dict[str, str]:
    """Return the shortest dotted ending of each path that no other path ends in."""
    short = {}
    for path in paths:
        parts = path.split(".")
        endings = [".".join(parts[-n:]) for n in range(1, len(parts) + 1)]
        others = [f".{other}" for other in paths if other != path]
        short[path] = next((e for e in endings if not any(o.endswith(f".{e}") for o in others)), path)
    return short
