"""Ctrl-C, SIGTERM, a terminal that closes: the first stops a sweep cleanly, the second ends it at once.

The clean stop is search.execution.graceful_stop.

A terminal that closes sends SIGHUP, mostly several times, which asks once. What nohup started does not hear it.
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

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HUNG_UP = "Hung up: what runs ends its epoch and is stored; the same command carries on."


class Interrupt:
    """Turns the first signal that asks to stop into a clean stop and the second into an immediate end."""

    def __init__(self, command: str = "") -> None:
        """`command`: that carries on what ends at once."""
        self._command = command
        self.code = 0  # 130, 143 or 129 once asked to stop
        self.broken: str | None = None  # why nothing can run any more
        self.listening: Callable[[], bool] | None = None  # by the backend that runs: whether it looks at `code`

    def install(self) -> None:
        for number in heeded():
            signal.signal(number, self._asked)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Install it for a while; not outside of the main thread, which alone hears signals."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in heeded()}
        self.install()
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def broke(self, why: str) -> None:
        """End what the main thread does, for it would wait for ever; to be called by another thread."""
        self.broken = why
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _asked(self, number: int, frame: Any) -> None:
        if number == signal.SIGHUP:
            leave_terminal()
            if self.code:
                return
        if self.broken:
            raise KeyboardInterrupt
        if self.code:
            self._end(128 + number)
        self.code = 128 + number
        if not self.listening or not self.listening():  # nothing runs that would look at `code`
            raise KeyboardInterrupt(self.code)

    def _end(self, code: int) -> None:
        """End it at once, as the store is safe at any instant; the terminal gets its cursor back from the live view."""
        said = f"Ended at once. What was stored is kept; the same command carries on:\n  {self._command}\n"
        with suppress(OSError, ValueError, AttributeError):  # nobody reads it, or it was closed from the start
            out = sys.stdout.fileno()
            os.write(out, ("\r\n\x1b[?25h" * os.isatty(out) + said).encode())
        os._exit(code)


def heeded() -> tuple[signal.Signals, ...]:
    """The signals that ask to stop; SIGHUP does not where it was ignored from the start, as by nohup."""
    return tuple(it for it in NUMBERS if it != signal.SIGHUP or signal.getsignal(it) is not signal.SIG_IGN)


def install_handlers() -> None:
    """SIGTERM and SIGHUP raise KeyboardInterrupt too, with their exit codes, until an Interrupt is installed."""
    for number in heeded():
        if number != signal.SIGINT:
            signal.signal(number, _raise)


def leave_terminal() -> None:
    """Say a last word to the terminal, and nothing any more: to write to one that is gone is an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in filter(None, (sys.__stdin__, sys.__stdout__, sys.__stderr__)):
        with suppress(OSError, ValueError):  # closed from the start
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):  # one that hung up is no terminal to isatty
                if stream is sys.__stdout__:
                    with suppress(OSError):
                        os.write(stream.fileno(), f"\r\n\x1b[?25h{HUNG_UP}\r\n".encode())
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def deferred() -> Iterator[None]:
    """What asks to stop waits until Ray has started, which dies of a fault in memory where it is cut off, and sets
    handlers of its own. Then KeyboardInterrupt is raised, with the exit code; a second signal ends all at once.

    SIGHUP waits by being blocked, and Ray's processes inherit that: a terminal sends it to all that was started there,
    and they are needed for what is stored at the end.
    """
    asked: list[int] = []
    setting = signal.signal

    def later(number: int, frame: Any) -> None:
        if asked:
            os._exit(128 + number)
        asked.append(number)

    def set_others(number: int, handler: Any) -> Any:
        return signal.getsignal(number) if number in NUMBERS else setting(number, handler)

    before = {number: setting(number, later) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal = set_others  # type: ignore[assignment]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        yield
    finally:
        signal.signal = setting
        for number, handler in before.items():
            setting(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        if asked:
            raise KeyboardInterrupt(128 + asked[0])


def _raise(number: int, frame: Any) -> None:
    if number == signal.SIGHUP:
        leave_terminal()
        signal.signal(number, lambda *_: None)  # it comes again, and interrupts nothing that tidies up
    raise KeyboardInterrupt(128 + number)


def exit_code_of(error: KeyboardInterrupt) -> int:
    """The exit code that says which signal it was."""
    return int(error.args[0]) if error.args else 128 + signal.SIGINT
