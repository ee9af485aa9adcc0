"""diagnostics.npz: whole after any interruption, cut where the trial was stopped, and apart from all other records."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from math import inf
from pathlib import Path
from typing import Any

import pytest

from search.execution.reuse import import_states
from search.execution.session import Session
from search.verify.__main__ import main as verify
from trainers.npz import read_arrays
from trainers.record_io import Row
from trainers.record_reader import read_json, read_rows

from ..helpers import Tiny, hash_records, smoke
from .test_reuse import burn_ins

FLAT: Row = {"flatness": {"after": [2, 3, "100%"], "images": 20, "steps": 2, "step_size": "epsilon"}}
PLAIN = 0


@pytest.fixture
def tiny(tmp_path: Path) -> Callable[..., Tiny]:
    """One trial of spaces/smoke.yaml, which needs no other training, with diagnostics."""
    names = count()

    def make(diagnostics: Row = FLAT, **changes: Any) -> Tiny:
        given = {"profile": None, "search__axes": {}, "evaluate__diagnostics": diagnostics} | changes
        return Tiny(tmp_path / f"sweep{next(names)}", smoke(**given))

    return make


def measured(run: Tiny, i: int = PLAIN) -> list[int]:
    arrays = read_arrays(run.folder(i) / "diagnostics.npz")
    assert arrays is not None
    assert len(arrays["flatness_images"]) == 20 and arrays["flatness_friendly"].shape[1] == 20
    epochs: list[int] = arrays["flatness_epochs"].tolist()
    assert {len(values) for name, values in arrays.items() if name != "flatness_images"} == {len(epochs)}
    return epochs


@pytest.mark.long
def test_they_are_recorded_apart_and_all_else_is_as_without(tiny: Any) -> None:
    run, bare = tiny(), tiny(diagnostics={})
    assert run.run(PLAIN) == bare.run(PLAIN) == "completed"
    assert measured(run) == [1, 2, 5] and not (bare.folder(PLAIN) / "diagnostics.npz").exists()
    for name in ("epochs.jsonl", "instances.npz"):
        assert (run.folder(PLAIN) / name).read_bytes() == (bare.folder(PLAIN) / name).read_bytes()
    one, other = (read_json(each.folder(PLAIN) / "result.json") for each in (run, bare))
    assert {key for key in one if one[key] != other[key]} == {
        "bytes",
        "sha256",
        "chain",
        "digest",
    }  # config.yaml names them
    assert one["bytes"].keys() - other["bytes"].keys() == {"diagnostics.npz"}
    assert run.plan.trials[PLAIN].id == bare.plan.trials[PLAIN].id


def test_time_that_they_take_counts_as_measuring(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    run = tiny()
    monkeypatch.setattr(
        "trainers.diagnostics.flatness.Flatness.measure", lambda *_: [next(clock) for _ in range(9)] and {}
    )
    monkeypatch.setattr("search.execution.session.time.perf_counter", lambda: float(next(clock)))
    run.session(PLAIN).advance(inf)
    *epochs, final = read_rows(run.folder(PLAIN) / "cost.jsonl")
    assert [row["evaluate_seconds"] >= 10 for row in epochs] == [False, True, True, False, False, False]
    assert final["final_seconds"] >= 10  # those of the last weights


@pytest.mark.long
def test_resumed_after_every_epoch_they_are_the_same(tiny: Any) -> None:
    whole, disturbed = tiny(), tiny()
    whole.run(PLAIN)
    for _ in range(20):
        if disturbed.session(PLAIN).advance(0) != "running":
            break
    assert hash_records(disturbed.store.folder) == hash_records(whole.store.folder)
    assert any(name.endswith("diagnostics.npz") for name in hash_records(whole.store.folder))


def test_of_a_stopped_trial_those_before_its_stop_remain(tiny: Any) -> None:
    run, why = tiny(), {"epoch": 2, "reason": "no new best"}
    assert Session(replace(run.job(PLAIN), until=4), run.data(PLAIN)).advance(inf) == "paused"
    assert Session(replace(run.job(PLAIN), until=2, stop=why), run.data(PLAIN)).advance(inf) == "stopped"
    assert measured(run) == [1]


@pytest.mark.long
def test_an_identical_training_has_a_copy(tmp_path: Path) -> None:
    """Uniform weights are the same after any burn-in."""
    run = Tiny(tmp_path / "sweep", burn_ins(["inf", 1], evaluate__diagnostics=FLAT)).all()
    assert run.trained() == run.plan.tree.distinct == 6 + 4 + 2
    assert [measured(run, i) for i in range(4)] == [[1, 2, 5]] * 4


@pytest.mark.long
def test_a_sweep_with_them_continues_from_the_states_of_one_without(
    tiny: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = tiny(diagnostics={}, search__keep="all").all()
    run = tiny(diagnostics={"flatness": {"images": 20, "steps": 2, "step_size": "epsilon"}})
    import_states(run.store, run.plan, [bare.store.folder])
    run.all()
    assert run.trained() == 0, "they are measured on the last state"
    assert verify([str(run.store.folder), "--sample", "100%"]) == 0


@pytest.mark.long
def test_a_damaged_record_is_made_again_from_the_stages(tiny: Any) -> None:
    run = tiny().all()
    before, path = hash_records(run.store.folder), run.folder(PLAIN) / "diagnostics.npz"
    path.write_bytes(path.read_bytes()[:-1])
    run.all()
    assert hash_records(run.store.folder) == before and run.trained() == 6
