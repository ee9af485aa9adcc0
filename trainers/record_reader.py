"""The only reader of a sweep's records, for training, status and analysis; it names damaged records and skips them.

A record is damaged if it is not a regular file, not JSON, not of the shape of its kind (trainers.record_shapes), or if
its checksum does not match. A missing record is not damaged, as it may be written later; nor is a last line without a
newline, which is being written. A caller passes a Damage to learn which records were damaged.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from trainers.record_io import Place, Row, broken, unchanged

PIECE = 1 << 18  # bytes of a file that are read at once
LARGEST = 1 << 30  # bytes of a record of text; the plan of half a million trainings has fewer
EXPANDED = 1_000_000  # largest number of values in a YAML file once its aliases are expanded
MISSING = (FileNotFoundError, NotADirectoryError)
NOT_AS_RECORDED = "it does not match the size and checksum in the result beside it"

T = TypeVar("T")
Shape = Callable[[Any], T]  # returns the value, or raises ValueError that says what is wrong with it
RowShape = Callable[[Any, int], bool]  # whether a value is a row of its kind, and may be that row (0-based) of the file


class Damage(dict[str, str]):
    """The damaged records by path, each with what is wrong with it."""

    def add(self, path: Place, what: str) -> None:
        """Record damage, unless some is recorded for this path already."""
        self.setdefault(str(path), what)

    def lines(self) -> list[str]:
        """Return a message for each damaged record."""
        return [f"{path}: damaged: {what}" for path, what in self.items()]


class ExpectedFile(NamedTuple):
    """Size and checksum of a record, as the result of its trial states them."""

    size: int  # bytes
    sha256: str | None  # None: not checked, as older results have no checksums
    whole: bool = True  # False: the file may have grown since, as the trial was stopped and may be trained further

    def matches(self, content: bytes) -> bool:
        """Return whether the content of a record is as stated; if not `whole`, its first `size` bytes."""
        return self.matches_file(BytesIO(content))

    def matches_file(self, file: BinaryIO) -> bool:
        """Return the same of a file, which is read in pieces: memory for a whole one takes longer than its checksum."""
        length = file.seek(0, SEEK_END)
        if length != self.size and (self.whole or length < self.size):
            return False
        file.seek(0)
        checksum, left = sha256(), self.size if self.sha256 else 0
        while left and (piece := file.read(min(left, PIECE))):
            checksum.update(piece)
            left -= len(piece)
        return self.sha256 is None or checksum.hexdigest() == self.sha256


def expected_files(result: Row | None) -> dict[str, ExpectedFile]:
    """Return the size and checksum of each record of a trial, by file name, as its result states them."""
    result = result or {}
    digests, stopped = result.get("sha256", {}), result.get("status") == "stopped"
    return {
        name: ExpectedFile(size, digests.get(name), whole=not (stopped and name.endswith(".jsonl")))
        for name, size in result.get("bytes", {}).items()
    }


def accept_any(value: Any) -> Any:
    """Return any value as it is: the shape of records that are not checked."""
    return value


def is_row(value: Any, place: int) -> bool:
    """Return whether a value is a JSON object, whatever its keys."""
    return isinstance(value, dict)


def is_epoch_row(value: Any, place: int) -> bool:
    """Return whether a value is row `place` of epochs.jsonl: finite numbers by name, with `epoch` equal to `place`."""
    return isinstance(value, dict) and value.get("epoch") == place and _finite(value)


def is_cost_row(value: Any, place: int) -> bool:
    """Return whether a value is a row of cost.jsonl: finite numbers by name, and words in `by` and `device` if given.

    One of the numbers is `seconds` or `final_seconds`.
    """
    words = ("by", "device")
    if not isinstance(value, dict) or not all(isinstance(value.get(key, ""), str) for key in words):
        return False
    if "seconds" not in value and "final_seconds" not in value:
        return False
    return _finite({key: number for key, number in value.items() if key not in words})


def _finite(value: Row) -> bool:
    """Return whether all values are finite numbers; one sum is fast enough for every epoch of a sweep."""
    try:
        return math.isfinite(sum(value.values()))
    except (TypeError, OverflowError):
        return False


def stat_file(path: Path) -> os.stat_result | None:
    """Return the stat of a file; None if it is missing or a link that leads nowhere. Raises other OSErrors."""
    try:
        return os.stat(path)
    except MISSING:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise


@contextmanager
def open_record(path: Path) -> Iterator[BinaryIO]:
    """Open a record to read. Raises ValueError if it is no regular file, as others may have no end, and OSError."""
    try:  # O_NONBLOCK: opening a pipe without a writer would block
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG):
            raise ValueError("it is no file") from None
        raise
    try:
        kind = os.fstat(handle).st_mode
        if not stat.S_ISREG(kind):
            raise ValueError("it is a folder" if stat.S_ISDIR(kind) else "it is no file")
        with os.fdopen(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def read_content(path: Place, most: int = LARGEST) -> bytes:
    """Return all bytes of a record.

    Raises ValueError if it is no regular file or has more than `most` bytes, and OSError if it cannot be read.
    """
    if not isinstance(path, Path):
        return path.read_bytes()
    with open_record(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it has {size} bytes, and such a record at most {most}")
        return file.read()


def read_json(path: Place, shape: Shape[T] = accept_any, damage: Damage | None = None) -> T | None:
    """Return the value in a JSON file, or None if the file is missing or damaged; damage is recorded in `damage`.

    Raises OSError if the file cannot be read.
    """
    return read_with(path, lambda content: shape(_intact(_parsed(content))), damage)


def read_rows(
    path: Place, shape: RowShape = is_row, damage: Damage | None = None, expected: ExpectedFile | None = None
) -> list[Row]:
    """Return the rows of a JSON-lines file up to the first damaged one; no row if the file is missing.

    If the file is not as `expected`, no row is returned, as none can be trusted. Damage is recorded in `damage`. Raises
    OSError if the file cannot be read.
    """

    def read(content: bytes) -> list[Row]:
        if expected and not expected.matches(content):
            raise ValueError(NOT_AS_RECORDED)
        rows = parse_rows(content, shape)
        return _whole_rows(content, shape, lambda what: _note(damage, path, what)) if rows is None else rows

    return read_with(path, read, damage) or []


def read_yaml(path: Place, damage: Damage | None = None) -> Row | None:
    """Return the mapping in a YAML file, such as space.yaml or config.yaml; None if it is missing or damaged.

    Damage is recorded in `damage`. Raises OSError if the file cannot be read.
    """
    return read_with(path, _mapping, damage)


def read_with(path: Place, read: Callable[[bytes], T], damage: Damage | None, most: int = LARGEST) -> T | None:
    """Return read(content) of a record, or None if it is missing or damaged; `read` raises ValueError on damage.

    Damage is recorded in `damage`. Raises OSError if the record cannot be read; a lack of permission counts as damage
    if `damage` is given.
    """
    return try_reading(path, lambda: read(read_content(path, most)), damage)


def try_reading(path: Place, read: Callable[[], T], damage: Damage | None) -> T | None:
    """Return what reading a record gives, as `read_with` does, for a `read` that opens the record itself."""
    try:
        return read()
    except MISSING:
        return None
    except PermissionError:
        if damage is None:
            raise
        damage.add(path, "it may not be read")
    except RecursionError:
        _note(damage, path, "it is nested too deeply")
    except ValueError as error:
        _note(damage, path, str(error))
    return None


def _whole_rows(content: bytes, shape: RowShape, say: Callable[[str], None]) -> list[Row]:
    """Return the rows before the first damaged line, and report that line to `say`."""
    rows: list[Row] = []
    for line in content.split(b"\n")[:-1]:
        try:
            value = _parsed(line)
            if not shape(value, len(rows)):
                raise ValueError("it is no such row")
        except (ValueError, RecursionError) as error:
            say(f"line {len(rows) + 1}: {error if isinstance(error, ValueError) else 'it is nested too deeply'}")
            break
        rows.append(value)
    return rows


def parse_rows(content: bytes, shape: RowShape = is_row, place: int = 0) -> list[Row] | None:
    """Return the rows of JSON lines, or None if one of them is damaged; `place` is the first row's number in its file.

    A last line without a newline is skipped. All lines are parsed at once, as a sweep has hundreds of thousands.
    """
    lines = content.split(b"\n")[:-1]  # a complete line ends in a newline
    try:
        rows = _parsed(b"[" + b",".join(lines) + b"]") if lines else []
    except (ValueError, RecursionError):
        return None
    whole = len(rows) == len(lines) and all(shape(value, place + i) for i, value in enumerate(rows))
    return rows if whole else None


def _parsed(content: bytes) -> Any:
    """Return the value of a JSON text. Raises ValueError that says why it is not one."""
    if not content or content.isspace():
        raise ValueError("it is empty")
    if b"\0" in content:
        raise ValueError("it holds zero bytes, as after a loss of power")
    try:
        return json.loads(content.decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON ({error.msg.lower()} at character {error.pos})") from None


def _mapping(content: bytes) -> Row:
    import yaml  # late: few readers need it

    try:
        text = content.decode()
        if not unchanged(text):
            raise ValueError("its checksum does not match its content")
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is not None and _expanded(node, {}) > EXPANDED:
            raise ValueError(f"its aliases stand for more than {EXPANDED:,} values")
        tree = loader.construct_document(node) if node is not None else None
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        raise ValueError(f"it is no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(tree, dict):
        raise ValueError("it is no mapping of keys to values")
    return tree


def _expanded(node: Any, known: dict[int, float]) -> float:
    """Return the number of values in a YAML node once its aliases are expanded; infinite if it contains itself."""
    if id(node) not in known:
        known[id(node)] = math.inf  # for a node that contains itself
        parts = node.value if isinstance(node.value, list) else ()
        known[id(node)] = 1 + sum(
            _expanded(child, known) for part in parts for child in (part if isinstance(part, tuple) else (part,))
        )
    return known[id(node)]


def _no_number(text: str) -> float:
    raise ValueError(f"it holds {text}, which no record does")


def _intact(value: Any) -> Any:
    if isinstance(value, dict) and broken(value):
        raise ValueError("its checksum does not match its content")
    return value


def _note(damage: Damage | None, path: Place, what: str) -> None:
    if damage is not None:
        damage.add(path, what)
