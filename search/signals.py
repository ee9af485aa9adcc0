"""Handlers for Ctrl-C, SIGTERM and a closing terminal: the first signal stops a sweep cleanly, the second ends it.

The clean stop is search.execution.graceful_stop. A terminal that closes sends SIGHUP, mostly several times; these count
as one request. A command started under nohup ignores SIGHUP.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HANGUP_MESSAGE = "Hung up: running trials end their epoch and are stored; the same command carries on."


class Interrupt:
    """Turns the first stop signal into a clean stop and the second into an immediate end."""

    def __init__(self, command: str = "") -> None:
        """Wait for a stop; `command` is shown after an immediate end as the one that resumes the sweep."""
        self._command = command
        self.exit_code = 0  # 130, 143 or 129 once a stop was requested
        self.failure: str | None = None  # why nothing can run any more
        self.listening: Callable[[], bool] | None = None  # by the backend that runs: whether it looks at `code`

    def install(self) -> None:
        """Handle the stop signals from now on."""
        for number in list_stop_signals():
            signal.signal(number, self._handle)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Handle the stop signals within the context. Threads other than the main one receive none."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in list_stop_signals()}
        self.install()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def abort(self, why: str) -> None:
        """Interrupt the main thread, which would wait for ever; to be called by another thread."""
        self.failure = why
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _handle(self, number: int, frame: Any) -> None:
        if number == signal.SIGHUP:
            detach_terminal()
            if self.exit_code:
                return
        if self.failure:
            raise KeyboardInterrupt
        if self.exit_code:
            self._end(128 + number)
        self.exit_code = 128 + number
        if not self.listening or not self.listening():  # nothing runs that would look at `code`
            raise KeyboardInterrupt(self.exit_code)

    def _end(self, code: int) -> None:
        """End the process at once, as the store is consistent at any moment; the terminal gets its cursor back."""
        text = f"Ended at once. What was stored is kept; the same command carries on:\n  {self._command}\n"
        with suppress(OSError, ValueError, AttributeError):  # the reader is gone, or the stream was never open
            out = sys.stdout.fileno()
            os.write(out, ("\r\n\x1b[?25h" * os.isatty(out) + text).encode())
        os._exit(code)


def list_stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that request a stop, without SIGHUP if it was ignored from the start, as under nohup."""
    return tuple(
        number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    )


def install_handlers() -> None:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt with their exit codes, until an Interrupt is installed."""
    for number in list_stop_signals():
        if number != signal.SIGINT:
            signal.signal(number, _raise_interrupt)


def detach_terminal() -> None:
    """Print a last line and point the standard streams at the null device, as writing to a closed terminal fails."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in filter(None, (sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        with suppress(OSError, ValueError):  # never open
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):  # isatty is false for a terminal that hung up
                if stream is sys.__stdout__:
                    with suppress(OSError):
                        os.write(stream.fileno(), f"\r\n\x1b[?25h{HANGUP_MESSAGE}\r\n".encode())
                os.dup2(null, stream.fileno())
    os.close(null)


@contextmanager
def defer_signals() -> Iterator[None]:
    """Hold a stop signal back while Ray starts, then raise KeyboardInterrupt with its exit code.

    Ray crashes with a memory fault if its start is interrupted, and it sets handlers of its own. A second signal ends
    the process at once. SIGHUP is held back by blocking it, which Ray's processes inherit: a terminal sends it to all
    processes started there, and Ray's are needed to store results at the end.
    """
    received: list[int] = []
    set_handler = signal.signal

    def hold_back(number: int, frame: Any) -> None:
        if received:
            os._exit(128 + number)
        received.append(number)

    def set_other_handlers(number: int, handler: Any) -> Any:
        return signal.getsignal(number) if number in STOP_SIGNALS else set_handler(number, handler)

    before = {number: set_handler(number, hold_back) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal = set_other_handlers  # type: ignore[assignment]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.signal = set_handler
        for number, handler in before.items():
            set_handler(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        if received:
            raise KeyboardInterrupt(128 + received[0])


def _raise_interrupt(number: int, frame: Any) -> None:
    if number == signal.SIGHUP:
        detach_terminal()
        signal.signal(number, lambda *_: None)  # it comes again, and must not interrupt the cleanup
    raise KeyboardInterrupt(128 + number)


def get_exit_code(error: KeyboardInterrupt) -> int:
    """Return the exit code of the signal behind an interrupt."""
    return int(error.args[0]) if error.args else 128 + signal.SIGINT
