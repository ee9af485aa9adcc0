"""Certified seeds go to open configurations and those that keep them open, whatever stops or speeds up the sweep."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from search.sampling.certification import build_family, collect_values, next_certified_seeds
from search.schema.blocks import Search
from trainers.record_io import Row
from trainers.record_reader import read_json

from ..helpers import Tiny, hash_records, smoke


def searching(**knobs: Any) -> Search:
    certified = {"until": "certified", "tolerance": 1.0, "max": 6}
    return Search.model_validate({"replicates": certified | knobs.pop("certified", {})} | knobs)


def results(*points: tuple[float, float], status: str = "completed") -> dict[int, Row | None]:
    """Return the results of one configuration's seeds, as result.json has them, from accuracies in percent."""
    rows = [{"epoch": 0, "val_clean_acc": clean / 100, "val_pgd_acc": pgd / 100} for clean, pgd in points]
    return {seed: {"status": status, "best": row, "last": row} for seed, row in enumerate(rows)}


def spread(clean: float, pgd: float, seeds: int = 3, by: float = 0.1) -> dict[int, Row | None]:
    shifts = by * np.resize([-1.0, 0.0, 1.0], seeds)
    return results(*((clean + shift, pgd + shift) for shift in shifts))


def one_problem(found: dict[str, Any]) -> dict[str, str]:
    return dict.fromkeys(found, "digits")


def asked(search: Search, found: dict[str, Any], **problems: str) -> list[tuple[str, int]]:
    return next_certified_seeds(search, found, one_problem(found) | problems, len(found))


FAR = {"high": spread(95, 40), "low": spread(70, 10)}


def test_open_pair_is_taken_to_the_next_look_and_sure_ones_rest() -> None:
    tied = {"one": spread(60, 70, by=1), "other": spread(60.2, 69.9, by=1)}
    found = {"a": spread(97, 20)} | FAR | tied
    assert asked(searching(), found) == [("one", 3), ("other", 3)]


def test_one_that_rested_jumps_to_the_look_of_the_one_it_keeps_open() -> None:
    tied = {"one": spread(60, 70, 5, by=1), "other": spread(60.2, 69.9, 5, by=1), "late": spread(60.1, 70, 5, by=1)}
    search, found = searching(), FAR | tied
    assert {name for name, _ in asked(search, found)} == set(tied)
    found["late"] = {seed: row for seed, row in tied["late"].items() if seed < 3}
    assert asked(search, found) == [("late", 3)], "the look at 4 is replayed, and it lacks its fourth seed"


def test_nothing_is_asked_for_beyond_the_last_look_nor_where_all_is_sure() -> None:
    tied = {"one": spread(60, 70, 6, by=1), "other": spread(60.2, 69.9, 6, by=1)}
    assert asked(searching(), FAR | tied) == []
    assert asked(searching(certified={"max": 8}), FAR | tied) == [
        ("one", 6), ("one", 7), ("other", 6), ("other", 7)
    ]  # fmt: skip
    assert asked(searching(), dict(FAR)) == []


def test_problems_are_compared_each_by_itself() -> None:
    tied = {"one": spread(60, 70, by=1), "other": spread(60.2, 69.9, by=1)}
    apart = {"alone": spread(60.1, 70, by=1)}
    assert asked(searching(), FAR | tied | apart, alone="mnist") == [("one", 3), ("other", 3)]


def test_configuration_with_a_failed_seed_is_left_out_and_diverged_seeds_count_as_collapsed() -> None:
    tied = {"one": spread(60, 70, by=1), "other": spread(60.2, 69.9, by=1)}
    failed = spread(60.1, 70.1, by=1) | {1: None}
    assert asked(searching(), FAR | tied | {"failed": failed}) == [("one", 3), ("other", 3)]
    diverged = spread(60.1, 70.1, by=1) | {1: {"status": "diverged"}}
    values = collect_values(searching(), {"diverged": diverged, "failed": failed})
    assert np.isneginf(values[0, 1]).all() and np.isnan(values[1, 1:]).all()
    assert ("diverged", 3) in asked(searching(), FAR | tied | {"diverged": diverged})


