"""What a user may have meant by a folder that is not there, and where it was looked for."""

from __future__ import annotations

from pathlib import Path

from trainers.formatting import find_nearest_file

RESULTS = Path("results")  # where commands store sweeps unless told otherwise


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
