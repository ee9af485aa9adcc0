"""Reading a space's files: the line of every key, `extends` followed, --set laid over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from search import ROOT
from search.exceptions import SpaceError
from search.schema.limits import BYTES, DEPTH
from search.schema.merging import SPACE, covered_nulls, over_space, without_nulls, written_out
from search.schema.yaml_tree import Places, parsed
from trainers.formatting import find_nearest


class Document:
    """A YAML mapping, where each of its keys was written, and values where only a mapping may stand, left out of it."""

    def __init__(self, tree: dict[str, Any], places: Places, problems: tuple[str, ...] = ()) -> None:
        self.tree, self.places, self.problems = tree, places, problems

    @staticmethod
    def of(tree: dict[str, Any], places: Places) -> Document:
        """A tree as it was written; words that stand for pieces are written out, before anything is laid over it."""
        document = Document({}, places)
        written, wrong = written_out(tree, SPACE)
        problems = (f"{document.where(path)}: {'.'.join(path)}: {message}" for path, message in wrong)
        return Document(written, places, tuple(problems))

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
        return self.under(Document.of(change, places), places)

    def under(self, over: Document, places: Places) -> Document:
        """With another document laid over it; the places are those of both."""
        forgotten = (
            f"{over.where(path)}: {'.'.join(path)}: is null in {self.where(path)}, which takes the trial's out; write "
            "there what is to stand in its place, or remove the null to change some knobs of the trial's"
            for path in covered_nulls(self.tree, over.tree)
        )
        problems = (*self.problems, *over.problems, *forgotten)
        return Document(over_space(self.tree, over.tree), places, problems)


def read(path: Path, seen: tuple[Path, ...] = ()) -> Document:
    """A file's tree, laid over that of the file it `extends` (relative to itself); a null takes a key out.

    Raises SpaceError if a file is missing or unreadable, a key stands twice, or files extend one another in a ring.
    """
    text = text_of(path)
    if path.resolve() in seen:
        raise SpaceError([f"{path}: extends itself, by way of {' -> '.join(str(p.name) for p in seen)}"])
    tree, places = parsed(text, str(path))
    if not isinstance(tree, dict):
        found = "nothing" if tree is None else type(tree).__name__
        raise SpaceError([f"{path}: a space is a mapping with trial, search, ...; got {found}"])
    parent = tree.pop("extends", None)
    document = Document.of(tree, places)
    if parent is None:
        return Document(without_nulls(document.tree), places, document.problems)
    at = document.where(("extends",))
    if len(seen) >= DEPTH:
        raise SpaceError([f"{at}: extends: more than {DEPTH} files, each laid over the next"])
    if not isinstance(parent, str) or "\0" in parent:
        raise SpaceError([f"{at}: extends: names one file; got {parent!r}"])
    if not (path.parent / parent).is_file():
        raise SpaceError([f"{at}: extends: {missing(path.parent / parent)}"])
    base = read(path.parent / parent, (*seen, path.resolve()))
    return base.under(document, base.places | places)


def _leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The paths at which a tree has values."""
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, value in tree.items():
        yield from _leaves(value, (*path, str(key)))


SPACES = ROOT / "spaces"  # those that come with the checkout
SHOWN = 4


def text_of(path: Path) -> str:
    """The text of a file. Raises SpaceError if it is missing, no regular file, too large, or no UTF-8."""
    try:
        if path.is_dir():
            raise SpaceError([_folder(path)])
        if path.exists() and not path.is_file():
            raise SpaceError([f"{path}: is no regular file; write the space into one"])
        with path.open("rb") as file:
            content = file.read(BYTES + 1)
        if len(content) > BYTES:
            raise SpaceError([f"{path}: has more than {BYTES:,} bytes, and no space has"])
        return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise SpaceError([missing(path)]) from None
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a NUL, bytes that are no text
        why = error.strerror if isinstance(error, OSError) else error
        raise SpaceError([f"{path}: cannot be read: {why}"]) from None


def missing(path: Path) -> str:
    """Of a file that is not there, which one is meant perhaps."""
    near = [each for folder in _folders(path) if (each := _near(path, folder))]
    if near:
        return f"{path}: no such file; did you mean {near[0]}?"
    there = sorted(path.parent.glob("*.yaml"))
    if not there:
        return f"{path}: no such file" + (f"; those of the checkout lie in {SPACES}" if SPACES.is_dir() else "")
    shown = ", ".join(map(str, there[:SHOWN])) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
    return f"{path}: no such file (there are {shown})"


def _folders(path: Path) -> list[Path]:
    """Where one of nearly that name is looked for: beside it, here, and among those that come with the checkout."""
    inner = path.parent.name if path.parent.name != "spaces" else ""
    return [path.parent, Path("spaces"), SPACES / inner, SPACES]


def _near(path: Path, folder: Path) -> Path | None:
    known = {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    found = find_nearest(path.name.partition(".")[0], known)
    return known[found] if found else None


def _folder(path: Path) -> str:
    """Of a folder in place of a file, what is meant perhaps."""
    if (path / "space.yaml").is_file():
        return (
            f"{path}: is a sweep's folder, and no space; name the YAML file that it was run from, or "
            f"{path / 'space.yaml'}, the space as it was run (with --name {path.name}, to go on with it)"
        )
    there = sorted(str(each) for each in path.glob("*.yaml"))
    shown = ", ".join(there[:SHOWN]) + (f" and {len(there) - SHOWN} more" if len(there) > SHOWN else "")
    return f"{path}: is a folder; " + (f"there are {shown}" if there else "name a YAML file")
