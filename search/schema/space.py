"""A space: what a trial is, which knobs vary, how the sweep runs. Read from YAML, validated whole before a start."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveInt, ValidationError

from search.schema.axes import KINDS, Axis, Point, grid_points, random_points
from search.schema.budget import Budget
from search.schema.first import Pretrain, Ranks
from search.schema.loggers import Logger
from search.schema.objectives import Constraints, Objectives
from search.schema.problems import nearest, readable
from search.schema.replicates import Adaptive, Replicates, first_seeds
from search.schema.resources import Resources
from search.schema.stopping import NoStopping, Stopping
from search.schema.yamlfile import Document, SpaceError, read, without_nulls
from search.storing.seen import OBJECTIVES
from search.storing.store import Keep
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs, Real
from trainers.methods import overlay

STRATEGIES = ("grid", "random", "qmc", "tpe", "nsga2", "gp")
ADAPTIVE = ("tpe", "nsga2", "gp")  # those that learn from what came before
Tree = dict[str, Any]
BESIDE = "is a knob of a trial; to vary it, write it below `axes:`, indented deeper"


def _known(strategy: Any) -> Any:
    if strategy not in STRATEGIES:
        raise ValueError(f"no strategy {strategy!r}{nearest(str(strategy), list(STRATEGIES))}")
    return strategy


class Search(Knobs):
    """Which trials there are, and how often each is repeated."""

    axes: dict[str, Axis] = Field(default_factory=dict)
    strategy: Annotated[str, BeforeValidator(_known)] = "grid"
    trials: PositiveInt | None = None  # how many configurations any other strategy draws
    generation: PositiveInt = 8  # how many an adaptive strategy asks for at once, knowing what came before
    seed: NonNegativeInt = 0  # of the draws
    replicates: Replicates = (0,)
    stopping: Stopping = NoStopping()
    objectives: Objectives = dict.fromkeys(OBJECTIVES, "max")
    checkpoint: Literal["best", "last"] = "best"  # whose metrics they are
    constraints: Constraints = ()
    budget: Budget = Budget()
    checkpoint_seconds: Annotated[Real, Field(ge=0)] = 30.0  # at least so long between a trial's checkpoints
    retries: NonNegativeInt = 2  # of a trial whose worker died, in a row without getting further
    timeout: Annotated[Real, Field(gt=0)] | None = None  # seconds; of an epoch, the last one with the final attacks
    keep: Keep = "best"  # the states of which epochs stay once no training needs them
    loggers: Annotated[tuple[Logger, ...], Field(strict=False)] = ()  # trackers that epochs are handed to

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that every configuration has from the start."""
        return first_seeds(self.replicates)

    @property
    def adds_seeds(self) -> bool:
        """Whether configurations may get further ones."""
        return isinstance(self.replicates, Adaptive)

    @property
    def adapts(self) -> bool:
        """Whether its configurations hang on what came before."""
        return self.strategy in ADAPTIVE

    @property
    def draws(self) -> bool:
        """Whether its configurations are asked for, and not all listed."""
        return self.strategy != "grid"


class Space(Knobs):
    """The top level of a space's YAML."""

    trial: Tree = Field(default_factory=dict)
    profile: Ranks | None = None
    pretrain: Pretrain | None = None
    search: Search = Search()
    evaluate: Evaluation = Evaluation()
    resources: Resources = Resources()


