"""The claim of a command on a sweep's folder: what it writes before training, and undoes if it is refused.

Some refusals come late: whether a cluster answers and its nodes agree is known only once the sweep's folder exists.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from search.exceptions import DamagedJournal, DifferentSweep, Infeasible, SpaceError, Unreachable
from search.execution.compatibility import move_aside
from trainers.record_io import Place, write_atomic
from trainers.record_reader import Damage, read_with
from trainers.terminal.console import Console

LOCK_FILE = ".lock"
CLAIM_FILES = ("space.yaml", "plan.json", "provenance.json", "generations.jsonl", "journal.log", "packing.json")
CLAIM_FOLDERS = ("stages", "profile", "loggers", ".tune")  # these also hold imported states
REFUSALS = (SpaceError, DifferentSweep, Infeasible, DamagedJournal, Unreachable)  # raised before any training starts


@contextmanager
def claim_folder(folder: Place, console: Console) -> Iterator[FolderClaim]:
    """Claim a folder for a new run, and leave it as it was found if the run is refused."""
    claim = FolderClaim(folder)
    try:
        yield claim
    except REFUSALS:
        if claim.restore():
            console.print(f"The sweep that was there is {folder} again.", soft_wrap=True)
        raise


class FolderClaim:
    """A claim on a folder, from before the lock until trainings run."""

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        local = folder if isinstance(folder, Path) else None
        self._missing = [path for path in (local, *local.parents) if not path.exists()] if local else []
        self._new = bool(local) and _list_names(folder) <= {LOCK_FILE}
        self._unlocked = bool(local) and not (folder / LOCK_FILE).exists()
        self._moved_to: Path | None = None
        self._before: dict[str, bytes | None] | None = None
        self._progress: object = None

    def move_aside(self) -> Path:
        """Rename the existing folder and return its new name."""
        assert isinstance(self.folder, Path)  # behind a URL nothing is renamed
        self._moved_to = move_aside(self.folder)
        self._missing, self._new, self._unlocked = [self.folder], True, True
        return self._moved_to

    def record_contents(self) -> None:
        """Remember the contents, once this process holds the lock and before it writes."""
        self._before = {name: _read_content(self.folder / name) for name in CLAIM_FILES}
        self._progress = self._read_progress()

    def restore(self) -> bool:
        """Leave the folder as it was found, unless a training has begun since; without the lock its contents stay.

        Returns whether a folder that was moved aside is back.
        """
        if self._before is not None and self._read_progress() == self._progress:
            self._restore_files(self._before)
            if self._new:  # everything in these folders is from this command
                for name in CLAIM_FOLDERS:
                    shutil.rmtree(f"{self.folder}/{name}", ignore_errors=True)
                with suppress(OSError):
                    os.rmdir(f"{self.folder}/trials")
            if self._unlocked:
                (self.folder / LOCK_FILE).unlink(missing_ok=True)
        for path in self._missing:
            with suppress(OSError):  # other processes may have put files there
                os.rmdir(path)
        back = self._moved_to is not None and not self.folder.exists()
        if self._moved_to and back:
            self._moved_to.rename(str(self.folder))
        return back

    def _restore_files(self, before: dict[str, bytes | None]) -> None:
        for name, content in before.items():
            if content is None:
                (self.folder / name).unlink(missing_ok=True)
            elif _read_content(self.folder / name) != content:
                write_atomic(self.folder / name, content)

    def _read_progress(self) -> tuple[set[str], bytes | None]:
        """Return the names of the trials' folders and the heartbeat; both change once trainings run."""
        return {path.name for path in (self.folder / "trials").glob("*")}, _read_content(self.folder / "now.json")


def _list_names(folder: Place) -> set[str]:
    try:
        return set(os.listdir(str(folder)))
    except OSError:  # the folder is missing
        return set()


def _read_content(path: Place) -> bytes | None:
    """Return the content of a record; None if it is missing or cannot be read."""
    return read_with(path, lambda content: content, Damage(), sys.maxsize)
