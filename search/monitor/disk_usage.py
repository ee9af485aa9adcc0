"""How many bytes a sweep takes; counted beside the run, for a folder of a network may take its time."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from search.store.remote import RemotePath
from trainers.reading import stat_file
from trainers.record_io import Place

PAUSE = 20  # times as long as counting took


def stored(folder: Place) -> int:
    """The bytes of all files under a folder; some vanish meanwhile where a sweep runs."""
    if isinstance(folder, RemotePath):
        return sum(entry.size for entry in folder.list_files())
    total = 0
    for parent, _, names in os.walk(str(folder)):  # passes over folders that vanish
        for name in names:
            found = stat_file(Path(parent, name))
            total += found.st_size if found else 0
    return total


class DiskUsageMonitor:
    """Counts again and again until the process ends."""

    def __init__(self, folder: Place) -> None:
        self.bytes: int | None = None
        self._folder = folder
        threading.Thread(target=self._count, name="storage", daemon=True).start()

    def _count(self) -> None:
        while True:
            began = time.monotonic()
            with suppress(OSError):  # the network may come back
                self.bytes = stored(self._folder)
            time.sleep(max(5.0, PAUSE * (time.monotonic() - began)))
