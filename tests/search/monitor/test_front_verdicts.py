"""The status of a sweep says what its seeds prove of the validation front."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from search.monitor.front_verdicts import describe_front


class Planned(NamedTuple):
    configuration: str
    kind: str = "trial"
    problem: str = ""


class Progress(NamedTuple):
    best: dict[str, float]
    status: str = "completed"
    constant: bool = False


def trainings(seeds: int, *means: tuple[float, float], problem: str = "") -> list[Any]:
    noise = np.random.default_rng(0).normal(0, 0.003, (len(means), seeds, 2))
    return [
        (
            Planned(str(i), problem=problem),
            "",
            Progress(dict(zip(("val_clean_acc", "val_pgd_acc"), means[i] + noise[i, s], strict=True))),
        )
        for s in range(seeds)
        for i in range(len(means))
    ]


POINTS = ((0.95, 0.3), (0.7, 0.6), (0.6, 0.2), (0.8, 0.5))


def test_one_seed_each_is_not_spoken_of_and_two_prove_nothing() -> None:
    assert describe_front(trainings(1, *POINTS), 1) == []
    assert describe_front(trainings(2, *POINTS), 2)[0] == (
        "Nothing is sure: verdicts need 3 seeds of two configurations at least."
    )


def test_verdicts_of_a_plain_sweep_and_of_one_that_asks() -> None:
    first, *_ = describe_front(trainings(3, *POINTS), 3)
    assert first == (
        "3 of 4 surely on, 1 surely off, 0 within 2 points, 0 open, at 3 seeds; 0 of 12 trainings collapsed."
    )
    asked = {"until": "certified", "tolerance": {"val_pgd_acc": 3, "val_clean_acc": 0.5}, "error": "10%", "max": 6}
    first, *_, explained, last = describe_front(trainings(3, *POINTS), asked)
    assert "within 0.5 and 3 points" in first and "probability at most 10 %" in explained
    assert last == "Certified to 0.5 and 3 points: 4 configurations, none of them open."


def test_each_problem_has_its_front_and_diverged_seeds_are_counted() -> None:
    both = trainings(3, *POINTS, problem="noise 0") + trainings(3, *POINTS[:2], problem="noise 0.1")
    planned, state, _ = both[0]
    both[0] = planned, state, Progress({}, "diverged")
    lines = describe_front(both, 3)
    assert any(line.startswith("noise 0: ") and "1 of 12 trainings collapsed" in line for line in lines)
    assert any(line.startswith("noise 0.1: ") for line in lines)


def test_seeds_behind_one_that_has_not_ended_wait() -> None:
    rows = trainings(3, *POINTS)
    for place in (4, 8):
        planned, state, _ = rows[place]
        rows[place] = planned, state, Progress({}, "begun" if place == 4 else "completed")
    assert "1 with fewer than 3 seeds" in describe_front(rows, 3)[0]
