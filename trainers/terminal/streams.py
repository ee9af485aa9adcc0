"""Standard output and error that survive unencodable letters, closed pipes and full disks."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from trainers.terminal.text import REPLACE

UNREAD = 128 + signal.SIGPIPE  # the exit code of a command that ends by a closed pipe, as in shells


class Descriptor(io.RawIOBase):
    """A file descriptor that is written to until its first error, and then drops all data."""

    def __init__(self, number: int, failed: Callable[[OSError], None]) -> None:
        """Call `failed` with the first error; it may raise an exception to end the command."""
        self._number, self._failed, self._lost = number, failed, False

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return os.isatty(self._number)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        while not self._lost:
            try:
                return os.write(self._number, data)
            except BlockingIOError:  # the parent process made the descriptor non-blocking
                select.select([], [self._number], [])
            except OSError as error:
                self._lost = True
                self._failed(error)
        return len(data)


def guard_streams(ends: bool) -> None:
    """Replace standard output and error, so that no letter and no reader can fail a command.

    If the reader of standard output closes the pipe, a command that only shows something (`ends`) ends quietly with the
    code UNREAD; other commands continue, as their work matters more than their output. Any other write error, such as a
    full disk, is reported on standard error, and ends a command with `ends` with code 1.
    """

    def failed(error: OSError) -> None:
        if isinstance(error, BrokenPipeError):
            if ends:
                raise SystemExit(UNREAD)
            return
        more = "" if ends else "; what is printed from here on is lost, and nothing else"
        print(f"{'error' if ends else 'note'}: standard output: {error.strerror or error}{more}", file=sys.stderr)
        if ends:
            raise SystemExit(1)

    sys.stderr = _guarded(sys.stderr, lambda error: None)
    sys.stdout = _guarded(sys.stdout, failed)


def _guarded(stream: TextIO | None, failed: Callable[[OSError], None]) -> Any:
    if stream is None:  # the stream was closed from the start
        return None
    stream.flush()
    buffered = io.BufferedWriter(Descriptor(stream.fileno(), failed))
    return io.TextIOWrapper(buffered, stream.encoding, REPLACE, line_buffering=getattr(stream, "line_buffering", False))
