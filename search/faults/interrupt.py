"""Ctrl-C and SIGTERM: the first stops a sweep cleanly (see search.faults.grace), the second ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Turns the first Ctrl-C or SIGTERM into a clean stop and the second into an immediate end."""

    def __init__(self, command: str = "") -> None:
        """`command`: that carries on what ends at once."""
        self._command = command
        self.code = 0  # 130 or 143 once asked to stop
        self.broken: str | None = None  # why nothing can run any more
        self.running = False  # whether Tune is there to be told

    def install(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self._asked)

    def tell(self) -> None:
        """Tell Tune to stop: it listens to this signal, however Ctrl-C is handled."""
        signal.raise_signal(signal.SIGUSR1)

    def broke(self, why: str) -> None:
        """End what the main thread does, for it would wait for ever; to be called by another thread."""
        self.broken = why
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    def _asked(self, number: int, frame: Any) -> None:
        if self.broken:
            raise KeyboardInterrupt
        if self.code:
            self._end(128 + number)
        self.code = 128 + number
        if not self.running or signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
            raise KeyboardInterrupt(self.code)

    def _end(self, code: int) -> None:
        """End it at once, as the store is safe at any instant; the terminal gets its cursor back from the live view."""
        said = f"Ended at once. What was stored is kept; the same command carries on:\n  {self._command}\n"
        with suppress(OSError, ValueError, AttributeError):  # nobody reads it, or it was closed from the start
            out = sys.stdout.fileno()
            os.write(out, ("\r\n\x1b[?25h" * os.isatty(out) + said).encode())
        os._exit(code)


def heed_sigterm() -> None:
    """SIGTERM raises KeyboardInterrupt too, with its exit code, until an Interrupt is installed."""
    signal.signal(signal.SIGTERM, _raise)


@contextmanager
def deferred() -> Iterator[None]:
    """Ctrl-C and SIGTERM wait until Ray has started, which dies of a fault in memory where it is cut off, and sets
    handlers of its own. Then KeyboardInterrupt is raised, with the exit code; a second signal ends all at once.
    """
    asked: list[int] = []
    setting = signal.signal

    def later(number: int, frame: Any) -> None:
        if asked:
            os._exit(128 + number)
        asked.append(number)

    def set_others(number: int, handler: Any) -> Any:
        return signal.getsignal(number) if number in NUMBERS else setting(number, handler)

    before = {number: setting(number, later) for number in NUMBERS}
    signal.signal = set_others  # type: ignore[assignment]
    try:
        yield
    finally:
        signal.signal = setting
        for number, handler in before.items():
            setting(number, handler)
        if asked:
            raise KeyboardInterrupt(128 + asked[0])


def _raise(number: int, frame: Any) -> None:
    raise KeyboardInterrupt(128 + number)


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code that says which signal it was."""
    return int(error.args[0]) if error.args else 128 + signal.SIGINT
