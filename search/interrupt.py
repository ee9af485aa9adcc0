"""Ctrl-C and SIGTERM: the first stops a sweep cleanly, the second ends it at once."""

from __future__ import annotations

import os
import signal
from typing import Any


class Interrupt:
    """Turns the first Ctrl-C or SIGTERM into a clean stop and the second into an immediate end."""

    def __init__(self) -> None:
        self.code = 0  # 130 or 143 once asked to stop
        self.running = False  # whether Tune is there to be told

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked)

    def _asked(self, number: int, frame: Any) -> None:
        if self.code:
            os._exit(128 + number)  # the store is safe at any instant
        self.code = 128 + number
        if not self.running or signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL:  # Tune does not listen yet
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGUSR1)  # what Tune listens to, however Ctrl-C is handled
