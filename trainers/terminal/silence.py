"""Libraries that say more than a user of a command wants to know."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, simplefilter


@contextmanager
def silence_library(name: str) -> Iterator[None]:
    """Silence all warnings, and the messages below errors of an imported library such as optuna."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with catch_warnings():
            simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
