"""python -m search.soak SPACE: run a sweep under random faults and compare it with an undisturbed one bit for bit.

Exit codes: 0 every record is equal, 1 some differ or a fault was not handled correctly, 2 the space does not run.
"""

from __future__ import annotations

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
from search.schema.space_files import find_space, read_text
from search.soak.faults import ABSENT, FAULTS
from search.soak.process import (
    CostLines,
    SweepProcess,
    count_retrained,
    hash_records,
    read_costs,
    sum_retrained_seconds,
)
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console, error_console
from trainers.terminal.tables import print_table

PATIENCE = 900.0  # seconds within which a sweep without further faults ends
RETRIES = "search.retries=1000"  # a trial whose worker is killed every few seconds must not run out of retries


@dataclass
class FaultRecord:
    """The observed effects of one kind of fault."""

    wanted: int | None  # number of times; None: as often as the time allows
    times: int = 0
    costs_before: list[CostLines] = field(default_factory=list)  # recorded when a fault struck, in this round
    epochs: int = 0  # of one training that were trained again, at most
    seconds: float = 0.0  # these took, without the newest of them, at most
    wrong: list[str] = field(default_factory=list)  # how the sweep handled it incorrectly

    def end_round(self, costs_after: CostLines) -> None:
        """Compare the costs at the end of a round with those at each fault."""
        for before in self.costs_before:
            self.epochs = max(self.epochs, count_retrained(before, costs_after))
            self.seconds = max(self.seconds, sum_retrained_seconds(before, costs_after))
        self.costs_before.clear()


