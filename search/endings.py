"""What ends a command before its time, as the user reads it, and the exit code that says which kind it was."""

from __future__ import annotations

from search.cluster.connection import Infeasible
from search.faults.interrupt import code_of
from search.running.existing import Contradiction
from search.schema.limits import TOLD
from search.schema.yamlfile import SpaceError
from search.stopping.decisions import Damaged
from search.storing import filesystem
from search.storing.locking import Busy
from search.storing.planfile import NoSweep
from search.storing.remote import Unreachable
from trainers.record_io import Place
from trainers.terminal.console import Console

DONE, UNFINISHED, BAD_INPUT = 0, 1, 2
ENDINGS = (
    SpaceError, Contradiction, Busy, NoSweep, Infeasible, Unreachable, Damaged, OSError, KeyboardInterrupt,
)  # fmt: skip


def told(error: BaseException, folder: Place, instead: str, errors: Console) -> int:
    """Say why a command that works in a folder ends, by one of ENDINGS. Returns the exit code.

    `instead`: what to do if another sweep lies there.
    """
    if isinstance(error, KeyboardInterrupt):
        errors.print("Interrupted; what was trained is kept.")
        return code_of(error)
    if isinstance(error, OSError):
        errors.print(f"Stopped: {filesystem.trouble_of(error, folder) or error}")
        return UNFINISHED
    for line in _lines(error, folder, instead):
        errors.print(line)
    return BAD_INPUT


def _lines(error: BaseException, folder: Place, instead: str) -> list[str]:
    if isinstance(error, SpaceError):
        n = len(error.problems)
        problems = [f"error: {problem}" for problem in error.problems[:TOLD]]
        problems += [f"error: and {n - TOLD:,} more"] if n > TOLD else []
        return [*problems, f"{n:,} problem{'s' * (n > 1)}; nothing was started."]
    if isinstance(error, Contradiction):
        return [f"error: {folder}: " + "\n".join(error.lines), f"Nothing was changed. {instead}"]
    if isinstance(error, Busy):
        return [f"error: {folder}: another process is running this sweep; wait for it or stop it."]
    return [f"error: {error}"]
