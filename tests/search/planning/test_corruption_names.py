"""Corrupted test sets name a training only where they are recorded along it, or are values of an axis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from search.exceptions import DifferentSweep, SpaceError
from search.execution.compatibility import check_compatible
from search.planning.datasets import DatasetCache, identify_source
from search.planning.measurements import check_corruptions, complete_trial, is_unmeasured
from search.planning.plan import Plan, PlannedTrial
from search.planning.planner import Planner
from search.schema.space import load_space
from search.store.store import Store
from trainers.evaluate import Evaluation
from trainers.record_io import write_json

from ..corrupted import corrupted_data, write_corrupted
from ..helpers import smoke

FOG = {"severity": 2, "names": ["fog"]}
IMAGES = "0211f51763a45936a47800e5e9de703e13bd18d480fc497986e084bd934de833"
WITH_CORRUPTED = "dd30f8870e58b930894c90d56acf25be13ca68df688f41fd6053c46d7979f0ee"


@pytest.fixture
def folder(here: Path) -> Path:
    write_corrupted(here)
    return here


def planned(losses: bool = False, axes: dict[str, Any] | None = None, **corruptions: Any) -> Plan:
    data = corrupted_data(Path("."), **corruptions)
    changes: dict[str, Any] = {"trial__epochs": 2, "profile": None, "search__axes": axes or {}, "trial__data": data}
    text = smoke(**changes, evaluate={"test_losses": True} if losses else {})
    Path("space.yaml").write_text(text)
    sources = DatasetCache()
    plan = Planner(load_space(Path("space.yaml"), []), sources.fingerprint, "code").plan()
    assert {identify_source(trial.config.data) for trial in plan.trials} <= sources.loaded.keys()
    return plan


def only(plan: Plan) -> PlannedTrial:
    (trial,) = plan.trials
    return trial


def tree() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(Path("space.yaml").read_text())
    return found


def test_names_of_trainings_without_corruptions_or_with_their_losses_never_change(folder: Path) -> None:
    plain, recorded = only(planned()), only(planned(losses=True, severity=2))
    assert (plain.id, plain.data, plain.corrupted) == ("trial-ad48ea,seed=0", IMAGES, None)
    assert (recorded.id, recorded.data, recorded.corrupted) == ("trial-33c0dd,seed=0", WITH_CORRUPTED, None)
    assert "corrupted" not in plain.to_row() and "corrupted" not in recorded.to_row()


def test_what_the_last_state_alone_is_measured_on_names_no_training(folder: Path) -> None:
    plain, fog, both = (only(planned(**knobs)) for knobs in ({}, FOG, {"severity": 2}))
    assert (fog.id, fog.data, *fog.chain) == (both.id, both.data, *both.chain) == (plain.id, plain.data, *plain.chain)
    assert len({plain.corrupted, fog.corrupted, both.corrupted}) == 3 and fog.to_row()["corrupted"] == fog.corrupted


def test_other_images_under_the_same_path_are_other_corrupted_test_sets(folder: Path) -> None:
    before = only(planned(**FOG))
    write_corrupted(folder, seed=7)
    assert only(planned(**FOG)).final == before.final and only(planned(**FOG)).corrupted != before.corrupted


def test_corruptions_of_an_axis_name_trainings_but_for_those_of_the_space(folder: Path) -> None:
    severities = {"data.corruptions.severity": {"grid": [2, 3, 4]}}
    trials = planned(axes=severities, **FOG).trials
    assert len({trial.final for trial in trials}) == 3
    assert [bool(trial.corrupted) for trial in trials] == [True, False, False]
    assert trials[0].final == only(planned()).final


# Records of a training, and what is asked of it now -------------------------------------------------------------------


@pytest.fixture
def store(folder: Path) -> Store:
    """A sweep whose one training was measured on foggy images."""
    return record(planned(**FOG))


def record(plan: Plan) -> Store:
    """Store a plan with the results that matter here."""
    store = Store(Path("sweep"))
    for trial in plan.trials:
        place = Path(store.folder, "trials", trial.id)
        place.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {"trial": trial.config.model_dump(mode="json"), "evaluate": {}}
        (place / "config.yaml").write_text(
            yaml.safe_dump(config | ({"corrupted": trial.corrupted} if trial.corrupted else {}))
        )
        write_json(
            place / "result.json",
            {"trial": trial.id, "status": "completed", "chain": trial.final, "epochs": 2, "attacks": {"pgd20": ""},
             "last": {}},
        )  # fmt: skip
    write_json(store.folder / "plan.json", plan.to_json("sweep"))
    (Path(store.folder) / "space.yaml").write_text(Path("space.yaml").read_text())
    return store


def lacks(store: Store, trial: PlannedTrial) -> bool:
    result = store.read_result(trial.id, trial.final)
    return is_unmeasured(store, trial.id, result, Evaluation(), trial.corrupted)


def test_a_training_lacks_corrupted_test_sets_that_its_records_do_not_have(folder: Path) -> None:
    store = record(planned())
    assert lacks(store, only(planned(**FOG))) and not lacks(store, only(planned()))
    store = record(planned(**FOG))
    assert not lacks(store, only(planned(**FOG))) and not lacks(store, only(planned()))


def test_other_corrupted_test_sets_than_the_recorded_ones_are_refused(store: Store) -> None:
    check_corruptions(store, planned(**FOG).trials)
    check_corruptions(store, planned().trials)
    other = planned(**FOG | {"severity": 3})
    with pytest.raises(SpaceError, match=r"measured on other corrupted images.*--name NEW --reuse .*sweep"):
        check_corruptions(store, other.trials)
    with pytest.raises(DifferentSweep, match="measured on other corrupted images"):
        check_compatible(store.folder, other, tree())


def test_where_weights_are_gone_corruptions_are_refused_with_what_would_have_kept_them(folder: Path) -> None:
    store = record(planned())
    with pytest.raises(DifferentSweep, match=r"last weights of 1 training are not stored any more.*keep: best"):
        check_compatible(store.folder, planned(**FOG), tree())


def test_a_training_that_is_measured_again_keeps_its_corrupted_test_sets(store: Store, folder: Path) -> None:
    asked, plain = only(planned(**FOG)), only(planned())
    found = complete_trial(store, plain, DatasetCache())
    assert (found.config, found.corrupted) == (asked.config, asked.corrupted)
    write_corrupted(folder, seed=7)
    with pytest.raises(SpaceError, match="those in corrupted have changed; put back the files"):
        complete_trial(store, plain, DatasetCache())
    (folder / "corrupted" / "fog.npy").unlink()
    with pytest.raises(SpaceError, match=r"data: corruptions: names: no fog\.npy"):
        complete_trial(store, plain, DatasetCache())


def test_a_sweep_whose_trainings_older_code_named_by_their_corruptions_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(Planner, "_identify_data", _name_by_all)
        store = record(planned(**FOG))
    with pytest.raises(DifferentSweep, match=r"named by their corrupted test images.*stay readable.*--name NEW"):
        check_compatible(store.folder, planned(**FOG), tree())


def _name_by_all(self: Any, kind: str, data: Any, point: Any) -> tuple[str, None]:
    return str(self._find_fingerprint(kind, data, point)), None