def test_minimised_objective_and_tolerances_of_each() -> None:
    search = searching(
        objectives={"val_clean_acc": "min", "val_pgd_acc": "max"},
        certified={"tolerance": {"val_pgd_acc": 2.0, "val_clean_acc": 0.5}, "error": "10%"},
    )
    family = build_family(search, 7)
    assert (family.tolerance, family.error, family.most) == ((0.5, 2.0), 0.1, 6)
    assert collect_values(search, {"a": results((60, 40))}).tolist() == [[[-60.0, 40.0]]]


def test_a_fixed_number_of_seeds_is_not_extended() -> None:
    search, found = Search.model_validate({"replicates": 3}), dict(FAR)
    assert asked(search, found) == []
    assert build_family(search, 2).tolerance == (2.0, 2.0)


def certified(most: int = 5, **changes: Any) -> str:
    """Return a sweep of tiny trainings on few images, whose accuracies scatter by several points."""
    given = {
        "profile": None,
        "trial__method": {"base": "pgd-at", "attack": {"steps": 2}},
        "trial__epochs": 2,
        "search__axes": {"optimizer.lr": {"grid": [1e-4, 0.05, 0.1]}},
        "search__replicates": {"until": "certified", "tolerance": 25.0, "max": most},
    }
    return smoke(**(given | changes))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("certified") / "sweep", certified()).all()


def counts(run: Tiny) -> dict[str, int]:
    plan = read_json(run.store.folder / "plan.json")
    names = [row["configuration"] for row in plan["trials"]]
    return {name: names.count(name) for name in names}


@pytest.mark.long
def test_a_sweep_gives_some_configurations_more_seeds_than_others(whole: Tiny) -> None:
    assert min(counts(whole).values()) >= 3 and max(counts(whole).values()) <= 5
    assert len(set(counts(whole).values())) > 1


@pytest.mark.long
def test_each_round_of_seeds_is_told_with_its_reason(whole: Tiny) -> None:
    told = re.findall(r"(\d+) seeds? added for \d of 3 configurations, which then ha\w+ up to (\d): (.*)", whole.said())
    assert 9 + sum(int(added) for added, *_ in told) == sum(counts(whole).values())
    assert [int(most) for _, most, _ in told] == list(range(4, max(counts(whole).values()) + 1))
    assert {why for *_, why in told} == {"their verdicts are open, or keep others open."}


@pytest.mark.long
def test_the_same_seeds_are_given_at_any_concurrency_and_speed(whole: Tiny, tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", certified())
    assert run.going(Random(1), workers=4)
    assert counts(run) == counts(whole)
    assert hash_records(run.store.folder) == hash_records(whole.store.folder)


@pytest.mark.long
def test_the_same_seeds_are_given_after_kills(whole: Tiny, tmp_path: Path) -> None:
    random, kills = Random(0), 0
    while not (run := Tiny(tmp_path / "sweep", certified())).going(random, workers=2, slices=random.randrange(2, 9)):
        kills += 1
    assert kills > 1
    assert counts(run) == counts(whole)
    assert hash_records(run.store.folder) == hash_records(whole.store.folder)


@pytest.mark.long
def test_a_sweep_of_a_smaller_maximum_is_extended_to_the_one_of_the_larger(whole: Tiny, tmp_path: Path) -> None:
    Tiny(tmp_path / "sweep", certified(most=4)).all()
    run = Tiny(tmp_path / "sweep", certified()).all()
    assert counts(run) == counts(whole)
    assert hash_records(run.store.folder) == hash_records(whole.store.folder)


@pytest.mark.long
def test_a_search_that_draws_is_certified_once_all_is_drawn(tmp_path: Path) -> None:
    text = certified(
        search__axes={"optimizer.lr": {"loguniform": [1e-4, 0.1]}},
        search__strategy="tpe",
        search__trials=4,
        search__generation=2,
    )
    run = Tiny(tmp_path / "sweep", text).all()
    rows = read_json(run.store.folder / "plan.json")["trials"]
    assert [row["replicate"] for row in rows[:12]] == [0, 1, 2] * 4
    again = Tiny(tmp_path / "again" / "sweep", text)
    random = Random(3)
    while not again.going(random, workers=3, slices=random.randrange(3, 12)):
        again = Tiny(tmp_path / "again" / "sweep", text)
    assert counts(again) == counts(run) and hash_records(again.store.folder) == hash_records(run.store.folder)
