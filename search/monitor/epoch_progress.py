"""How much of its running epoch a training has done: left on disk every few seconds, for whoever watches the sweep.

No record hangs on it: it is overwritten, it is gone once the epoch is recorded, and after a kill it is passed over.
Behind a URL, where each write is a request, there is none.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from trainers.reading import read_json
from trainers.record_io import Place, canonical

FILE = "epoch.json"
BEAT = 3.0  # seconds between two writes


class Partial(NamedTuple):
    """A part of an epoch."""

    share: float = 0.0  # of its batches
    seconds: float = 0.0  # that they took


class Beat:
    """What a training tells of its running epoch."""

    def __init__(self, folder: Place) -> None:
        self._file = folder / FILE if isinstance(folder, Path) else None
        self._there = True  # what a killed process left

    def begin(self, epoch: int) -> None:
        """An epoch begins."""
        self._epoch, self._began = epoch, time.monotonic()
        self._told = self._began

    def tell(self, done: int, batches: int) -> None:
        """So many of its batches are done."""
        now = time.monotonic()
        if self._file is None or now - self._told < BEAT:
            return
        self._told = now
        part = {"epoch": self._epoch, "share": done / batches, "seconds": now - self._began}
        temporary = self._file.with_name(f".{FILE}.tmp")
        with suppress(OSError):  # a full disk is noticed by what must be stored
            temporary.write_text(canonical(part))
            os.replace(temporary, self._file)
            self._there = True

    def end(self) -> None:
        """Its record stands."""
        if self._file and self._there:
            self._file.unlink(missing_ok=True)
            self._there = False


def partial(folder: Place, epoch: int) -> Partial:
    """What is done of an epoch, counted from 0; nothing where another epoch, or none, was told of."""
    found = read_json(folder / FILE) if isinstance(folder, Path) else None
    if not isinstance(found, dict) or found.get("epoch") != epoch:
        return Partial()
    share, seconds = found.get("share"), found.get("seconds")
    if not (isinstance(share, float | int) and isinstance(seconds, float | int) and 0 < share <= 1 and seconds > 0):
        return Partial()
    return Partial(float(share), float(seconds))
