"""How far a command is, or what it waits for, after two seconds: a line that redraws itself, or plain lines."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.live import Live

from trainers.formatting import format_duration
from trainers.terminal.console import Console, error_console

Item = TypeVar("Item")
QUIET_SECONDS = 2.0  # before the line of a terminal
PLAIN_SECONDS = 15.0  # before each plain line


class Progress:
    """Counts how much of some work is done, and says so on standard error."""

    def __init__(self, title: str, total: int, is_even: bool = True) -> None:
        """Count from 0 to `total`, in units that take about as long as each other if `is_even`."""
        self.title, self.total, self.done, self.is_even = title, total, 0, is_even
        self._count = 1  # of the units that were done last, at once
        self._began = self._advanced = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """Count further units as done."""
        self.done += count
        self._count, self._advanced = count, time.monotonic()

    def describe(self) -> str:
        """Return the title, how much is done, and the time left if some of it is; of uneven units the time so far."""
        now, when = time.monotonic(), ""
        if not self.is_even:
            when = f", {format_duration(now - self._began)} so far"
        elif 0 < self.done < self.total:
            when = f", about {format_duration(self._estimate_left(now))} left"
        return f"{self.title}: {self.done:,} of {self.total:,}{when}"

    def _estimate_left(self, now: float) -> float:
        """Return the seconds left: fewer each second, but never fewer than those after the units that are next."""
        each = (self._advanced - self._began) / self.done
        left = each * (self.total - self.done)
        return max(left - (now - self._advanced), left - each * self._count, 1.0)


@contextmanager
def show_progress(title: str, total: int, is_even: bool = True) -> Iterator[Progress]:
    """Show how far some work is, whose caller advances what is yielded; see Progress for `is_even`.

    On a terminal this is one line, from two seconds on, which vanishes at the end. Into a pipe or a file goes a plain
    line every 15 seconds.
    """
    progress = Progress(title, total, is_even)
    with _show(progress.describe):
        yield progress


@contextmanager
def show_wait(title: str) -> Iterator[None]:
    """Show what a command waits for, such as an import, whose end nothing foretells; like `show_progress` otherwise."""
    began = time.monotonic()
    with _show(lambda: f"{title} … {time.monotonic() - began:.0f} s"):
        yield


def track_progress(items: Iterable[Item], title: str, total: int) -> Iterator[Item]:
    """Yield items, and show how many of them are done."""
    with show_progress(title, total) as progress:
        for item in items:
            yield item
            progress.advance()


@contextmanager
def _show(describe: Callable[[], str]) -> Iterator[None]:
    ended = threading.Event()
    thread = threading.Thread(target=_print_until, args=(ended, describe, error_console()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _print_until(ended: threading.Event, describe: Callable[[], str], console: Console) -> None:
    if not console.is_terminal:
        while not ended.wait(PLAIN_SECONDS):
            console.print(describe())
    elif not ended.wait(QUIET_SECONDS):
        # what is printed goes above the line, unless it goes elsewhere
        above = sys.stdout is not None and sys.stdout.isatty()
        with Live(console=console, get_renderable=describe, transient=True, redirect_stdout=above):
            ended.wait()
