"""Folders that somebody made for others to read: nothing outside is read or written, nothing has no end."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.exceptions import NoSweep
from search.status import main as status
from search.store.health import create_folders
from search.store.plan_file import find_plan, load_plan
from search.store.segments import pack_arrays
from search.store.store import Store
from search.verify.__main__ import main as verify
from trainers.checking import check_component
from trainers.npz import read_arrays
from trainers.record_io import sealed, write_json
from trainers.record_reader import Damage, read_content, read_json, read_rows, read_yaml
from trainers.record_shapes import check_result

from ..helpers import Tiny, hash_files, smoke

NAMES = ["../x", "..", ".", "", "/etc/x", "a/b", "a\\b", "a\0b", "a\nb", "\x1b[2J", "é" * 200]
PLAIN = {"profile": None, "search__axes": {"subset": {"grid": ["all"]}}, "search__replicates": 1}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    assert check_component(name)


@pytest.mark.parametrize("name", ["CON", "lam=0.5,seed=0", "ranks-0123456789ab", ".hidden", "-rf", "~"])
def test_an_ordinary_name_is_accepted(name: str) -> None:
    assert check_component(name) is None


def stage(store: Store, name: str, **changes: Any) -> None:
    """Write a stage as anybody can: with the checksum that it should have."""
    files = {"state.pt": b"code", "instances.npz": pack_arrays({"loss": np.zeros((1, 2), np.float32)})}
    place = store.stages_folder / name[:2] / name
    assert isinstance(place, Path)
    place.mkdir(parents=True)
    for file, content in files.items():
        (place / file).write_bytes(content)
    digests = {file: sha256(content).hexdigest() for file, content in files.items()}
    manifest = {"parent": None, "epoch": 1, "rows": [{"epoch": 0}], "costs": [], "sha256": digests}
    write_json(place / "stage.json", sealed(manifest | changes))


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Store, Store]:
    """One that somebody made, and one's own."""
    found = Store(tmp_path / "theirs"), Store(tmp_path / "mine")
    for each in found:
        create_folders(each.folder)
    return found


def test_intact_stages_are_copied_to_another_store(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage(source, "ab" * 16)
    source.copy_state_to("ab" * 16, target)
    assert target.list_states() == {"ab" * 16}


@pytest.mark.parametrize(
    "changes",
    [
        {"sha256": {"../../../victim.py": sha256(b"code").hexdigest()}},
        {"sha256": {"/tmp/victim.py": sha256(b"code").hexdigest()}},
        {"sha256": {"state.pt": "0" * 64, "instances.npz": "0" * 64}},
        {"sha256": {}},
        {"sha256": []},
        {"parent": "../../secret"},
        {"parent": "ab" * 16},  # itself
        {"parent": 3},
        {"epoch": 2},
        {"epoch": "1"},
        {"rows": [{"epoch": 7}]},
        {"rows": [{"epoch": 0, "lr": "x"}]},
        {"rows": []},
        {"rows": 3},
        {"costs": [3]},
    ],
    ids=str,
)
def test_a_crafted_stage_is_not_copied(stores: tuple[Store, Store], tmp_path: Path, changes: dict[str, Any]) -> None:
    source, target = stores
    (tmp_path / "victim.py").write_bytes(b"mine")
    stage(source, "ab" * 16, **changes)
    before = hash_files(tmp_path)
    source.copy_state_to("ab" * 16, target)
    assert hash_files(tmp_path) == before
    assert source.load_deepest(["00", "ab" * 16]) is None  # type: ignore[arg-type]


def test_a_cycle_of_stages_ends_the_walk(stores: tuple[Store, Store]) -> None:
    source, target = stores
    stage(source, "ab" * 16, parent="cd" * 16, epoch=2, rows=[{"epoch": 1}])
    stage(source, "cd" * 16, parent="ab" * 16, epoch=1)
    source.copy_state_to("ab" * 16, target)
    assert target.list_states() == set()
    assert source.load_deepest(["00", "cd" * 16, "ab" * 16]) is None  # type: ignore[arg-type]


@pytest.fixture
def ended(tmp_path: Path) -> Tiny:
    return Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../../secret"},
        {"ranks": "../../../x"},
        {"chain": "../../x"},
        {"start": {"content": "../../x", "weights": "best", "path": None, "training": "a"}},
        {"start": {"content": "00", "weights": "best", "path": None, "training": "../a"}},
        {"id": 3},
        {"epochs": -1},
        {"epochs": "6"},
        {"config": []},
        {"config": {"data": 3}},
        {"branch": [5]},
        {"axes": {"a": []}},
    ],
    ids=str,
)
def test_a_crafted_plan_leads_to_no_path_outside_its_folder(
    ended: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any]
) -> None:
    """Its trainings may bear no checksums, as those of older sweeps."""
    path = tmp_path / "sweep" / "plan.json"
    plan = json.loads(path.read_text())
    plan["trials"][0] |= changes
    write_json(path, plan)
    secret = tmp_path / "secret"
    secret.mkdir()
    write_json(secret / "result.json", {"status": "completed", "chain": plan["trials"][0]["chain"]})
    before = hash_files(tmp_path)
    assert verify([str(tmp_path / "sweep")]) == status([str(tmp_path / "sweep")]) == 2
    printed = " ".join(capsys.readouterr().err.split())
    assert "its plan.json is damaged: training" in printed and "Traceback" not in printed
    assert hash_files(tmp_path) == before
    assert find_plan(tmp_path / "sweep") is None
    with pytest.raises(NoSweep):
        load_plan(tmp_path / "sweep")


