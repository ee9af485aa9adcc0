"""Standard output and error that write what they can, to whoever still reads."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

from trainers.terminal.text import REPLACE

UNREAD = 128 + signal.SIGPIPE  # the exit code of what ends because nobody reads on, as shells count it


class Descriptor(io.RawIOBase):
    """A file descriptor that is written to until its first error; from then on it drops what it is given."""

    def __init__(self, number: int, failed: Callable[[OSError], None]) -> None:
        """`failed` hears of that first error, and may raise what ends the command."""
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
            except BlockingIOError:  # whoever started this made it so
                select.select([], [self._number], [])
            except OSError as error:
                self._lost = True
                self._failed(error)
        return len(data)


def guard_streams(ends: bool) -> None:
    """Replace standard output and error, so that no letter and no reader can fail a command.

    Where nobody reads standard output any more, a command that only shows something ends (`ends`), quietly and with
    the code UNREAD; another goes on, as what it does is worth more than what it says. Where output cannot be written
    for another reason, such as a full disk, that is said on standard error.
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
    if stream is None:  # it was closed from the start
        return None
    stream.flush()
    buffered = io.BufferedWriter(Descriptor(stream.fileno(), failed))
    return io.TextIOWrapper(buffered, stream.encoding, REPLACE, line_buffering=getattr(stream, "line_buffering", False))
