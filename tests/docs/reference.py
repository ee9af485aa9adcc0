"""The generated documentation: the page of all keys of a space, and the tables of all recorded columns.

spaces/KEYS.md is written from the models that read a space and from the comments beside their fields; the section of
records in analysis/README.md from the types in trainers.records. `python -m tests.docs.reference` writes both, and a
test fails where they are stale.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import textwrap
import tokenize
import types
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from search.schema.blocks import STRATEGIES, Space
from search.schema.ranking_file import RankingFile
from search.schema.space import BLOCK_MODELS
from trainers import columns
from trainers.knobs import Knobs
from trainers.schedules import Bend, Ramp, Schedule

ROOT = Path(__file__).resolve().parents[2]
KEYS = ROOT / "spaces" / "KEYS.md"
ANALYSIS = ROOT / "analysis" / "README.md"
HEAD = """\
# Every key of a space

This page lists every key that a space's YAML file may hold, with what it takes and its default. It is generated from
the models that read the file, by `python -m tests.docs.reference`; do not edit it by hand. How a space is written and
what its parts are for: [README.md](README.md).

A piece is chosen by its `name` (a method by its `kind`): `optimizer: adam`, or `optimizer: {name: adam, lr: 0.001}`.
A number may be a fraction (`8/255`). A share is a percentage (`80%`) or a number from 0 to 1. A number of examples or
epochs is a whole number or a percentage of all. In `search.axes` the path of a key within `trial:` names the axis.
"""
BLOCKS: dict[str, type[Knobs]] = {
    "trial": BLOCK_MODELS["trial"],
    "profile": BLOCK_MODELS["profile"],
    "profile, from a file": RankingFile,
    "pretrain": BLOCK_MODELS["pretrain"],
    "search": BLOCK_MODELS["search"],
    "evaluate": BLOCK_MODELS["evaluate"],
    "resources": BLOCK_MODELS["resources"],
}
TOP = "the top level"
SCHEDULE = "a number or a [schedule](#schedules)"
TAKES = {  # aliases whose validators say more than their types
    "Real": "a number",
    "Share": "a share",
    "Size": "a number of examples, at least 1",
    "SizeOrNone": "a number of examples, or 0",
    "Duration": "a number of epochs",
    "Moments": "a list of numbers of epochs",
    "StepSize": "a number, or a multiple of epsilon (`epsilon/4`, `1.25*epsilon`)",
    "Amount": "a number ≥ 0",
    "Amounts": "a list of numbers ≥ 0",
    "Reals": "a list of numbers",
    "Schedule": SCHEDULE,
    "SignedSchedule": f"{SCHEDULE}, also below 0",
    "Ramp": "",  # what a schedule is within one epoch; nobody writes it
    "Bend": "",
    "Lam": f"{SCHEDULE}, also below 0, or `inf`",
    "Beginning": "a number of epochs, or `burn-in`",
    "Seeds": "a number of seeds, or a list of them",
    "RankingSeeds": "a number of seeds, counted from 1000, or a list of them",
    "Constraints": "a list of bounds such as `val_clean_acc >= 80%`",
    "Axes": "a mapping of paths of keys to axes",
    "Values": "a list of values, or a mapping of labels to values",
    "Range": "[low, high]",
    "IntRange": "[low, high], whole numbers",
    "Tree": "keys of `trial:`",
    "Replicates": "a number of seeds, a list of them, or [min and max](#searchreplicates)",
    "Objectives": "a mapping of validation metrics, each to `max` or `min`",
    "NamedMethod": "a [method](../trainers/README.md#methods), or keys laid over its [pieces](#trialmethod)",
    "_check_strategy": ", ".join(f"`{name}`" for name in STRATEGIES),
}
PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a mapping", Any: "any"}
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
PLURAL = re.compile("^a (whole number|number|share)")
MEMBERS = (Union, types.UnionType)


def anchor(path: str) -> str:
    """The fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", path.lower()).replace(" ", "-")


def tag(model: type[Knobs]) -> str | None:
    """The name by which a space chooses a piece, or None for a block that has none."""
    for key in ("name", "kind"):
        if key in model.model_fields and get_origin(model.model_fields[key].annotation) is Literal:
            return str(get_args(model.model_fields[key].annotation)[0])
    return None


