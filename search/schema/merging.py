"""Lay one tree of a space over another: `extends`, --set, axes, profile and pretrain all use these functions.

A piece may be written in a short form: as a word (`method: trades`, `optimizer: adam`), or without its default name.
Short forms are expanded before trees are merged. Mappings merge key by key; a piece with another name replaces the
piece before it with all its knobs, and an axis replaces an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from search.schema.axes import explain_non_axis
from search.schema.blocks import Space
from search.schema.yaml_tree import KeyPath, Tree
from trainers.config import TrialConfig
from trainers.knobs import Knobs
from trainers.methods import METHODS, NAMES, overlay

OVERLAYS = (("profile", "trial"), ("pretrain", "trial"))
# names of pieces that are written without one; pieces within a method have the names in its row of METHODS
IMPLIED: Tree = {"optimizer": {"name": "sgd"}, "method": {"base": "pgd-at"}}
IMPLIED_ALL: Tree = {"trial": IMPLIED, "search": {"stopping": {"name": "robust"}}}


class NodeType(NamedTuple):
    """The values that a key allows: pieces, mappings of names to values, scalars and lists."""

    pieces: tuple[type[Knobs], ...] = ()
    values: NodeType | None = None  # the type of a mapping's values
    scalar: bool = False
    refused: tuple[type, ...] = ()  # types that no scalar or list has here

    @property
    def name_key(self) -> str:
        """The key that a word in place of a piece is a value of, or '' if a word is not allowed."""
        keys = {key for piece in self.pieces for key in piece.written()}
        return "base" if "kind" in keys else "name" if "name" in keys else ""

    def child(self, key: str) -> NodeType:
        """Return the type of the value below a key."""
        return self.values or _find_child_type(self.pieces, key)


ANYTHING = NodeType(scalar=True)
# types that are written in place of a piece by mistake, and a test of whether an annotation allows them
MISTAKEN_TYPES: dict[type, Callable[[Any], bool]] = {
    list: lambda leaf: leaf is Any or get_origin(leaf) in (list, tuple) or leaf in (list, tuple),
    bool: lambda leaf: leaf is Any or leaf is bool or (get_origin(leaf) is Literal and True in get_args(leaf)),
}


@cache
def _find_child_type(pieces: tuple[type[Knobs], ...], key: str) -> NodeType:
    if key == "trial" and TrialConfig not in pieces:
        return NodeType((TrialConfig,))
    found = [_read_annotation(piece.written()[key].annotation) for piece in pieces if key in piece.written()]
    if not found:
        return ANYTHING  # the validation refuses the key
    inner = next((node.values for node in found if node.values), None)
    pieces = tuple(piece for node in found for piece in node.pieces)
    never = tuple(kind for kind in MISTAKEN_TYPES if all(kind in node.refused for node in found))
    return NodeType(pieces, inner, any(node.scalar for node in found), never)


def _read_annotation(annotation: Any) -> NodeType:
    leaves = list(_list_alternatives(annotation))
    pieces = tuple(leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, Knobs))
    mappings = [get_args(leaf)[1] for leaf in leaves if get_origin(leaf) is dict]
    inner = next((_read_annotation(value) for value in mappings), None)
    never = tuple(kind for kind, shows in MISTAKEN_TYPES.items() if not any(map(shows, leaves)))
    return NodeType(pieces, inner, len(pieces) + len(mappings) < len(leaves), never)


def _list_alternatives(annotation: Any) -> Iterator[Any]:
    """Yield the alternatives of an annotation other than None."""
    origin = get_origin(annotation)
    parts = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    if origin in (Annotated, Union, UnionType):
        for part in parts:
            yield from _list_alternatives(part)
    elif annotation is not type(None):
        yield annotation


SPACE_NODE, TRIAL_NODE = NodeType((Space,)), NodeType((TrialConfig,))


def expand_short_forms(
    tree: Any, kind: NodeType = TRIAL_NODE, path: KeyPath = ()
) -> tuple[Any, list[tuple[KeyPath, str]]]:
    """Return a tree with each word in place of a piece as {name: word}, and the problems by path.

    A value in place of a mapping is a problem. It is left out, since a tree laid over it would hide the mistake.
    """
    if isinstance(tree, dict) and path == ("search", "axes"):  # an axis is replaced whole and checks itself
        axes = {key: value for key, value in tree.items() if value is None or isinstance(value, dict)}
        return axes, [((*path, key), explain_non_axis(value)) for key, value in tree.items() if key not in axes]
    if isinstance(tree, dict):
        below = {key: expand_short_forms(value, kind.child(key), (*path, key)) for key, value in tree.items()}
        values = {key: value for key, (value, _) in below.items()}
        return values, [problem for _, problems in below.values() for problem in problems]
    wrong = bool(kind.pieces) and isinstance(tree, kind.refused)
    if tree is None or isinstance(tree, dict) or (kind.scalar and not wrong):
        return tree, []
    if isinstance(tree, str) and kind.name_key:
        return {kind.name_key: tree}, []
    return None, [(path, _describe_mistake(tree, kind))]


def _describe_mistake(value: Any, kind: NodeType) -> str:
    found = repr(value)
    found = found if len(found) <= 60 else found[:57] + "..."
    plain = "a number, a word or " if kind.scalar else ""
    if not kind.name_key:
        return f"should be {plain}a mapping of keys; got {found}"
    names = (
        METHODS if kind.name_key == "base" else dict.fromkeys(piece.written()["name"].default for piece in kind.pieces)
    )
    return f"should be {plain}the name of a piece, or a mapping of its keys; got {found} (allowed: {', '.join(names)})"


def overlay_trial(trial: Tree, change: Tree) -> Tree:
    """Return a trial's tree with another laid over it, both with expanded short forms."""
    return overlay(trial, change, add_implied_names(trial, IMPLIED))


