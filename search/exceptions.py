"""The errors that end a command, each with a message that says what to do; search.cli reports them."""

from __future__ import annotations


class SpaceError(Exception):
    """A space has mistakes; `problems` lists all of them, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DifferentSweep(Exception):
    """The folder holds another sweep; `lines` lists the differences."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class SweepLocked(Exception):
    """Another process runs this sweep."""


class NoSweep(Exception):
    """The folder holds no sweep that this version can read."""


class Infeasible(Exception):
    """No machine can run a trial, or the cluster cannot be reached."""


class Unreachable(Exception):
    """Nothing can be stored behind a URL; the message says why and what to do."""


class DamagedJournal(Exception):
    """A journal cannot be read; the message says where."""


class PlanMismatch(Exception):
    """This worker would train something other than the driver planned."""


class NotReplayable(Exception):
    """A sweep cannot be replayed; the message says where, what was found and what to do."""


class LeaseHeld(Exception):
    """Another process holds the lease of a sweep and renews it."""
