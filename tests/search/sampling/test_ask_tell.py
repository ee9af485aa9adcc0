"""A search that adapts asks for the same configurations however many run at once, and after any kill."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from search.verify.__main__ import main as verify
from trainers.record_reader import read_json, read_rows

from ..helpers import Tiny, hash_records, slow, smoke

pytestmark = pytest.mark.long


def adaptive(**changes: Any) -> str:
    axes = {
        "method.attack.epsilon": {"uniform": [0.02, 0.3]},
        "optimizer.lr.values": {"choice": [[0.1, 0.01], [0.05, 0.001]]},
    }
    given = {
        "profile": None,
        "search__axes": axes,
        "search__strategy": "tpe",
        "search__trials": 6,
        "search__generation": 2,
        "search__replicates": 2,
        "search__constraints": ["val_clean_acc >= 30%"],
        "trial__method": {"base": "pgd-at", "attack": {"steps": 2}},
    }
    return smoke(**(given | changes))


def grid(**changes: Any) -> str:
    axes = {"method.attack.epsilon": {"grid": [0.05, 0.1, 0.3]}}
    return smoke(profile=None, search__axes=axes, search__budget={"trials": 1}, **changes)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("asked") / "sweep", adaptive()).all()


def memory(run: Tiny) -> list[Any]:
    """Return what was asked and told; Optuna's operations also hold the time of day and the process."""
    rows = read_rows(run.store.folder / "generations.jsonl")
    return [row.get("asked") or row["told"] for row in rows]


def test_all_configurations_are_trained_for_every_seed(asked: Tiny) -> None:
    assert len(asked.plan.trials) == len(list(asked.store.folder.glob("trials/*/result.json"))) == 6 * 2
    stored = read_json(asked.store.folder / "plan.json")
    assert [row["id"] for row in stored["trials"]] == [trial.id for trial in asked.plan.trials]
    assert sorted({row["generation"] for row in stored["trials"]}) == [0, 1, 2]


def test_each_generation_after_the_first_is_told(asked: Tiny) -> None:
    told = [line for line in asked.said().splitlines() if " added" in line]
    assert told == ["4 trainings added: generation 2.", "4 trainings added: generation 3."]


@pytest.mark.parametrize(
    ("space", "total"),
    [
        (adaptive(search__budget={"trials": 1}), "4 trainings so far"),
        (grid(search__replicates={"min": 2, "max": 3}), "6 trainings so far"),
        (grid(search__replicates=2), "6 trainings"),
    ],
    ids=["generations", "seeds", "neither"],
)
def test_a_run_that_ends_early_says_whether_more_trainings_may_be_planned(
    tmp_path: Path, space: str, total: str
) -> None:
    run = Tiny(tmp_path / "sweep", space)
    assert not run.going(Random(0))
    assert f"sweep: {total}\n" in run.said()
    assert f" of {total} have no result yet. " in run.said()


def test_optuna_opens_the_finished_study(asked: Tiny) -> None:
    storage = JournalStorage(JournalFileBackend(str(asked.store.folder / "journal.log")))
    study = optuna.load_study(study_name=None, storage=storage)
    done = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(done) == 6
    result = read_json(asked.store.trial_folder(asked.plan.trials[0].id) / "result.json")
    assert done[0].user_attrs["configuration"] == asked.plan.trials[0].configuration
    assert set(study.metric_names or ()) == {"val_clean_acc", "val_pgd_acc"}
    assert 0 < result["best"]["val_clean_acc"] < 1


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_proposals_are_the_same_at_any_concurrency_and_speed(asked: Tiny, tmp_path: Path, seed: int) -> None:
    run = Tiny(tmp_path / "sweep", adaptive())
    assert run.going(Random(seed), workers=3 + seed)
    assert memory(run) == memory(asked)
    assert hash_records(run.store.folder) == hash_records(asked.store.folder)


def test_proposals_are_the_same_after_kills(asked: Tiny, tmp_path: Path) -> None:
    random = Random(0)
    for _ in range(1000):
        run = Tiny(tmp_path / "sweep", adaptive())
        if run.going(random, workers=2, slices=random.randrange(3, 25)):
            break
    assert memory(run) == memory(asked)
    assert hash_records(run.store.folder) == hash_records(asked.store.folder)


def test_a_longer_search_begins_like_a_shorter_one_and_trains_only_what_is_new(asked: Tiny, tmp_path: Path) -> None:
    Tiny(tmp_path / "sweep", adaptive(search__trials=4)).all()
    run = Tiny(tmp_path / "sweep", adaptive())
    before = {trial.id for trial in run.plan.trials}
    run.all()
    assert {trial.id for trial in run.plan.trials} == {trial.id for trial in asked.plan.trials} > before
    assert run.trained() == asked.trained()


def test_diverged_configuration_is_told_as_failed(tmp_path: Path) -> None:
    axes = {"optimizer.lr": {"loguniform": [1e-3, 1e30]}}
    run = Tiny(tmp_path / "sweep", adaptive(search__axes=axes, search__replicates=1, search__trials=6)).all()
    found = [read_json(run.store.trial_folder(trial.id) / "result.json")["status"] for trial in run.plan.trials]
    storage = JournalStorage(JournalFileBackend(str(run.store.folder / "journal.log")))
    states = [trial.state for trial in optuna.load_study(study_name=None, storage=storage).trials]
    assert "diverged" in found
    assert [state == TrialState.FAIL for state in states] == [status == "diverged" for status in found]


@pytest.mark.slow
def test_stopping_compares_within_a_generation(tmp_path: Path) -> None:
    changes = {"search__stopping": {"margin": 0.05, "dominators": 1}, "trial__epochs": 20, "evaluate__every": 1}
    one = Tiny(tmp_path / "one" / "sweep", adaptive(**changes)).all()
    other = Tiny(tmp_path / "other" / "sweep", adaptive(**changes))
    assert other.going(Random(1), workers=4)
    assert memory(one) == memory(other)
    assert hash_records(one.store.folder) == hash_records(other.store.folder)
    assert verify([str(one.store.folder), "--sample", "4"]) == 0
