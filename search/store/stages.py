"""Where the folders of stages lie, each there whole or not at all: renamed into place, or its manifest written last."""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from search.store.leftovers import STAGE
from search.store.remote import ASKED_AT_ONCE, RemotePath
from trainers.reading import read_content, read_json
from trainers.record_io import Place, Row, sync_folder, write_json

STATE, INSTANCES, MANIFEST = "state.pt", "instances.npz", "stage.json"
P = TypeVar("P", Path, RemotePath)


class Stages(Protocol):
    """The stages of one sweep, by their names."""

    def at(self, name: str) -> Place:
        """The folder of one."""

    def has(self, name: str) -> bool:
        """Whether it is there with its state."""

    def all(self) -> set[str]:
        """The names of all that are there with their states."""

    def standing(self, names: Iterable[str]) -> Iterator[str]:
        """Which of them are there, with or without their states."""

    def put(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        """Store one; the first who comes wins. Raises OSError if the storage takes it not; nothing torn is left."""

    def read(self, name: str, file: str) -> bytes | None:
        """A file of one; None where it is missing, nothing where it does not read back."""

    def forget(self, name: str) -> int:
        """Drop its state and return the bytes that this freed."""

    def set_aside(self, name: str) -> None:
        """Keep a damaged one for inspection, under a name that no chain leads to."""

    def tidy(self) -> None:
        """Remove what killed writers left; only while holding the sweep."""


class _Below(Generic[P]):
    def __init__(self, folder: P) -> None:
        self.folder: P = folder

    def at(self, name: str) -> P:
        return self.folder / name[:2] / name


class LocalStages(_Below[Path]):
    """On a file system that renames a folder in one step."""

    def has(self, name: str) -> bool:
        return (self.at(name) / STATE).exists()

    def all(self) -> set[str]:
        return {path.parent.name for path in self.folder.glob(f"??/*/{STATE}")}

    def standing(self, names: Iterable[str]) -> Iterator[str]:
        return (name for name in names if self.at(name).is_dir())

    def put(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        target = self.at(name)
        temporary = self.folder / f".tmp-{uuid.uuid4().hex}"
        temporary.mkdir()
        try:
            for file, content in files.items():
                _write(temporary / file, content)
            write_json(temporary / MANIFEST, manifest)
            sync_folder(temporary)
            target.parent.mkdir(exist_ok=True)
            if _alike(read_json(target / MANIFEST), manifest):  # its state was forgotten, and is wanted again
                for file in files:
                    os.replace(temporary / file, target / file)
                shutil.rmtree(temporary, ignore_errors=True)
                return sync_folder(target)
            if target.exists():  # the same state, packed otherwise or on another way there
                os.rename(target, temporary.with_name(f"{temporary.name}.old"))
            os.rename(temporary, target)
            shutil.rmtree(temporary.with_name(f"{temporary.name}.old"), ignore_errors=True)
            sync_folder(target.parent)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            if not self.has(name):  # another writer of the same state came first: the same bits stand there
                raise

    def read(self, name: str, file: str) -> bytes | None:
        try:
            return read_content(self.at(name) / file, sys.maxsize)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            return b""

    def forget(self, name: str) -> int:
        state = self.at(name) / STATE
        try:
            size = state.stat().st_size
            state.unlink()
        except FileNotFoundError:
            return 0
        return size

    def set_aside(self, name: str) -> None:
        stage = self.at(name)
        if stage.exists():
            damaged = self.folder / "damaged"
            damaged.mkdir(exist_ok=True)
            os.rename(stage, damaged / f"{name}-{uuid.uuid4().hex[:6]}")

    def tidy(self) -> None:
        for path in self.folder.glob(".tmp-*"):
            if STAGE.fullmatch(path.name):
                shutil.rmtree(path, ignore_errors=True)


class RemoteStages(_Below[RemotePath]):
    """Behind a URL, where each file comes whole but a folder does not: one without its manifest is not there."""

    def has(self, name: str) -> bool:
        return self._files(name) >= {STATE, MANIFEST}

    def all(self) -> set[str]:
        listed = self._listed()
        return {name for name, files in listed.items() if {STATE, MANIFEST} <= files}

    def standing(self, names: Iterable[str]) -> Iterator[str]:
        wanted = list(names)
        with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
            there = list(pool.map(lambda name: (self.at(name) / MANIFEST).exists(), wanted))
        return (name for name, it in zip(wanted, there, strict=True) if it)

    def put(self, name: str, files: dict[str, bytes], manifest: Row) -> None:
        stage = self.at(name)
        there = MANIFEST in self._files(name)  # its state was forgotten, and is wanted again
        alike = there and _alike(read_json(stage / MANIFEST), manifest)
        if there and not alike:
            (stage / MANIFEST).unlink(missing_ok=True)  # not there until it is whole
        for file, content in files.items():
            (stage / file).write_bytes(content)
        if not alike:
            write_json(stage / MANIFEST, manifest)

    def read(self, name: str, file: str) -> bytes | None:
        try:
            return (self.at(name) / file).read_bytes()
        except FileNotFoundError:  # any other error is one of the network, and no damage
            return None

    def forget(self, name: str) -> int:
        for entry in self.at(name).files():  # one request where there is nothing, as there mostly is not
            if entry.path == STATE:
                (self.at(name) / STATE).unlink(missing_ok=True)
                return entry.size
        return 0

    def set_aside(self, name: str) -> None:
        files = self._files(name)
        if MANIFEST in files:  # else it is being written, or its writer was killed
            damaged = self.folder / "damaged" / f"{name}-{uuid.uuid4().hex[:6]}"
            for file in (MANIFEST, *sorted(files - {MANIFEST})):
                (self.at(name) / file).move(damaged / file)

    def tidy(self) -> None:
        for name, files in self._listed().items():
            for file in files if MANIFEST not in files else ():
                (self.at(name) / file).unlink(missing_ok=True)

    def _files(self, name: str) -> set[str]:
        return {path.name for path in self.at(name).glob("*")}

    def _listed(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for entry in self.folder.files():
            short, _, rest = entry.path.partition("/")
            if len(short) == 2:  # what was set aside lies elsewhere
                name, _, file = rest.partition("/")
                found.setdefault(name, set()).add(file)
        return found


def stages(folder: Place) -> Stages:
    """Those of the sweep in a folder."""
    if isinstance(folder, Path):
        return LocalStages(folder / "stages")
    if isinstance(folder, RemotePath):
        return RemoteStages(folder / "stages")
    raise TypeError(f"{folder!r} is neither a path nor a URL")


def _alike(there: Any, manifest: Row) -> bool:
    """Whether one that is there holds the same files as one that is to be put in its place."""
    return isinstance(there, dict) and all(there.get(key) == manifest[key] for key in ("parent", "sha256"))


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