class Loaded:
    """A space and where each part of it was written."""

    def __init__(self, space: Space, document: Document, file: Path) -> None:
        self.space, self.document, self.file = space, document, file

    @property
    def name(self) -> str:
        return self.file.stem

    def problem(self, path: tuple[str, ...], message: str) -> str:
        """One readable line: where, what."""
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
    for override in overrides:
        document = document.overridden(_override(override), f"--set {override}")
    try:
        return Loaded(Space.model_validate(document.tree), document, file)
    except ValidationError as error:
        found = readable(error, Space, document.tree)
    wrong = {path[0] for path, _ in found if path}
    right = {key: value for key, value in document.tree.items() if key not in wrong}
    rest = Loaded(Space.model_validate(right) if wrong else Space(), document, file)
    problems = [rest.problem(path, BESIDE if _beside_axes(path) else message) for path, message in found]
    raise SpaceError([*problems, *dict.fromkeys(_further(rest))])


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
            tree = overlay(
                {key: value for key, value in trial.items() if key not in ("data", "subset")}, block["trial"]
            )
            yield from _problems(partial(configured, rest, tree, (kind, "trial")))


def _problems(make: Callable[[], TrialConfig]) -> list[str]:
    try:
        make()
    except SpaceError as error:
        return error.problems
    return []


def _override(text: str) -> Tree:
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SpaceError([f"--set {text}: write it as path=value, such as trial.epochs=2"])
    try:
        tree: Any = yaml.safe_load(value)
    except yaml.YAMLError:
        raise SpaceError([f"--set {text}: the value is not YAML"]) from None
    for part in reversed(_parts(path.strip())):
        tree = {part: tree}
    return dict(tree)


def _parts(path: str) -> list[str]:
    """A dotted path's parts; the path that names an axis is one of them."""
    head, axis = path.removeprefix("search.axes."), path.startswith("search.axes.")
    if not axis:
        return path.split(".")
    knob, _, kind = head.rpartition(".")
    return ["search", "axes", knob, kind] if kind in (*KINDS, "when") and knob else ["search", "axes", head]


def put(tree: Tree, path: str, value: Any) -> Tree:
    """The tree with a value laid at a dotted path; a piece named by a word makes room for its knobs."""
    head, _, rest = path.partition(".")
    if not rest:
        inner = overlay(tree[head], value) if isinstance(value, dict) and isinstance(tree.get(head), dict) else value
        return tree | {head: inner}
    below = tree.get(head, {})
    if isinstance(below, str):
        below = {"base" if head == "method" else "name": below}
    elif not isinstance(below, dict):
        below = {}  # a number has no knobs; the mapping in its place is refused by the validation
    return tree | {head: put(below, rest, value)}


def configured(loaded: Loaded, tree: Tree, at: tuple[str, ...] = ("trial",)) -> TrialConfig:
    """A trial's tree as a config. Raises SpaceError."""
    plain = {key: _piece(key, value) for key, value in without_nulls(tree).items()}
    try:
        return TrialConfig.model_validate(plain)
    except ValidationError as error:
        found = readable(error, TrialConfig, plain)
        raise SpaceError([loaded.problem((*at, *path), message) for path, message in found]) from None


def at_point(loaded: Loaded, point: Point) -> TrialConfig:
    """The config of a trial where axes have these values. Raises SpaceError, which names the axis that is wrong."""
    tree = loaded.space.trial
    for path in sorted(point, key=lambda path: path.count(".")):
        tree = put(tree, path, point[path].value)
    try:
        return configured(loaded, tree)
    except SpaceError as error:
        raise SpaceError([_of_axis(loaded, problem, point) for problem in error.problems]) from None


def _of_axis(loaded: Loaded, problem: str, point: Point) -> str:
    """A complaint about a value that an axis put there names the axis."""
    for path in sorted(point, key=len, reverse=True):
        if f": trial.{path}" in problem:
            where = loaded.document.where(("search", "axes", path))
            return f"{where}: axis {path}={point[path].label}: {problem.partition(': ')[2]}"
    return problem


def _piece(key: str, value: Any) -> Any:
    """`subset: all` is short for `subset: {name: all}`; an optimiser without a name is SGD."""
    if key == "optimizer" and isinstance(value, dict):
        return {"name": "sgd"} | value
    return {"name": value} if isinstance(value, str) and key in ("data", "model", "subset", "optimizer") else value
