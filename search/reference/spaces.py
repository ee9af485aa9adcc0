"""The spaces that ship with the package, by the comment with which each file begins: its question, and its source."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from search.reference.entry import Entry
from search.schema.space_files import list_spaces

SENTENCE = re.compile(r".*?[.!?](?=\s|$)")
TITLE = re.compile(r",? '[^']*'")
SOURCE = re.compile(r"\s*\(((?:[^()]|\([^()]*\))+?)[.:]?\)")


def describe_spaces() -> Iterator[Entry]:
    """Yield the spaces in the order of their words, each with its question, and the paper and figure that ask it."""
    for word, file in list_spaces().items():
        paragraphs = _read_paragraphs(file)
        question = SENTENCE.match(paragraphs[0])
        assert question is not None, file  # tests/test_spaces.py asks for one
        source = SOURCE.match(paragraphs[0], question.end())
        of = f" ({TITLE.sub('', source[1]).partition(': ')[0]})" if source else ""
        yield Entry(word, f"{question[0]}{of}", (*paragraphs, str(file)))


def _read_paragraphs(file: Path) -> list[str]:
    """Return the paragraphs of the comment with which a file begins; indented lines are commands, each on its own."""
    lines = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    text = re.sub(r"\n(?= {2})", "\n\n", "\n".join(lines))
    return [re.sub(r"\s*\n\s*", " ", part).rstrip() for part in text.split("\n\n") if part.strip()]
