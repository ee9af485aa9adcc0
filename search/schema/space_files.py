"""The files of spaces: those of the package, which bare words name, and the one that a mistyped name may mean.

`friendly_k` and `cifar10/friendly_k` name spaces from any folder. A path that exists is always taken as it is.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from search import ROOT
from search.exceptions import SpaceError
from search.schema.limits import MAX_FILE_BYTES
from trainers.formatting import find_nearest_file, format_list

SPACES = ROOT / "spaces"  # of the checkout, or beside the installed package
MAX_FILES_SHOWN = 4
LIST_COMMAND = "python -m search.list spaces"


@cache
def list_spaces() -> dict[str, Path]:
    """Return the spaces that ship with the package, by the word that names each, such as `cifar10/friendly_k`."""
    return {file.relative_to(SPACES).with_suffix("").as_posix(): file for file in sorted(SPACES.rglob("*.yaml"))}


def find_space(named: Path, folder: Path = Path()) -> Path:
    """Return the file that a path, relative to a folder, or a bare word names.

    It is the path itself unless that is missing and the word is known.
    """
    path = folder / named
    return path if os.path.lexists(path) else list_spaces().get(named.as_posix(), path)


def read_text(path: Path) -> str:
    """Return the text of a file. Raises SpaceError if it is missing, not a regular file, too large, or not UTF-8."""
    try:
        if path.is_dir():
            raise SpaceError([_describe_folder(path)])
        if path.exists() and not path.is_file():
            raise SpaceError([f"{path}: is no regular file; write the space into one"])
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise SpaceError([f"{path}: has more than {MAX_FILE_BYTES:,} bytes, and no space has"])
        return content.decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        raise SpaceError([describe_missing_file(path)]) from None
    except (OSError, RuntimeError, ValueError) as error:  # a link to itself, a NUL, bytes that are not text
        why = error.strerror if isinstance(error, OSError) else error
        raise SpaceError([f"{path}: cannot be read: {why}"]) from None


def describe_missing_file(path: Path) -> str:
    """Report a missing file and the file or the word that may be meant."""
    if near := _find_nearest(path):
        return f"{path}: no such file; did you mean {near}?"
    there = sorted(path.parent.glob("*.yaml"))
    shown = f" (there are {format_list(there, MAX_FILES_SHOWN)})" if there else ""
    return f"{path}: no such file{shown}; {LIST_COMMAND} lists the spaces that a bare word names"


def _describe_folder(path: Path) -> str:
    """Report a folder in place of a file and the file that may be meant."""
    word = list_spaces().get(path.as_posix())
    ships = f"; the space of that name that comes with the package is {word}" if word else ""
    if (path / "space.yaml").is_file():
        return (
            f"{path}: is the folder of a sweep, not a space; name the YAML file that it was run from, or "
            f"{path / 'space.yaml'}, the space as it was run (with --name {path.name}, to go on with it){ships}"
        )
    there = sorted(str(file) for file in path.glob("*.yaml"))
    shown = f"there are {format_list(there, MAX_FILES_SHOWN)}" if there else "name a YAML file"
    return f"{path}: is a folder; {shown}{ships}"


def _find_nearest(path: Path) -> Path | str | None:
    """Return the file beside a missing one or in ./spaces, or the word, that is spelt most like it; a file if alike."""
    name, known = path.name.partition(".")[0], dict[str, Path | str]()
    if word := _find_near_word(path):
        known[word.rpartition("/")[2]] = word
    for folder in (Path("spaces"), path.parent):
        if folder.resolve() != SPACES:  # whose files have words
            known |= {file.stem: file for file in sorted(folder.glob("*.yaml"))}
    near = find_nearest_file(name, known)
    return word if near is None else known[near]


def _find_near_word(path: Path) -> str | None:
    """Return the word most like the last two parts of a path, or else most like its last part."""
    *_, folder, name = ("", *path.with_suffix("").parts)
    return find_nearest_file(f"{folder}/{name}", list_spaces()) or find_nearest_file(name, list_spaces())
