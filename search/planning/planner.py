"""Planning: from a space to its trials, their stages, and the rankings and weights that must be made first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from search.exceptions import SpaceError
from search.planning.consistency import contradictions, ineffective_axis, selections
from search.planning.datasets import source_key
from search.planning.plan import Plan, Planned
from search.planning.rankings import ON_REQUEST, PlannedRanking, followed, made_ranking, profile_config, read_ranking
from search.planning.start_weights import StartWeights, before_extra, pretraining, shared
from search.schema.axes import Choice, Point, grid_points, name_of, qmc_points, random_points
from search.schema.limits import EPOCHS, TRAININGS
from search.schema.ranking_file import RankingFile
from search.schema.space import Loaded, at_point
from search.schema.upstream import Profile
from trainers.chain import Surroundings, chain, training_code
from trainers.config import TrialConfig
from trainers.data import identify_splits
from trainers.images import DataError
from trainers.record_io import Row, digest
from trainers.sources import DataSource

Fingerprint = Callable[[DataSource], str]


class Request(NamedTuple):
    """A configuration to plan, for some seeds."""

    point: Point
    seeds: tuple[int, ...]
    generation: int | None = None


class Planner:
    """Turns one loaded space into a plan; collects every problem on the way."""

    def __init__(self, loaded: Loaded, fingerprint: Fingerprint, code: str | None = None) -> None:
        """`code`: of stages that are gone on from though the training code has changed since."""
        self.code = code or training_code()
        self.loaded, self.space, self.fingerprint = loaded, loaded.space, fingerprint
        self.problems: list[str] = []
        self._fingerprints: dict[str, str] = {}
        self._first: list[Planned] = []  # trainings that make rankings and weights for others
        self._rankings: dict[str, PlannedRanking] = {}  # by data block and what is followed
        self._pretrainings: dict[Hashable, Planned] = {}
        self._file = cache(StartWeights.of_file)  # read once each

    def plan(self, requests: Sequence[Request] | None = None) -> Plan:
        """The plan of what the space lists or draws, or of what is requested. Raises SpaceError with all problems."""
        search = self.space.search
        for path, message in contradictions(self.space):
            self._wrong(path, message)
        self._complain()
        plan = Plan(
            evaluation=self.space.evaluate,
            objectives=dict(search.objectives),
            axes=list(search.axes),
            threads=self.space.resources.cpus,
            code=self.code,
            stopping=search.stopping,
        )
        self.extend(plan, self._own() if requests is None else requests)
        if requests is None and (vain := ineffective_axis(plan.axes, [it for it in plan.trials if it.kind == "trial"])):
            self._wrong(*vain)
        self._complain()
        return plan

    def extend(self, plan: Plan, requests: Sequence[Request]) -> list[int]:
        """Add to a plan what it does not have yet; the places of what is new. Raises SpaceError with all problems."""
        configs = [(it, self._config(it.point)) for it in requests]
        epochs = sum(config.epochs * len(it.seeds) for it, config in configs if config)
        if epochs > EPOCHS:
            self._wrong(("trial", "epochs"), f"{epochs:,} epochs in all; a sweep has at most {EPOCHS:,}")
        self._complain()
        known = {trial.id for trial in plan.trials}
        trials = [
            self._trial(it.point, config, seed, it.generation)
            for it, config in configs
            if config is not None
            for seed in it.seeds
        ]
        self._complain()
        first = sorted(self._first, key=lambda trial: trial.kind != "profile")
        new = [trial for trial in (*first, *trials) if trial.id not in known]
        plan.rankings = {ranking.name: ranking for ranking in self._rankings.values()}
        plan.grow({trial.id: trial for trial in new}.values())
        return list(range(len(known), len(plan.trials)))

    def _own(self) -> list[Request]:
        search = self.space.search
        if search.strategy != "grid":
            return self.likely()
        return [Request(point, search.seeds) for point in grid_points(search.axes)]

    def likely(self) -> list[Request]:
        """For a search that adapts: as many configurations as it will ask, to check and to estimate by."""
        search = self.space.search
        count = search.trials or 0
        return [Request(point, search.seeds) for point in self.draws(count if count <= TRAININGS else 0)]  # refused

    def draws(self, count: int) -> list[Point]:
        """Points of the space that hang on no outcome; for a search that adapts, such as it might ask for."""
        draw = qmc_points if self.space.search.strategy == "qmc" else random_points
        return draw(self.space.search.axes, count, self.space.search.seed)

    def _complain(self) -> None:
        problems, self.problems = sorted(set(self.problems)), []
        if problems:
            raise SpaceError(problems)

    def _config(self, point: Point) -> TrialConfig | None:
        try:
            config = at_point(self.loaded, point)
        except SpaceError as error:
            self.problems += error.problems
            return None
        if config.needs_ranking() and self.space.profile is None:
            self._wrong(("trial", "subset"), "a ranked subset needs a ranking: add a `profile:` block that makes one")
        if not config.data.holds_out:
            places = self.loaded.document.places
            for path, message in selections(self.space):  # a default has no line of its own
                self._wrong(path, message, path if path[:1] in places else ("trial", "data", "val"))
        if config.compute.device == "cuda" and not self.space.resources.on_gpu:
            why = "cuda, and no trial is given a GPU: resources.gpus is 0, or auto and there is none; give 1 or a share"
            self._wrong(("trial", "compute", "device"), why)
        return config

    def _trial(self, point: Point, config: TrialConfig, seed: int, generation: int | None) -> Planned:
        config = config.model_copy(update={"seed": seed})
        ranks = self._ranking(config, point) if config.needs_ranking() else None
        before = self._pretraining(config, point) if self.space.pretrain else None
        trial = self._planned("trial", name_of(point) or "trial", point, config, ranks, before)
        return replace(trial, generation=generation)

    def _planned(
        self, kind: str, name: str, point: Point, config: TrialConfig, ranks: str | None, before: Planned | None = None
    ) -> Planned:
        compute = config.compute.resolved(self.space.resources.on_gpu)
        config = config.model_copy(update={"compute": compute})
        bare = config.model_dump(mode="json", exclude={"seed"})
        content: Row = {"config": bare, "evaluate": self.space.evaluate.curve()}
        start = self._file(config.start_from) if config.start_from else None
        if before and self.space.pretrain:
            start = StartWeights(content=before.final, weights=self.space.pretrain.weights, training=before.id)
            content["start"] = [before.configuration, start.weights]
        configuration = f"{name}-{digest(content)[:6]}"
        data = self._data(kind, config.data, point)
        identity = start.identity if start else None
        around = Surroundings.here(data, compute, self.space.resources.cpus, identity, self.code)
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

    def _data(self, kind: str, data: DataSource, point: Point) -> str:
        key = source_key(data)
        if key not in self._fingerprints:
            try:
                self._fingerprints[key] = self.fingerprint(data)
            except DataError as error:
                labels = {path: choice.label for path, choice in point.items()}
                raise SpaceError([self.loaded.about(kind, labels, f"data: {error}")]) from None
        return identify_splits(self._fingerprints[key], data)

    def _ranking(self, config: TrialConfig, point: Point) -> str:
        """The name of a trial's ranking; the trainings that make it are planned on first use."""
        profile = self.space.profile
        taken = followed(profile, point) if isinstance(profile, Profile) else {}
        own: Row = {path: choice.value for path, choice in taken.items()}
        key = digest({"data": config.data.model_dump(mode="json"), "taken": own})
        if key not in self._rankings:
            self._rankings[key] = self._planned_ranking(config, point, taken)
        ranking = self._rankings[key]
        if (score := config.needs_ranking()) not in ranking.scores:
            allowed = ", ".join(ranking.scores)
            how = f"; `evaluate: {{{ON_REQUEST[score]}}}` records it" if score in ON_REQUEST else ""
            self._wrong(("profile",), f"this ranking has no {score}, by which a subset is cut (it has {allowed}){how}")
        return ranking.name

    def _planned_ranking(self, config: TrialConfig, point: Point, taken: Point) -> PlannedRanking:
        profile = self.space.profile or Profile()  # that there is none was complained of
        if isinstance(profile, RankingFile):
            return read_ranking(self.loaded, profile, config.data, self._data("trial", config.data, point))
        base = profile_config(self.loaded, profile, config.data, taken)
        own: dict[str, Choice] = {path: it for path, it in point.items() if path.startswith("data") or path in taken}
        name = ",".join(filter(None, ("profile", name_of(own))))
        group = [
            self._planned("profile", name, own, base.model_copy(update={"seed": seed}), None) for seed in profile.seeds
        ]
        ranking = made_ranking(profile, base, [each.final for each in group], self.space.evaluate)
        if ranking.name not in {known.name for known in self._rankings.values()}:  # else made by the same trainings
            self._first += [replace(each, ranks=ranking.name) for each in group]
        return ranking

    def _pretraining(self, config: TrialConfig, point: Point) -> Planned:
        """The training whose weights a trial starts from; planned once for each data block, model and seed."""
        key = (before_extra(config.data), config.model, config.seed)
        if key not in self._pretrainings:
            own = {path: choice for path, choice in point.items() if shared(path)}
            name = ",".join(filter(None, ("pretrain", name_of(own))))
            its = pretraining(self.loaded, *key)
            self._pretrainings[key] = self._planned("pretrain", name, own, its, None)
            self._first.append(self._pretrainings[key])
        return self._pretrainings[key]

    def _wrong(self, path: tuple[str, ...], message: str, at: tuple[str, ...] | None = None) -> None:
        """Complain of a key, where it stands or at another."""
        if at is None or at == path:
            self.problems.append(self.loaded.problem(path, message))
        else:
            where = self.loaded.document.where(at) or str(self.loaded.file)
            self.problems.append(f"{where}: {'.'.join(path)}: {message}")
