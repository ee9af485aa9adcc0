"""The lists of what a space may hold: for each thing its name, a line about it, and its details."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator

from search.reference.entry import Entry
from search.reference.keys import Key, find_shared_keys, list_keys
from search.reference.methods import list_methods
from search.reference.sections import TOP, get_tag, list_sections
from search.reference.wording import format_default
from trainers.knobs import Knobs
from trainers.methods import METHODS

# kind -> the sections whose pieces it lists, and what the names of these begin with
PIECES = {
    "models": {"trial.model": ""},
    "data": {"trial.data": "", "trial.data.extra": "extra: "},
    "subsets": {"trial.subset": ""},
    "attacks": {"trial.method.attack": "", "evaluate.loss_attacks": "evaluate: ", "evaluate.along": "evaluate: "},
}


def list_entries(kind: str) -> list[Entry]:
    """Return all entries of a kind other than spaces."""
    listers: dict[str, Callable[[], Iterator[Entry]]] = {"methods": _list_methods, "knobs": _list_knobs}
    return list(listers[kind]() if kind in listers else _list_pieces(PIECES[kind]))


def _list_methods() -> Iterator[Entry]:
    for row in list_methods():
        method = METHODS[row.name]
        values = [f"{key}: {_format_whole(getattr(method, key))}" for key in type(method).written() if key != "kind"]
        yield Entry(row.name, row.source, (row.source, *_describe(type(method)), *values))


def _format_whole(value: object) -> str:
    """Show a piece with all of its keys, in which `format_piece` leaves out defaults; other values as a space would."""
    if not isinstance(value, Knobs):
        return format_default(value)
    names = sorted(type(value).model_fields, key=lambda name: name != "name")  # the name first
    return "{" + ", ".join(f"{name}: {_format_whole(getattr(value, name))}" for name in names) + "}"


def _list_pieces(prefixes: dict[str, str]) -> Iterator[Entry]:
    for path, prefix in prefixes.items():
        models = list_sections()[path]
        shared = find_shared_keys(models)
        for model in models:
            first, *others = _describe(model)
            keys = list_keys(model)
            values = [f"{key.name} {key.default or 'required'}" for key in keys if key not in shared]
            text = f"{first} ({', '.join(values)})" if values else first
            yield Entry(f"{prefix}{get_tag(model)}", text, (first, *others, *map(_format_key, keys)))


def _list_knobs() -> Iterator[Entry]:
    """Yield every key with its path; a key of some pieces of a section alone carries their names."""
    for path, models in list_sections().items():
        shared = find_shared_keys(models)
        for key in shared:
            yield _make_knob(path, "", key)
        for model in models:
            for key in list_keys(model):
                if key not in shared:
                    yield _make_knob(path, get_tag(model) or "", key)


def _make_knob(path: str, piece: str, key: Key) -> Entry:
    place = path.partition(",")[0]
    of = f" ({piece})" if piece and len(list_sections()[path]) > 1 else ""
    path_of_key = key.name if place == TOP else f"{place}.{key.name}"
    name, text = f"{path_of_key}{of}", _format_key(key).partition(": ")[2]
    return Entry(name, text, (text,))


def _format_key(key: Key) -> str:
    default = "required" if key.default is None else f"default {key.default}"
    return f"{key.name}: {_strip_markdown(key.takes)}; {default}" + (f": {key.meaning}" if key.meaning else "")


def _describe(model: type[Knobs]) -> list[str]:
    """Return the paragraphs of a model's docstring; the first is its first line."""
    text = inspect.cleandoc(vars(model).get("__doc__") or "")
    first, _, rest = text.partition("\n")
    return [first, *(" ".join(part.split()) for part in rest.split("\n\n") if part.strip())]


def _strip_markdown(text: str) -> str:
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "").replace("\\", "")
