"""Check that a value has the shape that a type describes: a TypedDict and its parts. Nothing is converted.

The module imports the standard library and trainers.records only, so that commands that only read a sweep start fast.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Required,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from trainers.record_io import Row

Wrong = tuple[str, str] | None  # where, as a dotted path, and what is expected there; None: the value fits
Check = Callable[[Any], Wrong]
PLAIN: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    str: ("a text", lambda value: isinstance(value, str)),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    int: ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    float: ("a finite number", lambda value: type(value) in (int, float) and -math.inf < value < math.inf),
    type(None): ("null", lambda value: value is None),
    dict: ("keys and values", lambda value: isinstance(value, dict)),
    list: ("a list", lambda value: isinstance(value, list)),
}


def check_component(text: str) -> str | None:
    """Return what a text should be to serve as one component of a path, or None if it does."""
    if text in ("", ".", "..") or any(letter in "/\\" or not letter.isprintable() for letter in text):
        return "the name of a file, which leads nowhere else"
    return "a shorter name" if len(text.encode(errors="replace")) > 255 else None


def check_count(number: int) -> str | None:
    """Return what a number should be to serve as a count, or None if it does."""
    return None if 0 <= number < 2**53 else "a number from 0 on"


Name = Annotated[str, check_component]
Count = Annotated[int, check_count]


class ReadAs(NamedTuple):
    """Annotates a key that is checked as another type than writers have, such as one that lists not all of its keys."""

    kind: Any


def build_checker(kind: Any) -> Callable[[Any], Row]:
    """Return a function that returns a record of this kind unchanged, and raises ValueError for any other value.

    The error says where in the record something is wrong, and what is expected there.
    """
    find_wrong = _check(kind)

    def check(value: Any) -> Row:
        if wrong := find_wrong(value):
            where, what = wrong
            raise ValueError(f"{where.lstrip('.') or 'it'} should be {what}")
        record: Row = value
        return record

    return check


@cache
def _check(kind: Any) -> Check:
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: None
    if is_typeddict(kind):
        return _fields(kind)
    if origin is Annotated:
        read_as = next((more.kind for more in parts[1:] if isinstance(more, ReadAs)), parts[0])
        return _further(_check(read_as), *(more for more in parts[1:] if callable(more)))  # others describe the key
    if origin in (Union, types.UnionType):
        return _any(tuple(map(_check, parts)))
    if origin is Literal:
        return lambda value: None if value in parts else ("", f"one of {', '.join(map(str, parts))}")
    if origin is list:
        return _all(_plain(list), _check(parts[0]))
    if origin is dict:
        return _items(_plain(dict), _check(parts[0]), _check(parts[1]))
    return _plain(kind)


def _plain(kind: Any) -> Check:
    what, fits = PLAIN[kind]
    return lambda value: None if fits(value) else ("", what)


def _further(check: Check, *more: Callable[[Any], str | None]) -> Check:
    def further(value: Any) -> Wrong:
        if (wrong := check(value)) is not None:
            return wrong
        found = (examine(value) for examine in more)
        return next((("", what) for what in found if what is not None), None)

    return further


def _any(checks: tuple[Check, ...]) -> Check:
    def one(value: Any) -> Wrong:
        found: list[tuple[str, str]] = []
        for check in checks:
            if (wrong := check(value)) is None:
                return None
            found.append(wrong)
        deepest = max(found, key=lambda wrong: wrong[0].count("."))
        return deepest if deepest[0] else ("", " or ".join(what for _, what in found))

    return one


def _all(outer: Check, check: Check) -> Check:
    def every(value: Any) -> Wrong:
        if wrong := outer(value):
            return wrong
        for i, part in enumerate(value):
            if wrong := check(part):
                return f".{i}{wrong[0]}", wrong[1]
        return None

    return every


def _items(outer: Check, key_check: Check, check: Check) -> Check:
    def items(value: Any) -> Wrong:
        if wrong := outer(value):
            return wrong
        for key, part in value.items():
            if wrong := key_check(key):
                return "", f"keyed by {wrong[1]}"
            if wrong := check(part):
                return f".{key}{wrong[0]}", wrong[1]
        return None

    return items


def _fields(kind: Any) -> Check:
    hints = get_type_hints(kind, include_extras=True)
    needed = [key for key, hint in hints.items() if kind.__total__ or get_origin(hint) is Required]
    bare = {key: get_args(hint)[0] if get_origin(hint) is Required else hint for key, hint in hints.items()}
    checks, outer = {key: _check(hint) for key, hint in bare.items()}, _plain(dict)

    def fields(value: Any) -> Wrong:
        if wrong := outer(value):
            return wrong
        for key in needed:
            if key not in value:
                return f".{key}", "there"
        for key, check in checks.items():
            if key in value and (wrong := check(value[key])):
                return f".{key}{wrong[0]}", wrong[1]
        return None

    return fields