class Soak:
    """Runs a space again and again, each time in a new folder, until the faults have struck long and often enough."""

    def __init__(self, arguments: list[str], folder: Path, wanted: dict[str, int | None], seed: int) -> None:
        self.arguments, self.folder, self.random = arguments, folder, random.Random(seed)
        self.faults = {name: FaultRecord(times) for name, times in wanted.items()}
        self.different: list[str] = []
        self.round = 0
        self.wall = 0.0  # seconds of the undisturbed run
        self.driver: SweepProcess

    @property
    def sweep(self) -> Path:
        """The folder of this round's sweep."""
        return self.folder / str(self.round) / "sweep"

    def start(self) -> SweepProcess:
        """Start a process of this round's sweep."""
        more = ["--name", "sweep", "--results", str(self.sweep.parent), "--set", RETRIES]
        self.driver = SweepProcess(*self.arguments, *more, scratch=self.folder / "tmp")
        return self.driver

    def run_undisturbed(self) -> bool:
        """Run the sweep once without faults. Return whether that succeeds."""
        began = time.monotonic()
        code = self.start().wait(timeout=24 * 3600)
        self.wall = time.monotonic() - began
        return code == 0

    def run_disturbed(self, seconds: float) -> None:
        """Run sweeps under faults for this long, and until each counted fault has struck often enough."""
        wanted, until = hash_records(self.sweep), time.monotonic() + seconds
        while time.monotonic() < until or any(fault.times < (fault.wanted or 0) for fault in self.faults.values()):
            self.round += 1
            while not self._run_process(until):
                continue
            found, costs = hash_records(self.sweep), read_costs(self.sweep)
            names = sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name))
            self.different += [f"round {self.round}: {name}" for name in names]
            for fault in self.faults.values():
                fault.end_round(costs)

    def _run_process(self, until: float) -> bool:
        """Run one process of the sweep under faults. Return whether it ended by itself and the round is over."""
        driver, began = self.start(), time.monotonic()
        end = self.random.choice([*(name for name in self._list_due(until) if FAULTS[name].ends), None])
        due = {end: began + self.random.uniform(0, self.wall)} if end else {}
        due |= {name: began + FAULTS[name].every for name in self.faults if not FAULTS[name].ends}
        struck = False
        while driver.process.poll() is None:
            now = time.monotonic()
            for name in self._list_due(until) & {name for name, moment in due.items() if moment < now}:
                struck |= self._strike(name)
                due[name] = now + FAULTS[name].every
            if now > max(until, began) + PATIENCE:
                self.different.append(f"round {self.round}: it does not end")
                driver.kill(workers=True)
                return True
            time.sleep(0.05)
        driver.close()
        code = driver.process.returncode
        if code and not struck:
            self.different.append(f"round {self.round}: it ended with code {code}:\n{driver.raw_output}")
        return not code or not struck

    def _list_due(self, until: float) -> set[str]:
        """Return the faults that may still strike."""
        late = time.monotonic() > until
        return {
            name
            for name, fault in self.faults.items()
            if (not late if fault.wanted is None else fault.times < fault.wanted)
        }

    def _strike(self, name: str) -> bool:
        """Let a fault strike. Return whether the process may have ended because of it."""
        before = read_costs(self.sweep)
        try:
            wrong = FAULTS[name].strike(self.driver, self.sweep, self.random)
        except (AssertionError, subprocess.TimeoutExpired) as error:  # a traceback, or a process that does not end
            self.driver.kill(workers=True)
            wrong = "see below"
            self.different.append(f"round {self.round}, {name}: {error}")
        if wrong == ABSENT:
            return FAULTS[name].ends
        fault = self.faults[name]
        fault.times += 1
        fault.costs_before.append(before)
        fault.wrong += [wrong] if wrong else []
        return True


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments. Return the exit code."""
    parser = Parser(prog="python -m search.soak", description=__doc__)
    parser.add_argument("space", type=Path, help="a YAML file, or the name of a space such as smoke")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="override a value, as for search.run"
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="how long faults strike (default: 2)")
    names = ",".join(FAULTS)
    parser.add_argument(
        "--faults", default=names, help=f"which faults, and how often if counted: kill=50,workers (default: {names})"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed that draws the faults and their times (default: 0)")
    options = parser.parse_args(arguments)
    console = Console(soft_wrap=True)
    try:
        wanted = _parse_faults(options.faults)
        read_text(find_space(options.space))
        from search.schema.space import load_space  # takes seconds: torch

        interval = load_space(options.space, options.set).space.search.checkpoint_seconds
    except SpaceError as error:
        error_console().print("\n".join(f"error: {problem}" for problem in error.problems))
        return 2
    sets = [part for override in options.set for part in ("--set", override)]
    soak = Soak(
        [str(find_space(options.space).resolve()), *sets], Path(tempfile.mkdtemp(prefix="soak-")), wanted, options.seed
    )
    if not soak.run_undisturbed():
        console.print(f"error: {options.space} does not run undisturbed:\n{soak.driver.raw_output}")
        return 2
    console.print(f"Undisturbed it takes {soak.wall:.0f} s.")
    soak.run_disturbed(60 * options.minutes)
    return _print_verdict(soak, interval, console)


def _parse_faults(text: str) -> dict[str, int | None]:
    """Return the faults by name, with how often each strikes. Raises SpaceError."""
    wanted: dict[str, int | None] = {}
    for part in text.split(","):
        name, _, times = part.partition("=")
        if name not in FAULTS or (times and not times.isdigit()):
            raise SpaceError([f"--faults {part}: write names, perhaps with how often: {', '.join(FAULTS)}=50"])
        wanted[name] = int(times) if times else None
    return wanted


def _print_verdict(soak: Soak, interval: float, console: Console) -> int:
    """Print what each fault did and which records differ. Return the exit code."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("fault", "times", "epochs trained again, at most", "verdict"):
        table.add_column(name)
    good = not soak.different
    for name, fault in soak.faults.items():
        too_long = fault.seconds > interval and not FAULTS[name].damages
        wrong = [*fault.wrong[:1], *([f"{fault.seconds:.0f} s beyond an epoch trained again"] if too_long else [])]
        table.add_row(name, str(fault.times), str(fault.epochs), "; ".join(wrong) or "as it should be")
        good &= not wrong
    print_table(console, table)
    for line in soak.different:
        console.print(f"DIFFERS: {line}")
    if good:
        console.print(f"The records of all {soak.round} sweeps are those of the undisturbed one, bit for bit.")
        shutil.rmtree(soak.folder, ignore_errors=True)
    else:
        console.print(f"The sweeps are kept in {soak.folder}")
    return int(not good)


if __name__ == "__main__":
    exit_with(main)
