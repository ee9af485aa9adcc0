"""The command of this process as a line for a shell: as it was typed, and as it resumes a sweep."""

from __future__ import annotations

import argparse
import shlex
import sys


def format_command() -> str:
    """Return the typed command as a line for a shell."""
    return _format_arguments(sys.argv[1:])


def format_resume_command() -> str:
    """Return the command that resumes this run, without the options that apply once and are done."""
    one_time = argparse.ArgumentParser(add_help=False)
    one_time.add_argument("--fresh", action="store_true")
    one_time.add_argument("--add-trials")
    return _format_arguments(one_time.parse_known_args(sys.argv[1:])[1])


def _format_arguments(arguments: list[str]) -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    module = spec.name.removesuffix(".__main__") if spec else "search.run"
    return f"python -m {module} {shlex.join(arguments)}".rstrip()
