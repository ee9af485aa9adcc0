"""python -m search.soak SPACE: a sweep under random faults, against the same sweep undisturbed, bit for bit.

Exit codes: 0 every record is equal, 1 some differ or a fault was not taken as it should be, 2 the space does not run.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from search.cli import exit_with
from search.exceptions import SpaceError
from search.schema.space import load_space
from search.soak.faults import ABSENT, FAULTS
from search.soak.process import Costs, SweepProcess, costs, records, seconds_again, trained_again
from trainers.terminal.console import Console, error_console

PATIENCE = 900.0  # seconds in which a sweep that is left alone ends
RETRIES = "search.retries=1000"  # a worker that is killed every few seconds is no fault of its trial


@dataclass
class Tally:
    """What was seen of one kind of fault."""

    wanted: int | None  # times, if not as often as the time allows
    times: int = 0
    before: list[Costs] = field(default_factory=list)  # what was recorded then, in this round
    epochs: int = 0  # trained again, at most, of one training
    seconds: float = 0.0  # ... without the newest of them
    wrong: list[str] = field(default_factory=list)  # how the sweep took it, where it should not

    def settle(self, after: Costs) -> None:
        """A round has ended."""
        for before in self.before:
            self.epochs = max(self.epochs, trained_again(before, after))
            self.seconds = max(self.seconds, seconds_again(before, after))
        self.before.clear()


class Soak:
    """Runs a space again and again, each time in a new folder, until faults befell it often and long enough."""

    def __init__(self, arguments: list[str], folder: Path, wanted: dict[str, int | None], seed: int) -> None:
        self.arguments, self.folder, self.random = arguments, folder, random.Random(seed)
        self.tallies = {name: Tally(times) for name, times in wanted.items()}
        self.different: list[str] = []
        self.round = 0
        self.wall = 0.0  # seconds of the undisturbed run
        self.driver: SweepProcess

    @property
    def sweep(self) -> Path:
        """The folder of this round's sweep."""
        return self.folder / str(self.round) / "sweep"

    def start(self) -> SweepProcess:
        more = ["--name", "sweep", "--results", str(self.sweep.parent), "--set", RETRIES]
        self.driver = SweepProcess(*self.arguments, *more, scratch=self.folder / "tmp")
        return self.driver

    def undisturbed(self) -> bool:
        """Run it once with nothing befalling it; whether that works."""
        began = time.monotonic()
        code = self.start().wait(timeout=24 * 3600)
        self.wall = time.monotonic() - began
        return code == 0

    def disturbed(self, seconds: float) -> None:
        """Let faults befall it for so long, and those that are counted so often."""
        wanted, until = records(self.sweep), time.monotonic() + seconds
        while time.monotonic() < until or any(it.times < (it.wanted or 0) for it in self.tallies.values()):
            self.round += 1
            while not self._life(until):
                continue
            found, after = records(self.sweep), costs(self.sweep)
            names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
            self.different += [f"round {self.round}: {name}" for name in names]
            for tally in self.tallies.values():
                tally.settle(after)

    def _life(self, until: float) -> bool:
        """One process of the sweep, whatever befalls it; whether it ended by itself, with all done or not."""
        driver, began = self.start(), time.monotonic()
        fate = self.random.choice([*(name for name in self._open(until) if FAULTS[name].ends), None])
        due = {fate: began + self.random.uniform(0, self.wall)} if fate else {}
        due |= {name: began + FAULTS[name].every for name in self.tallies if not FAULTS[name].ends}
        struck = False
        while driver.process.poll() is None:
            now = time.monotonic()
            for name in self._open(until) & {name for name, then in due.items() if then < now}:
                struck |= self._strike(name)
                due[name] = now + FAULTS[name].every
            if now > max(until, began) + PATIENCE:
                self.different.append(f"round {self.round}: it does not end")
                driver.kill(workers=True)
                return True
            time.sleep(0.05)
        driver.close()
        if driver.process.returncode and not struck:
            self.different.append(
                f"round {self.round}: it ended with code {driver.process.returncode}:\n{driver.printed}"
            )
        return not driver.process.returncode or not struck

    def _open(self, until: float) -> set[str]:
        """The faults that may befall it now."""
        late = time.monotonic() > until
        return {n for n, it in self.tallies.items() if (not late if it.wanted is None else it.times < it.wanted)}

    def _strike(self, name: str) -> bool:
        before = costs(self.sweep)
        try:
            wrong = FAULTS[name].strike(self.driver, self.sweep, self.random)
        except (AssertionError, subprocess.TimeoutExpired) as error:  # a traceback, or no end
            self.driver.kill(workers=True)
            wrong = "see below"
            self.different.append(f"round {self.round}, {name}: {error}")
        if wrong == ABSENT:
            return FAULTS[name].ends
        tally = self.tallies[name]
        tally.times += 1
        tally.before.append(before)
        tally.wrong += [wrong] if wrong else []
        return True


