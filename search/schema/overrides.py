"""--set PATH=VALUE: read as a tree of a space, and refused where nothing would come of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.exceptions import SpaceError
from search.schema.axes import KINDS, Axis
from search.schema.blocks import Space
from search.schema.limits import DEPTH
from search.schema.merging import SPACE, Tree, nested, over_trial, written_out
from search.schema.upstream import Profile
from search.schema.yaml_tree import value_at
from trainers.methods import overlay

OWN = {"profile": ("data", "subset"), "pretrain": ("data", "model", "subset")}  # what blocks do not have of `trial:`


def override(text: str) -> Tree:
    """The tree that a --set lays over a space. Raises SpaceError if it is no path=value."""
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SpaceError([f"--set {text}: write it as path=value, such as trial.epochs=2"])
    if not value.strip():  # such as an unset variable of the shell, which would take the key out
        raise SpaceError([f"--set {text}: no value after the =; write null to take the key out"])
    parts = tuple(_parts(path.strip()))
    if len(parts) > DEPTH:
        raise SpaceError([f"--set {text[:60]}...: nested deeper than {DEPTH} levels"])
    tree: Any = value_at(parts, value, f"--set {text}")
    for part in reversed(parts):
        tree = {part: tree}
    return dict(tree)


def _parts(path: str) -> list[str]:
    """A dotted path's parts; the path that names an axis is one of them."""
    head, axis = path.removeprefix("search.axes."), path.startswith("search.axes.")
    if not axis:
        return path.split(".")
    knob, _, kind = head.rpartition(".")
    return ["search", "axes", knob, kind] if kind in (*KINDS, "when") and knob else ["search", "axes", head]


def in_vain(space: Space, change: Tree) -> Iterator[tuple[str, str]]:
    """The knobs that an override sets and an axis replaces in every training, each with the path of the axis."""
    written, _ = written_out(change, SPACE)
    for leaf in _leaves(written.get("trial") or {}):
        for path, axis in space.search.axes.items():
            if f"{leaf}.".startswith(f"{path}.") and not axis.when and not _kept(space, leaf, path, axis):
                yield leaf, path


def _leaves(tree: Tree, above: str = "") -> Iterator[str]:
    """The dotted paths of a tree's values; a null sets nothing."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        elif value is not None:
            yield f"{above}{key}"


def _kept(space: Space, leaf: str, path: str, axis: Axis) -> bool:
    """Whether a knob of the trial is seen by any training though an axis lies at its path or above."""
    mark = object()
    trial = overlay(space.trial, nested(leaf, mark))
    seen = [over_trial(trial, written_out(nested(path, choice.value))[0]) for choice in axis.choices()]
    for kind, own in OWN.items():
        block = getattr(space, kind)
        follows = block.follows if isinstance(block, Profile) else ()
        if path not in follows and (tree := getattr(block, "trial", None)) is not None:
            seen.append(over_trial({key: value for key, value in trial.items() if key not in own}, tree))
    return any(_at(tree, leaf) is mark for tree in seen)


def _at(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree
