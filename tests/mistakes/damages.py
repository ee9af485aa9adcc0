"""Ways in which a stored file may be damaged: by a loss of power, a bad disk, an editor, or whoever made the folder."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path


def _digit(content: bytes) -> bytes:
    """Raise the last digit that is not 9 by one, at equal size; flip a bit in the middle if there is none."""
    found = list(re.finditer(rb"[0-8]", content))
    at = found[-1].start() if found else len(content) // 2
    return content[:at] + bytes([content[at] + 1 if found else content[at] ^ 1]) + content[at + 1 :]


def _cut(share: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * share)]


def _behind(more: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content + more


def _whole(instead: bytes) -> Callable[[bytes], bytes]:
    return lambda content: instead


CUTS = {
    "empty": _cut(0),
    "a quarter": _cut(0.25),
    "half": _cut(0.5),
    "without its last byte": lambda content: content[:-1],
    "zeros in place of its second half": lambda content: content[: len(content) // 2] + bytes(len(content) // 2),
}
CHANGES = {
    "a digit": _digit,
    "a bit in the middle": lambda content: (
        content[: (at := len(content) // 2)] + bytes([content[at] ^ 64]) + content[at + 1 :]
    ),
    "a byte that is no text": lambda content: content[:10] + b"\xe9" + content[11:],
}
LINES = {f"a further line {line!r}": _behind(line + b"\n") for line in (b"3", b"[]", b"null", b'"x"', b'{"a":1}', b"{")}
OTHERS = {
    f"{text[:20]!r} in its place": _whole(text)
    for text in (
        b"[]",
        b"3",
        b'"x"',
        b"null",
        b'{"a":1}',
        b"[" * 5000 + b"]" * 5000,
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b'{"status": "completed", "epochs": "6", "trials": [3], "runs": 3, "chain": 3}',
        b"\x80\x04\x95\x0e\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
        b"\xff\xfe\x00\x01\x02",
    )
}
CONTENTS: dict[str, Callable[[bytes], bytes]] = CUTS | CHANGES | LINES | OTHERS
DIRECTORY = "a folder in its place"
LOOP = "a link to itself"
PIPE = "a pipe in its place"
ALL = (*CONTENTS, DIRECTORY, LOOP, PIPE)
QUICK = ("half", "a digit", "a further line b'3'", "b'[]' in its place", DIRECTORY)


def damage(path: Path, how: str) -> None:
    """Do it to a file."""
    if how in CONTENTS:
        path.write_bytes(CONTENTS[how](path.read_bytes()))
        return
    path.unlink()
    if how == DIRECTORY:
        (path / "below").mkdir(parents=True)
    elif how == LOOP:
        path.symlink_to(path.name)
    else:
        os.mkfifo(path)
