"""Reading records while they grow: what a JSON-lines file got since the last look, not the whole of it."""

from __future__ import annotations

import os
from pathlib import Path

from search.store.remote import FileVersion, stat_version
from trainers.reading import MISSING, Damage, RowShape, is_row, open_record, parse_rows, read_rows
from trainers.record_io import Place, Row


class JsonlTail:
    """The rows of a file that others append to, and replace at times."""

    def __init__(self, path: Place, shape: RowShape = is_row, damage: Damage | None = None) -> None:
        self.path, self._shape, self._damage = path, shape, damage
        self._rows = 0  # that were read
        self._file: tuple[int, int] | None = None  # which one it is
        self._at = 0
        self._stamp: FileVersion | None = None
        self.changed = 0.0  # when it was written to last, in seconds since the epoch

    def look(self) -> tuple[bool, list[Row]]:
        """Whether the file is another than at the last look, and the rows that it has since then or, if so, in all."""
        return self._grown(self.path) if isinstance(self.path, Path) else self._replaced()

    def _grown(self, path: Path) -> tuple[bool, list[Row]]:
        try:
            with open_record(path) as file:
                found = os.fstat(file.fileno())
                self.changed = found.st_mtime
                anew = (found.st_dev, found.st_ino) != self._file or found.st_size < self._at
                if anew:
                    self._file, self._at, self._rows = (found.st_dev, found.st_ino), 0, 0
                file.seek(self._at)
                text = file.read()
        except MISSING:
            gone, self._file, self._at, self._rows = self._file is not None, None, 0, 0
            return gone, []
        except ValueError:
            return self._anew()
        whole = text[: text.rfind(b"\n") + 1]  # a line that is being written comes next time
        rows = parse_rows(whole, self._shape, self._rows)
        if rows is None:  # another file under the same number, or torn within: as far as it reads from its beginning
            return self._anew()
        self._at += len(whole)
        self._rows += len(rows)
        return anew, rows

    def _replaced(self) -> tuple[bool, list[Row]]:
        """Behind a URL a file is always written whole."""
        found = stat_version(self.path)
        if found == self._stamp:
            return False, []
        self._stamp = found
        self.changed = found.modified if found else 0.0
        return self._anew()

    def _anew(self) -> tuple[bool, list[Row]]:
        return True, read_rows(self.path, self._shape, self._damage)
