"""Changes that a seed draws: of a tree, of a text, of bytes. Any of them is a mistake, or may be none.

spoiling.py makes commands and files of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**30, -(10**30), 1e308, -1e-308, math.nan, math.inf, "", " ", "nan",
    "8/0", "1/3", "100%", "-5%", "epsilon/0", "..", "/dev/null", "~nobody-at-all/x", "\u202e", "[/b]", "a" * 5000, [],
    {}, [[]], {"name": None}, {"name": "pgd", "nmae": 1}, [1, 2, 3], {"grid": []}, {"grid": [1, 1]},
    {"uniform": [2, 1]},
)  # fmt: skip
TEXTS = (
    "\t", "\x00", "---\n", "...\n", "&a [*a]\n", "*b", "<<: *b\n", "!!python/object:os.system x", "? ", ": ", "{", "]",
    "'", "%", "\r", "[" * 3000,
)  # fmt: skip
LINES = (b"3\n", b"null\n", b"[]\n", b"{}\n", b'"x"\n', b'{"a": 1}\n', b"\0" * 512, b"{", b"\xff\xfe\n")


def change_tree(tree: Any, random: Random) -> None:
    """Change one place of a tree, in place. Raises IndexError where it has none."""
    random.choice((_delete, _rename, _replace, _replace, _nudge, _nudge, _wrap, _move))(tree, random)


def change_text(text: str, random: Random) -> str:
    return random.choice((_cut, _insert, _double, _shift))(text, random)


def change_bytes(content: bytes, random: Random) -> bytes:
    return random.choice((_flip, _flip, _digit, _truncate, _zeros, _twice, _append))(content, random)


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (container, key) of a tree, once where several places share one."""
    below, seen = [tree], set()
    while below:
        container = below.pop()
        if not isinstance(container, dict | list) or id(container) in seen:
            continue
        seen.add(id(container))
        for key in list(container if isinstance(container, dict) else range(len(container))):
            yield container, key
            below.append(container[key])


def _delete(tree: Any, random: Random) -> None:
    container, key = random.choice(list(places(tree)))
    del container[key]


def _rename(tree: Any, random: Random) -> None:
    container, key = random.choice([place for place in places(tree) if isinstance(place[0], dict)])
    container[random.choice([misspelt(str(key), random), str(key).upper(), 7, None, True, 1.5])] = container.pop(key)


def misspelt(word: str, random: Random) -> str:
    """Add a letter at the end, or drop one."""
    at = random.randrange(len(word) + 1)
    return random.choice([word[:at] + random.choice("aex.-_ 9") + word[at:], word[:-1]])


def _replace(tree: Any, random: Random) -> None:
    container, key = random.choice(list(places(tree)))
    container[key] = deepcopy(random.choice(ODD))


def _nudge(tree: Any, random: Random) -> None:
    """Make a number too large, too small, of another type or of the wrong sign."""
    numbers = [(at, key) for at, key in places(tree) if isinstance(at[key], int | float) and at[key] == at[key]]
    container, key = random.choice(numbers)
    value = container[key]
    container[key] = random.choice([-value, value * 10, value * 1000, value / 2, value + 1, 0, str(value), [value]])


def _wrap(tree: Any, random: Random) -> None:
    container, key = random.choice(list(places(tree)))
    container[key] = random.choice([[container[key]], {"name": container[key]}, {str(key): container[key]}])


def _move(tree: Any, random: Random) -> None:
    (container, key), (other, at) = random.choices(list(places(tree)), k=2)
    other[at] = deepcopy(container[key])


def share(tree: Any, random: Random) -> None:
    """Put one value at two places, perhaps within itself, or many times over, as YAML writes aliases of it."""
    (container, key), (other, at) = random.choices(list(places(tree)), k=2)
    value, times = container[key], random.choice([1, 2, 9])
    for _ in range(random.choice([0, 1, 3, 30])):
        value = [value] * times
    other[at] = value


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


def _flip(content: bytes, random: Random) -> bytes:
    """Flip one to eight bits, more often near one of the ends, where headers and tables stand."""
    changed = bytearray(content or b"\0")
    for _ in range(random.choice([1, 1, 8])):
        at = random.randrange(len(changed)) if random.random() < 0.5 else random.randrange(min(200, len(changed)))
        changed[random.choice([at, -1 - at])] ^= 1 << random.randrange(8)
    return bytes(changed)


def _digit(content: bytes, random: Random) -> bytes:
    digits = [i for i, byte in enumerate(content) if byte in b"0123456789"]
    at = random.choice(digits or [len(content)])
    return content[:at] + random.choice([b"0", b"5", b"9", b"-", b"99999999999999999999"]) + content[at + 1 :]


def _truncate(content: bytes, random: Random) -> bytes:
    return content[: random.choice([0, 1, len(content) // 2, max(len(content) - 1, 0)])]


def _zeros(content: bytes, random: Random) -> bytes:
    """Zero a block, as a loss of power leaves it."""
    at = random.randrange(len(content) + 1)
    return content[:at] + bytes(len(content[at : at + 512])) + content[at + 512 :]


def _twice(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + content[at : at + 64] + content[at:]


def _append(content: bytes, random: Random) -> bytes:
    return content + random.choice(LINES)
