"""How finely a profiling ranks: its numbers by hand, and how often verdicts on them are wrong where truth is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from analysis.claims.claim import Check
from analysis.claims.expectation import FAILS, HOLDS, judge, parse_expectation
from analysis.claims.metric import NotRecorded
from analysis.claims.rankings import FEWEST, QUANTITIES, jackknife, share_ranks, share_tied
from analysis.claims.statistics import Measured, measure_check
from analysis.claims.trainings import Trainings
from analysis.results.sweep import load_sweep

from ..synthetic import Made, write_sweep

EPOCHS, EXAMPLES = 24, 120
STUDIES = 500  # simulated
MADE = Made(noise=(0.1,), replicates=1, epochs=EPOCHS, every=1, faults=False)


def write_profiling(folder: Path, seeds: int) -> np.ndarray:
    """Write a sweep whose examples are ranked by so many trainings, and return the errors of each, (n, N)."""
    write_sweep(folder, MADE)
    plan = json.loads((folder / "plan.json").read_text())
    profile = next(trial for trial in plan["trials"] if trial["kind"] == "profile")
    place = folder / "trials" / profile["id"]
    arrays = dict(np.load(place / "instances.npz"))
    errors, names = [], []
    for seed in range(seeds):
        name = f"{profile['configuration']},seed={seed}"
        wrong = np.random.default_rng(seed).random((EPOCHS, EXAMPLES)) < np.linspace(0, 1, EXAMPLES)
        (folder / "trials" / name).mkdir(exist_ok=True)
        np.savez(folder / "trials" / name / "instances.npz", **arrays | {"correct": (~wrong).astype(np.uint8)})
        errors.append(wrong.sum(0))
        names.append(name)
    plan["trials"] = [trial for trial in plan["trials"] if trial["kind"] != "profile"]
    plan["trials"] += [profile | {"id": name, "seed": 1000 + seed} for seed, name in enumerate(names)]
    (folder / "plan.json").write_text(json.dumps(plan))
    path = folder / "profile" / f"{profile['ranks']}.npz"
    ranking = dict(np.load(path)) | {"provenance": json.dumps({"ranks": profile["ranks"], "trials": names})}
    np.savez(path, **ranking)
    return np.array(errors)


def measure(folder: Path, metric: str) -> list[Measured]:
    check = Check.model_validate({"statistic": "ranking", "metric": metric, "expect": "> 0"})
    return measure_check(Trainings(load_sweep(folder)), check, check.metrics[0])


def test_the_numbers_of_a_ranking_have_the_mean_that_its_counts_have(tmp_path: Path) -> None:
    errors = write_profiling(tmp_path / "sweep", seeds=9)
    total = errors.sum(0)
    (found,) = measure(tmp_path / "sweep", "ranks instability")
    assert found.values.mean() == pytest.approx(len(set(total)) / min(9 * EPOCHS + 1, EXAMPLES))
    edge = np.sort(total)[EXAMPLES // 10 - 1 : EXAMPLES // 10 + 1]
    (found,) = measure(tmp_path / "sweep", "tied instability")
    assert found.values.mean() == pytest.approx((total == edge[0]).mean() if edge[0] == edge[1] else 0.0)
    assert len(found.values) == 9


def test_a_run_of_few_trainings_is_told_what_to_set(tmp_path: Path) -> None:
    write_profiling(tmp_path / "sweep", seeds=7)
    with pytest.raises(NotRecorded, match=r"8 trainings or more: --set profile\.seeds=10"):
        measure(tmp_path / "sweep", "ranks instability")


def test_ranks_are_counted_and_ties_are_those_on_both_sides_of_the_cut() -> None:
    counts = np.array([0, 0, 0, 1, 1, 1, 1, 2, 3, 3]) / 8
    assert share_ranks(counts, 8) == 4 / 9
    assert share_ranks(counts, 100) == 4 / 10, "there are no more ranks than examples"
    assert share_tied(counts, 8) == 0.3
    assert share_tied(np.arange(10) / 8, 8) == 0.0, "the first is alone"


def test_the_error_of_a_mean_is_that_of_the_mean() -> None:
    """For a mean over the trainings the jackknife gives the trainings themselves."""
    values = np.array([[0.2], [0.5], [0.1], [0.9]])
    found = jackknife(lambda mean, epochs: float(mean[0]), values, np.ones(4, int))
    np.testing.assert_allclose(found, values[:, 0])


@pytest.mark.long
@pytest.mark.parametrize("name", QUANTITIES)
@pytest.mark.parametrize("seeds", [FEWEST, 10])
@pytest.mark.parametrize(
    "examples, epochs, shape, scatter",
    [
        (300, 24, (0.7, 1.2), 0.3),
        (120, 24, (1.0, 1.0), 0.0),
        pytest.param(359, 20, (0.5, 2.0), 0.2, marks=pytest.mark.slow),
        pytest.param(600, 40, (0.3, 2.0), 0.3, marks=pytest.mark.slow),
    ],
)
def test_a_verdict_is_wrong_in_5_percent_of_studies_at_most(
    name: str, seeds: int, examples: int, epochs: int, shape: tuple[float, float], scatter: float
) -> None:
    """Studies differ in their trainings. At the end of what is expected either verdict is most often wrong."""
    rng, quantity = np.random.default_rng(1), QUANTITIES[name]
    chance = rng.beta(*shape, examples).clip(0.005, 0.995)  # to be misled in an epoch
    odds = np.log(chance / (1 - chance))

    def draw() -> np.ndarray:
        return rng.binomial(epochs, 1 / (1 + np.exp(-odds - scatter * rng.standard_normal((seeds, 1))))) / epochs

    truth = float(np.mean([quantity(draw().mean(0), seeds * epochs) for _ in range(2000)]))
    at_most, step = parse_expectation(f"<= {truth:.9f}"), math.sqrt(seeds) / examples
    found = [judge(jackknife(quantity, draw(), np.full(seeds, epochs)), at_most, step).word for _ in range(STUDIES)]
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / STUDIES)
    assert found.count(HOLDS) / STUDIES <= bound
    assert found.count(FAILS) / STUDIES <= bound


def test_what_lies_far_from_the_expected_is_told() -> None:
    """A measure that never decides would err in no study."""
    rng = np.random.default_rng(2)
    counts = rng.binomial(EPOCHS, rng.random(300), (10, 300)) / EPOCHS
    found = jackknife(share_ranks, counts, np.full(10, EPOCHS))
    assert judge(found, parse_expectation(">= 0.05")).word == HOLDS
    assert judge(found, parse_expectation(">= 0.95")).word == FAILS
