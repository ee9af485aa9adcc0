"""Ends a worker that hangs, having written down where: the driver then tries its trial again on another."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import traceback
from types import TracebackType

from search.execution.failures import innermost, note
from search.planning.jobs import Job
from search.store.remote import parse_path
from search.store.store import Store

LAST_WORDS = 20.0  # seconds to write down why, where the storage may be what hangs
EXIT = 70


class Watchdog:
    """As a context: if it is not left in time, the process ends."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._watched = threading.get_ident()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> None:
        if self._job.timeout is not None:
            self._timer = threading.Timer(self._job.timeout, self._bite)
            self._timer.daemon = True
            self._timer.start()
            # by a thread of C, which runs even if what hangs lets no other of Python run
            faulthandler.dump_traceback_later(self._job.timeout + LAST_WORDS, exit=True, file=2)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()
            faulthandler.cancel_dump_traceback_later()

    def _bite(self) -> None:
        try:
            stack = traceback.extract_stack(sys._current_frames()[self._watched])
            why = f"it hung: no report for {self._job.timeout:g} s, the search.timeout ({innermost(stack)})"
            note(Store(parse_path(self._job.folder)), self._job.trial, "".join(traceback.format_list(stack)) + why)
        finally:
            os._exit(EXIT)
