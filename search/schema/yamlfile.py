"""Reading YAML as a user writes it: safe, with the line of every key, duplicate keys refused, `extends` followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from trainers.methods import overlay

OVERLAYS = (("profile", "trial"), ("pretrain", "trial"))
INDENT = "; this line begins in another column than those of its mapping: indent them alike"
Places = dict[tuple[str, ...], str]  # of each key, 'file:line'


class SpaceError(Exception):
    """What is wrong with a space, all of it at once; one readable line a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Document:
    """A YAML mapping and where each of its keys was written."""

    def __init__(self, tree: dict[str, Any], places: Places) -> None:
        self.tree, self.places = tree, places

    def where(self, path: tuple[str, ...]) -> str:
        """'file:line' of the deepest part of a path that was written in a file, or the --set that wrote it."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.places:
                return self.places[path[:depth]]
        return next(iter(self.places.values()), "").rpartition(":")[0]

    def overridden(self, change: dict[str, Any], place: str) -> Document:
        """With a tree laid over it that was written elsewhere."""
        written = set(_leaves(change))
        kept = {path: at for path, at in self.places.items() if not any(path[:n] in written for n in range(len(path)))}
        around = dict.fromkeys(path[:n] for path in written for n in range(1, len(path)))
        places = kept | dict.fromkeys(written, place)
        for path in around:
            at = kept.get(path, place)
            places[path] = at if at == place or len(path) == 1 else f"{at} with {place}"  # a mistake of both together
        return Document(laid_over(self.tree, change), places)


def read(path: Path, seen: tuple[Path, ...] = ()) -> Document:
    """A file's tree, laid over that of the file it `extends` (relative to itself); a null takes a key out.

    Raises SpaceError if a file is missing or unreadable, a key stands twice, or files extend one another in a ring.
    """
    if path.resolve() in seen:
        raise SpaceError([f"{path}: extends itself, by way of {' -> '.join(str(p.name) for p in seen)}"])
    document = _parse(path)
    parent = document.tree.pop("extends", None)
    if parent is None:
        return Document(without_nulls(document.tree), document.places)
    if not isinstance(parent, str):
        raise SpaceError([f"{document.where(('extends',))}: extends: names one file; got {parent!r}"])
    if not (path.parent / parent).is_file():
        raise SpaceError([f"{document.where(('extends',))}: extends: {_missing(path.parent / parent)}"])
    base = read(path.parent / parent, (*seen, path.resolve()))
    return Document(laid_over(base.tree, document.tree), base.places | document.places)


def laid_over(tree: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge, but a piece of another name and an axis are replaced whole; a null takes a key out."""
    merged = overlay(tree, change)
    search = change.get("search")
    axes = search.get("axes") if isinstance(search, dict) else None
    if isinstance(axes, dict):
        merged["search"]["axes"].update(axes)  # else the values of both would be crossed
    return without_nulls(merged)


def without_nulls(tree: Any, path: tuple[str, ...] = ()) -> Any:
    """A null stands for 'as if not written'.

    What is laid over `trial` later on keeps its own, to take keys out there: the overlays, and the values of axes.
    """
    if not isinstance(tree, dict) or path in OVERLAYS or (path[:2] == ("search", "axes") and len(path) == 4):
        return tree
    return {key: without_nulls(value, (*path, key)) for key, value in tree.items() if value is not None}


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths at which a tree has values."""
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, value in tree.items():
        yield from _leaves(value, (*path, str(key)))


def _parse(path: Path) -> Document:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpaceError([_missing(path)]) from None
    except IsADirectoryError:
        raise SpaceError([_folder(path)]) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise SpaceError([f"{path}: cannot be read: {why}"]) from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        tree = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        spot = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        column = INDENT if str(error.problem).startswith("expected <block end>") else ""
        raise SpaceError([f"{spot}: not YAML: {error.problem}{column}"]) from None
    except yaml.YAMLError as error:
        raise SpaceError([f"{path}: not YAML: {error}"]) from None
    if not isinstance(tree, dict) or node is None:
        found = "nothing" if tree is None else type(tree).__name__
        raise SpaceError([f"{path}: a space is a mapping with trial, search, ...; got {found}"])
    places: Places = {}
    problems: list[str] = []
    try:
        _walk(node, (), str(path), places, problems)
    except RecursionError:
        raise SpaceError([f"{path}: cannot be read: it contains itself, or is nested too deep"]) from None
    if problems:
        raise SpaceError(problems)
    return Document(tree, places)


def _missing(path: Path) -> str:
    there = _there(path.parent)
    return f"{path}: no such file" + (f" ({there})" if there else "")


def _there(folder: Path) -> str:
    near = sorted(str(p) for p in folder.glob("*.yaml"))
    return f"there are {', '.join(near)}" if near else ""


def _folder(path: Path) -> str:
    """Of a folder in place of a file, what is meant perhaps."""
    if (path / "space.yaml").is_file():
        return (
            f"{path}: is a sweep's folder, and no space; name the YAML file that it was run from, or "
            f"{path / 'space.yaml'}, the space as it was run (with --name {path.name}, to go on with it)"
        )
    return f"{path}: is a folder; {_there(path) or 'name a YAML file'}"


def _walk(
    node: yaml.Node,
    path: tuple[str, ...],
    file: str,
    places: Places,
    problems: list[str],
) -> None:
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            _walk(item, (*path, str(i)), file, places, problems)
    if not isinstance(node, yaml.MappingNode):
        return
    for key, value in node.value:
        here = (*path, str(key.value))
        line = key.start_mark.line + 1
        if here in places:
            problems.append(
                f"{file}:{line}: {'.'.join(here)} stands twice; first in line {places[here].rpartition(':')[2]}"
            )
        places[here] = f"{file}:{line}"
        _walk(value, here, file, places, problems)
