"""Laying one tree of a space over another: the one way, for files that extend others, --set, axes and first trainings.

A piece may be written short: by a word (`method: trades`, `optimizer: adam`), or without the name that it has anyway.
Both are written out before anything is laid over or under them, so that neither is forgotten. Mappings merge; a piece
of another name takes the place of the one before with all its knobs, and so does an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from search.schema.axes import no_axis
from search.schema.blocks import Space
from trainers.config import TrialConfig
from trainers.knobs import Knobs
from trainers.methods import METHODS, NAMES, overlay

Tree = dict[str, Any]
Path = tuple[str, ...]
OVERLAYS = (("profile", "trial"), ("pretrain", "trial"))
# what pieces are called that do not say so; the names within a method are those of its row
IMPLIED: Tree = {"optimizer": {"name": "sgd"}, "method": {"base": "pgd-at"}}
IMPLIED_ALL: Tree = {"trial": IMPLIED, "search": {"stopping": {"name": "robust"}}}


class Kind(NamedTuple):
    """What may stand at a key: pieces, mappings of names to such, or plain values too."""

    pieces: tuple[type[Knobs], ...] = ()
    inner: Kind | None = None  # what the values of a mapping are
    plain: bool = False
    never: tuple[type, ...] = ()  # what no plain value is

    @property
    def word(self) -> str:
        """The key that a word is short for; empty where none is."""
        keys = {key for piece in self.pieces for key in piece.written()}
        return "base" if "kind" in keys else "name" if "name" in keys else ""

    def at(self, key: str) -> Kind:
        """What may stand below a key."""
        return self.inner or _below(self.pieces, key)


ANYTHING = Kind(plain=True)
# what stands for a piece by mistake, and how an annotation shows that it may stand there; numbers and words say more
LOOSE: dict[type, Callable[[Any], bool]] = {
    list: lambda leaf: leaf is Any or get_origin(leaf) in (list, tuple) or leaf in (list, tuple),
    bool: lambda leaf: leaf is Any or leaf is bool or (get_origin(leaf) is Literal and True in get_args(leaf)),
}


@cache
def _below(pieces: tuple[type[Knobs], ...], key: str) -> Kind:
    if key == "trial" and TrialConfig not in pieces:
        return Kind((TrialConfig,))
    found = [_kind(piece.written()[key].annotation) for piece in pieces if key in piece.written()]
    if not found:
        return ANYTHING  # which the validation refuses
    inner = next((each.inner for each in found if each.inner), None)
    pieces = tuple(piece for each in found for piece in each.pieces)
    never = tuple(kind for kind in LOOSE if all(kind in each.never for each in found))
    return Kind(pieces, inner, any(each.plain for each in found), never)


def _kind(annotation: Any) -> Kind:
    leaves = list(_leaves(annotation))
    pieces = tuple(leaf for leaf in leaves if isinstance(leaf, type) and issubclass(leaf, Knobs))
    mappings = [get_args(leaf)[1] for leaf in leaves if get_origin(leaf) is dict]
    inner = next((_kind(value) for value in mappings), None)
    never = tuple(kind for kind, shows in LOOSE.items() if not any(map(shows, leaves)))
    return Kind(pieces, inner, len(pieces) + len(mappings) < len(leaves), never)


def _leaves(annotation: Any) -> Iterator[Any]:
    """The alternatives of an annotation but None."""
    origin = get_origin(annotation)
    parts = get_args(annotation)[:1] if origin is Annotated else get_args(annotation)
    if origin in (Annotated, Union, UnionType):
        for part in parts:
            yield from _leaves(part)
    elif annotation is not type(None):
        yield annotation


SPACE, TRIAL = Kind((Space,)), Kind((TrialConfig,))


def written_out(tree: Any, kind: Kind = TRIAL, path: Path = ()) -> tuple[Any, list[tuple[Path, str]]]:
    """A tree with each word that stands for a piece as {name: word}, and what stands where only a mapping may.

    Such a value is left out: what is laid over it would hide the mistake.
    """
    if isinstance(tree, dict) and path == ("search", "axes"):  # axes are replaced whole, and each checks itself
        axes = {key: value for key, value in tree.items() if value is None or isinstance(value, dict)}
        return axes, [((*path, key), no_axis(value)) for key, value in tree.items() if key not in axes]
    if isinstance(tree, dict):
        below = {key: written_out(value, kind.at(key), (*path, key)) for key, value in tree.items()}
        return {key: its for key, (its, _) in below.items()}, [each for _, wrong in below.values() for each in wrong]
    wrong = bool(kind.pieces) and isinstance(tree, kind.never)
    if tree is None or isinstance(tree, dict) or (kind.plain and not wrong):
        return tree, []
    if isinstance(tree, str) and kind.word:
        return {kind.word: tree}, []
    return None, [(path, _mistyped(tree, kind))]


def _mistyped(value: Any, kind: Kind) -> str:
    found = repr(value)
    found = found if len(found) <= 60 else found[:57] + "..."
    plain = "a number, a word or " if kind.plain else ""
    if not kind.word:
        return f"should be {plain}a mapping of knobs; got {found}"
    names = METHODS if kind.word == "base" else dict.fromkeys(it.written()["name"].default for it in kind.pieces)
    return f"should be {plain}the name of a piece, or a mapping of its knobs; got {found} (allowed: {', '.join(names)})"


def over_trial(trial: Tree, change: Tree) -> Tree:
    """A trial's tree with another laid over it; both are written out."""
    return overlay(trial, change, named(trial, IMPLIED))


