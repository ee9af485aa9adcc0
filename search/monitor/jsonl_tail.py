"""Reading JSON-lines files that grow: only the rows that were added since the last read."""

from __future__ import annotations

import os
from pathlib import Path

from search.store.remote import FileVersion, stat_version
from trainers.record_io import Place, Row
from trainers.record_reader import MISSING, Damage, RowShape, is_row, open_record, parse_rows, read_rows


class JsonlTail:
    """Follows a file to which another process appends rows, and which it sometimes replaces."""

    def __init__(self, path: Place, shape: RowShape = is_row, damage: Damage | None = None) -> None:
        self.path, self._shape, self._damage = path, shape, damage
        self._rows = 0  # number of rows read
        self._file: tuple[int, int] | None = None  # device and inode
        self._position = 0
        self._stamp: FileVersion | None = None
        self.changed = 0.0  # time of the last write, in seconds since the epoch

    def read_new(self) -> tuple[bool, list[Row]]:
        """Return whether the file was replaced since the last read, and its new rows (all of them if it was)."""
        return self._read_appended(self.path) if isinstance(self.path, Path) else self._read_if_replaced()

    def _read_appended(self, path: Path) -> tuple[bool, list[Row]]:
        try:
            with open_record(path) as file:
                found = os.fstat(file.fileno())
                self.changed = found.st_mtime
                replaced = (found.st_dev, found.st_ino) != self._file or found.st_size < self._position
                if replaced:
                    self._file, self._position, self._rows = (found.st_dev, found.st_ino), 0, 0
                file.seek(self._position)
                text = file.read()
        except MISSING:
            removed, self._file, self._position, self._rows = self._file is not None, None, 0, 0
            return removed, []
        except ValueError:
            return self._read_all()
        complete = text[: text.rfind(b"\n") + 1]  # a line that is still being written is read next time
        rows = parse_rows(complete, self._shape, self._rows)
        if rows is None:  # another file with the same inode, or a torn line: read what is readable from the beginning
            return self._read_all()
        self._position += len(complete)
        self._rows += len(rows)
        return replaced, rows

    def _read_if_replaced(self) -> tuple[bool, list[Row]]:
        """Read a file behind a URL, where each write replaces the whole file."""
        found = stat_version(self.path)
        if found == self._stamp:
            return False, []
        self._stamp = found
        self.changed = found.modified if found else 0.0
        return self._read_all()

    def _read_all(self) -> tuple[bool, list[Row]]:
        return True, read_rows(self.path, self._shape, self._damage)
