"""Read `--set PATH=VALUE` as a tree, and find overrides that would have no effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from search.exceptions import SpaceError
from search.schema.axes import AXIS_KINDS, Axis
from search.schema.blocks import Space
from search.schema.limits import MAX_DEPTH
from search.schema.merging import SPACE_NODE, expand_short_forms, nest_value, overlay_trial
from search.schema.prerequisites import Profile
from search.schema.yaml_tree import Tree, parse_value
from trainers.methods import overlay

UNINHERITED = {
    "profile": ("data", "subset"),
    "pretrain": ("data", "model", "subset"),
}  # keys of `trial:` that these blocks lack


def parse_override(text: str, option: str) -> Tree:
    """Return the nested mapping that a text path=value writes. Raises SpaceError if the text is something else.

    `option` is what the command line has for it, such as `--set path=value`, for messages.
    """
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        raise SpaceError([f"{option}: write it as path=value, such as trial.epochs=2"])
    if not value.strip():  # such as an unset variable of the shell; null would remove the key
        raise SpaceError([f"{option}: no value after the =; write null to remove the key"])
    parts = tuple(_split_path(path.strip()))
    if len(parts) > MAX_DEPTH:
        raise SpaceError([f"{option[:66]}...: nested deeper than {MAX_DEPTH} levels"])
    tree: Any = parse_value(parts, value, option)
    for part in reversed(parts):
        tree = {part: tree}
    return dict(tree)


def _split_path(path: str) -> list[str]:
    """Split a dotted path into keys; the path that names an axis is one key."""
    head, axis = path.removeprefix("search.axes."), path.startswith("search.axes.")
    if not axis:
        return path.split(".")
    knob, _, kind = head.rpartition(".")
    return ["search", "axes", knob, kind] if kind in (*AXIS_KINDS, "when") and knob else ["search", "axes", head]


def find_ineffective_knobs(space: Space, change: Tree) -> Iterator[tuple[str, str]]:
    """Yield the knobs of an override that an axis replaces in every training, each with the path of the axis."""
    written, _ = expand_short_forms(change, SPACE_NODE)
    for leaf in _list_leaves(written.get("trial") or {}):
        for path, axis in space.search.axes.items():
            if f"{leaf}.".startswith(f"{path}.") and not axis.when and not _is_seen(space, leaf, path, axis):
                yield leaf, path


def _list_leaves(tree: Tree, above: str = "") -> Iterator[str]:
    """Yield the dotted paths of a tree's values; a null sets nothing."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _list_leaves(value, f"{above}{key}.")
        elif value is not None:
            yield f"{above}{key}"


def _is_seen(space: Space, leaf: str, path: str, axis: Axis) -> bool:
    """Return whether any training keeps a knob of the trial although an axis is at its path or above."""
    mark = object()
    trial = overlay(space.trial, nest_value(leaf, mark))
    seen = [overlay_trial(trial, expand_short_forms(nest_value(path, choice.value))[0]) for choice in axis.choices]
    for kind, own in UNINHERITED.items():
        block = getattr(space, kind)
        follows = block.follows if isinstance(block, Profile) else ()
        if path not in follows and (tree := getattr(block, "trial", None)) is not None:
            seen.append(overlay_trial({key: value for key, value in trial.items() if key not in own}, tree))
    return any(_get_at_path(tree, leaf) is mark for tree in seen)


def _get_at_path(tree: Any, path: str) -> Any:
    for part in path.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree
