"""python -m search.status RUN: show the status of a sweep from its records, while it runs or afterwards.

A training is paused if it has begun and its next part waits to be handed to a process; search/README.md lists all
states. Exit codes: 0 all trainings ended, 1 some have not (the sweep still runs, or was stopped before its end), 2 no
such sweep, 130 watching was ended by Ctrl-C.
"""

from __future__ import annotations

import math
import os
import time

from rich.live import Live

from search.cli import exit_with
from search.exceptions import NoSweep, Unreachable
from search.monitor.disk_usage import DiskUsageMonitor, measure_size
from search.monitor.front_verdicts import describe_front
from search.monitor.heartbeat import Heartbeat
from search.monitor.reader import SweepReader
from search.monitor.screen import build_screen, format_headline, redraw
from search.monitor.sweep_status import SweepStatus, compute_status
from search.store.lock import is_locked
from search.store.remote import check_reachable, explain_error, parse_path
from trainers.record_reader import read_yaml
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console, error_console

DEFAULT_WIDTH = 160  # columns without a terminal and without COLUMNS
MAX_LINES = 200  # where the view need not fit a terminal
PLAIN_SECONDS = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Print the status of one sweep, once or again and again."""
    parser = Parser(prog="python -m search.status", description=__doc__)
    parser.add_argument("run", type=parse_path, help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument("--watch", action="store_true", help="update until all trainings ended, or Ctrl-C")
    parser.add_argument(
        "--interval", type=float, default=2.0, metavar="SECONDS", help="between two updates of --watch (default: 2)"
    )
    options = parser.parse_args(arguments)
    if not 0 < options.interval < math.inf:
        parser.error(f"--interval should be a number of seconds above 0; got {options.interval:g}")
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = DEFAULT_WIDTH
    try:
        check_reachable(options.run)
        reader = SweepReader(options.run)
        if options.watch:
            return _watch(console, reader, options.interval)
        status = _read_status(reader)
        console.print(build_screen(status, console, measure_size(reader.folder), MAX_LINES))
        space = read_yaml(reader.folder / "space.yaml", reader.damage) or {}
        for line in describe_front(status.trainings, (space.get("search") or {}).get("replicates")):
            console.print(line, soft_wrap=True)
        if not status.is_running and not status.all_ended and (command := reader.read_resume_command()):
            more = "A larger budget in the space, or by --set, and" if status.spent_budget else "All is kept;"
            console.print(f"{more} this command carries on:\n  {command}", soft_wrap=True, markup=False)
        for line in reader.damage.lines():
            error_console().print(f"note: {line}")
        return 0 if status.finished else 1
    except (NoSweep, Unreachable) as error:
        error_console().print(f"error: {error}", soft_wrap=True)
        return 2
    except OSError as error:
        error_console().print(f"error: {options.run}: {explain_error(error)}", soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130


def _read_status(reader: SweepReader) -> SweepStatus:
    reader.read_plan()
    heartbeat, is_running = Heartbeat.read(reader.folder), is_locked(reader.folder)
    reader.read_records(since=heartbeat.began if heartbeat and is_running else 0.0)
    return compute_status(reader, heartbeat, is_running)


def _watch(console: Console, reader: SweepReader, interval: float) -> int:
    """Redraw the status on a terminal; elsewhere print a line at every interval."""
    if not console.is_terminal:
        while not (status := _read_status(reader)).finished:
            console.print(format_headline(status), soft_wrap=True)
            time.sleep(max(interval, PLAIN_SECONDS))
        console.print(format_headline(status), soft_wrap=True)
        return 0
    disk_usage = DiskUsageMonitor(reader.folder)
    with Live(console=console, auto_refresh=False) as live:  # the last picture stays
        while True:
            status = _read_status(reader)
            redraw(live, build_screen(status, console, disk_usage.bytes, console.height - 1))
            if status.finished:
                return 0
            time.sleep(interval)


if __name__ == "__main__":
    exit_with(main, shows=True)
