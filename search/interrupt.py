"""Ctrl-C and SIGTERM: the first stops a sweep cleanly, the second ends it at once."""

from __future__ import annotations

import os
import signal
from typing import Any

NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Turns the first Ctrl-C or SIGTERM into a clean stop and the second into an immediate end."""

    def __init__(self) -> None:
        self.code = 0  # 130 or 143 once asked to stop
        self.running = False  # whether Tune is there to be told

    def install(self) -> None:
        for number in NUMBERS:
            signal.signal(number, self._asked)

    def tell(self) -> None:
        """Tell Tune to stop: it listens to this signal, however Ctrl-C is handled."""
        signal.raise_signal(signal.SIGUSR1)

    def _asked(self, number: int, frame: Any) -> None:
        if self.code:
            os._exit(128 + number)  # the store is safe at any instant
        self.code = 128 + number
        if not self.running or signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
            raise KeyboardInterrupt(self.code)
        self.tell()


def heed_sigterm() -> None:
    """SIGTERM raises KeyboardInterrupt too, with its exit code, until an Interrupt is installed."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: Any) -> None:
    raise KeyboardInterrupt(128 + number)


def code_of(error: KeyboardInterrupt) -> int:
    """The exit code that says which signal it was."""
    return int(error.args[0]) if error.args else 128 + signal.SIGINT
