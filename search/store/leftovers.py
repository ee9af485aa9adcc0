"""The temporary files that killed writers leave in the folder of a sweep, recognized by their complete names.

A user's own files may lie beside the records, and may be called `.notes.tmp`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HEX = "[0-9a-f]{32}"
WRITTEN_FOLDERS = (".", "trials/*", "profile", "report", "report/*")  # whose files are written under a temporary name
RECORD_SUFFIXES = "json|jsonl|npz|yaml|txt|log|damaged|html|csv|parquet|png|svg"
# a record's name with the suffix of tempfile, a probe of the storage, the mark of a node
FILE_NAME = re.compile(rf"\.(?:.+\.(?:{RECORD_SUFFIXES})\.[a-z0-9_]{{8}}|probe\.[a-z0-9_]{{8}}|{HEX}(?:-{HEX})?)\.tmp")
REMOTE_NAME = re.compile(rf"\.(?:.+\.)?{HEX}(?:-{HEX})?\.tmp")
STAGE_NAME = re.compile(rf"\.tmp-{HEX}(?:\.old)?")


def find_leftovers(folder: Path) -> Iterator[Path]:
    """Yield the files that killed writers left in the folder of a sweep, except those of its stages."""
    for pattern in WRITTEN_FOLDERS:
        for path in folder.glob(f"{pattern}/.*.tmp"):
            if FILE_NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink():
                yield path
