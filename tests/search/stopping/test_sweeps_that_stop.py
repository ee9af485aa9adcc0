"""Sweeps that stop early: neither concurrency nor speed nor kills change a decision, whatever the rule."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from search.soak.process import DAMAGES
from search.stopping.decisions import JOURNAL
from search.verify.__main__ import main as verify
from trainers.record_reader import read_json

from ..helpers import Tiny, hash_records, slow, smoke

pytestmark = pytest.mark.long

EPOCHS = 20
RULES: dict[str, dict[str, Any]] = {
    "robust": {"margin": 0.05},
    "median": {"name": "median", "rungs": ["25%", "50%"], "least": 3},
}


def rivals(**changes: Any) -> str:
    """Return a space with two seeds of four epsilons, the large ones hopeless, and of two epochs of the drop."""
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


@pytest.fixture(scope="module", params=RULES)
def rule(request: pytest.FixtureRequest) -> dict[str, Any]:
    return RULES[request.param]


@pytest.fixture(scope="module")
def finished(rule: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("finished") / "sweep", rivals(search__stopping=rule)).all()


def statuses(sweep: Tiny) -> dict[str, str]:
    return {
        trial.id: read_json(sweep.store.trial_folder(trial.id) / "result.json")["status"] for trial in sweep.plan.trials
    }


def test_rule_stops_some_trials_and_completes_others(finished: Tiny) -> None:
    found = statuses(finished)
    assert set(found.values()) == {"completed", "stopped"}
    assert finished.trained() < 0.8 * finished.plan.tree.distinct


def test_seeds_of_a_configuration_stop_together(finished: Tiny) -> None:
    found = statuses(finished)
    by_configuration: dict[str, set[str]] = {}
    for trial in finished.plan.trials:
        by_configuration.setdefault(trial.configuration, set()).add(found[trial.id])
    assert all(len(of_seeds) == 1 for of_seeds in by_configuration.values())


def test_stopped_trial_has_a_reason_and_no_final_attack(finished: Tiny) -> None:
    for trial in finished.plan.trials:
        result = read_json(finished.store.trial_folder(trial.id) / "result.json")
        if result["status"] == "stopped":
            assert result["epochs"] == result["stopped"]["epoch"] < EPOCHS
            assert result["stopped"]["reason"]
            assert not any("pgd20" in name for name in result["last"])


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_concurrency_and_speed_change_no_record(
    finished: Tiny, rule: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    sweep = Tiny(tmp_path / "sweep", rivals(search__stopping=rule))
    assert sweep.going(Random(seed), workers=2 + seed)
    assert hash_records(sweep.store.folder) == hash_records(finished.store.folder)


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_kills_change_no_record(finished: Tiny, rule: dict[str, Any], tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    for _ in range(1000):
        sweep = Tiny(tmp_path / "sweep", rivals(search__stopping=rule, search__checkpoint_seconds=0))
        if sweep.going(random, workers=3, slices=random.randrange(10, 120)):
            break
    assert hash_records(sweep.store.folder) == hash_records(finished.store.folder)


@pytest.mark.parametrize("damage", ["half", *slow(*(damage for damage in DAMAGES if damage != "half"))])
def test_damaged_journal_is_decided_again_the_same(
    finished: Tiny, rule: dict[str, Any], tmp_path: Path, damage: str
) -> None:
    random = Random(7)
    for _ in range(1000):
        sweep = Tiny(tmp_path / "sweep", rivals(search__stopping=rule, search__checkpoint_seconds=0))
        if sweep.going(random, workers=3, slices=120):
            break
        if (journal := sweep.store.folder / JOURNAL).exists():
            journal.write_bytes(DAMAGES[damage](journal.read_bytes()))
    assert hash_records(sweep.store.folder) == hash_records(finished.store.folder)


def test_stopped_trials_are_verified(finished: Tiny) -> None:
    assert verify([str(finished.store.folder), "--sample", "2"]) == 0
