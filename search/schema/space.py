"""Load a space from YAML and validate it as a whole, before anything starts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from search.exceptions import SpaceError
from search.schema.axes import (
    Axis,
    AxisPoint,
    draw_random_points,
    find_impossible_conditions,
    list_grid_points,
)
from search.schema.blocks import Search, Space
from search.schema.budget import Budget
from search.schema.document import Document, read_document
from search.schema.limits import MAX_GRID_POINTS, MAX_TRAININGS
from search.schema.merging import (
    IMPLIED,
    add_implied_names,
    drop_nulls,
    expand_short_forms,
    nest_value,
    overlay_trial,
    rename_piece,
)
from search.schema.messages import UNKNOWN_KNOB, describe_errors
from search.schema.overrides import find_ineffective_knobs, parse_override
from search.schema.prerequisites import Pretrain, Profile
from search.schema.replicates import count_most_seeds
from search.schema.resources import Resources
from search.schema.space_files import find_space
from search.schema.synonyms import find_synonyms
from search.schema.yaml_tree import Tree
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.formatting import find_nearest, format_count
from trainers.knobs import KnobError, Knobs
from trainers.methods import NAMES

BLOCK_MODELS: dict[str, type[Knobs]] = {
    "trial": TrialConfig,
    "search": Search,
    "evaluate": Evaluation,
    "resources": Resources,
    "profile": Profile,
    "pretrain": Pretrain,
    "search.budget": Budget,
}
DRAWING = [("search", key) for key in ("axes", "strategy", "trials", "seed")]  # keys that make the points
BESIDE_AXES = "is a key of a trial; to vary it, write it below `axes:`, indented deeper"


class LoadedSpace:
    """A space and the place of each of its keys."""

    def __init__(self, space: Space, document: Document, file: Path) -> None:
        self.space, self.document, self.file = space, document, file

    @property
    def name(self) -> str:
        return self.file.stem

    def format_problem(self, path: tuple[str, ...], message: str) -> str:
        """Return one line: where, and what is wrong."""
        message = _add_hint(path, message)
        where = self.document.locate(path) or str(self.file)
        return f"{where}: {'.'.join(path)}: {message}" if path else f"{where}: {message}"

    def format_trial_note(self, kind: str, labels: Mapping[str, str], message: str) -> str:
        """Return one line about a training. The message begins with a key; the axis that set this key is named.

        `kind` and `labels` are those of the training: trial, profile or pretrain, and its labels by axis.
        """
        key = re.split("[: ]", message)[0]
        for path, label in sorted(labels.items(), key=lambda item: -len(item[0])):
            if f"{key}.".startswith(f"{path}."):
                return f"{self.document.locate(('search', 'axes', path))}: axis {path}={label}: {message}"
        parts = tuple(key.split("."))
        if parts[0] in Space.model_fields:
            return f"{self.document.locate(parts)}: {message}"
        own = kind != "trial" and (kind, "trial", parts[0]) in self.document.places
        block = (kind, "trial") if own else ("trial",)
        return f"{self.document.locate((*block, *parts)) or self.file}: {'.'.join(block)}: {message}"


def load_space(file: Path, overrides: Sequence[str], options: Sequence[str] = ()) -> LoadedSpace:
    """Read a space, apply `path=value` overrides, and check its blocks. Raises SpaceError with every problem found.

    `file` is a path, or a bare word such as friendly_k that names a space of the package. `options` are what the
    command line has for the overrides, by which messages name them; by default each was given by --set.
    """
    file = find_space(file)
    document = read_document(file)
    named = options or [f"--set {text}" for text in overrides]
    changes = {option: parse_override(text, option) for option, text in zip(named, overrides, strict=True)}
    for place, change in changes.items():
        document = document.with_override(change, place)
    found = []
    try:
        loaded = LoadedSpace(Space.model_validate(document.tree), document, file)
        if not (problems := [*document.problems, *_find_ineffective_overrides(loaded, changes)]):
            return loaded
        raise SpaceError(problems)
    except ValidationError as error:
        found = describe_errors(error, Space, document.tree)
    rest = LoadedSpace(_build_right_part(document.tree, {path for path, _ in found if path}), document, file)
    problems = [rest.format_problem(path, message) for path, message in found]
    further = (
        () if document.problems else dict.fromkeys(_find_trial_problems(rest))
    )  # mistyped blocks cannot be checked further
    raise SpaceError([*document.problems, *problems, *further])


def _build_right_part(tree: Tree, wrong: set[tuple[str, ...]]) -> Space:
    """Build a space of the blocks without a mistake; of `search:` also keep the keys that make the points, if right."""
    blocks = {path[0] for path in wrong}
    right = {key: value for key, value in tree.items() if wrong and key not in blocks}
    if "search" in blocks and not any(path[:2] in {("search",), *DRAWING} for path in wrong):
        right["search"] = {key: tree["search"][key] for _, key in DRAWING if key in tree["search"]}
    return Space.model_validate(right)


def _find_ineffective_overrides(loaded: LoadedSpace, changes: dict[str, Tree]) -> Iterator[str]:
    for place, change in changes.items():
        for knob, path in find_ineffective_knobs(loaded.space, change):
            axis, knob = f"search.axes.{path}", knob.removesuffix(".name").removesuffix(".base")
            where = loaded.document.locate(("search", "axes", path))
            yield (
                f"{place}: trial.{knob}: the axis {path} ({where}) replaces it in every training; set the axis, "
                f"--set '{axis}.grid=[...]', or remove it, --set {axis}=null"
            )


def _add_hint(path: tuple[str, ...], message: str) -> str:
    """Return a message about an unknown key with a hint: the block that has a key of this name."""
    if UNKNOWN_KNOB not in message or len(path) > 2:
        return message
    if _is_beside_axes(path):
        return BESIDE_AXES
    key = path[-1]
    if len(path) == 1 and key.partition(".")[0] in Space.model_fields:
        return f"is a path, as axes and --set have them; keys are nested here: {key.replace('.', ': {')}: ..."
    ours = find_synonyms(key)
    known = ((block, name) for name in (*ours, key) for block, model in BLOCK_MODELS.items() if name in model.written())
    blocks = list(known)
    if not blocks:
        return message
    found = re.search(rf"{UNKNOWN_KNOB}; did you mean ([^?]*)\?", message)
    own = [
        word
        for word in (found[1].split(" or ") if found else [])
        if word.rpartition(".")[2] in (key, *ours) or (not ours and find_nearest(key, [word], cutoff=0.85))
    ]  # keys of this block that are called or misspelt so
    here = {f"{path[0]}.{word}" for word in own}
    homes = [home for home in (f"{block}.{name}" for block, name in blocks) if home not in here]
    meant = " or ".join(dict.fromkeys([*own, *homes] if len(path) > 1 else [*homes, *own]))
    return re.sub(rf"{UNKNOWN_KNOB}(; did you mean [^?]*\?)?", f"{UNKNOWN_KNOB}; did you mean {meant}?", message)


def _is_beside_axes(path: tuple[str, ...]) -> bool:
    """Return whether an unknown key of `search:` would be valid below `axes:`."""
    root = path[1].partition(".")[0] if len(path) == 2 and path[0] == "search" else ""
    return root in TrialConfig.model_fields and root not in Search.model_fields


def _find_trial_problems(rest: LoadedSpace) -> Iterator[str]:
    """Yield the problems of trainings, by the valid blocks of a space, so that one run reports all problems."""
    search, trial = rest.space.search, rest.space.trial
    for path, message in find_impossible_conditions(search.axes):
        yield rest.format_problem(("search", "axes", path, "when"), message)
    excess = [rest.format_problem(path, message) for path, message in find_excess(search)]
    yield from excess
    points = [] if excess else _list_points(search)
    problems = [
        problem for point in ({}, *points) for problem in _collect_problems(partial(build_config_at, rest, point))
    ]
    yield from merge_draws(problems, search.axes)
    for kind in ("profile", "pretrain") if not problems else ():
        block = rest.document.tree.get(kind)
        if isinstance(block, dict) and isinstance(block.get("trial"), dict):
            rest_of = {key: value for key, value in trial.items() if key not in ("data", "subset")}
            tree = overlay_trial(rest_of, block["trial"])
            yield from _collect_problems(partial(build_config, rest, tree, (kind, "trial")))


def _list_points(search: Search) -> list[AxisPoint]:
    if search.strategy == "grid":
        return list_grid_points(search.axes)
    return draw_random_points(search.axes, search.trials or 1, search.seed)


def find_excess(search: Search) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield, as (path, message), what makes a sweep larger than the limits; listing its trials would take hours."""
    crossed = prod(len(axis.choices) for axis in search.axes.values())
    configurations = (
        search.trials or 0 if search.draws else 1 if any(axis.when for axis in search.axes.values()) else crossed
    )
    seeds = count_most_seeds(search.replicates)
    if not search.draws and crossed > MAX_GRID_POINTS:
        yield ("search", "axes"), f"cross to {crossed:,} configurations; a grid has at most {MAX_GRID_POINTS:,}"
    elif configurations * seeds > MAX_TRAININGS:
        what = f"{format_count(configurations, 'configuration')} x {format_count(seeds, 'seed')}"
        at = ("search", "trials") if search.draws else ("search", "axes")
        yield at, f"{what} are {configurations * seeds:,} trainings; a sweep has at most {MAX_TRAININGS:,}"


