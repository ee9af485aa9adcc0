"""The warnings that AutoAttack gives of itself: signs of masked gradients, randomness and outputs that are no logits.

The code of Croce & Hein 2020 (arXiv:2003.01690) checks each evaluation. It warns of outputs that are random or look
like probabilities, of starting points with a zero gradient, where steps along gradients lead nowhere, and of examples
that Square, which needs no gradient, breaks although the attacks before it did not.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

LOGGER = "auto-attack"  # of the packaged original
ZERO_GRADIENTS = re.compile(r"there are (\d+) points with zero gradient")
POINTER = re.compile(r" See \S+ for details\.$")  # to a page that the package lacks


@contextmanager
def collect_warnings() -> Iterator[list[str]]:
    """Collect what AutoAttack warns of within the context, each text once, in the order in which it first came.

    Its check of zero gradients warns once a batch, restart and target; the text that counts the most points stays.
    """
    handler, logger = _Collector(logging.WARNING), logging.getLogger(LOGGER)
    logger.addHandler(handler)
    try:
        yield handler.texts
    finally:
        logger.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = POINTER.sub("", record.getMessage())
        same = next((i for i, known in enumerate(self.texts) if _is_same(text, known)), None)
        if same is None:
            self.texts.append(text)
        elif _count_points(text) > _count_points(self.texts[same]):
            self.texts[same] = text


def _is_same(text: str, other: str) -> bool:
    """Return whether two texts warn of the same; those on zero gradients differ in the number of points."""
    return text == other or bool(ZERO_GRADIENTS.match(text) and ZERO_GRADIENTS.match(other))


def _count_points(text: str) -> int:
    found = ZERO_GRADIENTS.match(text)
    return int(found[1]) if found else 0