def over_space(tree: Tree, change: Tree) -> Tree:
    """A space's tree with another laid over it; both are written out. A null takes a key out."""
    merged = overlay(tree, change, named(tree, IMPLIED_ALL))
    if axes := (change.get("search") or {}).get("axes"):
        before = (tree.get("search") or {}).get("axes") or {}  # the values of both would be crossed
        merged["search"]["axes"].update({path: _conditioned(axis, before.get(path)) for path, axis in axes.items()})
    return without_nulls(merged)


def _conditioned(axis: Any, before: Any) -> Any:
    """An axis laid over another: its values alone, and the other's condition unless it says its own, or null."""
    kept = isinstance(axis, dict) and isinstance(before, dict) and "when" in before and "when" not in axis
    return {"when": before["when"]} | axis if kept else axis


def named(tree: Tree, like: Tree) -> Tree:
    """A tree whose pieces have the names that they have without saying so, those of `like`."""
    if any(tree.get(key, name) != name for key, name in like.items() if key in NAMES):
        like = {}  # another piece
    if isinstance(base := tree.get("base", like.get("base")), str) and base in METHODS:
        row = _of_row(base) | {"base": base}
        like = row | like if tree.get("kind", row["kind"]) == row["kind"] else {}
    names = {key: like[key] for key in NAMES if key in like and key not in tree}
    return names | {
        key: named(it, like[key]) if isinstance(it, dict) and key in like else it for key, it in tree.items()
    }


@cache
def _of_row(base: str) -> Tree:
    return _names(METHODS[base].model_dump())


def _names(tree: Tree) -> Tree:
    """Only the names of a piece and of those within it."""
    inner = {key: _names(value) for key, value in tree.items() if isinstance(value, dict)}
    return inner | {key: tree[key] for key in NAMES if key in tree}


def covered_nulls(tree: Tree, change: Tree) -> Iterator[Path]:
    """Where a first training's null takes a key of the trial out and a mapping is laid over it.

    The null would be forgotten: knobs alone cannot say that nothing of the trial's is to stay beside them.
    """
    for block, key in OVERLAYS:
        its, over = ((each.get(block) or {}).get(key) or {} for each in (tree, change))
        yield from _covered(its, over, (block, key))


def _covered(tree: Tree, change: Tree, path: Path) -> Iterator[Path]:
    for key, value in change.items():
        if isinstance(value, dict) and key in tree:
            here = (*path, key)
            yield from [here] if tree[key] is None else _covered(tree[key], value, here)


def without_nulls(tree: Any, path: Path = ()) -> Any:
    """A null stands for 'as if not written'.

    What is laid over `trial` later on keeps its own, to take keys out there: the overlays, and the values of axes.
    """
    if not isinstance(tree, dict) or path in OVERLAYS or (path[:2] == ("search", "axes") and len(path) == 4):
        return tree
    return {key: without_nulls(value, (*path, key)) for key, value in tree.items() if value is not None}


def renamed(tree: Tree, path: str, name: Any) -> Tree:
    """A tree with another name at a dotted path, `optimizer.name`; the knobs beside it stay."""
    head, _, rest = path.partition(".")
    below = tree.get(head)
    return tree | {head: renamed(below if isinstance(below, dict) else {}, rest, name) if rest else name}


def nested(path: str, value: Any) -> Tree:
    """A value at a dotted path, as a tree."""
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}