def overlay_space(tree: Tree, change: Tree) -> Tree:
    """Return a space's tree with another laid over it, both with expanded short forms; a null removes a key."""
    merged = overlay(tree, change, add_implied_names(tree, IMPLIED_ALL))
    if axes := (change.get("search") or {}).get("axes"):
        before = (tree.get("search") or {}).get("axes") or {}  # merging would cross the values of both
        merged["search"]["axes"].update({path: _keep_condition(axis, before.get(path)) for path, axis in axes.items()})
    return drop_nulls(merged)


def _keep_condition(axis: Any, before: Any) -> Any:
    """Return an axis that replaces another; it keeps the other's `when` unless it has its own, or null."""
    kept = isinstance(axis, dict) and isinstance(before, dict) and "when" in before and "when" not in axis
    return {"when": before["when"]} | axis if kept else axis


def add_implied_names(tree: Tree, like: Tree) -> Tree:
    """Return a tree with the names of pieces that are written without one, as `like` has them."""
    if any(tree.get(key, name) != name for key, name in like.items() if key in NAMES):
        like = {}  # a different piece
    if isinstance(base := tree.get("base", like.get("base")), str) and base in METHODS:
        row = _list_row_names(base) | {"base": base}
        like = row | like if tree.get("kind", row["kind"]) == row["kind"] else {}
    names = {key: like[key] for key in NAMES if key in like and key not in tree}
    return names | {
        key: add_implied_names(value, like[key]) if isinstance(value, dict) and key in like else value
        for key, value in tree.items()
    }


@cache
def _list_row_names(base: str) -> Tree:
    return _keep_names(METHODS[base].model_dump())


def _keep_names(tree: Tree) -> Tree:
    """Keep only the names of a piece and of the pieces within it."""
    inner = {key: _keep_names(value) for key, value in tree.items() if isinstance(value, dict)}
    return inner | {key: tree[key] for key in NAMES if key in tree}


def find_covered_nulls(tree: Tree, change: Tree) -> Iterator[KeyPath]:
    """Yield the keys of profile and pretrain where a mapping is laid over a null that removes a key of the trial.

    The merge would lose the null: a mapping of keys cannot say that the trial's own keys go.
    """
    for block, key in OVERLAYS:
        under, over = ((space.get(block) or {}).get(key) or {} for space in (tree, change))
        yield from _find_covered(under, over, (block, key))


def _find_covered(tree: Tree, change: Tree, path: KeyPath) -> Iterator[KeyPath]:
    for key, value in change.items():
        if isinstance(value, dict) and key in tree:
            here = (*path, key)
            yield from [here] if tree[key] is None else _find_covered(tree[key], value, here)


def drop_nulls(tree: Any, path: KeyPath = ()) -> Any:
    """Remove keys with null, which means 'as if not written'.

    OVERLAYS and the values of axes keep their nulls: they remove keys of `trial` when they are laid over it.
    """
    if not isinstance(tree, dict) or path in OVERLAYS or (path[:2] == ("search", "axes") and len(path) == 4):
        return tree
    return {key: drop_nulls(value, (*path, key)) for key, value in tree.items() if value is not None}


def rename_piece(tree: Tree, path: str, name: Any) -> Tree:
    """Return a tree with another name at a dotted path, such as `optimizer.name`; the knobs beside it stay."""
    head, _, rest = path.partition(".")
    below = tree.get(head)
    return tree | {head: rename_piece(below if isinstance(below, dict) else {}, rest, name) if rest else name}


def nest_value(path: str, value: Any) -> Tree:
    """Return a tree with a value at a dotted path."""
    head, _, rest = path.partition(".")
    return {head: nest_value(rest, value) if rest else value}
