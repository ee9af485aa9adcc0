"""What is damaged without a trace in its size or its grammar: told by checksums, and made again with the same bits."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from search.exceptions import DifferentSweep
from search.execution.compatibility import check_compatible, describe_damage
from search.execution.repair import discard_torn_results, find_damaged_files
from search.execution.stored_space import count_stored_trials
from search.store.plan_file import find_plan, write_plan
from search.store.store import Store
from search.verify.__main__ import main as verify
from trainers.record_io import Row, sealed, signed, write_json
from trainers.record_reader import Damage, read_json

from ..helpers import Tiny, hash_records, slow, smoke

PLAIN = {"profile": None, "search__axes": {"subset": {"grid": ["all"]}}, "search__replicates": 1}


def flipped(path: Path) -> None:
    """Change one digit, or one bit if there is none, at equal size."""
    content = bytearray(path.read_bytes())
    digits = [i for i, byte in enumerate(content) if byte in b"12345678"]
    at = digits[0] if path.suffix != ".npz" else len(content) // 2
    content[at] ^= 1
    path.write_bytes(bytes(content))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    return Tiny(tmp_path_factory.mktemp("whole") / "sweep", smoke(**PLAIN)).all()


@pytest.mark.long
@pytest.mark.parametrize("name", ["epochs.jsonl", "instances.npz", "config.yaml", "result.json"])
def test_a_record_changed_at_equal_size_is_reported_and_made_again(
    whole: Tiny, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    path = run.folder(0) / name
    size = path.stat().st_size
    flipped(path)
    assert path.stat().st_size == size
    if name != "result.json":  # which verify takes for none
        assert verify([str(run.store.folder)]) == 1
        assert f"DAMAGED: {run.plan.trials[0].id}: {name}" in capsys.readouterr().out
    again = Tiny(tmp_path / "sweep", smoke(**PLAIN))
    (told,) = discard_torn_results(again.store, again.plan)
    assert told.startswith(f"{run.plan.trials[0].id}: {name} ") and "damaged" in told
    assert again.going(Random(0))
    assert hash_records(again.store.folder) == hash_records(whole.store.folder)
    assert again.trained() == run.plan.tree.distinct, "no epoch was trained again"
    assert verify([str(run.store.folder)]) == 0
    assert "The records of 1 of 1 trials are as they were written" in capsys.readouterr().out


def test_a_copy_of_a_damaged_result_is_kept(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    flipped(run.folder(0) / "result.json")
    content = (run.folder(0) / "result.json").read_bytes()
    assert len(list(discard_torn_results(run.store, run.plan))) == 1
    assert (run.folder(0) / "result.damaged").read_bytes() == content


def test_large_arrays_are_checked_if_newer_than_their_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read those of a thousand trials would take minutes; who reads or verifies them looks at each."""
    monkeypatch.setattr("search.execution.repair.SMALL_FILE", 0)
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    path, result = (
        run.folder(0) / "instances.npz",
        run.store.read_result(run.plan.trials[0].id, run.plan.trials[0].final),
    )
    assert result and find_damaged_files(run.folder(0), result) == []
    flipped(path)
    assert find_damaged_files(run.folder(0), result) == ["instances.npz"]
    os.utime(path, (0, 0))  # as if the disk had lost the bit
    assert find_damaged_files(run.folder(0), result) == []
    assert find_damaged_files(run.folder(0), result, thorough=True) == ["instances.npz"]


def older(folder: Path) -> None:
    """Take all checksums out, as a sweep has none that was run before there were any."""
    path = folder / "plan.json"
    plan = json.loads(path.read_text())
    bare = {key: value for key, value in plan.items() if key not in ("head", "count")}
    trials = [{key: value for key, value in row.items() if key != "digest"} for row in plan["trials"]]
    write_json(path, bare | {"trials": trials})
    for each in folder.glob("trials/*/result.json"):
        result = json.loads(each.read_text())
        write_json(each, {key: value for key, value in result.items() if key not in ("digest", "sha256")})


def test_an_older_sweep_without_digests_is_accepted_and_reported_as_unchecked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    older(tmp_path / "sweep")
    again = Tiny(tmp_path / "sweep", smoke(**PLAIN))
    assert not list(discard_torn_results(again.store, again.plan)) and not again.sweep.unfinished()
    verify([str(run.store.folder)])
    assert "those of 1 were written before there were checksums, and are not checked" in capsys.readouterr().out


