"""Sweeps behind URLs: what is stored there is whole or absent, however writers end, and is what a folder would hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from types import SimpleNamespace

import pytest

import search.store.remote
from analysis.exceptions import SweepError
from analysis.results.remote_copy import fetch_records
from search.exceptions import SweepLocked, Unreachable
from search.execution.reuse import import_states
from search.run.__main__ import main
from search.status import main as status
from search.stopping.decisions import SEAL, Decision, Journal
from search.store import lease
from search.store.health import create_folders
from search.store.lock import acquire_lock, is_locked
from search.store.remote import RemotePath, check_reachable, parse_path
from search.store.store import Store
from search.verify.__main__ import main as verify
from trainers.record_io import Place, append_rows, write_atomic, write_json
from trainers.record_reader import read_json, read_rows

from ..backends import RefusingBackend
from ..execution.test_reuse import burn_ins
from ..helpers import Tiny, hash_records, slow, smoke
from .test_store import CHAIN, FILES, depth, publish, segment, state

pytestmark = pytest.mark.long


class Killed(BaseException):
    """The process that writes is no more."""


def folder(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> RemotePath:
    """Return a folder in memory, of a system that renames or one whose files come whole, or in an object store."""
    if kind == "whole":
        monkeypatch.setattr(search.store.remote, "ATOMIC_STORES", ("s3", "gcs", "mock"))
    path = f"{str(tmp_path).strip('/')}/{kind}/sweep"
    found = parse_path(request.getfixturevalue("s3").url(path) if kind == "s3" else f"mock:///{path}")
    assert isinstance(found, RemotePath)
    return found


@pytest.fixture(params=["renamed", "whole", "s3"])
def there(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemotePath:
    return folder(request.param, tmp_path, monkeypatch, request)


@pytest.fixture(params=["renamed", "whole"])
def near(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RemotePath:
    """For what asks it hundreds of times."""
    return folder(request.param, tmp_path, monkeypatch, request)


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], list[int]]:
    """Lets the writer be killed before its n-th file from now is written; returns the count."""
    put, count = RemotePath._write_in_place, [0]

    def die_at(n: float) -> list[int]:
        count[0] = 0

        def writing(self: RemotePath, data: bytes) -> None:
            count[0] += 1
            if count[0] > n:
                raise Killed
            put(self, data)

        monkeypatch.setattr(RemotePath, "_write_in_place", writing)
        return count

    return die_at


@pytest.mark.parametrize("url", ["s3://b", "s3://b/x/y?region=r&scheme=http", "hdfs://h:1/x", "abfs://c@a.net/x"])
def test_a_url_keeps_its_text_and_names_are_inserted_before_its_options(url: str) -> None:
    place, (bare, _, options) = parse_path(url), url.partition("?")
    assert str(place) == url
    assert str(place / "a" / "b") == f"{bare}/a/b{'?' if options else ''}{options}"
    assert (place / "a" / "b").parent == place / "a" == parse_path(str(place / "a"))
    assert (place / "a").name == "a"


def test_a_path_or_file_url_is_a_local_path() -> None:
    assert parse_path("file:///a/b") == parse_path("/a/b") == Path("/a/b")
    assert parse_path("results") == Path("results")


def test_remote_files_behave_like_paths(there: RemotePath) -> None:
    file = there / "a" / "b.json"
    assert not file.exists() and read_json(file) is None and read_rows(file) == []
    with pytest.raises(FileNotFoundError):
        file.read_bytes()
    with pytest.raises(FileNotFoundError):
        file.unlink()
    file.unlink(missing_ok=True)
    assert list(there.glob("*")) == there.list_files() == []
    for value in (1, 2):  # the second over the first
        write_json(file, value)
        assert read_json(file) == value
    append_rows(there / "rows", [{"a": 1}])
    append_rows(there / "rows", [{"a": 2}])
    assert read_rows(there / "rows") == [{"a": 1}, {"a": 2}]
    assert sorted(path.name for path in there.glob("*")) == ["a", "rows"]
    assert list(there.glob("r*")) == [there / "rows"]
    assert sorted(entry.path for entry in there.list_files()) == ["a/b.json", "rows"]
    file.move(there / "c" / "d")
    assert not file.exists() and (there / "c" / "d").read_text() == "2\n"
    write_atomic(file, b"3")
    file.move(there / "c" / "d")
    assert (there / "c" / "d").read_bytes() == b"3"


def test_leftovers_of_killed_writers_are_removed(there: RemotePath, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(RemotePath, "move", killed)
    with suppress(Killed):
        write_json(there / "trials" / "a" / "result.json", {})
    monkeypatch.undo()
    Store(there).remove_leftovers()
    assert all(entry.path.endswith("result.json") and ".tmp" not in entry.path for entry in there.list_files())


@pytest.fixture
def store(there: RemotePath) -> Store:
    """A sweep with checkpoints after 1, 2 and 4 epochs."""
    store = Store(there)
    for epoch, parent in ((1, 0), (2, 1), (4, 2)):
        publish(store, epoch, parent)
    return store


def stage(store: Store, epoch: int) -> RemotePath:
    folder = store.folder / "stages" / CHAIN[epoch][:2] / CHAIN[epoch]
    assert isinstance(folder, RemotePath)
    return folder


def test_a_written_stage_is_read_back(store: Store) -> None:
    assert depth(store) == 4
    assert store.list_states() == {CHAIN[1], CHAIN[2], CHAIN[4]}


def _remote(place: Place) -> RemotePath:
    assert isinstance(place, RemotePath)
    return place


@pytest.mark.parametrize("n", range(3))
def test_a_stage_of_a_killed_writer_does_not_exist(store: Store, mortal: Callable[[float], list[int]], n: int) -> None:
    mortal(n)
    with pytest.raises(Killed):
        publish(store, 5, 4)
    mortal(99)
    assert depth(store) == 4
    assert CHAIN[5] not in store.list_states() and store.load_state(CHAIN[5]) is None
    assert not [entry for entry in _remote(store.folder).list_files() if "damaged" in entry.path], (
        "its writer might still live"
    )
    store.remove_leftovers()
    assert not list(stage(store, 5).glob("*"))
    publish(store, 5, 4)
    assert depth(store) == 5


@pytest.mark.parametrize("n", range(5))
@pytest.mark.parametrize(("parent", "files"), [(2, 1), (1, 4)], ids=["as it was", "on another way"])
def test_a_dropped_state_is_stored_again_as_a_whole_or_not_at_all(
    store: Store, mortal: Callable[[float], list[int]], n: int, parent: int, files: int
) -> None:
    """Where the same rows stand, its own file is all that is wanting."""
    size = len((stage(store, 4) / "state.pt").read_bytes())
    assert (store.drop_state(CHAIN[4]), store.drop_state(CHAIN[4])) == (size, 0)
    assert (depth(store), store.list_states()) == (2, {CHAIN[1], CHAIN[2]})
    mortal(n)
    with suppress(Killed):
        publish(store, 4, parent)
    mortal(99)
    assert depth(store) == (4 if n >= files else 2)
    publish(store, 4, parent)
    assert depth(store) == 4


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_stage_is_set_aside_and_its_parent_is_loaded(store: Store, file: str) -> None:
    write_atomic(stage(store, 4) / file, b"damaged")
    assert depth(store) == 2
    aside = {entry.path for entry in _remote(store.folder / "stages" / "damaged").list_files()}
    assert {path.rpartition("/")[2] for path in aside} == set(FILES)
    assert store.list_states() == {CHAIN[1], CHAIN[2]}


def test_a_network_error_is_not_damage(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: RemotePath) -> bytes:
        raise OSError("AWS Error NETWORK_CONNECTION during GetObject operation")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="NETWORK"):
        patched.setattr(RemotePath, "read_bytes", fail)
        depth(store)
    assert depth(store) == 4


def test_states_are_copied_between_urls_and_folders(store: Store, there: RemotePath, tmp_path: Path) -> None:
    local, other = Store(tmp_path / "local"), Store(there.parent / "other")
    create_folders(local.folder)
    store.copy_state_to(CHAIN[4], local)
    local.copy_state_to(CHAIN[4], other)
    assert (depth(local), depth(other)) == (4, 4)
    assert read_json(stage(other, 4) / "stage.json")["rows"] == segment(2, 3).rows
    assert state(4).keys() == (other.load_state(CHAIN[4]) or {}).keys()


def test_decisions_are_kept(there: RemotePath) -> None:
    decisions = [
        Decision(action="pass", rule="rung", configuration=name, epochs=3, values={"val_pgd_acc": 0.5}, reason="it is")
        for name in "ab"
    ]
    for decision in decisions:
        Journal(there / "stopping.jsonl").append([decision])
    rows = [{key: value for key, value in row.items() if key != SEAL} for row in read_rows(there / "stopping.jsonl")]
    assert rows == [decision.model_dump() for decision in decisions]
    assert Journal(there / "stopping.jsonl").state.passed == {("a", 3), ("b", 3)}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEWAL_SECONDS", 0.05), ("EXPIRY_SECONDS", 0.6), ("SETTLE_SECONDS", 0.02)):
        monkeypatch.setattr(lease, name, seconds)


def renewed(there: RemotePath) -> float:
    return float(read_json(there / lease.LEASE_FILE)["renewed"])


def test_a_renewed_lease_excludes_others_until_it_is_released(there: RemotePath, quick: None) -> None:
    assert not is_locked(there)
    release = acquire_lock(there)
    sizes, first = set(), renewed(there)
    while renewed(there) < first + 0.8:  # longer than the window
        sizes.add(len((there / lease.LEASE_FILE).read_bytes()))
    assert len(sizes) == 1
    assert is_locked(there)
    with pytest.raises(SweepLocked):
        acquire_lock(there)
    release()
    assert not is_locked(there) and not (there / lease.LEASE_FILE).exists()
    began = time.monotonic()
    acquire_lock(there)()
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(("age", "least", "most"), [(0, 0.6, 2.0), (7200, 0, 0.5)])
def test_the_lease_of_a_killed_driver_is_taken_over_after_it_expires(
    there: RemotePath, quick: None, age: float, least: float, most: float
) -> None:
    write_json(there / lease.LEASE_FILE, {"token": "of the dead", "renewed": time.time() - age})
    began = time.monotonic()
    acquire_lock(there)()
    assert least <= time.monotonic() - began < most


@pytest.mark.parametrize("found", [[], 3, {}, {"token": "of another version"}, {"token": "x", "renewed": "soon"}])
def test_an_object_that_is_no_lease_excludes_nobody(
    there: RemotePath, quick: None, monkeypatch: pytest.MonkeyPatch, found: object
) -> None:
    monkeypatch.setattr(lease, "RENEWAL_SECONDS", 60.0)  # a renewal on its way would overwrite what is written below
    write_json(there / lease.LEASE_FILE, found)  # type: ignore[arg-type]
    assert not is_locked(there)
    release = acquire_lock(there)
    assert is_locked(there)
    write_json(there / lease.LEASE_FILE, found)  # type: ignore[arg-type]
    release()
    assert read_json(there / lease.LEASE_FILE) == found


def test_one_of_two_simultaneous_drivers_gets_the_lease(
    there: RemotePath, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(seconds: float) -> None:
        write_json(there / lease.LEASE_FILE, {"token": "the other's", "renewed": time.time()})

    monkeypatch.setattr(lease, "time", SimpleNamespace(sleep=meanwhile, time=time.time, monotonic=time.monotonic))
    with pytest.raises(lease.LeaseHeld):
        lease.acquire_lease(there)
    assert read_json(there / lease.LEASE_FILE)["token"] == "the other's"


def test_a_sweep_behind_a_url_has_the_records_of_a_local_one(
    near: RemotePath, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    local, remote = Tiny(tmp_path / "local").all(), Tiny(tmp_path / "here", at=near).all()
    assert hash_records(near) == hash_records(local.store.folder)
    assert remote.store.list_states() == local.store.list_states()
    assert status([str(near)]) == 0
    assert "sweep  finished" in capsys.readouterr().out
    assert verify([str(near), "--sample", "2"]) == 0


def test_prefixes_are_shared_and_states_dropped_as_in_a_folder(near: RemotePath, tmp_path: Path) -> None:
    local, remote = Tiny(tmp_path / "local", burn_ins()).all(), Tiny(tmp_path / "here", burn_ins(), near).all()
    assert (remote.trained(), remote.store.list_states()) == (local.trained(), local.store.list_states())
    assert hash_records(near) == hash_records(local.store.folder)
    more = Tiny(tmp_path / "more", burn_ins([3], search__keep="forks"), near.parent / "more")
    assert import_states(more.store, more.plan, [near]) == {near: (0, 0, 0)}, "no fork was kept"


@pytest.mark.parametrize("seed", [0, 1, *slow(2, 3, 4, 5)])
def test_a_sweep_killed_repeatedly_has_the_records_of_an_undisturbed_run(
    near: RemotePath, tmp_path: Path, mortal: Callable[[float], list[int]], seed: int
) -> None:
    random, text = Random(seed), burn_ins([1]).replace("checkpoint_seconds: 1000000000.0", "checkpoint_seconds: 0")
    undisturbed = Tiny(tmp_path / "local", text).all()
    kills = 0
    for _ in range(8):
        mortal(random.randrange(1, 25))
        try:
            Tiny(tmp_path / "here", text, near).going(random, workers=2)
        except Killed:
            kills += 1
    assert kills > 1
    mortal(float("inf"))
    Tiny(tmp_path / "here", text, near).all()
    assert hash_records(near) == hash_records(undisturbed.store.folder)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("foo://x/y", "foo://x/y: no file system has this name; write a folder, or a URL such as s3://bucket/prefix"),
        ("s3://key:secret@bucket/x", "s3://key:...@bucket/x: a URL is written into records; let the environment hold"),
        (
            "abfs://c@a/x?tenant_id=t&client_secret=secret",
            "abfs://c@a/x: a URL is written into records; let the environment hold",
        ),
        ("s3://bucket/x?colour=red&region=us-east-1", "Unexpected query parameter in S3 URI: 'colour'"),
        ("s3:///x", "Missing bucket name in S3 URI"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused_before_anything_starts(
    here: Path, capsys: pytest.CaptureFixture[str], url: str, words: str
) -> None:
    (here / "space.yaml").write_text("{}")
    assert main(["space.yaml", "--results", url]) == status([url]) == verify([url]) == 2
    told = capsys.readouterr().err
    assert told.count(words) == 3 and "secret" not in told and "Traceback" not in told


def test_loggers_are_refused_before_anything_starts(
    near: RemotePath, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "space.yaml").write_text(smoke(search__loggers=["tensorboard"]))
    assert main(["space.yaml", "--results", str(near)]) == 2
    assert "search.loggers: they keep files beside the records" in capsys.readouterr().err
    assert near.list_files() == []


def test_a_run_refused_late_leaves_no_files(near: RemotePath, here: Path) -> None:
    (here / "space.yaml").write_text(smoke())
    assert main(["space.yaml", "--results", str(near)], RefusingBackend()) == 2
    assert [entry.path for entry in near.list_files() if not entry.path.endswith(".lock")] == []


@pytest.mark.parametrize(
    "why",
    [
        "When getting information for key 'x' in bucket 'b': AWS Error ACCESS_DENIED during HeadObject operation",
        "When resolving region for bucket 'b': AWS Error UNKNOWN (HTTP status 403) during HeadBucket operation",
    ],
)
def test_refused_credentials_are_explained(there: RemotePath, monkeypatch: pytest.MonkeyPatch, why: str) -> None:
    def refused(self: RemotePath) -> bool:
        raise OSError(why)

    monkeypatch.setattr(RemotePath, "exists", refused)
    with pytest.raises(Unreachable, match="credentials in the environment"):
        check_reachable(there)


def test_a_copy_of_the_records_has_no_states(tmp_path: Path) -> None:
    served = tmp_path / "served"
    Tiny(served / "sweep").all()
    fetch_records(f"file://{served}/sweep", tmp_path / "copy")
    assert hash_records(tmp_path / "copy") == hash_records(served / "sweep")
    assert not (tmp_path / "copy" / "stages").exists()
    fetch_records(f"file://{served}/sweep", tmp_path / "copy")  # again, as it goes on
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "space.yaml").write_text("mine")
    with pytest.raises(SweepError, match="precious: holds files and is no sweep"):
        fetch_records(f"file://{served}/sweep", tmp_path / "precious")
    assert (tmp_path / "precious" / "space.yaml").read_text() == "mine"
