"""A study's history on disk: what was asked and told, commit by commit, and Optuna's journal made of it.

generations.jsonl is the memory, a row a commit, replaced whole, so that a kill leaves the old or the new version. A
row's hash holds those before it: a file that was torn or altered is read up to the last row that is whole, and what
followed is asked again, of the same history and so the same. journal.log is the same operations as Optuna's tools read
them; nothing is read from it, so it needs no locks, one that was lost or damaged is written again, and what others
write into it lasts until the next commit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, Required, TypedDict

from optuna.storages.journal import BaseJournalBackend

from trainers.checking import build_checker
from trainers.reading import Damage, read_rows, read_with
from trainers.record_io import Place, Row, canonical, digest, write_atomic


class Operations(BaseJournalBackend):
    """Optuna's journal in memory: operations that become a commit, or nothing if the process ends before."""

    def __init__(self, committed: Iterable[Row]) -> None:
        self._lines = [canonical(operation) for operation in committed]  # as text: who reads them changes them
        self._committed = len(self._lines)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._lines += [canonical(log) for log in logs]

    def new(self) -> list[Row]:
        return [json.loads(line) for line in self._lines[self._committed :]]


class History:
    """The commits of one study."""

    def __init__(self, folder: Place) -> None:
        self._memory, self._journal = folder / "generations.jsonl", folder / "journal.log"
        self.damage = Damage()
        self.commits: list[Row] = []
        self._lines: list[str] = []
        self._hash = ""  # of the last commit and those before it
        for number, row in enumerate(read_rows(self._memory, damage=self.damage), 1):
            if row.pop("sha256", None) != digest([self._hash, row]) or not _is_commit(row, number == 1):
                self.damage.add(self._memory, f"line {number}: its checksum does not match its content")
                break
            self._take(row)

    def operations(self) -> Operations:
        return Operations(operation for row in self.commits for operation in row["journal"])

    def commit(self, row: Row) -> None:
        """Record a row, whose operations are under `journal`. Raises OSError where the disk is full."""
        content = _found(self._memory)
        if content is not None and content != "".join(self._lines).encode():
            write_atomic(self._memory.parent / "generations.damaged", content)  # for inspection, as its place is taken
        write_atomic(self._memory, "".join([*self._lines, self._line(row)]))
        self._take(row)
        self.publish()

    def publish(self) -> None:
        """Let journal.log hold what was committed."""
        content = "".join(canonical(operation) + "\n" for row in self.commits for operation in row["journal"])
        if content and _found(self._journal) != content.encode():
            write_atomic(self._journal, content)

    def _take(self, row: Row) -> None:
        self._lines.append(self._line(row))
        self._hash = digest([self._hash, row])
        self.commits.append(row)

    def _line(self, row: Row) -> str:
        return canonical(row | {"sha256": digest([self._hash, row])}) + "\n"


class _Commit(TypedDict, total=False):
    search: Row
    asked: list[Row]
    trials: list[int]
    told: list[Row]
    journal: Required[list[Row]]


_COMMIT = build_checker(_Commit)


def _is_commit(row: Row, first: bool) -> bool:
    """Whether it is one of this program: the first says of which search."""
    try:
        return "search" in _COMMIT(row) or not first
    except ValueError:
        return False


def _found(path: Place) -> bytes | None:
    """What stands in a file; None where there is none."""
    return read_with(path, lambda content: content, Damage(), sys.maxsize)
