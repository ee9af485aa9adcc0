"""Read a space's files: follow `extends`, apply --set, and keep the line of every key for messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from search.exceptions import SpaceError
from search.schema.limits import MAX_DEPTH
from search.schema.merging import SPACE_NODE, drop_nulls, expand_short_forms, find_covered_nulls, overlay_space
from search.schema.space_files import describe_missing_file, find_space, read_text
from search.schema.yaml_tree import Places, parse_yaml
from trainers.record_io import MARK


class Document:
    """A YAML mapping, where each key was written (file and line, or --set), and the problems found while reading.

    If a plain value stands where a mapping is required, that is a problem, and the value is left out of the tree.
    """

    def __init__(self, tree: dict[str, Any], places: Places, problems: tuple[str, ...] = ()) -> None:
        self.tree, self.places, self.problems = tree, places, problems

    @staticmethod
    def from_tree(tree: dict[str, Any], places: Places) -> Document:
        """Make a document of a tree as it was written, with short forms expanded before anything is laid over them."""
        document = Document({}, places)
        written, wrong = expand_short_forms(tree, SPACE_NODE)
        problems = (f"{document.locate(path)}: {'.'.join(path)}: {message}" for path, message in wrong)
        return Document(written, places, tuple(problems))

    def locate(self, path: tuple[str, ...]) -> str:
        """Return 'file:line', or the --set, that wrote the deepest part of a path that is written anywhere."""
        for depth in range(len(path), 0, -1):
            if path[:depth] in self.places:
                return self.places[path[:depth]]
        return next(iter(self.places.values()), "").rpartition(":")[0]

    def with_override(self, change: dict[str, Any], place: str) -> Document:
        """Return this document with a tree from another place, such as a --set, laid over it."""
        written = set(_list_leaves(change))
        kept = {path: at for path, at in self.places.items() if not any(path[:n] in written for n in range(len(path)))}
        around = dict.fromkeys(path[:n] for path in written for n in range(1, len(path)))
        places = kept | dict.fromkeys(written, place)
        for path in around:
            at = kept.get(path, place)
            places[path] = at if at == place or len(path) == 1 else f"{at} with {place}"  # a mistake may come from both
        return self.with_overlay(Document.from_tree(change, places), places)

    def with_overlay(self, over: Document, places: Places) -> Document:
        """Return this document with another laid over it; `places` are those of both."""
        forgotten = (
            f"{over.locate(path)}: {'.'.join(path)}: is null in {self.locate(path)}, which removes the trial's; write "
            "its replacement there, or remove the null to change some keys of the trial's"
            for path in find_covered_nulls(self.tree, over.tree)
        )
        problems = (*self.problems, *over.problems, *forgotten)
        return Document(overlay_space(self.tree, over.tree), places, problems)


def read_document(path: Path, seen: tuple[Path, ...] = ()) -> Document:
    """Return a file's tree, laid over the space that it `extends`; a null removes a key.

    It extends a path relative to its own folder, or a space that ships with the package, named by a bare word.

    A file without `question` that begins with a comment asks the comment's first sentence.
    Raises SpaceError if a file is missing or unreadable, a key occurs twice, or files extend each other in a cycle.
    """
    text = read_text(path)
    if path.resolve() in seen:
        raise SpaceError([f"{path}: extends itself, by way of {' -> '.join(str(file.name) for file in seen)}"])
    tree, places = parse_yaml(text, str(path))
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else type(tree).__name__
        raise SpaceError([f"{path}: a space is a mapping with trial, search, ...; got {found}"])
    if question := read_first_sentence(text):
        tree.setdefault("question", question)
    parent = tree.pop("extends", None)
    document = Document.from_tree(tree, places)
    if parent is None:
        return Document(drop_nulls(document.tree), places, document.problems)
    at = document.locate(("extends",))
    if len(seen) >= MAX_DEPTH:
        raise SpaceError([f"{at}: extends: more than {MAX_DEPTH} files, each laid over the next"])
    if not isinstance(parent, str) or "\0" in parent:
        raise SpaceError([f"{at}: extends: names one file; got {parent!r}"])
    base_file = find_space(Path(parent), path.parent)
    if not base_file.is_file():
        raise SpaceError([f"{at}: extends: {describe_missing_file(base_file)}"])
    base = read_document(base_file, (*seen, path.resolve()))
    return base.with_overlay(document, base.places | places)


def read_first_sentence(text: str) -> str:
    """Return the first sentence of the comment that a file begins with; empty if it begins with none."""
    lines = [line for line in text.lstrip().splitlines() if not line.startswith(MARK)]  # the checksum of a stored space
    head = takewhile(lambda line: line.startswith("#") and line.strip("# \t"), lines)
    return re.split(r"(?<=[.!?])\s", " ".join(line.strip("# \t") for line in head), maxsplit=1)[0]


def _list_leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of a tree's values."""
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, value in tree.items():
        yield from _list_leaves(value, (*path, str(key)))
