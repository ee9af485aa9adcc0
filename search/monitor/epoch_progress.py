"""The progress of a training within its running epoch, written to epoch.json every few seconds for status displays.

No record depends on this file: it is overwritten, removed once the epoch is recorded, and ignored after a kill.
Behind a URL, where each write is a request, it is not written.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from trainers.record_io import Place, canonical
from trainers.record_reader import read_json

FILE = "epoch.json"
WRITE_SECONDS = 3.0  # between two writes


class EpochProgress(NamedTuple):
    """The part of an epoch that is done."""

    fraction: float = 0.0  # of the batches
    seconds: float = 0.0  # that these batches took

    @property
    def epoch_seconds(self) -> float:
        """The seconds that all batches take, at this pace; 0 without progress."""
        return self.seconds / self.fraction if self.fraction else 0.0


class EpochProgressWriter:
    """Writes the progress of a training's running epoch."""

    def __init__(self, folder: Place) -> None:
        self._file = folder / FILE if isinstance(folder, Path) else None
        self._exists = True  # a killed process may have left one

    def start(self, epoch: int) -> None:
        """Start an epoch (0-based)."""
        self._epoch, self._began = epoch, time.monotonic()
        self._written = self._began

    def update(self, done: int, batches: int) -> None:
        """Write that `done` of the epoch's batches are done, unless the last write was a moment ago."""
        now = time.monotonic()
        if self._file is None or now - self._written < WRITE_SECONDS:
            return
        self._written = now
        content = {"epoch": self._epoch, "share": done / batches, "seconds": now - self._began}
        temporary = self._file.with_name(f".{FILE}.tmp")
        with suppress(OSError):  # a full disk shows where a record must be stored
            temporary.write_text(canonical(content))
            os.replace(temporary, self._file)
            self._exists = True

    def finish(self) -> None:
        """Remove the file, as the epoch is recorded."""
        if self._file and self._exists:
            self._file.unlink(missing_ok=True)
            self._exists = False


def read_epoch_progress(folder: Place, epoch: int) -> EpochProgress:
    """Return the progress of an epoch (0-based); no progress if the file is missing or is of another epoch."""
    found = read_json(folder / FILE) if isinstance(folder, Path) else None
    if not isinstance(found, dict) or found.get("epoch") != epoch:
        return EpochProgress()
    share, seconds = found.get("share"), found.get("seconds")
    if not (isinstance(share, float | int) and isinstance(seconds, float | int) and 0 < share <= 1 and seconds > 0):
        return EpochProgress()
    return EpochProgress(float(share), float(seconds))
