"""Planning: from a space to its trials, their stages, and the rankings that must be made first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from search.axes import Choice, Point, grid_points, impossible, name_of, random_points
from search.problems import nearest
from search.profiles import PlannedRanking, made_ranking, profile_config, read_ranking
from search.rankfiles import RankingFile
from search.space import Loaded, Profile, Tree, configured, put
from search.yamlfile import SpaceError
from trainers.config import Surroundings, TrialConfig, chain
from trainers.data import Splits, split_identity
from trainers.evaluate import Evaluation
from trainers.records import Row, digest
from trainers.sources import DataSource

Fingerprint = Callable[[DataSource], str]


@dataclass(frozen=True)
class Planned:
    """One training to be done: a trial of the sweep, or one that makes a ranking (kind 'profile')."""

    id: str
    kind: str
    configuration: str  # the trials that differ in nothing but the seed share it
    replicate: int
    axes: dict[str, str]  # path -> label
    values: dict[str, Any]
    config: TrialConfig
    ranks: str | None  # the ranking it is cut from (a trial) or makes (a profile)
    data: str  # split_identity
    final: str  # the name of its last state, the end of its chain

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
            "data": self.data,
            "chain": self.final,
            "epochs": self.config.epochs,
        }


@dataclass
class Plan:
    """All trainings of a sweep, those that make rankings first."""

    evaluation: Evaluation
    objectives: dict[str, str]
    axes: list[str]
    distinct_epochs: int = 0  # a stage that several trials share counted once
    trials: list[Planned] = field(default_factory=list)
    rankings: dict[str, PlannedRanking] = field(default_factory=dict)  # by name

    def asked_epochs(self) -> int:
        return sum(trial.config.epochs for trial in self.trials)

    def to_json(self, study: str) -> Row:
        return {
            "study": study,
            "objectives": self.objectives,
            "evaluate": self.evaluation.model_dump(mode="json"),
            "attacks": self.evaluation.attacks(),
            "axes": self.axes,
            "rankings": {name: ranking.provenance for name, ranking in self.rankings.items()},
            "trials": [trial.row() for trial in self.trials],
        }


class Planner:
    """Turns one loaded space into a plan; collects every problem on the way."""

    def __init__(self, loaded: Loaded, fingerprint: Fingerprint) -> None:
        self.loaded, self.space, self.fingerprint = loaded, loaded.space, fingerprint
        self.problems: list[str] = []
        self._fingerprints: dict[str, str] = {}
        self._profiles: list[Planned] = []
        self._rankings: dict[str, PlannedRanking] = {}  # by data block
        self._stages: set[int] = set()

    def plan(self) -> Plan:
        """Raises SpaceError with all problems if there are any."""
        search = self.space.search
        self._check_axes()
        points = self._points()
        if self.problems:
            raise SpaceError(self.problems)
        configs = [(point, self._config(point)) for point in points]
        if self.problems:
            raise SpaceError(sorted(set(self.problems)))
        plan = Plan(self.space.evaluate, dict(search.objectives), list(search.axes))
        trials = [
            self._trial(point, config, seed)
            for point, config in configs
            if config is not None
            for seed in search.replicates
        ]
        self._check_effects(trials)
        if self.problems:
            raise SpaceError(list(dict.fromkeys(self.problems)))
        plan.distinct_epochs = len(self._stages)
        plan.trials = self._profiles + trials
        plan.rankings = {ranking.name: ranking for ranking in self._rankings.values()}
        return plan

    def _check_axes(self) -> None:
        search = self.space.search
        for path, axis in search.axes.items():
            at = ("search", "axes", path)
            root = path.partition(".")[0]
            if path == "seed":
                self._wrong(at, "seeds are replicates, not an axis: write `search: {replicates: 3}`")
            elif root not in TrialConfig.model_fields:
                self._wrong(at, f"a trial has no such knob{nearest(root, sorted(TrialConfig.model_fields))}")
            if search.strategy == "grid" and axis.kind not in ("grid", "choice"):
                self._wrong(at, f"a grid search crosses listed values; {axis.kind} needs `strategy: random`")
        for path, message in impossible(search.axes):
            self._wrong(("search", "axes", path, "when"), message)
        if (search.strategy == "random") != (search.trials is not None):
            self._wrong(("search", "trials"), "is the number of points of a random search, and belongs only there")
        if "seed" in self.space.trial:
            self._wrong(("trial", "seed"), "seeds are replicates: write `search: {replicates: [seed, ...]}`")

    def _points(self) -> list[Point]:
        search = self.space.search
        if self.problems:
            return []
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
        return self._planned("trial", name_of(point) or "trial", point, config, ranks)

    def _planned(self, kind: str, name: str, point: Point, config: TrialConfig, ranks: str | None) -> Planned:
        compute = config.compute.resolved(self.space.resources.gpus > 0)
        config = config.model_copy(update={"compute": compute})
        content = {"config": config.model_dump(mode="json", exclude={"seed"}), "evaluate": self.space.evaluate.curve()}
        configuration = f"{name}-{digest(content)[:6]}"
        data = self._data(config.data)
        around = Surroundings.here(data, compute, self.space.resources.cpus)
        links = chain(config, self.space.evaluate, around, ranks)
        self._stages.update(int(link[:16], 16) for link in links[1:])
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
            final=links[-1],
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

    def _check_effects(self, trials: list[Planned]) -> None:
        """A knob that changes no stage of any trial is a mistake, such as a burn-in behind the last epoch."""
        seen: dict[str, Planned] = {}
        for trial in trials:
            twin = seen.setdefault(trial.final, trial)
            if twin is trial:
                continue
            moved = [path for path in self.space.search.axes if twin.axes.get(path) != trial.axes.get(path)]
            path = moved[0] if moved else "axes"
            self._wrong(
                ("search", "axes", path),
                f"{twin.axes.get(path)} and {trial.axes.get(path)} give the same training, stage by stage"
                f" ({trial.configuration}): the knob has no effect there; drop a value, or limit the axis by `when`",
            )
            break

    def _wrong(self, path: tuple[str, ...], message: str) -> None:
        self.problems.append(self.loaded.problem(path, message))


def source_key(data: DataSource) -> str:
    """What names a source's arrays: its knobs less those of the split, and what is loaded beside it."""
    knobs = data.model_dump(mode="json", exclude=set(Splits.model_fields))
    return digest(knobs | data.beside())
