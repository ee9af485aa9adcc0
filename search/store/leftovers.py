"""What killed writers leave in a sweep's folder: files and folders whose names say, to the last letter, whose they are.

A user's files may lie beside the records, and may be called `.notes.tmp`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HEX = "[0-9a-f]{32}"
PLACES = (".", "trials/*", "profile", "report", "report/*")  # where files are written by way of another name
RECORDS = "json|jsonl|npz|yaml|txt|log|damaged|html|csv|parquet|png|svg"
# a record's name and what tempfile adds to it, a look whether anything can be stored, a node's mark
FILE = re.compile(rf"\.(?:.+\.(?:{RECORDS})\.[a-z0-9_]{{8}}|probe\.[a-z0-9_]{{8}}|{HEX}(?:-{HEX})?)\.tmp")
REMOTE = re.compile(rf"\.(?:.+\.)?{HEX}(?:-{HEX})?\.tmp")
STAGE = re.compile(rf"\.tmp-{HEX}(?:\.old)?")


def left_over(folder: Path) -> Iterator[Path]:
    """The files that killed writers left in a sweep's folder, its stages apart."""
    for place in PLACES:
        for path in folder.glob(f"{place}/.*.tmp"):
            if FILE.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                yield path
