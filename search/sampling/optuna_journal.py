"""A study's history on disk: each ask and tell is a commit, and Optuna's journal is derived from the commits.

generations.jsonl is the history, one row a commit. It is replaced as a whole, so a kill leaves the old or the new
version. The hash of a row covers all rows before it: a torn or altered file is read up to its last intact row. Later
rows are asked again from the same history, with the same result. journal.log has the same operations for Optuna's
tools. The search never reads it, so it needs no locks: a lost or damaged one is rewritten, and changes by other
programs last until the next commit.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any, Required, TypedDict

from optuna.storages.journal import BaseJournalBackend

from trainers.checking import build_checker
from trainers.record_io import Place, Row, canonical, digest, write_atomic
from trainers.record_reader import Damage, read_rows, read_with


class InMemoryJournal(BaseJournalBackend):
    """Optuna's journal in memory; its new operations become a commit, or are lost if the process ends before."""

    def __init__(self, committed: Iterable[Row]) -> None:
        self._lines = [canonical(operation) for operation in committed]  # as text, since readers change them
        self._committed = len(self._lines)

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return [json.loads(line) for line in self._lines[log_number_from:]]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._lines += [canonical(log) for log in logs]

    def list_new(self) -> list[Row]:
        return [json.loads(line) for line in self._lines[self._committed :]]


class CommitHistory:
    """The commits of one study."""

    def __init__(self, folder: Place) -> None:
        self._memory, self._journal = folder / "generations.jsonl", folder / "journal.log"
        self.damage = Damage()
        self.commits: list[Row] = []
        self._lines: list[str] = []
        self._hash = ""  # of all commits so far
        for number, row in enumerate(read_rows(self._memory, damage=self.damage), 1):
            if row.pop("sha256", None) != digest([self._hash, row]) or not _is_commit(row, number == 1):
                self.damage.add(self._memory, f"line {number}: its checksum does not match its content")
                break
            self._append(row)

    def make_journal(self) -> InMemoryJournal:
        return InMemoryJournal(operation for row in self.commits for operation in row["journal"])

    def commit(self, row: Row) -> None:
        """Record a row, which has its operations under `journal`. Raises OSError if the disk is full."""
        content = _read_content(self._memory)
        if content is not None and content != "".join(self._lines).encode():
            write_atomic(
                self._memory.parent / "generations.damaged", content
            )  # kept for inspection, since the file is replaced
        write_atomic(self._memory, "".join([*self._lines, self._format_line(row)]))
        self._append(row)
        self.publish()

    def publish(self) -> None:
        """Write the committed operations to journal.log."""
        content = "".join(canonical(operation) + "\n" for row in self.commits for operation in row["journal"])
        if content and _read_content(self._journal) != content.encode():
            write_atomic(self._journal, content)

    def _append(self, row: Row) -> None:
        self._lines.append(self._format_line(row))
        self._hash = digest([self._hash, row])
        self.commits.append(row)

    def _format_line(self, row: Row) -> str:
        return canonical(row | {"sha256": digest([self._hash, row])}) + "\n"


class _Commit(TypedDict, total=False):
    search: Row
    asked: list[Row]
    trials: list[int]
    told: list[Row]
    journal: Required[list[Row]]


_COMMIT = build_checker(_Commit)


def _is_commit(row: Row, first: bool) -> bool:
    """Return whether a row is a commit of this program; the first commit describes the search."""
    try:
        return "search" in _COMMIT(row) or not first
    except ValueError:
        return False


def _read_content(path: Place) -> bytes | None:
    """Return the content of a file, or None if it is missing."""
    return read_with(path, lambda content: content, Damage(), sys.maxsize)
