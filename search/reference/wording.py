"""What a key takes and its default, in words: the Markdown of spaces/KEYS.md, and the same as plain text."""

from __future__ import annotations

import ast
import inspect
import re
import types
from fractions import Fraction
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic.fields import FieldInfo

from search.reference.sections import get_tag, map_places
from search.schema.blocks import STRATEGIES
from trainers.knobs import Knobs

SCHEDULE = "a number or a [schedule](#schedules)"
TAKES = {  # aliases whose validators say more than their types
    "Real": "a number",
    "Share": "a share",
    "Size": "a number of examples, at least 1",
    "SizeOrNone": "a number of examples, or 0",
    "Duration": "a number of epochs",
    "Moment": "a number of epochs, at least 1",
    "BurnIn": "a number of epochs, or `first drop`",
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
    "Beginning": "a number of epochs, `first drop`, or `burn-in`",
    "Seeds": "a number of seeds, or a list of them",
    "RankingSeeds": "a number of seeds, counted from 1000, or a list of them",
    "Constraints": "a list of bounds such as `val_clean_acc >= 80%`",
    "Axes": "a mapping of paths of keys to axes",
    "Values": "a list of values, or a mapping of labels to values",
    "Range": "[low, high]",
    "IntRange": "[low, high], whole numbers",
    "Tree": "keys of `trial:`",
    "Replicates": "a number of seeds, a list of them, or [seeds where the front is uncertain](#searchreplicates)",
    "Objectives": "a mapping of validation metrics, each to `max` or `min`",
    "NamedMethod": "a [method](../trainers/README.md#methods), or keys laid over its [pieces](#trialmethod)",
    "_check_strategy": ", ".join(f"`{name}`" for name in STRATEGIES),
}
MAX_DENOMINATOR = 12  # of a default that is shown as a fraction: 5 of 12, but levels of 255 stay such
PLAIN = {bool: "true or false", int: "a whole number", float: "a number", str: "text", dict: "a mapping", Any: "any"}
BOUNDS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}
PLURAL = re.compile("^a (whole number|number|share)")
MEMBERS = (Union, types.UnionType)


def make_anchor(path: str) -> str:
    """Return the fragment by which GitHub links to a heading."""
    return re.sub(r"[^\w\- ]", "", path.lower()).replace(" ", "-")


def describe_annotation(node: ast.expr, module: dict[str, Any]) -> str:
    """Describe what a field takes, from its annotation as it is written."""
    if isinstance(node, ast.Name) and node.id in TAKES:
        return TAKES[node.id]
    if isinstance(node, ast.BinOp):
        return join_alternatives([describe_annotation(node.left, module), describe_annotation(node.right, module)])
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Tuple):
        inner = node.slice.elts
        if node.value.id == "Annotated":
            if (reader := re.search(r"\((\w+)\)", ast.unparse(inner[1]))) and reader[1] in TAKES:
                return TAKES[reader[1]]
            metadata = [eval(ast.unparse(part), module) for part in inner[1:]]
            return describe_annotation(inner[0], module) + describe_bounds(metadata)
        if node.value.id == "tuple":
            return f"{describe_list(describe_annotation(inner[0], module))}"
        if node.value.id == "dict":
            return f"a mapping of names, each to {describe_annotation(inner[1], module)}"
    return describe_type(eval(ast.unparse(node), module))


def describe_type(kind: Any) -> str:
    """Describe what a type takes."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is None or kind is type(None):
        return "null"
    if inspect.isclass(kind) and issubclass(kind, Knobs):
        return f"[{f'`{get_tag(kind)}`' if get_tag(kind) else 'keys'}](#{make_anchor(map_places()[kind])})"
    if origin is Annotated:
        return describe_type(parts[0]) + describe_bounds(parts[1:])
    if origin is Literal:
        return ", ".join(f"`{part}`" for part in parts)
    if origin in MEMBERS:
        return join_alternatives([describe_type(part) for part in parts])
    if origin is tuple:
        return f"{describe_list(describe_type(parts[0]))}"
    if origin is dict:
        return f"a mapping of names, each to {describe_type(parts[1])}"
    return PLAIN[kind]


def describe_list(each: str) -> str:
    """Describe a list by what each of its entries is."""
    return f"a list of {PLURAL.sub(lambda one: one[0][2:] + 's', each)}"


def join_alternatives(options: list[str]) -> str:
    """Join alternatives; pieces of one section share one link."""
    options = [option for option in options if option]
    links = [re.fullmatch(r"\[(`[^\]]+`)\]\((#[^)]+)\)", option) for option in ", ".join(options).split(", ")]
    if all(links):
        targets = dict.fromkeys(link[2] for link in links if link)
        return ", ".join(
            f"[{', '.join(link[1] for link in links if link and link[2] == target)}]({target})" for target in targets
        )
    return ", or ".join(dict.fromkeys(options))


def describe_bounds(metadata: Any) -> str:
    """Describe the bounds of a number."""
    found = []
    for item in metadata:
        for bound in item.metadata if isinstance(item, FieldInfo) else [item]:
            if type(bound) in BOUNDS:
                sign, name = BOUNDS[type(bound)]
                found.append(f" {sign} {getattr(bound, name):,}")
    return " and".join(found)


def format_default(value: Any) -> str:
    """Show a default as a space would write it."""
    if isinstance(value, Knobs):
        return format_piece(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        fraction = Fraction(value).limit_denominator(MAX_DENOMINATOR)
        if len(f"{value}") > 6 and float(fraction) == value:
            return str(fraction)
        levels, decimal = round(255 * value, 1), f"{value:g}"
        return f"{levels:g}/255" if len(decimal) > 6 and abs(levels / 255 - value) < 1e-12 else decimal
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {format_default(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(format_default, value)) + "]"
    return str(value)


def format_piece(piece: Knobs) -> str:
    """Show a piece by its name and the keys in which it differs from that name's own defaults."""
    own = {key for key in ("name", "kind") if key in type(piece).model_fields}
    keys = {}
    for key, field in type(piece).written().items():
        name = next(name for name, each in type(piece).model_fields.items() if each is field)
        value = getattr(piece, name)
        if name not in own and (field.is_required() or value != field.get_default(call_default_factory=True)):
            text = format_default(value)
            among_words = any(get_origin(part) is Literal for part in get_args(field.annotation))
            short = isinstance(value, Knobs) and text == get_tag(type(value))
            keys[key] = f"{{name: {text}}}" if short and among_words else text  # as plain words are read as words there
    chosen_by = get_tag(type(piece))
    if chosen_by and not keys:
        return chosen_by
    return (
        "{" + ", ".join([*([f"name: {chosen_by}"] if chosen_by else []), *(f"{k}: {v}" for k, v in keys.items())]) + "}"
    )
