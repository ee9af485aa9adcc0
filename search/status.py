"""python -m search.status RUN: where a sweep stands, from its records alone; works while it runs and after.

Exit codes: 0 all trainings ended, 1 not (yet), 2 no such sweep, 130 watching was ended by Ctrl-C.
"""

from __future__ import annotations

import argparse
import math
import os
import time

from rich.live import Live

from search.cli import exit_with
from search.exceptions import NoSweep, Unreachable
from search.monitor.disk_usage import DiskUsageMonitor, stored
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import draw, headline, screen
from search.monitor.sweep_status import SweepStatus, standing
from search.store.lock import is_locked
from search.store.remote import check_reachable, explain_error, parse_path
from trainers.terminal.console import Console, error_console

WIDE = 160  # columns where there is no terminal, and COLUMNS does not say
LONG = 200  # lines where the view need not fit a terminal
PLAIN_SECONDS = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Print the state of one sweep, once or again and again."""
    it = argparse.ArgumentParser(prog="python -m search.status", description=__doc__)
    it.add_argument("run", type=parse_path, help="a sweep's folder, such as results/friendly_k, or its URL")
    it.add_argument("--watch", action="store_true", help="go on showing it until all trainings ended, or Ctrl-C")
    it.add_argument("--interval", type=float, default=2.0, metavar="SECONDS", help="of --watch (default: 2)")
    options = it.parse_args(arguments)
    if not 0 < options.interval < math.inf:
        it.error(f"--interval should be a number of seconds above 0; got {options.interval:g}")
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDE
    try:
        check_reachable(options.run)
        ledger = SweepReader(options.run)
        if options.watch:
            return _watch(console, ledger, options.interval)
        now = _look(ledger)
        console.print(screen(now, console, stored(ledger.folder), LONG))
        for line in ledger.damage.lines():
            error_console().print(f"note: {line}")
        return 0 if now.finished else 1
    except (NoSweep, Unreachable) as error:
        error_console().print(f"error: {error}", soft_wrap=True)
        return 2
    except OSError as error:
        error_console().print(f"error: {options.run}: {explain_error(error)}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130


def _look(ledger: SweepReader) -> SweepStatus:
    ledger.grow()
    now, running = Heartbeat.read(ledger.folder), is_locked(ledger.folder)
    ledger.look(since=now.began if now and running else 0.0)
    return standing(ledger, now, running)


def _watch(console: Console, ledger: SweepReader, interval: float) -> int:
    """On a terminal a picture that is drawn again; elsewhere a line now and then."""
    if not console.is_terminal:
        while not (now := _look(ledger)).finished:
            console.print(headline(now), soft_wrap=True)
            time.sleep(max(interval, PLAIN_SECONDS))
        console.print(headline(now), soft_wrap=True)
        return 0
    gauge = DiskUsageMonitor(ledger.folder)
    with Live(console=console, auto_refresh=False) as live:  # the last picture stays
        while True:
            now = _look(ledger)
            draw(live, screen(now, console, gauge.bytes, console.height - 1))
            if now.finished:
                return 0
            time.sleep(interval)


if __name__ == "__main__":
    exit_with(main, shows=True)