def test_a_damaged_chain_in_a_plan_is_not_another_torch_version(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    tree = {"a": "space"}
    (tmp_path / "sweep" / "space.yaml").write_text(signed("a: space\n"))
    for seal in (True, False):
        write_plan(tmp_path / "sweep", run.plan.to_json("sweep"))
        if not seal:
            older(tmp_path / "sweep")
        path, final = tmp_path / "sweep" / "plan.json", run.plan.trials[0].final
        other = final[:-1] + ("0" if final[-1] != "0" else "1")
        path.write_text(path.read_text().replace(final, other))
        assert not check_compatible(tmp_path / "sweep", run.plan, tree)
        assert [("plan.json: damaged: training" in line) for line in describe_damage(tmp_path / "sweep")] == [
            True
        ] * seal


def test_the_number_of_trials_comes_from_the_plan_if_the_space_is_damaged(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN))
    write_plan(tmp_path / "sweep", run.plan.to_json("sweep"))
    path = tmp_path / "sweep" / "space.yaml"
    path.write_text(signed("search: {trials: 7}\n"))
    assert count_stored_trials(tmp_path / "sweep") == 7
    path.write_text(path.read_text().replace("7}", "8}"))
    assert count_stored_trials(tmp_path / "sweep") == 1


def missing_keys(state: Row) -> Row:
    return {"epoch": state["epoch"]}


def other_weights(state: Row) -> Row:
    return state | {"model": {name: torch.zeros(3) for name in state["model"]}}


def other_optimizer(state: Row) -> Row:
    return state | {"optimizer": {"state": 3, "param_groups": "x"}}


@pytest.mark.parametrize("change", [missing_keys, other_weights, other_optimizer, lambda state: "no state"])
def test_a_state_that_does_not_fit_is_set_aside_and_made_again(
    whole: Tiny, tmp_path: Path, change: Callable[[Row], Any]
) -> None:
    """Its checksum may be right, for whoever wrote it wrote that too."""
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN))
    session = run.session(0)
    for _ in range(3):
        assert session.advance(0) == "running"
    session.pause()
    stage = run.store.stages_folder / run.plan.trials[0].chain[3][:2] / run.plan.trials[0].chain[3]
    assert isinstance(stage, Path)
    torch.save(change(torch.load(stage / "state.pt")), stage / "state.pt")
    manifest = json.loads((stage / "stage.json").read_text())
    del manifest["digest"]
    manifest["sha256"]["state.pt"] = sha256((stage / "state.pt").read_bytes()).hexdigest()
    write_json(stage / "stage.json", sealed(manifest))
    assert run.run(0) == "completed"
    assert hash_records(run.store.folder) == hash_records(whole.store.folder)
    assert [path.name[:32] for path in (tmp_path / "sweep" / "stages" / "damaged").iterdir()] == [stage.name]


SEARCH: dict[str, Any] = {
    "profile": None, "search__axes": {"method.loss.beta": {"uniform": [1, 6]}}, "search__strategy": "tpe",
    "search__trials": 6, "search__generation": 2, "search__replicates": 1, "trial__method": {"base": "trades"},
    "trial__epochs": 2,
}  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("how", ["lost", "a digit", "a line of another kind", "empty"])
def test_trials_of_a_damaged_journal_are_requested_again(tmp_path: Path, how: str) -> None:
    text = smoke(**SEARCH)
    run = Tiny(tmp_path / "sweep", text).all()
    plan, before = run.plan.to_json("sweep"), hash_records(run.store.folder)
    assert len(plan["trials"]) == 6
    write_plan(tmp_path / "sweep", plan)
    memory = tmp_path / "sweep" / "generations.jsonl"
    content = memory.read_text()
    if how == "lost":
        memory.unlink()
    else:
        first, _, rest = content.partition("\n")
        memory.write_text({"a digit": content.replace("0.", "1.", 1), "empty": ""}.get(how, f"{first}\n3\n{rest}"))
    again = TinyOf(tmp_path / "sweep", text)
    assert find_plan(tmp_path / "sweep") is not None
    asker = again.sweep.asking.study if again.sweep.asking else None
    assert asker is not None and asker.may_lack_points == (how != "a line of another kind" or bool(asker.damage))
    tree = {"a": "space"}
    (tmp_path / "sweep" / "space.yaml").write_text(signed("a: space\n"))
    assert check_compatible(tmp_path / "sweep", again.plan, tree, asker.may_lack_points) is not None
    with pytest.raises(
        DifferentSweep, match=r"generations.jsonl.*damaged or missing.*Run it once with the stored space"
    ):
        check_compatible(tmp_path / "sweep", again.plan, {"a": "nother"}, asker.may_lack_points)
    assert again.going(Random(0))
    assert hash_records(again.store.folder) == before
    assert asked(memory.read_text()) == asked(content)
    assert again.trained() == 12, "nothing was trained again"


