"""Planning: from a space to its trials, their stages, and the rankings and weights that must be made first."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

from search.axes import Choice, Point, grid_points, name_of, random_points
from search.consistency import contradictions, idle
from search.first import Profile
from search.pretraining import before_extra, pretraining, shared
from search.profiles import PlannedRanking, made_ranking, profile_config, read_ranking
from search.rankfiles import RankingFile
from search.sources import source_key
from search.space import Loaded, Tree, configured, put
from search.starting import Start
from search.tree import StageTree
from search.yamlfile import SpaceError
from trainers.chain import Chain, Surroundings, chain
from trainers.config import TrialConfig
from trainers.data import split_identity
from trainers.evaluate import Evaluation
from trainers.records import Row, digest
from trainers.sources import DataSource

Fingerprint = Callable[[DataSource], str]


@dataclass(frozen=True)
class Planned:
    """One training to be done: a trial of the sweep, or one that makes what trials need.

    Kind 'profile' makes a ranking, kind 'pretrain' the weights that trials start from.
    """

    id: str
    kind: str
    configuration: str  # the trials that differ in nothing but the seed share it
    replicate: int
    axes: dict[str, str]  # path -> label
    values: dict[str, Any]
    config: TrialConfig
    ranks: str | None  # the ranking it is cut from (a trial) or makes (a profile)
    data: str  # split_identity
    chain: Chain  # the names of its states
    start: Start | None = None  # None: fresh weights

    @property
    def final(self) -> str:
        """The name of its last state."""
        return self.chain.final

    @property
    def makes(self) -> str | None:
        """The name of what it makes for others, perhaps together with other trainings."""
        return {"profile": self.ranks, "pretrain": self.id}.get(self.kind)

    @property
    def needs(self) -> set[str]:
        """The names of what must be made before it can begin."""
        before = (self.ranks, self.start.training if self.start else None)
        return {name for name in before if name not in (None, self.makes)}

    def row(self) -> Row:
        """As plan.json holds it."""
        return {
            "id": self.id,
            "kind": self.kind,
            "configuration": self.configuration,
            "replicate": self.replicate,
            "seed": self.config.seed,
            "axes": self.axes,
            "values": self.values,
            "config": self.config.model_dump(mode="json"),
            "ranks": self.ranks,
            "start": self.start.model_dump() if self.start else None,
            "data": self.data,
            "chain": self.final,
            "epochs": self.config.epochs,
        }


@dataclass
class Plan:
    """All trainings of a sweep, first those that others wait for."""

    evaluation: Evaluation
    objectives: dict[str, str]
    axes: list[str]
    threads: int  # of each training; their number moves bits
    trials: list[Planned] = field(default_factory=list)
    rankings: dict[str, PlannedRanking] = field(default_factory=dict)  # by name

    @cached_property
    def tree(self) -> StageTree:
        """Which epochs they share."""
        return StageTree([trial.chain for trial in self.trials])

    def to_json(self, study: str) -> Row:
        return {
            "study": study,
            "objectives": self.objectives,
            "evaluate": self.evaluation.model_dump(mode="json"),
            "attacks": self.evaluation.attacks(),
            "axes": self.axes,
            "threads": self.threads,
            "rankings": {name: ranking.provenance for name, ranking in self.rankings.items()},
            "epochs": {"asked": self.tree.asked, "distinct": self.tree.distinct},
            "trials": [
                trial.row() | {"forks": list(self.tree.forks(i)), "branch": self.tree.branches[i].tolist()}
                for i, trial in enumerate(self.trials)
            ],
        }


class Planner:
    """Turns one loaded space into a plan; collects every problem on the way."""

    def __init__(self, loaded: Loaded, fingerprint: Fingerprint) -> None:
        self.loaded, self.space, self.fingerprint = loaded, loaded.space, fingerprint
        self.problems: list[str] = []
        self._fingerprints: dict[str, str] = {}
        self._profiles: list[Planned] = []
        self._rankings: dict[str, PlannedRanking] = {}  # by data block
        self._pretrainings: dict[Hashable, Planned] = {}
        self._file = cache(Start.of_file)  # read once each

    def plan(self) -> Plan:
        """Raises SpaceError with all problems if there are any."""
        search = self.space.search
        for path, message in contradictions(self.space):
            self._wrong(path, message)
        if self.problems:
            raise SpaceError(self.problems)
        configs = [(point, self._config(point)) for point in self._points()]
        if self.problems:
            raise SpaceError(sorted(set(self.problems)))
        plan = Plan(self.space.evaluate, dict(search.objectives), list(search.axes), self.space.resources.cpus)
        trials = [
            self._trial(point, config, seed)
            for point, config in configs
            if config is not None
            for seed in search.replicates
        ]
        if vain := idle(list(search.axes), trials):
            self._wrong(*vain)
        if self.problems:
            raise SpaceError(list(dict.fromkeys(self.problems)))
        plan.trials = [*self._profiles, *self._pretrainings.values(), *trials]
        plan.rankings = {ranking.name: ranking for ranking in self._rankings.values()}
        return plan

    def _points(self) -> list[Point]:
        search = self.space.search
        if search.strategy == "grid":
            return grid_points(search.axes)
        return random_points(search.axes, search.trials or 0, search.seed)

    def _config(self, point: Point) -> TrialConfig | None:
        tree: Tree = self.space.trial
        for path in sorted(point, key=lambda p: p.count(".")):
            tree = put(tree, path, point[path].value)
        try:
            config = configured(self.loaded, tree)
        except SpaceError as error:
            shown = ", ".join(f"{path}={choice.label}" for path, choice in point.items())
            self.problems += [self._moved(problem, point) for problem in error.problems] or [shown]
            return None
        if config.needs_ranking() and self.space.profile is None:
            self._wrong(("trial", "subset"), "a ranked subset needs a ranking: add a `profile:` block that makes one")
        return config

    def _moved(self, problem: str, point: Point) -> str:
        """A complaint about a value that an axis put there names the axis."""
        for path in sorted(point, key=len, reverse=True):
            if f": trial.{path}" in problem:
                where = self.loaded.document.where(("search", "axes", path))
                return f"{where}: axis {path}={point[path].label}: {problem.partition(': ')[2]}"
        return problem

    def _trial(self, point: Point, config: TrialConfig, seed: int) -> Planned:
        config = config.model_copy(update={"seed": seed})
        ranks = self._ranking(config, point) if config.needs_ranking() else None
        before = self._pretraining(config, point) if self.space.pretrain else None
        return self._planned("trial", name_of(point) or "trial", point, config, ranks, before)

    def _planned(
        self, kind: str, name: str, point: Point, config: TrialConfig, ranks: str | None, before: Planned | None = None
    ) -> Planned:
        compute = config.compute.resolved(self.space.resources.gpus > 0)
        config = config.model_copy(update={"compute": compute})
        bare = config.model_dump(mode="json", exclude={"seed"})
        content: Row = {"config": bare, "evaluate": self.space.evaluate.curve()}
        start = self._file(config.start_from) if config.start_from else None
        if before and self.space.pretrain:
            start = Start(content=before.final, weights=self.space.pretrain.weights, training=before.id)
            content["start"] = [before.configuration, start.weights]
        configuration = f"{name}-{digest(content)[:6]}"
        data = self._data(config.data)
        around = Surroundings.here(data, compute, self.space.resources.cpus, start.identity if start else None)
        links = chain(config, self.space.evaluate, around, ranks)
        return Planned(
            id=f"{configuration},seed={config.seed}",
            kind=kind,
            configuration=configuration,
            replicate=config.seed,
            axes={path: choice.label for path, choice in point.items()},
            values={path: choice.value for path, choice in point.items()},
            config=config,
            ranks=ranks,
            data=data,
            chain=links,
            start=start,
        )

    def _data(self, data: DataSource) -> str:
        key = source_key(data)
        if key not in self._fingerprints:
            self._fingerprints[key] = self.fingerprint(data)
        return split_identity(self._fingerprints[key], data)

    def _ranking(self, config: TrialConfig, point: Point) -> str:
        """The name of the ranking for a data block; its profile trials are planned on first use."""
        key = digest(config.data.model_dump(mode="json"))
        if key not in self._rankings:
            self._rankings[key] = self._planned_ranking(config, point)
        ranking = self._rankings[key]
        if (score := config.needs_ranking()) not in ranking.scores:
            allowed = ", ".join(ranking.scores)
            self._wrong(("profile",), f"this ranking has no {score}, by which a subset is cut (it has {allowed})")
        return ranking.name

    def _planned_ranking(self, config: TrialConfig, point: Point) -> PlannedRanking:
        profile = self.space.profile or Profile()  # that there is none was complained of
        if isinstance(profile, RankingFile):
            return read_ranking(self.loaded, profile, config.data, self._data(config.data))
        base = profile_config(self.loaded, profile, config.data)
        data_point: dict[str, Choice] = {path: choice for path, choice in point.items() if path.startswith("data")}
        name = ",".join(filter(None, ("profile", name_of(data_point))))
        group = [
            self._planned("profile", name, data_point, base.model_copy(update={"seed": seed}), None)
            for seed in profile.seeds
        ]
        ranking = made_ranking(profile, base, [each.final for each in group], self.space.evaluate.min_perturbation)
        self._profiles += [replace(each, ranks=ranking.name) for each in group]
        return ranking

    def _pretraining(self, config: TrialConfig, point: Point) -> Planned:
        """The training whose weights a trial starts from; planned once for each data block, model and seed."""
        key = (before_extra(config.data), config.model, config.seed)
        if key not in self._pretrainings:
            own = {path: choice for path, choice in point.items() if shared(path)}
            name = ",".join(filter(None, ("pretrain", name_of(own))))
            its = pretraining(self.loaded, *key)
            self._pretrainings[key] = self._planned("pretrain", name, own, its, None)
        return self._pretrainings[key]

    def _wrong(self, path: tuple[str, ...], message: str) -> None:
        self.problems.append(self.loaded.problem(path, message))