def main(arguments: list[str] | None = None) -> int:
    """Everything between the command line and the exit code."""
    it = argparse.ArgumentParser(prog="python -m search.soak", description=__doc__)
    it.add_argument("space", help="a YAML file such as spaces/smoke.yaml")
    it.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override, as search.run has it")
    it.add_argument("--minutes", type=float, default=2.0, help="how long faults befall it (default: 2)")
    names = ",".join(FAULTS)
    it.add_argument(
        "--faults", default=names, help=f"which, and how often if not ever again: kill=50,workers ({names})"
    )
    it.add_argument("--seed", type=int, default=0, help="of the instants (default: 0)")
    options = it.parse_args(arguments)
    console = Console(soft_wrap=True)
    try:
        wanted = _wanted(options.faults)
        interval = load_space(Path(options.space), options.set).space.search.checkpoint_seconds
    except SpaceError as error:
        error_console().print("\n".join(f"error: {problem}" for problem in error.problems))
        return 2
    sets = [part for override in options.set for part in ("--set", override)]
    soak = Soak(
        [str(Path(options.space).resolve()), *sets], Path(tempfile.mkdtemp(prefix="soak-")), wanted, options.seed
    )
    if not soak.undisturbed():
        console.print(f"error: {options.space} does not run undisturbed:\n{soak.driver.printed}")
        return 2
    console.print(f"Undisturbed it takes {soak.wall:.0f} s.")
    soak.disturbed(60 * options.minutes)
    return _told(soak, interval, console)


def _wanted(text: str) -> dict[str, int | None]:
    """Faults by name, with how often. Raises SpaceError."""
    wanted: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, times = part.partition("=")
        if name not in FAULTS or (times and not times.isdigit()):
            raise SpaceError([f"--faults {part}: write names, perhaps with how often: {', '.join(FAULTS)}=50"])
        wanted[name] = int(times) if times else None
    return wanted


def _told(soak: Soak, interval: float, console: Console) -> int:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", "times", "epochs trained again, at most", "verdict"):
        table.add_column(name)
    good = not soak.different
    for name, tally in soak.tallies.items():
        much = tally.seconds > interval and not FAULTS[name].tears
        wrong = [*tally.wrong[:1], *([f"{tally.seconds:.0f} s beyond an epoch trained again"] if much else [])]
        table.add_row(name, str(tally.times), str(tally.epochs), "; ".join(wrong) or "as it should be")
        good &= not wrong
    console.print(table)
    for line in soak.different:
        console.print(f"DIFFERS: {line}")
    if good:
        console.print(f"The records of all {soak.round} sweeps are those of the undisturbed one, bit for bit.")
        shutil.rmtree(soak.folder, ignore_errors=True)
    else:
        console.print(f"What is left of it: {soak.folder}")
    return int(not good)


if __name__ == "__main__":
    exit_with(main)