def test_a_plan_of_another_format_is_named_as_such(ended: Tiny, tmp_path: Path) -> None:
    path = tmp_path / "sweep" / "plan.json"
    write_json(path, json.loads(path.read_text()) | {"format": 99})
    with pytest.raises(NoSweep, match=r"another version of this program made its plan.json \(format 99, and this one"):
        load_plan(tmp_path / "sweep")


Read = Callable[[Path, Damage], object]
READS: dict[str, Read] = {
    "json": lambda path, damage: read_json(path, check_result, damage),
    "rows": lambda path, damage: read_rows(path, damage=damage) or None,
    "yaml": read_yaml,
    "arrays": read_arrays,
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("to", ["/dev/zero", "/dev/null", ".", "itself", "pipe"])
def test_a_device_or_pipe_in_place_of_a_record_is_damage_and_not_read(tmp_path: Path, read: Read, to: str) -> None:
    path, damage = tmp_path / "itself", Damage()
    if to == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(to)
    assert read(path, damage) is None
    assert list(damage) == [str(path)]


def test_a_file_larger_than_any_record_is_not_read(tmp_path: Path) -> None:
    path, damage = tmp_path / "result.json", Damage()
    with path.open("wb") as file:
        file.truncate(1 << 42)
    assert read_json(path, damage=damage) is None
    assert "4398046511104 bytes" in damage[str(path)]
    with pytest.raises(ValueError, match="at most"):
        read_content(path)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Burglar:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "broken in"),)

    path, damage = tmp_path / "instances.npz", Damage()
    np.savez(path, index=np.array([Burglar()], dtype=object))
    assert read_arrays(path, damage) is None and list(damage) == [str(path)]
    path.write_bytes(pickle.dumps(Burglar()))
    assert read_arrays(path, Damage()) is None
    path.write_text("!!python/object/apply:os.mkdir ['broken in']\n")
    assert read_yaml(path, Damage()) is None
    assert not (tmp_path / "broken in").exists()


def test_an_array_with_a_declared_size_beyond_memory_is_damage(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    )  # 9 petabytes
    with zipfile.ZipFile(tmp_path / "instances.npz", "w") as archive:
        archive.writestr("index.npy", header.getvalue())
    damage = Damage()
    assert read_arrays(tmp_path / "instances.npz", damage) is None and damage


def test_yaml_aliases_that_expand_beyond_any_space_are_damage(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    path, damage = tmp_path / "space.yaml", Damage()
    path.write_text("\n".join(lines))
    assert read_yaml(path, damage) is None
    assert "its aliases stand for more than 1,000,000 values" in damage[str(path)]
    path.write_text("a: &a [*a]\n")
    assert read_yaml(path, Damage()) is None
    path.write_text("a: &a [1, 2]\nb: *a\n")
    assert read_yaml(path) == {"a": [1, 2], "b": [1, 2]}
