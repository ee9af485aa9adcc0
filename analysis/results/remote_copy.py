"""Copies of the records of a sweep behind a URL.

The records are copied, the states are not. The URL is any that pyarrow.fs.FileSystem.from_uri accepts; credentials come
from the environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.exceptions import SweepError
from trainers.urls import open_url

NOT_COPIED = ("stages", "report")  # the states, and the report that is drawn from the records


@contextmanager
def open_records(where: str) -> Iterator[Path]:
    """Yield the folder of a sweep, or for a URL a temporary folder with a copy of its records.

    Raises SweepError.
    """
    if "://" not in where:
        yield Path(where)
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / where.partition("?")[0].rstrip("/").rpartition("/")[2]
        fetch_records(where, folder)
        yield folder


def fetch_records(url: str, folder: Path) -> None:
    """Copy the records of a sweep into a folder. Raises SweepError if there are none, or the folder has other files."""
    from pyarrow.fs import FileSelector, copy_files

    if folder.is_dir() and any(folder.iterdir()) and not (folder / "plan.json").exists():
        raise SweepError(f"{folder}: holds files and is no sweep; it is left unchanged, name a new folder for the copy")
    try:
        system, base = open_url(url)
        for info in system.get_file_info(FileSelector(base, allow_not_found=True)):
            if info.base_name not in NOT_COPIED and not info.base_name.startswith("."):
                target = folder / info.base_name
                (folder if info.is_file else target).mkdir(parents=True, exist_ok=True)
                copy_files(info.path, str(target), source_filesystem=system)
    except (OSError, ValueError) as error:
        raise SweepError(f"{url}: cannot be copied: {error}") from None
    if not (folder / "plan.json").exists():
        raise SweepError(f"{url}: no sweep is stored there: it has no plan.json")


def send_folder(folder: Path, url: str) -> str:
    """Copy a folder of a local copy into the sweep behind a URL, and return its URL. Raises SweepError."""
    from pyarrow.fs import copy_files

    try:
        system, base = open_url(url)
        copy_files(str(folder), f"{base}/{folder.name}", destination_filesystem=system)
    except (OSError, ValueError) as error:
        raise SweepError(f"{url}: {folder.name}/ cannot be copied there: {error}") from None
    return f"{url.partition('?')[0].rstrip('/')}/{folder.name}"
