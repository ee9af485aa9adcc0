"""A sweep that stops early decides the same however many run at once, however fast, and after any kill."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from search.soak.process import DAMAGES
from search.stopping.controller import JOURNAL
from search.verify import main as verify
from trainers.reading import read_json

from ..helpers import Tiny, hash_records, slow, smoke

pytestmark = pytest.mark.sweeps

EPOCHS = 20


def rivals(**changes: Any) -> str:
    """Training at four epsilons, of which the large ones lead nowhere, and two places of the drop; two seeds each."""
    axes = {"method.attack.epsilon": {"grid": [0.05, 0.1, 0.3, 0.6]}, "optimizer.lr.drops": {"grid": [[7], [10]]}}
    given = {
        "profile": None,
        "search__axes": axes,
        "search__replicates": 2,
        "search__stopping": {"margin": 0.05},
        "search__checkpoint_seconds": 1e9,
        "trial__epochs": EPOCHS,
        "trial__method": {"base": "pgd-at", "attack": {"steps": 2}},
        "trial__optimizer": {"lr": {"name": "piecewise", "values": [0.1, 0.01], "drops": [10]}},
        "evaluate__every": 1,
    }
    return smoke(**(given | changes))


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("steered") / "sweep", rivals()).all()


def statuses(it: Tiny) -> dict[str, str]:
    return {trial.id: read_json(it.store.trial(trial.id) / "result.json")["status"] for trial in it.plan.trials}


def test_it_saves_and_finishes_what_lies_near_the_front(steered: Tiny) -> None:
    found = statuses(steered)
    assert set(found.values()) == {"completed", "stopped"}
    assert steered.trained() < 0.8 * steered.plan.tree.distinct


def test_seeds_of_a_configuration_end_together(steered: Tiny) -> None:
    found = statuses(steered)
    for trial in steered.plan.trials:
        assert len({found[it.id] for it in steered.plan.trials if it.configuration == trial.configuration}) == 1


def test_what_was_stopped_says_why_and_is_not_filled_in(steered: Tiny) -> None:
    for trial in steered.plan.trials:
        result = read_json(steered.store.trial(trial.id) / "result.json")
        if result["status"] == "stopped":
            assert result["epochs"] == result["stopped"]["epoch"] < EPOCHS
            assert result["stopped"]["reason"]
            assert not any("pgd20" in name for name in result["last"])


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_at_any_concurrency_and_speed_the_records_are_the_same(steered: Tiny, tmp_path: Path, seed: int) -> None:
    it = Tiny(tmp_path / "sweep", rivals())
    assert it.going(Random(seed), workers=2 + seed)
    assert hash_records(it.store.folder) == hash_records(steered.store.folder)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_after_kills_too(steered: Tiny, tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(1000):
        it = Tiny(tmp_path / "sweep", rivals(search__checkpoint_seconds=0))
        if it.going(random, workers=3, slices=random.randrange(10, 120)):
            break
    assert hash_records(it.store.folder) == hash_records(steered.store.folder)


@pytest.mark.parametrize("damage", ["half", *slow(*(damage for damage in DAMAGES if damage != "half"))])
def test_with_a_journal_that_was_torn_it_decides_the_same_again(steered: Tiny, tmp_path: Path, damage: str) -> None:
    random = Random(7)
    for _ in range(1000):
        it = Tiny(tmp_path / "sweep", rivals(search__checkpoint_seconds=0))
        if it.going(random, workers=3, slices=120):
            break
        if (journal := it.store.folder / JOURNAL).exists():
            journal.write_bytes(DAMAGES[damage](journal.read_bytes()))
    assert hash_records(it.store.folder) == hash_records(steered.store.folder)


def test_stopped_trials_too_are_verified(steered: Tiny) -> None:
    assert verify([str(steered.store.folder), "--sample", "2"]) == 0
