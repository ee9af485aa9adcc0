"""Late subsets in a sweep: all of a method and seed share the epochs before, and a kill or a fork moves no bit."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ..helpers import Tiny, hash_records

pytestmark = pytest.mark.long
LATE = {"size": "75%", "start": "first drop"}
SUBSETS = {
    "all": "all",
    "self-75": {"name": "ranked", "by": "self"} | LATE,
    "self-50": {"name": "ranked", "by": "self", "score": "difficulty", "window": 2} | LATE | {"size": "50%"},
    "profile-75": {"name": "ranked"} | LATE,
    "random-75": {"name": "random"} | LATE,
}
METHODS = {"pgd": {"base": "pgd-at", "attack": {"epsilon": 0.1, "steps": 2}}}
CHANGES = {"search__axes__subset": {"grid": SUBSETS}, "search__axes__method": {"grid": METHODS}}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The records of each training, trained from its first epoch, in a folder where no other has been."""
    records: dict[str, str] = {}
    for name, subset in SUBSETS.items():
        one = {**CHANGES, "search__axes__subset": {"grid": {name: subset}}}
        if name != "profile-75":
            one["profile"] = None
        folder = tmp_path_factory.mktemp(name) / "smoke"
        Tiny(folder, **one).all()
        records |= hash_records(folder)
    return records


def test_the_epochs_before_a_late_subset_are_trained_once(tmp_path: Path) -> None:
    sweep = Tiny(tmp_path / "smoke", **CHANGES).all()
    epochs, before, profiles = 6, 3, 2
    assert sweep.plan.tree.distinct == profiles * epochs + before + len(SUBSETS) * (epochs - before)
    assert sweep.trained() == sweep.plan.tree.distinct


@pytest.mark.parametrize("seed", range(3))
def test_late_subsets_equal_trainings_alone_whatever_is_killed(
    tmp_path: Path, alone: dict[str, str], seed: int
) -> None:
    random = Random(seed)
    while not Tiny(tmp_path / "smoke", **CHANGES).going(random, workers=2, slices=random.randrange(3, 12)):
        continue
    found = hash_records(tmp_path / "smoke")
    assert {name: found[name] for name in alone} == alone
