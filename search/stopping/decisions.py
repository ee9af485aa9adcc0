"""Stopping decisions, and the journal that has them on disk before the schedule acts on them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, ValidationError

from search.exceptions import DamagedJournal
from trainers.knobs import Knobs
from trainers.record_io import Place, Row, append_rows, canonical, digest, set_aside, sync_folder, write_atomic
from trainers.record_reader import Damage, read_rows, read_with

JOURNAL = "stopping.jsonl"  # in a sweep's folder
SEAL = "sha256"  # of a line: the checksum of it and of those before it

Action = Literal["pass", "stop", "finish"]  # trains beyond a rung, or had its last epoch; stops; trains on after all
Values = dict[str, float]


class Decision(Knobs):
    """A decision about a configuration, all of its seeds together, and the numbers that it was made by."""

    action: Action
    rule: Annotated[str, Field(min_length=1)]  # the part of the stopping rule that decided, such as 'no new best'
    configuration: str
    epochs: NonNegativeInt  # how many were trained when it was decided; where it stops, if it does
    values: Values  # of the configuration, means over its seeds
    comparators: dict[str, Values] = {}  # of the configurations that it was measured by
    reason: str


class DecisionState:
    """The state that decisions lead to: who stopped where, who passed which rung, who is finished after all."""

    def __init__(self, decisions: Iterable[Decision] = ()) -> None:
        self.stops: dict[str, int] = {}  # configuration -> after how many epochs
        self.why: dict[str, Decision] = {}  # of each stop
        self.passed: set[tuple[str, int]] = set()  # configuration and rung
        self.finished: set[str] = set()
        self.add(decisions)

    def add(self, decisions: Iterable[Decision]) -> None:
        """Add further decisions, in the order in which they were made."""
        for decision in decisions:
            name = decision.configuration
            if decision.action == "stop":
                self.stops[name], self.why[name] = decision.epochs, decision
            elif decision.action == "pass":
                self.passed.add((name, decision.epochs))
            else:
                self.finished.add(name)

    def reached(self, configuration: str, epochs: int) -> int:
        """Return how many of its `epochs` a configuration has in the end."""
        return epochs if configuration in self.finished else self.stops.get(configuration, epochs)


class Journal:
    """The decisions of a sweep, a line each in the order in which they were made."""

    def __init__(self, path: Place) -> None:
        """Read the file as far as it is whole: what follows is decided again, from the same records.

        A line that a kill tore was not acted on. Any other damage is named in `damage`, and the damaged file is kept
        beside the journal. Raises DamagedJournal.
        """
        self.path, self.state, self.damage = path, DecisionState(), Damage()
        self._hash = ""  # of the last decision and those before it
        lines: list[str] = []
        for number, row in enumerate(read_rows(path, damage=self.damage), 1):
            content = {key: value for key, value in row.items() if key != SEAL}
            if row.get(SEAL, "" if self._hash else None) not in (None, digest([self._hash, content])):
                self.damage.add(path, f"line {number}: its checksum does not match its content")
                break
            self.state.add([_read_decision(path, number, content)])
            self._hash = digest([self._hash, content]) if SEAL in row else ""
            lines.append(canonical(row) + "\n")
        stored, whole = read_with(path, lambda content: content, None), "".join(lines).encode()
        if stored is not None and stored != whole:
            if self.damage:
                write_atomic(path.parent / "stopping.damaged", stored)
            write_atomic(path, whole)

    def append(self, decisions: Sequence[Decision]) -> None:
        """Append decisions; on return they are on disk. Raises OSError when the disk is full."""
        if not decisions:
            return
        rows, last = [], self._hash
        for decision in decisions:
            content = decision.model_dump()
            last = digest([last, content])
            rows.append(content | {SEAL: last})
        if not isinstance(self.path, Path):
            append_rows(self.path, rows)
        else:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.is_dir():
                set_aside(self.path)
            with self.path.open("a", encoding="ascii") as file:
                file.write("".join(canonical(row) + "\n" for row in rows))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.path.parent)
        self._hash = last
        self.state.add(decisions)


def _read_decision(path: Place, number: int, row: Row) -> Decision:
    try:
        return Decision.model_validate(row)
    except ValidationError as error:
        problem = error.errors()[0]
        raise DamagedJournal(
            f"{path}: line {number} is no decision of this version "
            f"({'.'.join(map(str, problem['loc']))}: {problem['msg']}); restore it or start anew with --fresh"
        ) from None


def format_values(values: Values) -> str:
    """Return values as a reason says them: accuracies in percent."""
    return ", ".join(
        f"{name} {100 * value:.1f} %" if name.endswith("_acc") else f"{name} {value:.4g}"
        for name, value in values.items()
    )
