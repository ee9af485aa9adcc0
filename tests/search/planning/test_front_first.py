"""`for: front`: the front of attacking everything, with as few attacks as any order of them could do with."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from random import Random
from statistics import fmean
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from analysis.measures.dominance import hypervolume
from search.planning.front_first import ROUNDING, Point, choose_next, list_due, list_postponed
from search.planning.plan import Plan
from trainers.evaluate import Evaluation
from trainers.objectives import non_dominated
from trainers.record_io import Row

AA = {"name": "autoattack", "for": "front"}
EVALUATION = Evaluation.model_validate({"final": {"aa": AA}})
IMAGES = 20  # few, so that many accuracies are equal
CHECKPOINTS = ("best", "last")
CLEAN, BOUND, ROBUST = range(3)
STUDIES = range(40)


class Seed:
    """A training: what it would record at each checkpoint, if it were attacked."""

    def __init__(self, configuration: str, replicate: int, problem: int, values: Mapping[str, list[float]]) -> None:
        """`values`: clean accuracy, its bound under attack and the verdict, by checkpoint."""
        self.status, self.values = "completed", dict(values)
        self.constant: str | None = None  # the checkpoint that names one class for all
        self.attacked, self.problem = False, problem
        config, name = SimpleNamespace(model_dump=lambda mode: {"data": problem}), f"{configuration},seed={replicate}"
        self.trial = SimpleNamespace(
            id=name, final=name, kind="trial", configuration=configuration, config=config, data=""
        )

    def read(self) -> Row | None:
        """The result as far as it is recorded."""
        if self.status == "missing":
            return None
        found: Row = {
            "status": self.status,
            "attacks": {"pgd": "PGD"} | ({"aa": "AutoAttack"} if self.attacked else {}),
        }
        for at, (clean, bound, robust) in self.values.items() if self.status == "completed" else ():
            found[at] = {"test_clean_acc": clean, "bounds": {"aa": bound}}
            found[at] |= {"test_aa_acc": robust} if self.attacked else {}
            found[at] |= {"constant": 3} if self.constant == at else {}
        return found


class Study:
    """Configurations with seeds, by problem and name, which are attacked round by round."""

    def __init__(self, rng: Random, configurations: Mapping[tuple[int, str], list[Seed]]) -> None:
        self.rng, self.configurations = rng, configurations
        self.replicates = max(map(len, configurations.values()))
        self.seeds = {seed.trial.id: seed for seeds in configurations.values() for seed in seeds}
        trials = [seed.trial for seed in self.seeds.values()]
        self._plan = cast(Plan, SimpleNamespace(trials=trials, evaluation=EVALUATION))

    def find_due(self) -> list[str]:
        due = list_due(self._plan, lambda trial: self.seeds[trial.id].read(), "best")
        return sorted(final for _, final in due)

    def attack(self, killed: bool) -> set[str]:
        """Attack until nothing is due, in whole rounds or killed within them. Return all that were attacked."""
        for seed in self.seeds.values():
            seed.attacked = False
        while due := self.find_due():
            for name in self.rng.sample(due, self.rng.randint(1, len(due))) if killed else due:
                self.seeds[name].attacked = True
        return {name for name, seed in self.seeds.items() if seed.attacked}

    def locate(self, at: str, axis: int, attacked: bool) -> dict[int, dict[str, tuple[float, float]]]:
        """The means over seeds of what may be on a front, by problem and name, as a report takes them."""
        found: dict[int, dict[str, tuple[float, float]]] = defaultdict(dict)
        for (problem, name), seeds in self.configurations.items():
            done = [seed for seed in seeds if seed.status == "completed"]
            out = any(seed.status == "diverged" for seed in seeds) or any(
                seed.constant in (at, "best") for seed in done
            )
            if done and not out and (not attacked or all(seed.attacked for seed in done)):
                x, y = (float(np.mean([seed.values[at][k] for seed in done])) for k in (CLEAN, axis))
                found[problem][name] = (x, y)
        return found


def draw_study(number: int) -> Study:
    """Draw a study of two problems, whose trainings end in every way."""
    rng = Random(number)
    replicates = range(rng.randint(1, 3))
    names = [(p, f"{p}.{i}") for p in range(2) for i in range(rng.randint(1, 9))]
    return Study(
        rng, {(p, name): [_draw_seed(rng, name, replicate, p) for replicate in replicates] for p, name in names}
    )


def _draw_seed(rng: Random, configuration: str, replicate: int, problem: int) -> Seed:
    counts = {at: sorted((rng.randint(0, IMAGES) for _ in range(3)), reverse=True) for at in CHECKPOINTS}
    seed = Seed(configuration, replicate, problem, {at: [n / IMAGES for n in three] for at, three in counts.items()})
    seed.status = rng.choice(["completed"] * 12 + ["diverged", "stopped", "missing"])
    seed.constant = rng.choice([None] * 15 + [*CHECKPOINTS])
    return seed


def resample_study(number: int, real: Mapping[str, list[dict[str, list[float]]]], configurations: int) -> Study:
    """Draw a study of one problem from real trainings: each configuration has seeds of a real one, drawn anew."""
    rng = Random(number)
    seeds = {}
    for place in range(configurations):
        pool, name = real[rng.choice([*real])], f"0.{place}"
        seeds[0, name] = [Seed(name, k, 0, values) for k, values in enumerate(rng.choices(pool, k=len(pool)))]
    return Study(rng, seeds)


def _find_front(points: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    members = non_dominated([*points.values()])
    return {name: points[name] for name, stays in zip(points, members, strict=True) if stays}


@pytest.mark.parametrize("killed", [False, True], ids=["whole rounds", "killed"])
def test_front_and_hypervolume_are_those_of_attacking_everything(killed: bool) -> None:
    assert sum(_attack_and_check(draw_study(number), killed) for number in STUDIES) > 20  # or nothing was tested


@pytest.mark.long
@pytest.mark.parametrize("killed", [False, True], ids=["whole rounds", "killed"])
def test_of_many_real_configurations_few_are_attacked_and_the_front_is_that_of_all(killed: bool) -> None:
    """Studies of 64 configurations, from the verdicts of a real sweep that attacked everything."""
    real = json.loads((Path(__file__).parent / "stored" / "attacked_whole.json").read_text())["configurations"]
    for number in range(20):
        study = resample_study(number, real, 64)
        assert _attack_and_check(study, killed) > len(study.seeds) / 4


def _attack_and_check(study: Study, killed: bool) -> int:
    """Attack a study, compare front and hypervolume with those of attacking all, and return how many are spared."""
    spared = len(study.seeds) - len(study.attack(killed))
    for at in CHECKPOINTS:
        drawn = study.locate(at, ROBUST, attacked=True)
        for problem, points in study.locate(at, ROBUST, attacked=False).items():
            assert _find_front(drawn[problem]) == _find_front(points)
            one, two = (np.array([*some.values()]) for some in (drawn[problem], points))
            assert hypervolume(one, (0.0, 0.0)) == hypervolume(two, (0.0, 0.0))
    return spared


def test_neither_kills_nor_the_number_of_workers_change_who_is_attacked() -> None:
    for number in STUDIES:
        study = draw_study(number)
        assert study.attack(killed=True) == study.attack(killed=False) == study.attack(killed=True)


def test_no_attack_could_have_been_spared() -> None:
    """At one of the checkpoints, no verdict on another configuration dominates the bound of one that is attacked."""
    for number in STUDIES:
        study = draw_study(number)
        attacked = study.attack(killed=False)
        open_bounds = set()
        for at in CHECKPOINTS:
            verdicts = study.locate(at, ROBUST, attacked=False)
            for problem, bounds in study.locate(at, BOUND, attacked=False).items():
                others = verdicts[problem]
                slack = ROUNDING * (study.replicates > 1)
                open_bounds |= {
                    name
                    for name, bound in bounds.items()
                    if not any(_beats(point, bound, slack) for other, point in others.items() if other != name)
                }
        assert {study.seeds[name].trial.configuration for name in attacked} <= open_bounds


def _beats(one: tuple[float, float], two: tuple[float, float], slack: float) -> bool:
    return all(a - b >= slack for a, b in zip(one, two, strict=True)) and one != two


def test_a_bound_below_a_verdict_is_enough_and_one_above_is_not() -> None:
    strong = Point(0.9, 0.5, attacked=True)
    assert choose_next([strong, Point(0.8, 0.4, attacked=False)]) == [False, False]
    assert choose_next([strong, Point(0.8, 0.6, attacked=False)]) == [False, True]
    assert choose_next([strong, Point(0.9, 0.5, attacked=False)]) == [False, True]  # it may be as good


def test_a_tie_between_means_over_seeds_decides_nothing() -> None:
    """Another order of summation could turn it around."""
    one, two = Point(0.9, 0.5, attacked=True, seeds=3), Point(0.9, 0.4, attacked=False, seeds=3)
    assert choose_next([one, two]) == [False, True]
    assert choose_next([one._replace(seeds=1), two._replace(seeds=1)]) == [False, False]


def test_one_seed_that_could_reach_the_front_is_not_enough() -> None:
    """The mean decides: seed 1 alone is above the other configuration, and is not attacked."""
    values = {"a": (0.9, (0.6, 0.6)), "b": (0.8, (0.9, 0.1))}
    seeds = {
        (0, name): [Seed(name, k, 0, {at: [clean, y, y] for at in CHECKPOINTS}) for k, y in enumerate(robust)]
        for name, (clean, robust) in values.items()
    }
    study = Study(Random(0), seeds)
    assert study.attack(killed=False) == {"a,seed=0", "a,seed=1"}
    assert fmean((0.9, 0.1)) < 0.6


@pytest.mark.parametrize("attacks", [{"pgd": ""}, {"pgd": "", "aa": ""}], ids=["before", "after"])
def test_what_is_not_due_is_postponed(attacks: dict[str, str]) -> None:
    evaluation = Evaluation.model_validate({"final": {"aa": AA, "whole": {"name": "autoattack"}}})
    assert list_postponed({"attacks": attacks}, evaluation) == {"aa"} - attacks.keys()
    assert list_postponed(None, evaluation) == {"aa"}
