"""Files of a sweep that are damaged, at every kind of place: what can be made again is, with the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from search.exceptions import DifferentSweep
from search.execution.compatibility import check_compatible
from search.execution.repair import discard_torn_results
from trainers.record_io import write_json

from ..helpers import Tiny, hash_records, local, spread
from .test_reuse import burn_ins

pytestmark = pytest.mark.long

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "trailing garbage": lambda content: content + b"\0garbage",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("whole") / "sweep", burn_ins()).all()


@pytest.mark.parametrize(
    ("name", "damage"), spread(["epochs.jsonl", "instances.npz", "config.yaml", "result.json"], list(DAMAGES))
)
def test_a_torn_record_of_a_finished_trial_is_made_again(whole: Tiny, tmp_path: Path, name: str, damage: str) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins()).all()
    path = run.folder(1) / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    again = Tiny(tmp_path / "sweep", burn_ins())
    told = list(discard_torn_results(again.store, again.plan))
    assert again.going(Random(0))
    assert hash_records(again.store.folder) == hash_records(whole.store.folder)
    assert again.trained() == run.plan.tree.distinct, "no epoch was trained again"
    assert len(told) == 1 and name in told[0]


@pytest.mark.parametrize(("name", "damage"), spread(["epochs.jsonl", "config.yaml"], list(DAMAGES)))
def test_a_torn_record_of_a_renamed_trial_is_not_copied(tmp_path: Path, name: str, damage: str) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins([1])).all()
    path = run.folder(1) / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    rates = {"optimizer.lr.values": {"grid": [[0.1, 0.01]]}}
    axes = yaml.safe_load(burn_ins([1]))["search"]["axes"] | rates
    more = Tiny(tmp_path / "sweep", burn_ins([1], search__axes=axes)).all()
    assert more.trained() == 0, "its stages are stored"
    assert not list(discard_torn_results(more.store, more.plan))
    alone = Tiny(tmp_path / "alone", burn_ins([1], search__axes=axes)).all()
    assert hash_records(alone.store.folder).items() <= hash_records(more.store.folder).items()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_torn_plan_is_made_again_from_the_space(whole: Tiny, tmp_path: Path, damage: str) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins()).all()
    path = run.store.folder / "plan.json"
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert check_compatible(run.store.folder, run.plan, {}) is None
    again = Tiny(tmp_path / "sweep", burn_ins())
    assert not again.sweep.unfinished()
    assert hash_records(again.store.folder) == hash_records(whole.store.folder)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_torn_plan_of_a_sweep_that_was_extended_is_made_again(tmp_path: Path, damage: str) -> None:
    """The trainings that the extension renamed are still there, one of them as it was cut off."""
    short, longer = burn_ins([1]), burn_ins([1], epochs=8)
    run = Tiny(tmp_path / "sweep", short)
    assert run.run(0) == "completed"
    run.session(1).advance(0)
    path = run.store.folder / "plan.json"
    path.write_bytes(b"{")
    assert check_compatible(run.store.folder, Tiny(tmp_path / "other", longer).plan, {}) is None, (
        "nothing of it has begun"
    )
    more = Tiny(tmp_path / "sweep", longer)
    more.session(0).advance(0)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert len(list((run.store.folder / "trials").glob("*"))) == 3
    assert check_compatible(run.store.folder, more.plan, {}) is None
    again = Tiny(tmp_path / "sweep", longer).all()
    alone = Tiny(tmp_path / "alone", longer).all()
    assert hash_records(alone.store.folder).items() <= hash_records(again.store.folder).items()
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(DifferentSweep, match="of another sweep"):
        check_compatible(run.store.folder, Tiny(tmp_path / "third", burn_ins([3], epochs=8)).plan, {})


def test_a_torn_plan_of_another_sweep_is_refused(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", burn_ins())
    run.all()
    local(run.store.folder / "plan.json").write_text("{")
    other: Any = Tiny(tmp_path / "other", burn_ins([3])).plan
    with pytest.raises(DifferentSweep, match="of another sweep"):
        check_compatible(run.store.folder, other, {})
    write_json(run.store.folder / "plan.json", {"format": 1, "trials": []})
    with pytest.raises(DifferentSweep, match="another version"):
        check_compatible(run.store.folder, run.plan, {})
