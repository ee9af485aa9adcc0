"""Plan a space: its trials, their stages, and the rankings and weights that come first."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from search.exceptions import SpaceError
from search.planning.consistency import find_contradictions, find_ineffective_axis, find_uses_of_validation
from search.planning.datasets import drop_corruptions, find_corruptions, identify_source
from search.planning.plan import Plan, PlannedTrial
from search.planning.rankings import (
    ON_REQUEST,
    PlannedRanking,
    build_profile_config,
    plan_file_ranking,
    plan_trained_ranking,
    select_followed,
)
from search.planning.start_weights import StartWeights, build_pretrain_config, drop_extra, is_shared_axis
from search.schema.axes import AxisPoint, Choice, draw_qmc_points, draw_random_points, list_grid_points, name_point
from search.schema.limits import MAX_EPOCHS, MAX_TRAININGS
from search.schema.prerequisites import Profile
from search.schema.ranking_file import RankingFile
from search.schema.space import LoadedSpace, build_config_at, merge_draws
from trainers.config import TrialConfig
from trainers.data import identify_splits
from trainers.images import DataError
from trainers.record_io import Row, digest
from trainers.sources import DataSource
from trainers.state_chain import Surroundings, chain, training_code

Fingerprint = Callable[[DataSource], str]


class TrialRequest(NamedTuple):
    """A configuration to plan, and its seeds."""

    point: AxisPoint
    seeds: tuple[int, ...]
    generation: int | None = None


class Planner:
    """Turns a loaded space into a plan and collects every problem on the way."""

    def __init__(self, loaded: LoadedSpace, fingerprint: Fingerprint, code: str | None = None) -> None:
        """Plan a space; `code` is the training code in the names of stages, if a sweep continues under changed code."""
        self.code = code or training_code()
        self.loaded, self.space, self.fingerprint = loaded, loaded.space, fingerprint
        self.problems: list[str] = []
        self._fingerprints: dict[str, str] = {}
        self._corruptions = find_corruptions(loaded.space.trial)  # those of an axis name the trainings
        self._upstream: list[PlannedTrial] = []  # trainings that make rankings and weights
        self._rankings: dict[str, PlannedRanking] = {}  # by data block and followed values
        self._pretrainings: dict[Hashable, PlannedTrial] = {}
        self._load_start = cache(StartWeights.from_file)  # each file is read once

    def plan(self, requests: Sequence[TrialRequest] | None = None) -> Plan:
        """Plan the trials that the space lists or draws, or those requested. Raises SpaceError with all problems."""
        search = self.space.search
        for path, message in find_contradictions(self.space):
            self._add_problem(path, message)
        self._raise_problems()
        plan = Plan(
            evaluation=self.space.evaluate,
            objectives=dict(search.objectives),
            axes=list(search.axes),
            threads=self.space.resources.cpus,
            code=self.code,
            stopping=search.stopping,
            question=self.space.question or "",
            space=self.loaded.name,
        )
        self.extend(plan, self._list_requests() if requests is None else requests)
        trials = [trial for trial in plan.trials if trial.kind == "trial"]
        if requests is None and (problem := find_ineffective_axis(plan.axes, trials)):
            self._add_problem(*problem)
        self._raise_problems()
        return plan

    def extend(self, plan: Plan, requests: Sequence[TrialRequest]) -> list[int]:
        """Append requested trials that a plan lacks; return their positions. Raises SpaceError with all problems."""
        configs = [(request, self._build_config(request.point)) for request in requests]
        epochs = sum(config.epochs * len(request.seeds) for request, config in configs if config)
        if epochs > MAX_EPOCHS:
            self._add_problem(("trial", "epochs"), f"{epochs:,} epochs in all; a sweep has at most {MAX_EPOCHS:,}")
        self._raise_problems()
        known = {trial.id for trial in plan.trials}
        trials = [
            self._plan_trial(request.point, config, seed, request.generation)
            for request, config in configs
            if config is not None
            for seed in request.seeds
        ]
        self._raise_problems()
        upstream = sorted(self._upstream, key=lambda trial: trial.kind != "profile")
        new = [trial for trial in (*upstream, *trials) if trial.id not in known]
        plan.rankings = {ranking.name: ranking for ranking in self._rankings.values()}
        plan.add({trial.id: trial for trial in new}.values())
        return list(range(len(known), len(plan.trials)))

    def _list_requests(self) -> list[TrialRequest]:
        search = self.space.search
        if search.strategy != "grid":
            return self.sample_requests()
        return [TrialRequest(point, search.seeds) for point in list_grid_points(search.axes)]

    def sample_requests(self) -> list[TrialRequest]:
        """Return drawn configurations; for an adaptive search as many as it will propose, for checks and estimates."""
        search = self.space.search
        count = search.trials or 0
        return [
            TrialRequest(point, search.seeds) for point in self.draw_points(count if count <= MAX_TRAININGS else 0)
        ]  # refused

    def draw_points(self, count: int) -> list[AxisPoint]:
        """Draw points of the space independently of results; an adaptive search might propose such points."""
        draw = draw_qmc_points if self.space.search.strategy == "qmc" else draw_random_points
        return draw(self.space.search.axes, count, self.space.search.seed)

    def _raise_problems(self) -> None:
        problems, self.problems = merge_draws(sorted(self.problems), self.space.search.axes), []
        if problems:
            raise SpaceError(problems)

    def _build_config(self, point: AxisPoint) -> TrialConfig | None:
        try:
            config = build_config_at(self.loaded, point)
        except SpaceError as error:
            self.problems += error.problems
            return None
        if config.needs_ranking() and self.space.profile is None:
            self._add_problem(("trial", "subset"), "a ranked subset needs a ranking: add a `profile:` block")
        if not config.data.holds_out:
            places = self.loaded.document.places
            for path, message in find_uses_of_validation(self.space):  # a default value has no line
                self._add_problem(path, message, path if path[:1] in places else ("trial", "data", "val"))
        if config.compute.device == "cuda" and not self.space.resources.on_gpu:
            why = "cuda, and trials have no GPU: resources.gpus is 0, or auto and there is none; give 1 or a share"
            self._add_problem(("trial", "compute", "device"), why)
        return config

    def _plan_trial(self, point: AxisPoint, config: TrialConfig, seed: int, generation: int | None) -> PlannedTrial:
        config = config.model_copy(update={"seed": seed})
        ranks = self._find_ranking(config, point) if config.needs_ranking() else None
        before = self._find_pretraining(config, point) if self.space.pretrain else None
        trial = self._plan_training("trial", name_point(point) or "trial", point, config, ranks, before)
        return replace(trial, generation=generation)

    def _plan_training(
        self,
        kind: str,
        name: str,
        point: AxisPoint,
        config: TrialConfig,
        ranks: str | None,
        before: PlannedTrial | None = None,
    ) -> PlannedTrial:
        compute = config.compute.resolved(self.space.resources.on_gpu)
        config = config.model_copy(update={"compute": compute})
        data, corrupted = self._identify_data(kind, config.data, point)
        named = config.model_copy(update={"data": drop_corruptions(config.data)}) if corrupted else config
        bare = named.model_dump(mode="json", exclude={"seed"})
        content: Row = {"config": bare, "evaluate": self.space.evaluate.curve()}
        start = self._load_start(config.start_from) if config.start_from else None
        if before and self.space.pretrain:
            start = StartWeights(content=before.final, weights=self.space.pretrain.weights, training=before.id)
            content["start"] = [before.configuration, start.weights]
        configuration = f"{name}-{digest(content)[:6]}"
        identity = start.identity if start else None
        around = Surroundings.here(data, compute, self.space.resources.cpus, identity, self.code)
        links = chain(config, self.space.evaluate, around, ranks)
        return PlannedTrial(
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
            corrupted=corrupted,
        )

    def _identify_data(self, kind: str, data: DataSource, point: AxisPoint) -> tuple[str, str | None]:
        """Return the identity of the splits, and that of the corrupted test sets unless the first covers them.

        What only the last state is measured on names no training, so that it can be measured later.
        """
        whole = self._find_fingerprint(kind, data, point)
        if data.corruptions is None or self.space.evaluate.test_losses or data.corruptions != self._corruptions:
            return identify_splits(whole, data), None
        return identify_splits(self._find_fingerprint(kind, drop_corruptions(data), point), data), whole

    def _find_fingerprint(self, kind: str, data: DataSource, point: AxisPoint) -> str:
        key = identify_source(data)
        if key not in self._fingerprints:
            try:
                self._fingerprints[key] = self.fingerprint(data)
            except DataError as error:
                labels = {path: choice.label for path, choice in point.items()}
                raise SpaceError([self.loaded.format_trial_note(kind, labels, f"data: {error}")]) from None
        return self._fingerprints[key]

    def _find_ranking(self, config: TrialConfig, point: AxisPoint) -> str:
        """Return the name of a trial's ranking; the trainings that make it are planned on first use."""
        profile = self.space.profile
        taken = select_followed(profile, point) if isinstance(profile, Profile) else {}
        own: Row = {path: choice.value for path, choice in taken.items()}
        key = digest({"data": config.data.model_dump(mode="json"), "taken": own})
        if key not in self._rankings:
            self._rankings[key] = self._plan_ranking(config, point, taken)
        ranking = self._rankings[key]
        if (score := config.needs_ranking()) not in ranking.scores:
            allowed = ", ".join(ranking.scores)
            how = f"; `evaluate: {{{ON_REQUEST[score]}}}` records it" if score in ON_REQUEST else ""
            message = f"this ranking has no {score}, by which a subset is cut (it has {allowed}){how}"
            self._add_problem(("profile",), message)
        return ranking.name

    def _plan_ranking(self, config: TrialConfig, point: AxisPoint, taken: AxisPoint) -> PlannedRanking:
        profile = self.space.profile or Profile()  # a missing block is reported already
        if isinstance(profile, RankingFile):
            return plan_file_ranking(
                self.loaded, profile, config.data, self._identify_data("trial", config.data, point)[0]
            )
        base = build_profile_config(self.loaded, profile, config.data, taken)
        own: dict[str, Choice] = {
            path: choice for path, choice in point.items() if path.startswith("data") or path in taken
        }
        name = ",".join(filter(None, ("profile", name_point(own))))
        group = [
            self._plan_training("profile", name, own, base.model_copy(update={"seed": seed}), None)
            for seed in profile.seeds
        ]
        ranking = plan_trained_ranking(profile, base, [trial.final for trial in group], self.space.evaluate)
        if ranking.name not in {known.name for known in self._rankings.values()}:  # else the same trainings make it
            self._upstream += [replace(trial, ranks=ranking.name) for trial in group]
        return ranking

    def _find_pretraining(self, config: TrialConfig, point: AxisPoint) -> PlannedTrial:
        """Return the training whose weights a trial starts from; each data block, model and seed has one."""
        key = (drop_extra(config.data), config.model, config.seed)
        if key not in self._pretrainings:
            own = {path: choice for path, choice in point.items() if is_shared_axis(path)}
            name = ",".join(filter(None, ("pretrain", name_point(own))))
            pretrain = build_pretrain_config(self.loaded, *key)
            self._pretrainings[key] = self._plan_training("pretrain", name, own, pretrain, None)
            self._upstream.append(self._pretrainings[key])
        return self._pretrainings[key]

    def _add_problem(self, path: tuple[str, ...], message: str, at: tuple[str, ...] | None = None) -> None:
        """Report a problem of a key, at its line or at the line of another key."""
        if at is None or at == path:
            self.problems.append(self.loaded.format_problem(path, message))
        else:
            where = self.loaded.document.locate(at) or str(self.loaded.file)
            self.problems.append(f"{where}: {'.'.join(path)}: {message}")
