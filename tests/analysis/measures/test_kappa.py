"""Statistics of kappa along training, and weights against it."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.measures.kappa import measure_kappa, measure_weight_by_kappa, tabulate_kappa_and_weight
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import Made, write_sweep

MADE = Made(noise=(0.1,), methods=("AT",), subsets=("all", "friendly 96"), faults=False, instances=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return load_sweep(write_sweep(tmp_path_factory.mktemp("kappa") / "sweep", MADE))


def visits(results: Sweep, trial: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the kappa and the weight of each visit in epochs that weigh."""
    with np.load(results.folder / "trials" / trial / "instances.npz") as arrays:
        return arrays["kappa"][12:].ravel(), arrays["weight"][12:].astype(float).ravel()


def test_mean_and_median_of_kappa_have_errors_over_seeds(results: Sweep) -> None:
    table = measure_kappa(results)
    assert set(table["quantity"]) == {"kappa_mean", "kappa_median"}
    rows = results.epochs[results.epochs["id"].isin(results.completed.loc[results.completed["choice"] == "all", "id"])]
    values = rows.loc[rows["epoch"] == 23, "kappa_mean"]
    here = table[(table["choice"] == "all") & (table["quantity"] == "kappa_mean") & (table["epoch"] == 23)].iloc[0]
    assert [here["mean"], here["lo"], here["n"]] == pytest.approx([values.mean(), values.mean() - values.sem(), 3])


def test_weight_by_kappa_is_the_mean_over_visits_after_the_burn_in(results: Sweep) -> None:
    table = measure_weight_by_kappa(results)
    means, shares = [], []
    for trial in results.completed.loc[results.completed["choice"] == "friendly 96", "id"]:
        kappa, weight = visits(results, trial)
        means.append(weight[kappa == 6].mean())
        shares.append((kappa == 6).mean())
    row = table[(table["choice"] == "friendly 96") & (table["kappa"] == 6)].iloc[0]
    assert [row["mean"], row["share"]] == pytest.approx([np.mean(means), np.mean(shares)], rel=1e-5)
    assert row["hi"] - row["mean"] == pytest.approx(np.std(means, ddof=1) / np.sqrt(3), rel=1e-3)
    assert (np.diff(table.loc[table["choice"] == "all", "mean"].to_numpy()[2:8]) < 0).all(), (
        "less weight to larger kappa"
    )
    assert table["relative"].max() == 1


def test_the_joint_table_counts_every_visit_once(results: Sweep) -> None:
    table = tabulate_kappa_and_weight(results)
    here = table[table["choice"] == "all"]
    pairs = [visits(results, trial) for trial in results.completed.loc[results.completed["choice"] == "all", "id"]]
    kappa, weight = (np.concatenate(part) for part in zip(*pairs, strict=True))
    assert here["count"].sum() == len(kappa) and set(here["n"]) == {3}
    low, high = here["weight_lo"].iloc[5], here["weight_hi"].iloc[5]
    expected = ((kappa == here["kappa"].iloc[5]) & (weight >= low) & (weight < high)).sum()
    assert here["count"].iloc[5] == expected > 0
