"""The parser of all commands' arguments: it suggests the option that was meant, and its help tells the exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from trainers.formatting import did_you_mean

UNKNOWN = "unrecognized arguments: "
EXIT_CODES = "Exit codes: 0 done, 2 bad input, 130 ended by Ctrl-C."  # of a command that says nothing else of its own


class Parser(argparse.ArgumentParser):
    """An argparse parser that suggests the option that was meant, and whose help tells the exit codes."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "exit codes:" not in f"{self.description} {self.epilog}".lower().replace("\n", " "):
            self.epilog = f"{self.epilog}\n\n{EXIT_CODES}" if self.epilog else EXIT_CODES

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse the arguments of the command. Exits with code 2 if some are unknown."""
        options, unknown = self.parse_known_args(args, namespace)
        if unknown:
            keys = [override for override in getattr(options, "set", None) or [] if "=" not in override]
            is_value = keys and not unknown[0].startswith("-")
            meant = f"; did you mean --set {keys[0]}={unknown[0]}?" if is_value else ""
            self.error(f"{UNKNOWN}{' '.join(unknown)}{meant}")
        return options

    def error(self, message: str) -> NoReturn:
        _, unknown, words = message.partition(UNKNOWN)
        option = next((word.partition("=")[0] for word in words.split() if word.startswith("-")), "")
        known = [name for name in self._option_string_actions if name.startswith("--")]
        meant = did_you_mean(option, known) if unknown and option and "; did you mean" not in words else ""
        super().error(message + meant)
