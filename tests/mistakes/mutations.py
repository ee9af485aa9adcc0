"""Mistakes that a seed draws: spaces and stored files, each changed in one to three ways."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 1e308, -1e-308, math.nan, math.inf, "", " ", "nan",
    "8/0", "1/3", "100%", "-5%", "epsilon/0", "..", "/dev/null", "~nobody-at-all/x", "\u202e", "[/b]", "a" * 5000, [],
    {}, [[]], {"name": None}, {"name": "pgd", "nmae": 1}, [1, 2, 3], {"grid": []}, {"grid": [1, 1]},
    {"uniform": [2, 1]},
)  # fmt: skip
TEXTS = (
    "\t",
    "\x00",
    "---\n",
    "...\n",
    "&a [*a]\n",
    "*b",
    "!!python/object:os.system x",
    "? ",
    ": ",
    "{",
    "]",
    "'",
    "%",
    "\r",
)


def mutated(text: str, random: Random) -> str:
    """The text of a space, changed one to three times."""
    for _ in range(random.randint(1, 3)):
        text = random.choice(_OF_SPACES)(text, random)
    return text


def damaged(folder: Path, random: Random) -> Path:
    """Change one file of a sweep's folder and return its path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock")
    path = random.choice(files)
    random.choice(_OF_FILES)(path, random)
    return path


def _in_tree(change: Callable[[Any, Random], None]) -> Callable[[str, Random], str]:
    """A change of the tree that a text stands for; of what is no tree (any more), of the text."""

    def changed(text: str, random: Random) -> str:
        try:
            tree = yaml.safe_load(text)
            change(tree, random)
            return str(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
        except (yaml.YAMLError, IndexError, ValueError, TypeError, OverflowError):
            return _cut(text, random)

    return changed


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield tree, key
        yield from _places(value)


def _delete(tree: Any, random: Random) -> None:
    container, key = random.choice(list(_places(tree)))
    del container[key]


def _rename(tree: Any, random: Random) -> None:
    container, key = random.choice([place for place in _places(tree) if isinstance(place[0], dict)])
    letters = list(str(key))
    letters.insert(random.randrange(len(letters) + 1), random.choice("aex.-_ 9"))
    container[random.choice(["".join(letters), str(key)[:-1], str(key).upper(), 7, None, True, 1.5])] = container.pop(
        key
    )


def _replace(tree: Any, random: Random) -> None:
    container, key = random.choice(list(_places(tree)))
    container[key] = random.choice(ODD)


def _wrap(tree: Any, random: Random) -> None:
    container, key = random.choice(list(_places(tree)))
    container[key] = random.choice([[container[key]], {"name": container[key]}, {str(key): container[key]}])


def _move(tree: Any, random: Random) -> None:
    places = list(_places(tree))
    container, key = random.choice(places)
    other, at = random.choice(places)
    other[at] = json.loads(json.dumps(container[key]))


def _cut(text: str, random: Random) -> str:
    return text[: random.randrange(len(text) + 1)]


def _insert(text: str, random: Random) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + random.choice(TEXTS) + text[at:]


def _double(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = random.randrange(len(lines))
    return "".join([*lines[: at + 1], *lines[at:]])


def _shift(text: str, random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    at = random.randrange(len(lines))
    lines[at] = random.choice([" " + lines[at], lines[at].lstrip(), "- " + lines[at]])
    return "".join(lines)


def _truncate(path: Path, random: Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.choice([0, 1, len(content) // 2, max(len(content) - 1, 0)])])


def _flip(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(content))


def _digit(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    digits = [i for i, byte in enumerate(content) if byte in b"0123456789"]
    if digits:
        content[random.choice(digits)] = random.choice(b"0123456789")
    path.write_bytes(bytes(content))


def _append(path: Path, random: Random) -> None:
    more = random.choice(
        [b"3\n", b"null\n", b"[]\n", b"{}\n", b'"x"\n', b'{"a": 1}\n', b"\0" * 512, b"{", b"\xff\xfe\n"]
    )
    path.write_bytes(path.read_bytes() + more)


def _other_json(path: Path, random: Random) -> None:
    path.write_text(random.choice(["[]", "3", '"x"', "null", "{}", '{"a": 1}', "NaN", "[[1]]", "{" * 3000]))


def _json_value(path: Path, random: Random) -> None:
    """A value of another type somewhere within a record that stays JSON."""
    lines = path.read_bytes().splitlines(keepends=True)
    at = random.randrange(len(lines) or 1)
    try:
        tree = json.loads(lines[at] if path.suffix == ".jsonl" else path.read_bytes())
        _replace(tree, random)
        text = json.dumps(tree, default=str).encode()
    except (ValueError, IndexError, UnicodeDecodeError):
        return _flip(path, random)
    path.write_bytes(b"".join([*lines[:at], text + b"\n", *lines[at + 1 :]]) if path.suffix == ".jsonl" else text)


def _unlink(path: Path, random: Random) -> None:
    path.unlink()


def _folder_instead(path: Path, random: Random) -> None:
    path.unlink()
    path.mkdir()


def _copied(path: Path, random: Random) -> None:
    """The content of another file."""
    files = sorted(other for other in path.parent.parent.rglob("*") if other.is_file() and other != path)
    shutil.copyfile(random.choice(files), path)


_OF_SPACES = (
    *map(_in_tree, (_delete, _rename, _replace, _replace, _replace, _wrap, _move)), _cut, _insert, _double, _shift,
)  # fmt: skip
_OF_FILES = (
    _truncate, _flip, _digit, _append, _other_json, _json_value, _json_value, _unlink, _folder_instead, _copied,
)  # fmt: skip
