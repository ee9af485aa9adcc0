"""Ends a worker that hangs and writes down where; the driver then tries its trial again on another worker."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import traceback
from types import TracebackType

from search.execution.failures import find_innermost_frame, write_error
from search.planning.jobs import Job
from search.store.remote import parse_path
from search.store.store import Store

REPORT_SECONDS = 20.0  # to write down the stack; the storage itself may hang
COMPILE_SECONDS = 900.0  # more for a training that torch.compile compiles, at any epoch that has a new graph
EXIT_CODE = 70


class Watchdog:
    """A context that ends the process if it is not left in time."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seconds = None if job.timeout is None else job.timeout + COMPILE_SECONDS * _compiles(job)
        self._watched_thread = threading.get_ident()
        self._timer: threading.Timer | None = None

    def __enter__(self) -> None:
        if self._seconds is not None:
            self._timer = threading.Timer(self._seconds, self._end_process)
            self._timer.daemon = True
            self._timer.start()
            # a C thread, which runs even if the hanging code blocks all Python threads
            faulthandler.dump_traceback_later(self._seconds + REPORT_SECONDS, exit=True, file=2)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._timer:
            self._timer.cancel()
            faulthandler.cancel_dump_traceback_later()

    def _end_process(self) -> None:
        try:
            stack = traceback.extract_stack(sys._current_frames()[self._watched_thread])
            more = f" and {COMPILE_SECONDS:g} s to compile" if _compiles(self._job) else ""
            why = (
                f"it hung: no report for {self._seconds:g} s, the search.timeout{more} ({find_innermost_frame(stack)})"
            )
            write_error(
                Store(parse_path(self._job.folder)), self._job.trial, "".join(traceback.format_list(stack)) + why
            )
        finally:
            os._exit(EXIT_CODE)


def _compiles(job: Job) -> bool:
    return bool(job.config["compute"]["compile"])
