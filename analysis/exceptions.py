"""The error that every command of analysis reports and exits with."""


class SweepError(Exception):
    """A folder cannot be analysed; the message says where, what was found and what to do."""
