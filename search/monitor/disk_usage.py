"""The size of a sweep in bytes. A thread counts it, as listing a folder on a network can be slow."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from search.store.remote import RemotePath
from trainers.record_io import Place
from trainers.record_reader import stat_file

PAUSE_FACTOR = 20  # a pause lasts as many times as long as the counting before it


def measure_size(folder: Place) -> int:
    """Return the bytes of all files under a folder, without those that vanish while a sweep runs."""
    if isinstance(folder, RemotePath):
        return sum(entry.size for entry in folder.list_files())
    total = 0
    for parent, _, names in os.walk(str(folder)):  # passes over folders that vanish
        for name in names:
            found = stat_file(Path(parent, name))
            total += found.st_size if found else 0
    return total


class DiskUsageMonitor:
    """A thread that measures a folder again and again until the process ends."""

    def __init__(self, folder: Place) -> None:
        self.bytes: int | None = None  # None until the first measurement is done
        self._folder = folder
        threading.Thread(target=self._measure, name="storage", daemon=True).start()

    def _measure(self) -> None:
        while True:
            began = time.monotonic()
            with suppress(OSError):  # the network may come back
                self.bytes = measure_size(self._folder)
            time.sleep(max(5.0, PAUSE_FACTOR * (time.monotonic() - began)))
