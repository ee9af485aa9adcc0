"""A space: what a trial is, which knobs vary, how the sweep runs. Read from YAML, validated whole before a start."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.exceptions import SpaceError
from search.schema.axes import Point, grid_points, random_points
from search.schema.blocks import ADAPTIVE, STRATEGIES, Search, Space
from search.schema.budget import Budget
from search.schema.document import Document, read
from search.schema.merging import IMPLIED, Tree, named, nested, over_trial, renamed, without_nulls, written_out
from search.schema.messages import UNKNOWN, readable
from search.schema.overrides import in_vain, override
from search.schema.resources import Resources
from search.schema.upstream import Pretrain, Profile
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.formatting import find_nearest
from trainers.knobs import KnobError, Knobs
from trainers.methods import NAMES

__all__ = ["ADAPTIVE", "STRATEGIES", "Loaded", "Search", "Space", "at_point", "configured", "load", "set_at_path"]

HOMES: dict[str, type[Knobs]] = {
    "trial": TrialConfig,
    "search": Search,
    "evaluate": Evaluation,
    "resources": Resources,
    "profile": Profile,
    "pretrain": Pretrain,
    "search.budget": Budget,
}
BESIDE = "is a knob of a trial; to vary it, write it below `axes:`, indented deeper"


class Loaded:
    """A space and where each part of it was written."""

    def __init__(self, space: Space, document: Document, file: Path) -> None:
        self.space, self.document, self.file = space, document, file

    @property
    def name(self) -> str:
        return self.file.stem

    def problem(self, path: tuple[str, ...], message: str) -> str:
        """One readable line: where, what."""
        message = _hinted(path, message)
        where = self.document.where(path) or str(self.file)
        return f"{where}: {'.'.join(path)}: {message}" if path else f"{where}: {message}"

    def about(self, kind: str, labels: Mapping[str, str], message: str) -> str:
        """One line on a training whose message begins with the key that it is about; an axis that set it is named."""
        key = re.split("[: ]", message)[0]
        for path, label in sorted(labels.items(), key=lambda it: -len(it[0])):
            if f"{key}.".startswith(f"{path}."):
                return f"{self.document.where(('search', 'axes', path))}: axis {path}={label}: {message}"
        parts = tuple(key.split("."))
        if parts[0] in Space.model_fields:
            return f"{self.document.where(parts)}: {message}"
        own = kind != "trial" and (kind, "trial", parts[0]) in self.document.places
        block = (kind, "trial") if own else ("trial",)
        return f"{self.document.where((*block, *parts)) or self.file}: {'.'.join(block)}: {message}"


def load(file: Path, overrides: list[str]) -> Loaded:
    """Read a space, lay `path=value` overrides over it, and check its top level.

    Raises SpaceError with every problem found.
    """
    document = read(file)
    changes = {f"--set {text}": override(text) for text in overrides}
    for place, change in changes.items():
        document = document.overridden(change, place)
    found = []
    try:
        loaded = Loaded(Space.model_validate(document.tree), document, file)
        if not (problems := [*document.problems, *_vain(loaded, changes)]):
            return loaded
        raise SpaceError(problems)
    except ValidationError as error:
        found = readable(error, Space, document.tree)
    wrong = {path[0] for path, _ in found if path}
    right = {key: value for key, value in document.tree.items() if key not in wrong}
    rest = Loaded(Space.model_validate(right) if wrong else Space(), document, file)
    problems = [rest.problem(path, message) for path, message in found]
    further = () if document.problems else dict.fromkeys(_further(rest))  # of what is mistyped nothing is known
    raise SpaceError([*document.problems, *problems, *further])


def _vain(loaded: Loaded, changes: dict[str, Tree]) -> Iterator[str]:
    for place, change in changes.items():
        for knob, path in in_vain(loaded.space, change):
            axis, knob = f"search.axes.{path}", knob.removesuffix(".name").removesuffix(".base")
            where = loaded.document.where(("search", "axes", path))
            yield (
                f"{place}: trial.{knob}: the axis {path} ({where}) has its own in every training; set the axis, "
                f"--set '{axis}.grid=[...]', or take it out, --set {axis}=null"
            )


def _hinted(path: tuple[str, ...], message: str) -> str:
    """A complaint about a key that is none where it stands, with the place where there is one of that name."""
    if UNKNOWN not in message or len(path) > 2:
        return message
    if _beside_axes(path):
        return BESIDE
    key = path[-1]
    if len(path) == 1 and key.partition(".")[0] in Space.model_fields:
        return f"is a path, as axes and --set have them; keys are nested here: {key.replace('.', ': {')}: ..."
    homes = [f"{block}.{key}" for block, model in HOMES.items() if key in model.model_fields]
    if not homes:
        return message
    own = re.findall(rf"{UNKNOWN}; did you mean ([^?]*)\?", message)
    near = [word for word in own if find_nearest(key, [word], cutoff=0.85)]  # a misspelt key of its own block
    meant = " or ".join([*near, *homes])
    return re.sub(rf"{UNKNOWN}(; did you mean [^?]*\?)?", f"{UNKNOWN}; did you mean {meant}?", message)


def _beside_axes(path: tuple[str, ...]) -> bool:
    """Whether an unknown key of `search:` would be an axis."""
    root = path[1].partition(".")[0] if len(path) == 2 and path[0] == "search" else ""
    return root in TrialConfig.model_fields and root not in Search.model_fields


def _further(rest: Loaded) -> Iterator[str]:
    """What is wrong with trainings, by the blocks of a space that are right themselves: one look finds all there is."""
    search, trial = rest.space.search, rest.space.trial
    grid = search.strategy == "grid"
    points = grid_points(search.axes) if grid else random_points(search.axes, search.trials or 1, search.seed)
    problems = [problem for point in ({}, *points) for problem in _problems(partial(at_point, rest, point))]
    yield from problems
    for kind in ("profile", "pretrain") if not problems else ():
        block = rest.document.tree.get(kind)
        if isinstance(block, dict) and isinstance(block.get("trial"), dict):
            rest_of = {key: value for key, value in trial.items() if key not in ("data", "subset")}
            tree = over_trial(rest_of, block["trial"])
            yield from _problems(partial(configured, rest, tree, (kind, "trial")))


def _problems(make: Callable[[], TrialConfig]) -> list[str]:
    try:
        make()
    except SpaceError as error:
        return error.problems
    return []


def set_at_path(tree: Tree, path: str, value: Any) -> Tree:
    """A trial's tree with a value laid at a dotted path. Raises KnobError where it is none that can stand there.

    A name that is swept by itself (`optimizer.name`) leaves the knobs beside it: they are of the same trial.
    """
    change, wrong = written_out(nested(path, value))
    if wrong:
        raise KnobError(dict(wrong))
    return renamed(tree, path, value) if path.rpartition(".")[2] in NAMES else over_trial(tree, change)


def configured(loaded: Loaded, tree: Tree, at: tuple[str, ...] = ("trial",)) -> TrialConfig:
    """A trial's tree, written out, as a config. Raises SpaceError."""
    plain = named(without_nulls(tree), IMPLIED)
    try:
        return TrialConfig.model_validate(plain)
    except ValidationError as error:
        found = readable(error, TrialConfig, plain)
        raise SpaceError([loaded.problem((*at, *path), message) for path, message in found]) from None


def at_point(loaded: Loaded, point: Point) -> TrialConfig:
    """The config of a trial where axes have these values. Raises SpaceError, which names the axis that is wrong."""
    tree = loaded.space.trial
    try:
        for path in sorted(point, key=lambda path: path.count(".")):
            tree = set_at_path(tree, path, point[path].value)
        return configured(loaded, tree)
    except KnobError as error:
        problems = [loaded.problem(("trial", *path), message) for path, message in error.problems.items()]
    except SpaceError as error:
        problems = error.problems
    raise SpaceError([_of_axis(loaded, problem, point) for problem in problems])


def _of_axis(loaded: Loaded, problem: str, point: Point) -> str:
    """A complaint about a value that an axis put there names the axis."""
    for path in sorted(point, key=len, reverse=True):
        if f": trial.{path}" in problem:
            where = loaded.document.where(("search", "axes", path))
            return f"{where}: axis {path}={point[path].label}: {problem.partition(': ')[2]}"
    return problem
