"""The command of this process as a line for a shell: as it was typed, and as it resumes a sweep."""

from __future__ import annotations

import shlex
import sys

from trainers.run_commands import drop_one_time_options


def format_command() -> str:
    """Return the typed command as a line for a shell."""
    return _format_arguments(sys.argv[1:])


def format_resume_command() -> str:
    """Return the command that resumes this run, without the options that apply once and are done."""
    return _format_arguments(drop_one_time_options(sys.argv[1:]))


def _format_arguments(arguments: list[str]) -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = spec.name.removesuffix(".__main__") if spec else "search.run"
    return f"python -m {module} {shlex.join(arguments)}".rstrip()
