"""The folders of stages. Each exists as a whole or not at all: it is renamed into place, or its manifest comes last."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from search.store.leftovers import STAGE_NAME
from search.store.remote import CONCURRENT_REQUESTS, RemotePath
from trainers.record_io import Place, Row, sync_folder, write_json
from trainers.record_reader import read_content, read_json

STATE, INSTANCES, DIAGNOSTICS, MANIFEST = "state.pt", "instances.npz", "diagnostics.npz", "stage.json"
PathT = TypeVar("PathT", Path, RemotePath)


class Stages(Protocol):
    """The stages of one sweep, by name."""

    def stage_folder(self, name: str) -> Place:
        """Return the folder of a stage."""

    def has_state(self, name: str) -> bool:
        """Return whether a stage exists with its state."""

    def list_states(self) -> set[str]:
        """Return the names of all stages that exist with their states."""

    def find_existing(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the names of the stages that exist, with or without their states."""

    def write(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        """Store a stage; the first writer wins. Raises OSError if it cannot be written; no partial stage remains."""

    def read_file(self, name: str, file: str) -> bytes | None:
        """Return the content of a file of a stage; None if it is missing, b"" if it cannot be read."""

    def drop_state(self, name: str) -> int:
        """Delete the state of a stage and return the bytes that this freed."""

    def set_aside(self, name: str) -> None:
        """Move a damaged stage to a name that no chain leads to, for inspection."""

    def remove_leftovers(self) -> None:
        """Remove the temporary files of killed writers; only while holding the sweep's lock."""


class _StageFolders(Generic[PathT]):
    def __init__(self, folder: PathT) -> None:
        self.folder: PathT = folder

    def stage_folder(self, name: str) -> PathT:
        return self.folder / name[:2] / name


class LocalStages(_StageFolders[Path]):
    """Stages on a file system that renames a folder in one step."""

    def has_state(self, name: str) -> bool:
        return (self.stage_folder(name) / STATE).exists()

    def list_states(self) -> set[str]:
        return {path.parent.name for path in self.folder.glob(f"??/*/{STATE}")}

    def find_existing(self, names: Iterable[str]) -> Iterator[str]:
        return (name for name in names if self.stage_folder(name).is_dir())

    def write(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        target = self.stage_folder(name)
        temporary = self.folder / f".tmp-{uuid.uuid4().hex}"
        temporary.mkdir()
        try:
            for file, content in files.items():
                _write(temporary / file, content)
            write_json(temporary / MANIFEST, manifest)
            sync_folder(temporary)
            target.parent.mkdir(exist_ok=True)
            stored = read_json(target / MANIFEST)
            if _has_same_content(stored, manifest):  # its state was deleted, and is needed again
                for file in files:
                    os.replace(temporary / file, target / file)
                shutil.rmtree(temporary, ignore_errors=True)
                return sync_folder(target)
            if target.exists():  # the same state, packed differently or reached by another segment
                os.rename(target, temporary.with_name(f"{temporary.name}.old"))
            os.rename(temporary, target)
            shutil.rmtree(temporary.with_name(f"{temporary.name}.old"), ignore_errors=True)
            sync_folder(target.parent)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not self.has_state(name):  # else another writer of the same state came first, with the same bits
                raise

    def read_file(self, name: str, file: str) -> bytes | None:
        try:
            return read_content(self.stage_folder(name) / file, sys.maxsize)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return b""

    def drop_state(self, name: str) -> int:
        state = self.stage_folder(name) / STATE
        try:
            size = state.stat().st_size
            state.unlink()
        except FileNotFoundError:
            return 0
        return size

    def set_aside(self, name: str) -> None:
        stage = self.stage_folder(name)
        if stage.exists():
            damaged = self.folder / "damaged"
            damaged.mkdir(exist_ok=True)
            os.rename(stage, damaged / f"{name}-{uuid.uuid4().hex[:6]}")

    def remove_leftovers(self) -> None:
        for path in self.folder.glob(".tmp-*"):
            if STAGE_NAME.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)


class RemoteStages(_StageFolders[RemotePath]):
    """Stages behind a URL, where files are written atomically but folders are not.

    A stage without a manifest counts as missing.
    """

    def has_state(self, name: str) -> bool:
        return self._list_files(name) >= {STATE, MANIFEST}

    def list_states(self) -> set[str]:
        listed = self._list_stages()
        return {name for name, files in listed.items() if {STATE, MANIFEST} <= files}

    def find_existing(self, names: Iterable[str]) -> Iterator[str]:
        wanted = list(names)
        with ThreadPoolExecutor(CONCURRENT_REQUESTS) as pool:
            exists = list(pool.map(lambda name: (self.stage_folder(name) / MANIFEST).exists(), wanted))
        return (name for name, found in zip(wanted, exists, strict=True) if found)

    def write(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        stage = self.stage_folder(name)
        exists = MANIFEST in self._list_files(name)  # its state was deleted, and is needed again
        is_same = exists and _has_same_content(read_json(stage / MANIFEST), manifest)
        if exists and not is_same:
            (stage / MANIFEST).unlink(missing_ok=True)  # the stage is missing until it is whole
        for file, content in files.items():
            (stage / file).write_bytes(content)
        if not is_same:
            write_json(stage / MANIFEST, manifest)

    def read_file(self, name: str, file: str) -> bytes | None:
        try:
            return (self.stage_folder(name) / file).read_bytes()
        except FileNotFoundError:  # any other error is of the network, not damage
            return None

    def drop_state(self, name: str) -> int:
        for entry in self.stage_folder(name).list_files():  # one request if there is nothing, which is the usual case
            if entry.path == STATE:
                (self.stage_folder(name) / STATE).unlink(missing_ok=True)
                return entry.size
        return 0

    def set_aside(self, name: str) -> None:
        files = self._list_files(name)
        if MANIFEST in files:  # else the stage is being written, or its writer was killed
            damaged = self.folder / "damaged" / f"{name}-{uuid.uuid4().hex[:6]}"
            for file in (MANIFEST, *sorted(files - {MANIFEST})):
                (self.stage_folder(name) / file).move(damaged / file)

    def remove_leftovers(self) -> None:
        for name, files in self._list_stages().items():
            for file in files if MANIFEST not in files else ():
                (self.stage_folder(name) / file).unlink(missing_ok=True)

    def _list_files(self, name: str) -> set[str]:
        return {path.name for path in self.stage_folder(name).glob("*")}

    def _list_stages(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for entry in self.folder.list_files():
            short, _, rest = entry.path.partition("/")
            if len(short) == 2:  # damaged stages lie elsewhere
                name, _, file = rest.partition("/")
                found.setdefault(name, set()).add(file)
        return found


def open_stages(folder: Place) -> Stages:
    """Return the stages of the sweep in a folder."""
    if isinstance(folder, Path):
        return LocalStages(folder / "stages")
    if isinstance(folder, RemotePath):
        return RemoteStages(folder / "stages")
    raise TypeError(f"{folder!r} is neither a path nor a URL")


def _has_same_content(stored: Any, manifest: Row) -> bool:
    """Return whether a stored manifest lists the same files and parent as a new one."""
    return isinstance(stored, dict) and all(stored.get(key) == manifest[key] for key in ("parent", "sha256"))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
