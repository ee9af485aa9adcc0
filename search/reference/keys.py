"""The keys of a model that reads a space: what each takes, its default, and the comment beside its field."""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import textwrap
import tokenize
from collections import Counter
from functools import cache
from typing import NamedTuple

from pydantic_core import PydanticUndefined

from search.reference.sections import get_tag
from search.reference.wording import describe_annotation, format_default
from trainers.knobs import Knobs


@cache
def read_fields(model: type) -> dict[str, tuple[ast.expr, str]]:
    """Return the annotation and the comment of each field that a class itself declares."""
    source = textwrap.dedent(inspect.getsource(model))
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT and "type: ignore" not in token.string
    }
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {}
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above = node.lineno - 1
            while above in comments and source.splitlines()[above - 1].lstrip().startswith("#"):
                above -= 1
            lines = range(above + 1, (node.end_lineno or node.lineno) + 1)
            text = " ".join(comments[line] for line in lines if line in comments)
            found[node.target.id] = node.annotation, re.sub(r"\bNone: ", "null: ", text)  # as a space writes it
    return found


def find_declaration(model: type[Knobs], name: str) -> tuple[type, ast.expr, str]:
    """Return the class that declares a field, its annotation there, and the comment beside it."""
    for owner in model.__mro__:
        if issubclass(owner, Knobs) and owner is not Knobs and name in read_fields(owner):
            return owner, *read_fields(owner)[name]
    raise KeyError(f"{model.__name__}.{name}")


class Key(NamedTuple):
    """A key that a space may hold; `takes` is Markdown, whose links lead to sections of spaces/KEYS.md."""

    name: str
    takes: str
    default: str | None  # as a space would write it; None: the key is required
    meaning: str


@cache
def list_keys(model: type[Knobs]) -> tuple[Key, ...]:
    """Return the keys of a model in their order, without the one that chooses it by name."""
    found = []
    for key, field in model.written().items():
        name = next(name for name, each in model.model_fields.items() if each is field)
        if name in ("name", "kind") and get_tag(model):
            continue
        owner, annotation, comment = find_declaration(model, name)
        takes = describe_annotation(annotation, vars(sys.modules[owner.__module__]))
        takes = takes.replace("whole number > 0", "whole number ≥ 1").replace("whole numbers > 0", "whole numbers ≥ 1")
        default = field.get_default(call_default_factory=True)
        found.append(Key(key, takes, None if default is PydanticUndefined else format_default(default), comment))
    return tuple(found)


def find_shared_keys(models: list[type[Knobs]]) -> list[Key]:
    """Return the keys that all models of a section have, each as most of them have it; none of fewer than three."""
    if len(models) < 3:
        return []
    rows = [{key.name: key for key in list_keys(model)} for model in models]
    names = [name for name in rows[0] if all(name in row for row in rows)]
    return [Counter(row[name] for row in rows).most_common(1)[0][0] for name in names]
