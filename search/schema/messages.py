"""Validation errors in words: where, what was found, what is allowed, and the nearest spelling."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from search.schema.synonyms import find_synonyms
from search.schema.yaml_tree import KeyPath
from trainers.formatting import find_nearest
from trainers.knobs import KnobError, Knobs

UNKNOWN_KNOB = "has no such key"
TAGS = ("name", "kind")  # keys that distinguish the members of unions
BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "finite_number")
MAPPINGS = ("model_type", "dict_type", "model_attributes_type")
NEAR, FAR = 0.8, 0.6  # likeness of spellings: a slip of the finger, and what may still be meant
MOST_HOMES = 3  # of a key in pieces below, such as method.attack.epsilon
DEEPEST = 3  # levels below a mapping at which the home of a key is looked for


def describe_errors(error: ValidationError, model: type[Knobs], raw: Any) -> list[tuple[KeyPath, str]]:
    """Return each problem of a failed validation as (path, message); paths have no tags that pydantic inserts."""
    found: dict[KeyPath, list[str]] = {}
    for item in _drop_mappings(_drop_other_members(error.errors()), raw):
        for loc, message in _locate_problems(item, model, raw):
            known = found.setdefault(_to_written_path(loc, raw, missing=item["type"] == "missing"), [])
            if message not in known:
                known.append(message)
    # a union reports the errors of all its members; the deepest one tells most
    above = {path[:n] for path in found for n in range(len(path))}
    return [(path, _join_messages(messages)) for path, messages in found.items() if path not in above]


def _drop_other_members(items: list[Any]) -> list[Any]:
    """Drop the errors of union members with another `name` than the given one, if other members have errors too."""
    others_named = {item["loc"][:-1] for item in items if item["type"] == "literal_error" and item["loc"][-1] == "name"}
    for member in others_named:
        others = [item for item in items if item["loc"][: len(member)] != member]
        if any(item["loc"][: len(member) - 1] == member[:-1] for item in others):
            items = others
    return items


def _drop_mappings(items: list[Any], raw: Any) -> list[Any]:
    """Drop that a mapping is expected where a number was given that another member takes, if only within bounds."""
    numbers = {_to_written_path(item["loc"], raw, missing=False) for item in items if item["type"] in BOUNDS}
    return [
        item
        for item in items
        if item["type"] not in MAPPINGS or _to_written_path(item["loc"], raw, missing=False) not in numbers
    ]


def _locate_problems(item: Any, model: type[Knobs], raw: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Yield (location, message) for each problem in an error of pydantic; a KnobError holds several."""
    loc, error = item["loc"], item.get("ctx", {}).get("error")
    if isinstance(error, KnobError):
        yield from (((*loc, *knob), message) for knob, message in error.problems.items())
    elif item["type"] == "extra_forbidden":
        yield loc, _describe_unknown_key(_to_written_path(loc, raw, missing=False), loc, model)
    else:
        yield loc, _explain_list(item, model) if item["type"] in ("tuple_type", "list_type") else _reword(item)


def _join_messages(messages: list[str]) -> str:
    """Join messages about the same value, as 'should be a or should be b; got x'."""
    got = {message.rpartition("; got ")[2] for message in messages if "; got " in message}
    if len(messages) == 1 or len(got) != 1:
        return " or ".join(messages)
    return " or ".join(message.rpartition("; got ")[0] or message for message in messages) + f"; got {got.pop()}"


def suggest_allowed(word: str, allowed: list[str]) -> str:
    """Return '; did you mean X? (allowed: ...)', the question only if a spelling is near or other programs say so."""
    return _ask(_find_meant(word, allowed, FAR), allowed)


def suggest_key(owner: type[Knobs], word: str) -> str:
    """Return as `suggest_allowed` does what may be meant by an unknown key of a piece: one of its own or of one below.

    A key below that is called so is likelier than one of its own that is spelt a little like it.
    """
    allowed = sorted(owner.written())
    meant = _find_meant(word, allowed, NEAR) or _list_below(owner, word) or _find_meant(word, allowed, FAR)
    return _ask(meant, allowed)


def _ask(meant: list[str], allowed: list[str]) -> str:
    question = f"; did you mean {' or '.join(meant)}?" if meant else ""
    return f"{question} (allowed: {', '.join(allowed)})"


def _find_meant(word: str, allowed: list[str], cutoff: float) -> list[str]:
    """Return what other programs call so, else the nearest spelling; nothing if it is not so near."""
    near = next((ours for ours in find_synonyms(word) if ours in allowed), None) or find_nearest(word, allowed, cutoff)
    return [near] if near else []


