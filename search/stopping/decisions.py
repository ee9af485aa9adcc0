"""Decisions of stopping, and the journal that holds them: written and on disk before anything acts on them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import NonNegativeInt, ValidationError

from search.exceptions import DamagedJournal
from trainers.knobs import Knobs
from trainers.reading import Damage, read_rows, read_with
from trainers.record_io import Place, Row, append_rows, canonical, digest, set_aside, sync_folder, write_atomic

SEAL = "sha256"  # of a line: the checksum of it and of those before it

Action = Literal["pass", "stop", "finish"]  # goes on beyond a rung, or had its last epoch; ends; ends later after all
Rule = Literal["rung", "dominated", "chance", "diverged", "collapsed", "no new best", "near a front", "last epoch"]
Values = dict[str, float]


class Decision(Knobs):
    """What was decided of a configuration, all of its seeds together, and by which numbers."""

    action: Action
    rule: Rule
    configuration: str
    epochs: NonNegativeInt  # how many were trained when it was decided; where it stops, if it does
    values: Values  # of the configuration, means over its seeds
    comparators: dict[str, Values] = {}  # of those that it was measured by
    reason: str


class DecisionState:
    """What decisions come to: where configurations stop, who passed which rung, who is finished after all."""

    def __init__(self, decisions: Iterable[Decision] = ()) -> None:
        self.stops: dict[str, int] = {}
        self.why: dict[str, Decision] = {}  # of each stop
        self.passed: set[tuple[str, int]] = set()
        self.finished: set[str] = set()
        self.add(decisions)

    def add(self, decisions: Iterable[Decision]) -> None:
        for it in decisions:
            if it.action == "stop":
                self.stops[it.configuration], self.why[it.configuration] = it.epochs, it
            elif it.action == "pass":
                self.passed.add((it.configuration, it.epochs))
            else:
                self.finished.add(it.configuration)

    def reached(self, configuration: str, epochs: int) -> int:
        """How many of its epochs a configuration has in the end."""
        return epochs if configuration in self.finished else self.stops.get(configuration, epochs)


class Journal:
    """The decisions of a sweep, a line each in the order taken."""

    def __init__(self, path: Place) -> None:
        """Read what is there, as far as it is whole: what follows is decided again, of the same records.

        A line that a kill tore was not acted on; of any other damage `damage` tells, and the file is kept beside.
        Raises DamagedJournal.
        """
        self.path, self.taken, self.damage = path, DecisionState(), Damage()
        self._hash = ""  # of the last decision and those before it
        lines: list[str] = []
        for number, row in enumerate(read_rows(path, damage=self.damage), 1):
            its = {key: value for key, value in row.items() if key != SEAL}
            if row.get(SEAL, "" if self._hash else None) not in (None, digest([self._hash, its])):
                self.damage.add(path, f"line {number}: its checksum does not match its content")
                break
            self.taken.add([_decision(path, number, its)])
            self._hash = digest([self._hash, its]) if SEAL in row else ""
            lines.append(canonical(row) + "\n")
        content, whole = read_with(path, lambda content: content, None), "".join(lines).encode()
        if content is not None and content != whole:
            if self.damage:
                write_atomic(path.parent / "stopping.damaged", content)
            write_atomic(path, whole)

    def take(self, decisions: Sequence[Decision]) -> None:
        """Append decisions; on return they are on disk. Raises OSError when it is full."""
        if not decisions:
            return
        rows, last = [], self._hash
        for decision in decisions:
            its = decision.model_dump()
            last = digest([last, its])
            rows.append(its | {SEAL: last})
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
        self.taken.add(decisions)


def _decision(path: Place, number: int, row: Row) -> Decision:
    try:
        return Decision.model_validate(row)
    except ValidationError as error:
        problem = error.errors()[0]
        raise DamagedJournal(
            f"{path}: line {number} is no decision of this version "
            f"({'.'.join(map(str, problem['loc']))}: {problem['msg']}); restore it or start anew with --fresh"
        ) from None


def shown(values: Values) -> str:
    """Values as a reason says them: accuracies in percent."""
    return ", ".join(
        f"{name} {100 * value:.1f} %" if name.endswith("_acc") else f"{name} {value:.4g}"
        for name, value in values.items()
    )
