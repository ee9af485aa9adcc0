"""The parser of all commands' arguments: a mistyped option is reported with the nearest that there is."""

from __future__ import annotations

import argparse
from typing import NoReturn

from trainers.formatting import did_you_mean

UNKNOWN = "unrecognized arguments: "


class Parser(argparse.ArgumentParser):
    """An argparse parser that suggests the option that was meant."""

    def error(self, message: str) -> NoReturn:
        _, unknown, words = message.partition(UNKNOWN)
        option = next((word.partition("=")[0] for word in words.split() if word.startswith("-")), "")
        known = [name for name in self._option_string_actions if name.startswith("--")]
        super().error(message + did_you_mean(option, known) * bool(unknown and option))