def _to_written_path(loc: tuple[Any, ...], raw: Any, missing: bool) -> KeyPath:
    path: list[str] = []
    for i, part in enumerate(loc):
        if (isinstance(raw, dict) and part in raw) or (
            isinstance(raw, list | tuple) and isinstance(part, int) and part < len(raw)
        ):
            raw = raw[part]
            path.append(str(part))
        elif i == len(loc) - 1 and missing:
            path.append(str(part))
    return tuple(path)


def _describe_unknown_key(path: KeyPath, loc: tuple[Any, ...], model: type[Knobs]) -> str:
    owner = _find_owner(model, [str(part) for part in loc[:-1]])
    return f"{owner.__name__} {UNKNOWN_KNOB}{suggest_key(owner, path[-1] if path else str(loc[-1]))}"


def _list_below(owner: type[Knobs], word: str) -> list[str]:
    """Return the paths of the keys below a piece that are called so, the uppermost first and no more than a few."""
    words = sorted({word, *find_synonyms(word)})
    homes = [f"{above}{known}" for above, keys in _list_keys_below(owner) for known in words if known in keys]
    return homes[:MOST_HOMES]


@cache
def _list_keys_below(owner: type[Knobs]) -> list[tuple[str, frozenset[str]]]:
    """Return (path, keys) of the pieces below a piece, the uppermost first; at one path, all that it may hold."""
    level, found = {"": [owner]}, list[tuple[str, frozenset[str]]]()
    for _ in range(DEEPEST):
        below: dict[str, list[type[Knobs]]] = {}
        for above, pieces in level.items():
            for name, field in ((name, field) for piece in pieces for name, field in piece.written().items()):
                named = get_origin(field.annotation) is dict  # by the user, so that no path leads below
                below.setdefault(f"{above}{name}.", []).extend([] if named else _list_pieces(field.annotation))
        level = below
        found += [
            (above, frozenset(key for piece in pieces for key in piece.written())) for above, pieces in level.items()
        ]
    return found


def _find_owner(model: type[Knobs], parts: list[str]) -> type[Knobs]:
    """Return the class of the piece at a location: fields lead down, tags choose among the members of a union."""
    members = [model]
    for part in parts:
        tagged = [m for m in members for tag in TAGS if tag in m.written() and m.written()[tag].default == part]
        named = [m for m in members if part in m.written()]
        by_class = [m for m in members if m.__name__ == part]
        if tagged:
            members = tagged
        elif named:
            members = _list_pieces(named[0].written()[part].annotation)
        elif by_class:
            members = by_class
    return members[0] if members else model


def _list_pieces(annotation: Any) -> list[type[Knobs]]:
    if isinstance(annotation, type) and issubclass(annotation, Knobs):
        return [annotation]
    return [member for argument in get_args(annotation) for member in _list_pieces(argument)]


def _explain_list(item: Any, model: type[Knobs]) -> str:
    """Return the problem of a value in place of a list; in a list, a word would not be a number either."""
    given, found = item.get("input"), _show_input(item)
    *above, key = map(str, item["loc"])
    field = _find_owner(model, above).written().get(key)
    members = _list_members(field.annotation) if field else ()
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    if not members or not all(_is_numeric(member) for member in members if member is not ...):
        return f"should be a list, such as [{found}]; got {found}"
    if ... not in members:
        return f"should be a list of {len(members)} numbers, [a, b]; got {found}"
    return f"should be a list{f', such as [{found}]' if is_number else ' of numbers, [a, b]'}; got {found}"


def _list_members(annotation: Any) -> tuple[Any, ...]:
    """Return the types in a tuple's annotation; that of any number of members ends with an ellipsis."""
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return arguments
    return next((found for argument in arguments if (found := _list_members(argument))), ())


def _is_numeric(annotation: Any) -> bool:
    """Return whether a value of this type is a number, and never a word."""
    if get_origin(annotation) is Annotated:
        return _is_numeric(get_args(annotation)[0])
    return annotation in (int, float)


def _show_input(item: Any) -> str:
    found = repr(item.get("input"))
    return found if len(found) <= 60 else found[:57] + "..."


def _reword(item: Any) -> str:
    found = _show_input(item)
    context = item.get("ctx", {})
    if item["type"] == "union_tag_invalid":
        allowed = sorted(tag.strip("' ") for tag in context["expected_tags"].split(","))
        return f"no such piece {context['tag']!r}{suggest_allowed(context['tag'], allowed)}"
    if item["type"] == "union_tag_not_found":
        return f"needs a `name`; got {found}"
    if item["type"] == "value_error":
        return str(context.get("error", item["msg"]))
    if item["type"] == "missing":
        return "is required"
    if item["type"] in MAPPINGS:
        return f"should be a mapping of keys; got {found}"
    if item["type"] in ("float_type", "float_parsing"):
        return f"should be a number (0.1, 1e-3 or 8/255); got {found}"
    message = item["msg"][0].lower() + item["msg"][1:]
    return f"{message.replace('input should', 'should')}; got {found}"
