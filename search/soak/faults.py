"""The faults of a soak, each as what is done to a sweep that runs."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from search.soak.process import DAMAGES, SweepProcess, find_raylet, find_workers, kill_process

ABSENT = "nothing there to befall"
FILES = (
    "stages/??/*/*", "trials/*/epochs.jsonl", "trials/*/cost.jsonl", "trials/*/*.json", "trials/*/*.npz",
    "trials/*/*.yaml", "profile/*.npz", "*.json", "*.jsonl", "*.yaml",
)  # fmt: skip


class Fault(NamedTuple):
    """One kind of fault."""

    strike: Callable[[SweepProcess, Path, Random], str | None]  # what was wrong with how the sweep took it, if anything
    ends: bool = True  # the driver
    every: float = 0.0  # seconds, where it does not
    tears: bool = False  # what was stored, so that more than an interval may have to be trained again


def _kill_driver(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    """With all that it started, or leaving that to notice."""
    driver.kill(workers=random.random() < 0.5)
    return None


def _kill_worker(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    found = find_workers(driver)
    if not found:
        return ABSENT
    kill_process(random.choice(found))
    return None


def _send_signal(number: signal.Signals) -> Callable[[SweepProcess, Path, Random], str | None]:
    """Asked to stop it says so by its code, unless it had ended just before."""

    def send(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
        driver.listens()
        code = driver.stop(number)
        said = driver.said
        return None if code in (128 + number, 0) else f"ended with code {code} and {said.splitlines()[-1:]}"

    return send


def _kill_raylet(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    pid = find_raylet(driver)
    if pid is None:
        driver.kill(workers=True)
        return ABSENT
    kill_process(pid)
    code = driver.wait()
    lines = driver.said.strip().splitlines()
    return None if code in (0, 1, 2) and lines else f"ended with code {code} and {lines[-1:]}"


def _damage_file(driver: SweepProcess, sweep: Path, random: Random) -> str | None:
    """Of whatever is stored a file loses its end, as after a loss of power."""
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
    "torn": Fault(_damage_file, tears=True),
}
