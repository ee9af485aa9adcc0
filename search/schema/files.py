"""The text of a space's file, or why there is none, with what is meant perhaps."""

from __future__ import annotations

from pathlib import Path

from search import ROOT
from search.schema.limits import BYTES
from search.schema.problems import SpaceError
from trainers.formatting import find_nearest

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
