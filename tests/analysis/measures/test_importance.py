"""Importance of knobs: known shares of variance are found, on grids and on random points."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import yaml

from analysis.measures.importance import (
    EVALUATORS,
    FANOVA,
    FEWEST,
    PED_ANOVA,
    count_best,
    evaluate_importance,
    measure_importance,
)
from analysis.results.optuna_study import Domain
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, name_one_class, write_sweep

SHARES = {"a": 0.7, "b": 0.3, "inert": 0.0}
Points = list[tuple[dict[str, float], float]]


def additive(point: dict[str, float], standardised: Callable[[float], float]) -> float:
    """Return a sum of which each knob explains its share of the variance alone."""
    return sum(math.sqrt(SHARES[name]) * standardised(value) for name, value in point.items())


def on_a_grid(levels: Sequence[float]) -> tuple[dict[str, Domain], Points]:
    centre, scale = np.mean(levels), np.std(levels)
    grid = [dict(zip(SHARES, values, strict=True)) for values in product(levels, repeat=len(SHARES))]
    points = [(point, additive(point, lambda x: float((x - centre) / scale))) for point in grid]
    return dict.fromkeys(SHARES, Domain(choices=tuple(levels))), points


def on_random_points(n: int) -> tuple[dict[str, Domain], Points]:
    rows = np.random.default_rng(0).random((n, len(SHARES))).tolist()
    points = [dict(zip(SHARES, row, strict=True)) for row in rows]
    return dict.fromkeys(SHARES, Domain((), 0.0, 1.0)), [
        (point, additive(point, lambda x: math.sqrt(12) * (x - 0.5))) for point in points
    ]


@pytest.mark.long
@pytest.mark.parametrize("made", [on_a_grid((0, 1, 2, 3)), on_random_points(120)], ids=["grid", "random"])
def test_known_shares_of_variance_are_found(made: tuple[dict[str, Domain], Points]) -> None:
    found = evaluate_importance(*made)
    for evaluator in EVALUATORS:
        assert found[evaluator] == pytest.approx(SHARES, abs=0.1), evaluator
        assert found[evaluator]["inert"] < 0.02, evaluator
    assert sum(found[PED_ANOVA].values()) == pytest.approx(1.0)
    assert found == evaluate_importance(*made), "the forest is seeded"


@pytest.mark.long
def test_an_interaction_is_missing_to_the_whole() -> None:
    """Exactly, knobs alone explain nothing of a product; over 27 configurations a forest gives each 4 %."""
    domains, points = on_a_grid((-1, 0, 1))
    product_alone = [(point, point["a"] * point["b"]) for point, _ in points]
    explained = [sum(evaluate_importance(domains, known)[FANOVA].values()) for known in (product_alone, points)]
    assert explained[0] < 0.15 < 0.9 < explained[1]


def test_a_minimised_objective_has_its_best_at_the_other_end() -> None:
    """The lowest values all have the same `a`; the highest ones differ in `a` and have the same `b`."""
    domains, points = on_a_grid((0, 1, 2))
    points = [(point, -2.0 * (point["a"] == 0) - 0.1 * point["b"]) for point, _ in points]
    low, high = (evaluate_importance(domains, points, how)[PED_ANOVA] for how in ("min", "max"))
    assert low["a"] > 2 * low["b"] and high["b"] > 2 * high["a"]


@pytest.mark.long
def test_thirty_names_are_as_quick_as_thirty_numbers() -> None:
    """0.4 s when written; with a column for each name Optuna goes through all their combinations."""
    names, sizes = tuple(f"method {n}" for n in range(30)), (0, 1, 2, 3)
    points = [({"method": name, "size": size}, n % 7 + 0.5 * size) for n, name in enumerate(names) for size in sizes]
    started = time.process_time()
    found = evaluate_importance({"method": Domain(choices=names), "size": Domain(choices=sizes)}, points)
    assert time.process_time() - started < 3.0
    assert found[FANOVA]["method"] > 0.7 > 0.2 > found[FANOVA]["size"]


def test_an_objective_without_variance_has_no_important_knob() -> None:
    domains, points = on_a_grid((0, 1))
    found = evaluate_importance(domains, [(point, 0.5) for point, _ in points])
    assert {share for shares in found.values() for share in shares.values()} == {0.0}


def test_the_best_are_a_tenth_but_at_least_five_and_at_most_half() -> None:
    assert [count_best(n) for n in (8, 10, 27, 100, 1000)] == [4, 5, 5, 10, 100]


def grid_sweep(folder: Path, seeds: int = 2, noise: tuple[float, ...] = (0.1,), subsets: int = 4) -> Path:
    """Return a grid whose robust validation accuracy depends on the method, the clean one on the size of the subset."""
    made = Made(
        noise=noise, methods=("AT 0.10", "TRADES 0.10"), subsets=tuple(f"random {n}" for n in range(20, 20 + subsets)),
        replicates=seeds, faults=False, profile=False, epochs=4,
    )  # fmt: skip
    write_sweep(folder, made)
    for trial in json.loads((folder / "plan.json").read_text())["trials"]:
        path = folder / "trials" / trial["id"] / "result.json"
        result = json.loads(path.read_text())
        size, jitter = int(trial["axes"]["subset"].split()[1]), 0.01 * trial["replicate"]
        robust = 0.5 + 0.1 * trial["axes"]["method"].startswith("TRADES") + jitter
        result["best"] |= {"val_clean_acc": size / 100 + jitter, "val_pgd_acc": robust + jitter * (size % 2)}
        path.write_text(json.dumps(result))
    return folder


@pytest.mark.long
def test_each_objective_of_a_sweep_has_its_own_important_knob(tmp_path: Path) -> None:
    info = measure_importance(load_sweep(grid_sweep(tmp_path / "grid")))
    assert info is not None and info.left_out == () and info.checkpoint == "best"
    assert len(info.table) == 2 * 2 * 2, "knobs, objectives, evaluators"
    assert set(info.table["n"]) == {2} and set(info.table["configurations"]) == {8}
    share = info.table.set_index(["objective", "axis", "evaluator"])["mean"]
    for evaluator in EVALUATORS:
        assert share["val_pgd_acc", "method", evaluator] > 0.9 > 0.1 > share["val_pgd_acc", "subset", evaluator]
        assert share["val_clean_acc", "subset", evaluator] > 0.8 > 0.2 > share["val_clean_acc", "method", evaluator]


@pytest.mark.long
def test_the_interval_is_the_jackknife_over_seeds(tmp_path: Path) -> None:
    """Recomputed: of two seeds, each is left out once, so both ends are as far away as half of what the two differ."""
    folder = grid_sweep(tmp_path / "grid")
    info = measure_importance(load_sweep(folder))
    alone = []
    for seed in (0, 1):
        results = load_sweep(folder)
        kept = results.labelled[results.labelled["replicate"] == seed]
        alone.append(measure_importance(Sweep(**vars_of(results) | {"labelled": kept})))
    assert info is not None
    found, first, second = (part.table for part in (info, *alone))
    half = (first["mean"] - second["mean"]).abs() / 2
    assert half.max() > 0.001
    keys = ["axis", "objective", "evaluator"]
    width = found.set_index(keys)["hi"] - found.set_index(keys)["mean"]
    expected = (first.set_index(keys)["mean"] - second.set_index(keys)["mean"]).abs() / 2
    np.testing.assert_allclose(width, expected.loc[width.index], atol=1e-12)
    assert first["hi"].isna().all(), "one seed has no interval"


def vars_of(results: Sweep) -> dict[str, object]:
    names = ("folder", "plan", "runs", "labelled", "epochs", "outcomes", "axes", "where", "damage")
    return {name: getattr(results, name) for name in names}


@pytest.mark.long
def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    folder = grid_sweep(tmp_path / "grid", seeds=1, subsets=6)
    plan = json.loads((folder / "plan.json").read_text())
    plan["axes"].append("method.weight.tau")
    for number, trial in enumerate(plan["trials"][:4]):
        trial["axes"]["method.weight.tau"] = trial["values"]["method.weight.tau"] = str(number % 2)
    (folder / "plan.json").write_text(json.dumps(plan))
    name_one_class(folder, plan["trials"][-1]["id"], "best")
    info = measure_importance(load_sweep(folder))
    assert info is not None and set(info.table["axis"]) == {"method", "subset"}
    assert set(info.table["configurations"]) == {11}
    conditional, constant = info.left_out
    assert conditional.startswith("tau, which does not act in every configuration")
    assert constant.startswith("1 configuration ") and "one class" in constant


@pytest.mark.long
def test_problems_are_apart_and_define_no_knob(tmp_path: Path) -> None:
    info = measure_importance(load_sweep(grid_sweep(tmp_path / "grid", seeds=1, noise=(0.0, 0.1))))
    assert info is not None and set(info.table["axis"]) == {"method", "subset"}
    assert info.table["setting"].unique().tolist() == ["label_noise 0.0", "label_noise 0.1"]


def test_too_few_configurations_or_knobs_have_no_importance(tmp_path: Path) -> None:
    assert measure_importance(load_sweep(grid_sweep(tmp_path / "few", seeds=1, subsets=FEWEST // 2 - 1))) is None
    assert measure_importance(load_sweep(write_sweep(tmp_path / "early", Made(finished=False)))) is None
    one = Made(faults=False, methods=("AT",), noise=(0.0, 0.1), subsets=tuple(f"random {n}" for n in range(20, 30)))
    assert measure_importance(load_sweep(write_sweep(tmp_path / "one", one))) is None


@pytest.mark.long
def test_a_logarithmic_range_is_weighed_by_its_logarithms(tmp_path: Path) -> None:
    """The objective falls from 1e-4 to 1e-2 and is flat above; measured by its length the range would be flat."""
    folder = grid_sweep(tmp_path / "log", seeds=1, subsets=20)
    plan, rng = json.loads((folder / "plan.json").read_text()), np.random.default_rng(0)
    for trial in plan["trials"]:
        lr = float(10.0 ** rng.uniform(-4, 0))
        del trial["axes"]["subset"]
        trial["axes"]["optimizer.lr"], trial["values"]["optimizer.lr"] = f"{lr:.6g}", lr
        path = folder / "trials" / trial["id"] / "result.json"
        result = json.loads(path.read_text())
        result["best"]["val_pgd_acc"] = min(0.0, math.log10(lr) + 2) + 0.05 * trial["axes"]["method"].startswith("T")
        path.write_text(json.dumps(result))
    plan["axes"] = ["method", "optimizer.lr"]
    (folder / "plan.json").write_text(json.dumps(plan))
    axes = {"optimizer.lr": {"loguniform": [1e-4, 1]}, "method": {"grid": ["AT 0.10", "TRADES 0.10"]}}
    (folder / "space.yaml").write_text(yaml.safe_dump({"search": {"axes": axes}}))
    info = measure_importance(load_sweep(folder))
    assert info is not None
    share = info.table.set_index(["objective", "axis", "evaluator"])["mean"]
    assert share["val_pgd_acc", "optimizer.lr", FANOVA] > 0.9
