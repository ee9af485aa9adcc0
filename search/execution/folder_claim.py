"""What a command writes into a sweep's folder before it trains, and takes back where it is refused after all.

Some refusals come late: that no cluster answers, or that its nodes differ, is known once the sweep's folder is there.
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
from trainers.reading import Damage, read_with
from trainers.record_io import Place, write_atomic
from trainers.terminal.console import Console

LOCK = ".lock"
WRITTEN = ("space.yaml", "plan.json", "provenance.json", "generations.jsonl", "journal.log", "packing.json")
MADE = ("stages", "profile", "loggers", ".tune")  # what is taken from other sweeps lies there, too
REFUSALS = (SpaceError, DifferentSweep, Infeasible, DamagedJournal, Unreachable)  # after which nothing was started


@contextmanager
def claimed(folder: Place, console: Console) -> Iterator[Claim]:
    """A folder that is begun in, and left as it was found where it is refused."""
    claim = Claim(folder)
    try:
        yield claim
    except REFUSALS:
        if claim.take_back():
            console.print(f"The sweep that was there is {folder} again.", soft_wrap=True)
        raise


class Claim:
    """A folder from before this process holds it until its trainings run."""

    def __init__(self, folder: Place) -> None:
        self.folder = folder
        local = folder if isinstance(folder, Path) else None
        self._missing = [path for path in (local, *local.parents) if not path.exists()] if local else []
        self._new = bool(local) and _listed(folder) <= {LOCK}
        self._unlocked = bool(local) and not (folder / LOCK).exists()
        self._aside: Path | None = None
        self._before: dict[str, bytes | None] | None = None
        self._trained: object = None

    def move_aside(self) -> Path:
        """Let what is there be under another name, which is returned."""
        assert isinstance(self.folder, Path)  # behind a URL nothing is renamed
        self._aside = move_aside(self.folder)
        self._missing, self._new, self._unlocked = [self.folder], True, True
        return self._aside

    def note(self) -> None:
        """Remember what is there, once this process holds the folder and before it writes."""
        self._before = {name: _content(self.folder / name) for name in WRITTEN}
        self._trained = self._work()

    def take_back(self) -> bool:
        """Leave the folder as it was found, if it is held and no training has begun since.

        Returns whether what was moved aside is back.
        """
        if self._before is not None and self._work() == self._trained:
            self._restore(self._before)
            if self._new:  # what lies in these is this command's
                for name in MADE:
                    shutil.rmtree(f"{self.folder}/{name}", ignore_errors=True)
                with suppress(OSError):
                    os.rmdir(f"{self.folder}/trials")
            if self._unlocked:
                (self.folder / LOCK).unlink(missing_ok=True)
        for path in self._missing:
            with suppress(OSError):  # others may have put something there
                os.rmdir(path)
        back = self._aside is not None and not self.folder.exists()
        if self._aside and back:
            self._aside.rename(str(self.folder))
        return back

    def _restore(self, before: dict[str, bytes | None]) -> None:
        for name, content in before.items():
            if content is None:
                (self.folder / name).unlink(missing_ok=True)
            elif _content(self.folder / name) != content:
                write_atomic(self.folder / name, content)

    def _work(self) -> tuple[set[str], bytes | None]:
        """What changes once trainings run: which of them there are, and what is told to those who watch."""
        return {path.name for path in (self.folder / "trials").glob("*")}, _content(self.folder / "now.json")


def _listed(folder: Place) -> set[str]:
    try:
        return set(os.listdir(str(folder)))
    except OSError:  # it is not there
        return set()


def _content(path: Place) -> bytes | None:
    """What stands in a record; None where there is none, nor what could be read."""
    return read_with(path, lambda content: content, Damage(), sys.maxsize)
