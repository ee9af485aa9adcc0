"""The one reader of a sweep's records, for whoever trains, shows or analyses: what is damaged is named, and left out.

A record is damaged if it is no file, no JSON, not of the shape that its kind has (trainers.shapes), or not what its
checksum says. One that is missing is not there yet, which is no damage; nor is a last line without its end, which is
being written. Whoever wants to say what was damaged hands a Damage in.
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
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from trainers.record_io import Place, Row, broken, unchanged

LARGEST = 1 << 30  # bytes of a record of text; the plan of half a million trainings has fewer
EXPANDED = 1_000_000  # values in a YAML file, those that aliases stand for among them
MISSING = (FileNotFoundError, NotADirectoryError)
BROKEN_PROMISE = "it is not what the result beside it tells of"

T = TypeVar("T")
Shape = Callable[[Any], T]  # returns the value; raises ValueError, saying what is wrong with it
RowShape = Callable[[Any, int], bool]  # whether a value is a row of its kind, and may stand in that place of the file


class Damage(dict[str, str]):
    """What is wrong with which record, each named once."""

    def add(self, path: Place, what: str) -> None:
        self.setdefault(str(path), what)

    def lines(self) -> list[str]:
        """For whoever is to know, a line a record."""
        return [f"{path}: damaged: {what}" for path, what in self.items()]


class Promised(NamedTuple):
    """What a result tells of a record beside it."""

    size: int  # bytes
    sha256: str | None  # None: written before there were checksums, and not checked
    whole: bool = True  # else more may have been added since: the trial was stopped, and is trained on

    def kept(self, content: bytes) -> bool:
        """Whether a record still is what it was."""
        if len(content) != self.size and (self.whole or len(content) < self.size):
            return False
        return self.sha256 is None or sha256(content[: self.size]).hexdigest() == self.sha256


def promises(result: Row | None) -> dict[str, Promised]:
    """What a result tells of the records of its trial, by their names."""
    result = result or {}
    digests, stopped = result.get("sha256", {}), result.get("status") == "stopped"
    return {
        name: Promised(size, digests.get(name), whole=not (stopped and name.endswith(".jsonl")))
        for name, size in result.get("bytes", {}).items()
    }


def anything(value: Any) -> Any:
    """The shape that every value has."""
    return value


def row(value: Any, place: int) -> bool:
    """The shape of rows of which nothing is known."""
    return isinstance(value, dict)


def epoch_row(value: Any, place: int) -> bool:
    """Of epochs.jsonl: finite numbers by name, of the epoch after the one before."""
    return isinstance(value, dict) and value.get("epoch") == place and _finite(value)


def cost_row(value: Any, place: int) -> bool:
    """Of cost.jsonl: finite numbers by name, the seconds that something took among them, and who paid for it."""
    if not isinstance(value, dict) or not isinstance(value.get("by", ""), str):
        return False
    if "seconds" not in value and "final_seconds" not in value:
        return False
    return _finite({key: its for key, its in value.items() if key != "by"})


def _finite(value: Row) -> bool:
    """Whether there are numbers alone, none of them infinite; as fast as it must be for each epoch of a sweep."""
    try:
        return math.isfinite(sum(value.values()))
    except (TypeError, OverflowError):
        return False


def stat_of(path: Path) -> os.stat_result | None:
    """What a file system says of a file; None where there is none, nor anything that a link leads to."""
    try:
        return os.stat(path)
    except MISSING:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A record to be read. Raises ValueError if it is no file, which may have no end, and OSError."""
    try:  # a pipe without a writer would be waited for
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


def content_of(path: Place, most: int = LARGEST) -> bytes:
    """All bytes of a record. Raises ValueError if it is no file or too large, and OSError if it cannot be read."""
    if not isinstance(path, Path):
        return path.read_bytes()
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise ValueError(f"it has {size} bytes, and such a record at most {most}")
        return file.read()


def read_json(path: Place, shape: Shape[T] = anything, damage: Damage | None = None) -> T | None:
    """The value in a JSON file; None where the file is missing, or damaged."""
    return read_with(path, lambda content: shape(_intact(_parsed(content))), damage)


def read_rows(
    path: Place, shape: RowShape = row, damage: Damage | None = None, promised: Promised | None = None
) -> list[Row]:
    """The rows of a JSON-lines file up to the first that is damaged; none where the file is missing.

    None either where it is not what was `promised` of it: no row of such a file is to be trusted.
    """

    def read(content: bytes) -> list[Row]:
        if promised and not promised.kept(content):
            raise ValueError(BROKEN_PROMISE)
        rows = parsed_rows(content, shape)
        return _whole_rows(content, shape, lambda what: _note(damage, path, what)) if rows is None else rows

    return read_with(path, read, damage) or []


def read_yaml(path: Place, damage: Damage | None = None) -> Row | None:
    """The mapping in a YAML file, as space.yaml and config.yaml have one; None where it is missing, or damaged."""
    return read_with(path, _mapping, damage)


def read_with(path: Place, read: Callable[[bytes], T], damage: Damage | None, most: int = LARGEST) -> T | None:
    """What is read of a record's bytes; None where it is missing or `read` raises ValueError, which is damage.

    Raises OSError if it cannot be read, but where one may not read it that counts as damage, if it is to be told.
    """
    try:
        return read(content_of(path, most))
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
    """The rows before the first line that is none."""
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


def parsed_rows(content: bytes, shape: RowShape = row, place: int = 0) -> list[Row] | None:
    """JSON lines, the first of them in a place of their file; None if one of them is damaged.

    All are parsed at once, for a sweep has hundreds of thousands.
    """
    lines = content.split(b"\n")[:-1]  # a complete line ends in a newline
    try:
        rows = _parsed(b"[" + b",".join(lines) + b"]") if lines else []
    except (ValueError, RecursionError):
        return None
    whole = len(rows) == len(lines) and all(shape(value, place + i) for i, value in enumerate(rows))
    return rows if whole else None


def _parsed(content: bytes) -> Any:
    """The value that JSON says. Raises ValueError, saying why it is none."""
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
    import yaml  # by few of those who read

    try:
        text = content.decode()
        if not unchanged(text):
            raise ValueError("its checksum is not that of what it says")
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
    """How many values a node of YAML stands for, each alias counted as all that it stands for."""
    if id(node) not in known:
        known[id(node)] = math.inf  # of one that holds itself
        parts = node.value if isinstance(node.value, list) else ()
        known[id(node)] = 1 + sum(
            _expanded(it, known) for part in parts for it in (part if isinstance(part, tuple) else (part,))
        )
    return known[id(node)]


def _no_number(text: str) -> float:
    raise ValueError(f"it holds {text}, which no record does")


def _intact(value: Any) -> Any:
    if isinstance(value, dict) and broken(value):
        raise ValueError("its checksum is not that of what it says")
    return value


def _note(damage: Damage | None, path: Place, what: str) -> None:
    if damage is not None:
        damage.add(path, what)
