"""The faults of a soak: functions that disturb a running sweep."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from search.soak.process import DAMAGES, SweepProcess, find_raylet, find_workers, kill_process

ABSENT = "there is nothing that it could strike"
FILES = (
    "stages/??/*/*", "trials/*/epochs.jsonl", "trials/*/cost.jsonl", "trials/*/*.json", "trials/*/*.npz",
    "trials/*/*.yaml", "profile/*.npz", "*.json", "*.jsonl", "*.yaml",
)  # fmt: skip
Strike = Callable[[SweepProcess, Path, Random], str | None]  # returns what the sweep did wrong, if anything


class Fault(NamedTuple):
    """One kind of fault."""

    strike: Strike
    ends: bool = True  # whether it ends the driver
    every: float = 0.0  # seconds between two strikes, if it does not
    damages: bool = False  # whether it damages stored files, so that more than an interval may be trained again


def _kill_driver(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    """Kill the driver, with or without the processes that it started."""
    driver.kill(workers=random.random() < 0.5)
    return None


def _kill_worker(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    found = find_workers(driver)
    if not found:
        return ABSENT
    kill_process(random.choice(found))
    return None


def _send_signal(number: signal.Signals) -> Strike:
    """Return a fault that asks the driver to stop. Its exit code must say so, unless it had just ended."""

    def send(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
        driver.wait_for_handlers()
        code = driver.stop(number)
        lines = driver.output.splitlines()
        return None if code in (128 + number, 0) else f"ended with code {code} and {lines[-1:]}"

    return send


def _kill_raylet(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    """Kill Ray's raylet. The driver must end with an exit code and a message."""
    pid = find_raylet(driver)
    if pid is None:
        driver.kill(workers=True)
        return ABSENT
    kill_process(pid)
    code = driver.wait()
    lines = driver.output.strip().splitlines()
    return None if code in (0, 1, 2) and lines else f"ended with code {code} and {lines[-1:]}"


def _damage_file(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    """Kill the driver and damage a stored file, as a loss of power may."""
    driver.kill(workers=True)
    files = [path for pattern in FILES for path in sorted(sweep.glob(pattern)) if path.is_file()]
    if not files:
        return ABSENT
    path = random.choice(files)
    path.write_bytes(DAMAGES[random.choice(sorted(DAMAGES))](path.read_bytes()))
    return None


FAULTS = {
    "kill": Fault(_kill_driver),
    "workers": Fault(_kill_worker, ends=False, every=5.0),
    "sigint": Fault(_send_signal(signal.SIGINT)),
    "sigterm": Fault(_send_signal(signal.SIGTERM)),
    "sighup": Fault(_send_signal(signal.SIGHUP)),
    "raylet": Fault(_kill_raylet),
    "torn": Fault(_damage_file, damages=True),
}
