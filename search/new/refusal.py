"""Why no space is written: its file, and data that a person should look at first."""

from __future__ import annotations

import os
from pathlib import Path

from search.cli import BAD_INPUT
from search.exceptions import SpaceError
from search.store.location import find_name_problem
from trainers.terminal.console import Console


class DoubtfulData(SpaceError):
    """A person should look at the data first."""


def check_file_name(file: Path) -> None:
    """Raise SpaceError if no new space can be written to a file."""
    if file.suffix not in (".yaml", ".yml"):
        raise SpaceError([f"{file}: a space is a YAML file; name it {file.stem or 'mine'}.yaml"])
    if os.path.lexists(file):
        raise SpaceError([f"{file} exists and is never overwritten; name another file, or move it aside"])
    if not file.parent.is_dir():
        raise SpaceError([f"{file}: {file.parent} is no folder; make it first"])
    if why := find_name_problem(file.stem):
        raise SpaceError([f"{file}: its study would be called {file.stem!r}, which {why}"])


def report_refusal(error: Exception, errors: Console) -> int:
    """Print why nothing was written. Return the exit code."""
    for problem in error.problems if isinstance(error, SpaceError) else [str(error)]:
        errors.print(f"error: {problem}", soft_wrap=True)
    anyway = " Mend the data; or, if all this is intended, write the space with --anyway."
    errors.print(f"Nothing was written.{anyway * isinstance(error, DoubtfulData)}", soft_wrap=True)
    return BAD_INPUT
