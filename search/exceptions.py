"""The errors that end a command, each with a message that says what to do; search.cli reports them."""

from __future__ import annotations


class SpaceError(Exception):
    """What is wrong with a space, all of it at once; one readable line a problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DifferentSweep(Exception):
    """The stored sweep is another one; one readable line a difference."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class SweepLocked(Exception):
    """Another process runs this sweep."""


class NoSweep(Exception):
    """No sweep is stored there, or none that this version reads."""


class Infeasible(Exception):
    """No machine can hold one trial, or the cluster cannot be reached."""


class Unreachable(Exception):
    """A URL that nothing can be stored behind; the message says why and what to do."""


class DamagedJournal(Exception):
    """A journal that cannot be read; the message says where."""


class PlanMismatch(Exception):
    """This worker would train something else than was planned."""


class NotReplayable(Exception):
    """A folder that cannot be replayed: where, what was found, what to do."""


class LeaseHeld(Exception):
    """Another process renews it."""
