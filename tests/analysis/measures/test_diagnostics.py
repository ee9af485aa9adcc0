"""Measures of diagnostics.npz, each computed again from the raw arrays, and planes of logits that are known."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.measures.diagnostic_curves import measure_flatness, measure_lipschitz, tabulate_lipschitz
from analysis.measures.logit_components import find_plane, project_logits
from analysis.measures.median_features import measure_median_features
from analysis.measures.stats import t_quantile
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import DIAGNOSED, Made, write_sweep

MADE = Made(noise=(0.1,), subsets=("all", "friendly 108"), faults=False, instances=True, diagnostics=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return load_sweep(write_sweep(tmp_path_factory.mktemp("diagnosed") / "sweep", MADE))


def raw(results: Sweep, configuration: str, file: str = "diagnostics.npz") -> list[dict[str, np.ndarray]]:
    """Return the arrays of each seed of a configuration."""
    ids = results.completed.loc[results.completed["configuration"] == configuration, "id"]
    return [dict(np.load(results.folder / "trials" / trial / file)) for trial in ids]


def row_of(table: pd.DataFrame, **of: object) -> pd.Series:
    (row,) = (row for _, row in table.iterrows() if all(row[key] == value for key, value in of.items()))
    return row


@pytest.mark.parametrize(("point", "array"), [("friendly", "friendly"), ("most adversarial", "adversarial")])
def test_flatness_is_the_mean_length_over_images_then_over_seeds(results: Sweep, point: str, array: str) -> None:
    table = measure_flatness(results)
    assert len(table) == 4 * 2 * len(DIAGNOSED) and set(table["n"]) == {3}
    configuration = table["configuration"].iloc[0]
    means = np.array([seed[f"flatness_{array}"][1].astype(float).mean() for seed in raw(results, configuration)])
    row = row_of(table, configuration=configuration, point=point, epoch=DIAGNOSED[1])
    assert row["mean"] == pytest.approx(means.mean(), rel=1e-12)
    assert row["hi"] - row["mean"] == pytest.approx(means.std(ddof=1) / np.sqrt(3), rel=1e-9)


def test_lipschitz_bounds_are_those_of_each_epoch_and_at_the_end_have_t_intervals(results: Sweep) -> None:
    curves, ends = measure_lipschitz(results), tabulate_lipschitz(results)
    assert set(ends["epoch"]) == {DIAGNOSED[-1]} and len(ends) == 4 * 2 and len(curves) == 3 * len(ends)
    configuration = ends["configuration"].iloc[-1]
    for layers in ("merged", "naive"):
        bounds = np.array([seed[f"lipschitz_{layers}"] for seed in raw(results, configuration)])
        for place, epoch in enumerate(DIAGNOSED):
            row = row_of(curves, configuration=configuration, layers=layers, epoch=epoch)
            assert row["mean"] == pytest.approx(bounds[:, place].mean(), rel=1e-12)
        row = row_of(ends, configuration=configuration, layers=layers)
        half = t_quantile(3) * bounds[:, -1].std(ddof=1) / np.sqrt(3)
        assert (row["hi"] - row["lo"]) / 2 == pytest.approx(half, rel=1e-9)


def test_a_number_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    folder = write_sweep(tmp_path / "sweep", MADE)
    first = load_sweep(folder).completed["id"].iloc[0]
    path = folder / "trials" / first / "diagnostics.npz"
    arrays = dict(np.load(path))
    arrays["lipschitz_merged"][0] = np.inf
    np.savez(path, **arrays)
    table = measure_lipschitz(load_sweep(folder))
    merged = table[(table["layers"] == "merged") & (table["configuration"] == table["configuration"].iloc[0])]
    assert merged.sort_values("epoch")["n"].tolist() == [2, 3, 3] and np.isfinite(merged["mean"]).all()


def test_norm_of_the_median_is_taken_dimension_by_dimension_over_a_group(results: Sweep) -> None:
    """G0 holds the tenth of the examples with the largest mean loss; ties aside, d is one minus its rank."""
    table = measure_median_features(results)
    configuration = table["configuration"].iloc[0]
    norms = []
    for arrays, instances in zip(
        raw(results, configuration), raw(results, configuration, "instances.npz"), strict=True
    ):
        loss = np.nanmean(instances["loss"].astype(float), axis=0)
        hardest = np.argsort(-loss)[: len(loss) // 10]
        places = [place for place, row in enumerate(arrays["features_rows"]) if row in hardest]
        medians = [float(np.median(arrays["features_values"][-1, places, f].astype(float))) for f in range(6)]
        norms.append(sum(median**2 for median in medians) ** 0.5)
    row = row_of(table, configuration=configuration, group=0, epoch=DIAGNOSED[-1])
    assert row["mean"] == pytest.approx(np.mean(norms), rel=1e-6)
    assert set(table["quantity"]) == {"median_feature_norm"} and set(table["group"]) == set(range(10))


def test_a_plane_holds_points_that_lie_in_one_and_keeps_their_distances() -> None:
    rng = np.random.default_rng(0)
    flat = rng.standard_normal((50, 2)) * (3, 1)
    basis, _ = np.linalg.qr(rng.standard_normal((10, 2)))
    right = flat[:, 0] > 0
    plane = find_plane(flat @ basis.T + 5, right)
    assert plane.explained == pytest.approx(1)
    apart = lambda points: np.linalg.norm(points[:, None] - points[None], axis=-1)  # noqa: E731
    assert np.allclose(apart(plane.points), apart(flat))
    assert plane.points[right, 0].mean() > 0 > plane.points[~right, 0].mean()
    assert plane.points.var(axis=0)[0] >= plane.points.var(axis=0)[1]
    assert find_plane(flat @ basis.T, ~right).points[~right, 0].mean() > 0, "the other class lies right"
    assert find_plane(np.ones((4, 3)), np.array([True] * 4)).explained == 1


def test_logits_of_each_pair_of_classes_are_those_of_the_first_seed_with_their_kappa(results: Sweep) -> None:
    table = project_logits(results)
    configuration = table["configuration"].iloc[0]
    arrays, *_ = raw(results, configuration)
    instances, *_ = raw(results, configuration, "instances.npz")
    rows, y = arrays["logits_rows"], instances["y"][arrays["logits_rows"]]
    here = table[table["configuration"] == configuration]
    enough = [pair for pair in combinations(range(10), 2) if np.isin(y, pair).sum() >= 3]
    assert list(here.groupby(["one", "other"]).groups) == enough and len(enough) > 40
    here = here[(here["one"] == 2) & (here["other"] == 7)]
    members = np.isin(y, (2, 7))
    assert here["label"].tolist() == y[members].tolist()
    assert here["kappa"].tolist() == instances["kappa"][DIAGNOSED[-1], rows[members]].tolist()
    logits = arrays["logits_values"][-1][members].astype(float)
    variances = np.linalg.eigvalsh(np.cov(logits.T))[::-1]
    assert here["x"].var() == pytest.approx(variances[0], rel=1e-6)
    assert here["y"].var() == pytest.approx(variances[1], rel=1e-6)
    assert here["explained"].iloc[0] == pytest.approx(variances[:2].sum() / variances.sum(), rel=1e-6)
    assert set(project_logits(results, [(3, 8)])["one"]) == {3}


def test_without_diagnostics_all_are_empty_and_rows_of_others_are_not_read(tmp_path: Path) -> None:
    bare = load_sweep(write_sweep(tmp_path / "bare", Made(noise=(0.1,), subsets=("all",), faults=False)))
    for measure in (measure_flatness, measure_lipschitz, tabulate_lipschitz, project_logits, measure_median_features):
        assert measure(bare).empty  # type: ignore[operator]
    made = Made(noise=(0.1,), methods=("AT 0.10",), subsets=("all",), faults=False, instances=True, diagnostics=True)
    folder = write_sweep(tmp_path / "other", made)
    for path in folder.glob("trials/*/diagnostics.npz"):
        arrays = dict(np.load(path))
        np.savez(path, **arrays | {name: arrays[name] + 1000 for name in ("logits_rows", "features_rows")})
    assert project_logits(load_sweep(folder)).empty and measure_median_features(load_sweep(folder)).empty