def pieces(kind: Any) -> Iterator[type[Knobs]]:
    """Yield the models that a type is made of."""
    if inspect.isclass(kind) and issubclass(kind, Knobs):
        yield kind
    elif get_origin(kind) is not Literal:
        for part in get_args(kind):
            yield from pieces(part)


@cache
def sections() -> dict[str, list[type[Knobs]]]:
    """Return the models of each section, by the first path at which a space may hold them; a model has one section."""
    found = {path: [model] for path, model in BLOCKS.items()}
    waiting, forms = list(found.items()), [*pieces(Schedule)]
    seen = {*BLOCKS.values(), *forms, Ramp, Bend}
    while waiting:
        path, models = waiting.pop(0)
        for model in models:
            for key, field in model.written().items():
                place = f"{path.partition(',')[0]}.{key}"
                new = [piece for piece in dict.fromkeys(pieces(kind_of(field))) if piece not in seen]
                if new:
                    seen.update(new)
                    found.setdefault(place, []).extend(new)
                    waiting.append((place, new))
    return found | {"schedules": forms}


def kind_of(field: FieldInfo) -> Any:
    return Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation


@cache
def places() -> dict[type[Knobs], str]:
    return {model: path for path, models in sections().items() for model in models}


@cache
def written(model: type) -> dict[str, tuple[ast.expr, str]]:
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
            found[node.target.id] = node.annotation, text
    return found


def declared(model: type[Knobs], name: str) -> tuple[type, ast.expr, str]:
    """Return the class that declares a field, its annotation there, and the comment beside it."""
    for owner in model.__mro__:
        if issubclass(owner, Knobs) and owner is not Knobs and name in written(owner):
            return owner, *written(owner)[name]
    raise KeyError(f"{model.__name__}.{name}")


def takes(node: ast.expr, module: dict[str, Any]) -> str:
    """Describe what a field takes, from its annotation as it is written."""
    if isinstance(node, ast.Name) and node.id in TAKES:
        return TAKES[node.id]
    if isinstance(node, ast.BinOp):
        return either([takes(node.left, module), takes(node.right, module)])
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Tuple):
        inner = node.slice.elts
        if node.value.id == "Annotated":
            if (reader := re.search(r"\((\w+)\)", ast.unparse(inner[1]))) and reader[1] in TAKES:
                return TAKES[reader[1]]
            metadata = [eval(ast.unparse(part), module) for part in inner[1:]]
            return takes(inner[0], module) + bounds(metadata)
        if node.value.id == "tuple":
            return f"{listed(takes(inner[0], module))}"
        if node.value.id == "dict":
            return f"a mapping of names, each to {takes(inner[1], module)}"
    return described(eval(ast.unparse(node), module))


def described(kind: Any) -> str:
    """Describe what a type takes."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is None or kind is type(None):
        return "null"
    if inspect.isclass(kind) and issubclass(kind, Knobs):
        return f"[{f'`{tag(kind)}`' if tag(kind) else 'keys'}](#{anchor(places()[kind])})"
    if origin is Annotated:
        return described(parts[0]) + bounds(parts[1:])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in MEMBERS:
        return either([described(part) for part in parts])
    if origin is tuple:
        return f"{listed(described(parts[0]))}"
    if origin is dict:
        return f"a mapping of names, each to {described(parts[1])}"
    return PLAIN[kind]


def listed(each: str) -> str:
    """Describe a list by what each of its entries is."""
    return f"a list of {PLURAL.sub(lambda one: one[0][2:] + 's', each)}"


def either(options: list[str]) -> str:
    """Join alternatives; pieces of one section share one link."""
    options = [option for option in options if option]
    links = [re.fullmatch(r"\[(`[^\]]+`)\]\((#[^)]+)\)", option) for option in ", ".join(options).split(", ")]
    if all(links):
        targets = dict.fromkeys(link[2] for link in links if link)
        return ", ".join(
            f"[{', '.join(link[1] for link in links if link and link[2] == target)}]({target})" for target in targets
        )
    return ", or ".join(dict.fromkeys(options))


def bounds(metadata: Any) -> str:
    """Describe the bounds of a number."""
    found = []
    for item in metadata:
        for bound in item.metadata if isinstance(item, FieldInfo) else [item]:
            if type(bound) in BOUNDS:
                sign, name = BOUNDS[type(bound)]
                found.append(f" {sign} {getattr(bound, name):,}")
    return " and".join(found)


def shown(value: Any) -> str:
    """Show a default as a space would write it."""
    if isinstance(value, Knobs):
        return named(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        if value == 1 / 3:
            return "1/3"
        levels, decimal = round(255 * value, 1), f"{value:g}"
        return f"{levels:g}/255" if len(decimal) > 6 and abs(levels / 255 - value) < 1e-12 else decimal
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(shown, value)) + "]"
    return str(value)


def named(piece: Knobs) -> str:
    """Show a piece by its name and the keys in which it differs from that name's own defaults."""
    own = {key for key in ("name", "kind") if key in type(piece).model_fields}
    keys = {}
    for key, field in type(piece).written().items():
        name = next(name for name, each in type(piece).model_fields.items() if each is field)
        value = getattr(piece, name)
        if name not in own and (field.is_required() or value != field.get_default(call_default_factory=True)):
            keys[key] = shown(value)
    name = tag(type(piece))
    if name and not keys:
        return name
    return "{" + ", ".join([*([f"name: {name}"] if name else []), *(f"{k}: {v}" for k, v in keys.items())]) + "}"