def asked(memory: str) -> list[Row]:
    """Return what was asked and told, without the journal, in which Optuna writes who worked."""
    rows = [json.loads(line) for line in memory.splitlines()]
    return [{key: value for key, value in row.items() if key not in ("journal", "sha256")} for row in rows]


class TinyOf(Tiny):
    """Planned in a folder whose plan.json stays as it is stored."""

    def __init__(self, folder: Path, text: str) -> None:
        plan, space = folder / "plan.json", folder / "space.yaml"
        kept = plan.read_bytes(), space.read_bytes()
        super().__init__(folder, text)
        plan.write_bytes(kept[0])
        space.write_bytes(kept[1])


@pytest.mark.long
@pytest.mark.parametrize("how", ["a digit", "a folder", *slow("lost", "a line of another kind", "empty")])
def test_decisions_of_a_damaged_stopping_journal_are_made_again(tmp_path: Path, how: str) -> None:
    from ..stopping.test_sweeps_that_stop import rivals

    run = Tiny(tmp_path / "sweep", rivals()).all()
    before, journal = hash_records(run.store.folder), tmp_path / "sweep" / "stopping.jsonl"
    content = journal.read_bytes()
    lines = content.splitlines(keepends=True)
    assert len(lines) > 4
    if how == "a digit":
        flipped(journal)
    elif how == "a line of another kind":
        journal.write_bytes(b"".join([*lines[:2], b'{"a":1}\n', *lines[2:]]))
    elif how == "empty":
        journal.write_bytes(b"")
    else:
        journal.unlink()
        if how == "a folder":
            journal.mkdir()
    again = Tiny(tmp_path / "sweep", rivals())
    assert again.sweep.stopping is not None
    named = str(journal) in again.sweep.stopping.damage
    assert named == (how in ("a digit", "a line of another kind", "a folder"))
    assert again.going(Random(0))
    assert hash_records(again.store.folder) == before
    assert sorted(journal.read_bytes().splitlines()) != [] and decisions(journal) == decisions_of(lines)
    if how == "a digit":
        assert (tmp_path / "sweep" / "stopping.damaged").exists()


def decisions(journal: Path) -> list[str]:
    return decisions_of(journal.read_bytes().splitlines())


def decisions_of(lines: list[bytes]) -> list[str]:
    """Return the decisions, sorted: which comes first hangs on who reported first."""
    rows = [json.loads(line) for line in lines]
    return sorted(json.dumps({key: value for key, value in row.items() if key != "sha256"}) for row in rows)


@pytest.mark.parametrize("name", ["plan.json", "result.json", "provenance.json"])
def test_changed_numbers_are_damage(tmp_path: Path, name: str) -> None:
    """Of a sealed record no digit can be another."""
    path = tmp_path / name
    write_json(path, sealed({"runs": [{"exit": 0}], "n": 5}))
    assert read_json(path) is not None
    path.write_text(path.read_text().replace('"n": 5', '"n": 6'))
    damage = Damage()
    assert read_json(path, damage=damage) is None
    assert damage[str(path)] == "its checksum does not match its content"


def test_reading_and_checking_a_thousand_results_stays_cheap(whole: Tiny, tmp_path: Path) -> None:
    """A tenth of them, which takes 0.1 s; ten times that would be noticed."""
    import shutil
    import time

    trial = whole.plan.trials[0]
    store = Store(tmp_path / "many")
    for n in range(100):
        shutil.copytree(whole.folder(0), tmp_path / "many" / "trials" / str(n))
    began = time.process_time()
    for n in range(100):
        result = store.read_result(str(n), trial.final)
        assert result is not None and not find_damaged_files(tmp_path / "many" / "trials" / str(n), result)
    assert time.process_time() - began < 1.0
