"""What a user may have meant by a folder that is not there or holds no sweep, and where it was looked for."""

from __future__ import annotations

from pathlib import Path

from trainers.formatting import find_nearest_file, format_list

RESULTS = Path("results")  # where commands store sweeps unless told otherwise
MOST_LISTED = 5  # sweeps, the first by name


def name_working_directory(missing: Path) -> str:
    """Return ' in the working directory /home/me', where a relative path is looked for; '' for an absolute one."""
    return "" if missing.is_absolute() else f" in the working directory {Path.cwd()}"


def suggest_folder(missing: Path, file: str) -> str:
    """Return '; did you mean results/friendly_k?', or '' if nothing is near.

    The folders that may be meant hold `file`. They lie beside the missing one, or in ./results.
    """
    known: dict[str, Path] = {}
    for folder in (missing.parent, RESULTS):
        for path in sorted(folder.glob(f"*/{file}")):
            known.setdefault(path.parent.name, path.parent)
    near = find_nearest_file(missing.name, known)
    return f"; did you mean {known[near]}?" if near else ""


def list_sweeps(folder: Path, file: str) -> str:
    """Return '; sweeps in results: a, b', those in a folder, or beside it if it holds none; '' if there are none.

    The folder of a sweep holds `file`.
    """
    for place in (folder, folder.parent):
        if names := sorted(path.parent.name for path in place.glob(f"*/{file}")):
            return f"; sweeps in {place}: {format_list(names, MOST_LISTED)}"
    return ""