@cache
def rows(model: type[Knobs]) -> dict[str, str]:
    """Return a row of the table for each key of a model."""
    found = {}
    for key, field in model.written().items():
        name = next(name for name, each in model.model_fields.items() if each is field)
        if name in ("name", "kind") and tag(model):
            continue
        owner, annotation, comment = declared(model, name)
        allowed = takes(annotation, vars(sys.modules[owner.__module__])).replace("whole number > 0", "whole number ≥ 1")
        allowed = allowed.replace("whole numbers > 0", "whole numbers ≥ 1")
        default = field.get_default(call_default_factory=True)
        value = "required" if default is PydanticUndefined else f"`{shown(default)}`"
        found[key] = f"| `{key}` | {allowed} | {value} | {comment.replace('|', chr(92) + '|')} |"
    return found


def shared(models: list[type[Knobs]]) -> list[str]:
    """Return the rows that most models of a section have, of the keys that all of them have."""
    if len(models) < 3:
        return []
    keys = [key for key in rows(models[0]) if all(key in rows(model) for model in models)]
    return [Counter(rows(model)[key] for model in models).most_common(1)[0][0] for key in keys]


def table(found: list[str]) -> str:
    return "\n".join(["| key | takes | default | meaning |", "|---|---|---|---|", *found])


def described_model(model: type[Knobs], known: list[str]) -> Iterator[str]:
    """Yield what a model's docstring says, and the table of the keys that are not known from its section."""
    text = inspect.cleandoc(vars(model).get("__doc__") or "")
    plain = re.sub(r"(?<![\\*])([*<])", r"\\\1", text)
    yield from filter(None, [plain])
    if found := [row for row in rows(model).values() if row not in known]:
        yield table(found)


def page() -> str:
    """Return the whole page."""
    links = [f"- [{path}](#{anchor(path)})" for path in (TOP, *sections())]
    parts = [HEAD, "\n".join(links), f"## {TOP}", *described_model(Space, [])]
    for path, models in sections().items():
        known = shared(models)
        parts.append(f"## {path}")
        if known:
            parts += ["All of these have the following keys, unless a table below says otherwise.", table(known)]
        for model in models:
            if name := tag(model):
                parts.append(f"**`{name}`**")
            parts += described_model(model, known)
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def with_records(text: str) -> str:
    """Return the page of analysis with its section of records as trainers.columns prints it."""
    before, title, rest = text.partition("\n## Records\n")
    head, _, _ = rest.partition("\n### ")
    _, after_title, after = rest.partition("\n## ")
    parts = columns.markdown().strip().split("`")  # every other one is code, where < begins no tag
    tables = "`".join(part if number % 2 else part.replace("<", "\\<") for number, part in enumerate(parts))
    return f"{before}{title}{head}\n{tables}\n{after_title}{after}"


def generated() -> dict[Path, str]:
    """Return each page as it should be."""
    return {KEYS: page(), ANALYSIS: with_records(ANALYSIS.read_text(encoding="utf-8"))}


if __name__ == "__main__":
    for file, text in generated().items():
        file.write_text(text, encoding="utf-8")
