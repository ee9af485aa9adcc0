"""The commands that ran a sweep, as provenance.json records them, and the one that carries on with its trainings."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterable

from trainers.record_io import Row

MEASURES = "search.measure"  # this command trains nothing


def list_commands(runs: Iterable[Row]) -> list[str]:
    """Return the different commands of some runs, in the order of their first use."""
    return list(dict.fromkeys(command for run in runs if (command := run.get("command"))))


def find_resume_command(runs: Iterable[Row]) -> str:
    """Return the command that carries on with the trainings of a sweep; empty if no run recorded one.

    It is the last one that trains, without the options that apply once and are done.
    """
    commands = (shlex.split(run["command"]) for run in runs if run.get("command"))
    trained = [words for words in commands if MEASURES not in words]
    return shlex.join(drop_one_time_options(trained[-1])) if trained else ""


def drop_one_time_options(words: list[str]) -> list[str]:
    """Return a command without the options of search.run that apply once, as they would apply again."""
    one_time = argparse.ArgumentParser(add_help=False)
    one_time.add_argument("--fresh", action="store_true")
    one_time.add_argument("--add-trials")
    return one_time.parse_known_args(words)[1]