def _collect_problems(make: Callable[[], TrialConfig]) -> list[str]:
    try:
        make()
    except SpaceError as error:
        return error.problems
    return []


def merge_draws(problems: list[str], axes: Mapping[str, Axis]) -> list[str]:
    """Return each problem once, of the values drawn from one range the first with the number of the others."""
    ranges = [path for path, axis in axes.items() if axis.is_range]
    alike: dict[str, list[str]] = {}
    for problem in dict.fromkeys(problems):
        path = next((path for path in ranges if f": axis {path}=" in problem), problem)
        alike.setdefault(path, []).append(problem)
    return [
        f"{first} (and {format_count(len(others), 'other value')} of this range)" if others else first
        for first, *others in alike.values()
    ]


def set_at_path(tree: Tree, path: str, value: Any) -> Tree:
    """Return a trial's tree with a value at a dotted path. Raises KnobError if the value does not fit there.

    A name that is an axis by itself (`optimizer.name`) keeps the knobs beside it.
    """
    change, wrong = expand_short_forms(nest_value(path, value))
    if wrong:
        raise KnobError(dict(wrong))
    return rename_piece(tree, path, value) if path.rpartition(".")[2] in NAMES else overlay_trial(tree, change)


def build_config(loaded: LoadedSpace, tree: Tree, at: tuple[str, ...] = ("trial",)) -> TrialConfig:
    """Build the config of a trial's tree with expanded short forms. Raises SpaceError."""
    plain = add_implied_names(drop_nulls(tree), IMPLIED)
    try:
        return TrialConfig.model_validate(plain)
    except ValidationError as error:
        found = describe_errors(error, TrialConfig, plain)
        raise SpaceError([loaded.format_problem((*at, *path), message) for path, message in found]) from None


def build_config_at(loaded: LoadedSpace, point: AxisPoint) -> TrialConfig:
    """Build the config of a trial at a point. Raises SpaceError, which names the axis of a wrong value."""
    tree = loaded.space.trial
    try:
        for path in sorted(point, key=lambda path: path.count(".")):
            tree = set_at_path(tree, path, point[path].value)
        return build_config(loaded, tree)
    except KnobError as error:
        problems = [loaded.format_problem(("trial", *path), message) for path, message in error.problems.items()]
    except SpaceError as error:
        problems = error.problems
    raise SpaceError([_name_axis(loaded, problem, point) for problem in problems])


def _name_axis(loaded: LoadedSpace, problem: str, point: AxisPoint) -> str:
    """Return a problem with the axis that set the value, if one did."""
    for path in sorted(point, key=len, reverse=True):
        if f": trial.{path}" in problem:
            where = loaded.document.locate(("search", "axes", path))
            unknown = f": trial.{path}: " in problem and UNKNOWN_KNOB in problem  # whatever its value
            axis = path if unknown else f"{path}={point[path].label}"
            return f"{where}: axis {axis}: {problem.partition(': ')[2]}"
    return problem
