"""The bound on images that an order of the margin counts wrongly: its closed forms, its coverage, and its words."""

from __future__ import annotations

from math import comb, floor, log
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.measures.audit import Audit, collect_audit, describe_audit, describe_audits
from trainers.audit import bound_broken

SHARE = 0.1


@pytest.mark.parametrize(("share", "bound"), [(0.05, 58), (0.1, 28), (0.2, 13), (0.25, 10), (0.3, 8)])
def test_without_a_hit_the_bound_is_a_logarithm(share: float, bound: int) -> None:
    assert bound_broken(0, share) == bound == floor(log(0.05) / log(1 - share))


@pytest.mark.parametrize(("hits", "bound"), [(1, 45), (2, 60), (5, 102)])
def test_bounds_with_hits(hits: int, bound: int) -> None:
    assert bound_broken(hits, SHARE) == bound


@given(st.integers(0, 30), st.floats(0.02, 0.9))
def test_the_bound_is_the_largest_number_that_is_not_refuted(hits: int, share: float) -> None:
    def tail(n: int) -> float:
        return sum(comb(n, k) * share**k * (1 - share) ** (n - k) for k in range(hits + 1))

    bound = bound_broken(hits, share)
    assert tail(bound) > 0.05 * (1 - 1e-9) and tail(bound + 1) <= 0.05 * (1 + 1e-9)


WORLDS = {  # broken images among those left out, by training: 60 trainings of 640
    "all in one training": [29],
    "one each in 30": [1] * 30,
    "one each in 60": [1] * 60,
    "ten each in 20": [10] * 20,
    "unequal": [30, 12, 5, 3, 2, 1, 1, 1],
}


@pytest.mark.parametrize("broken", WORLDS.values(), ids=WORLDS)
def test_the_bound_holds_in_all_but_a_twentieth_of_sweeps(broken: list[int]) -> None:
    """A training with a hit is attacked whole; what the others still miss exceeds the bound in at most 5 %."""
    draws, rest, sample = 4000, 640, 64
    rng = np.random.default_rng(0)
    hits = np.stack([rng.hypergeometric(n, rest - n, sample, draws) for n in broken])
    counts = np.array(broken)[:, None]
    found, left = (np.where(chosen, counts, 0).sum(0) for chosen in (hits > 0, hits == 0))
    bounds = np.array([bound_broken(int(total), SHARE) for total in range(hits.sum(0).max() + 1)])[hits.sum(0)]
    wrong = int((left > bounds - found).sum())
    assert wrong <= 0.05 * draws + 2 * np.sqrt(0.05 * 0.95 * draws)


def order(**counts: Any) -> dict[str, Any]:
    plain = {"survivors": 800, "attacked": 160, "audited": 64, "hits": 0, "found": 0, "audit": SHARE, "masked": False}
    return plain | counts


def sweep(orders: list[dict[str, Any]], chains: list[str] | None = None) -> Any:
    outcomes = {
        f"t{i}": {"chain": (chains or list(map(str, range(len(orders)))))[i], "data": {"test": 1079},
                  "best": {"margin_order": {"aa": row}}}
        for i, row in enumerate(orders)
    }  # fmt: skip
    attacks = {"pgd": "PGD-10", "aa": "AutoAttack standard by growing margin, audit 10%, linf, epsilon 0.1"}
    completed = pd.DataFrame({"id": list(outcomes)})
    return SimpleNamespace(outcomes=outcomes, attacks=attacks, completed=completed, checkpoint="best")


def test_the_bound_pools_the_trainings_of_a_sweep() -> None:
    found = collect_audit(sweep([order()] * 60), "aa", "best")
    assert found is not None and (found.trainings, found.audited, found.missed) == (60, 3840, 28)
    assert found.worst == pytest.approx(28 / 1079) and found.average == pytest.approx(28 / 1079 / 60)


def test_what_trainings_attacked_whole_have_found_is_not_missed() -> None:
    found = collect_audit(sweep([order()] * 58 + [order(hits=1, found=7, masked=True)] * 2), "aa", "best")
    assert found is not None and (found.hits, found.found, found.whole, found.masked) == (2, 14, 2, 2)
    assert found.missed == 60 - 14


def test_a_training_under_two_names_counts_once() -> None:
    found = collect_audit(sweep([order()] * 3, ["a", "a", "b"]), "aa", "best")
    assert found is not None and found.trainings == 2


def test_a_sweep_in_no_order_says_nothing() -> None:
    plain = sweep([order()])
    plain.outcomes["t0"]["best"] = {"test_aa_acc": 0.4}
    assert collect_audit(plain, "aa", "best") is None and list(describe_audits(plain)) == []


def test_words() -> None:
    audit = Audit(60, 1079, 45_000, 9_450, 3_840, 0, 0, 0, 0, SHARE)
    assert describe_audit(audit) == (
        "attacked by growing margin, 21 % of survivors and a random 10 % of the rest (3,840 images, 0 broken): "
        "at most 28 images of 60 trainings are wrongly counted as robust (95%): "
        "0.043 points on average, 2.6 if all were in one training."
    )
    whole = describe_audit(audit._replace(hits=1, found=40, whole=1, masked=1))
    assert "1 broken: 1 training attacked whole, which broke 40): at most 5 images" in whole
    assert whole.endswith("Gradients look masked in 1 training.")
