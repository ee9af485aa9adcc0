"""A sweep behind a URL, for all that reads folders: `python -m analysis.mirror s3://bucket/results/friendly_k FOLDER`.

Records are copied, states are not. The URL is any that pyarrow.fs.FileSystem.from_uri takes; the environment holds the
credentials.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.exceptions import SweepError
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import show_with

LEFT = ("stages", "report")  # what is not copied: states, and what is made of the records


@contextmanager
def readable(where: str) -> Iterator[Path]:
    """The folder of a sweep; of one behind a URL a copy of its records, for as long as they are read.

    Raises SweepError.
    """
    if "://" not in where:
        yield Path(where)
        return
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / where.partition("?")[0].rstrip("/").rpartition("/")[2]
        fetch(where, folder)
        yield folder


def fetch(url: str, folder: Path) -> None:
    """Copy the records of a sweep into a folder. Raises SweepError where there are none, or other files lie there."""
    from pyarrow.fs import FileSelector, copy_files

    if folder.is_dir() and any(folder.iterdir()) and not (folder / "plan.json").exists():
        raise SweepError(f"{folder}: holds files and is no sweep; it is left as it is, name a new folder for the copy")
    try:
        system, base = _opened(url)
        for info in system.get_file_info(FileSelector(base, allow_not_found=True)):
            if info.base_name not in LEFT and not info.base_name.startswith("."):
                target = folder / info.base_name
                (folder if info.is_file else target).mkdir(parents=True, exist_ok=True)
                copy_files(info.path, str(target), source_filesystem=system)
    except (OSError, ValueError) as error:
        raise SweepError(f"{url}: cannot be copied: {error}") from None
    if not (folder / "plan.json").exists():
        raise SweepError(f"{url}: no sweep is stored there: it has no plan.json")


def send(folder: Path, url: str) -> str:
    """Copy a folder of a copy back to where its sweep lies; returns its URL. Raises SweepError."""
    from pyarrow.fs import copy_files

    try:
        system, base = _opened(url)
        copy_files(str(folder), f"{base}/{folder.name}", destination_filesystem=system)
    except (OSError, ValueError) as error:
        raise SweepError(f"{url}: {folder.name}/ cannot be copied there: {error}") from None
    return f"{url.partition('?')[0].rstrip('/')}/{folder.name}"


def _opened(url: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    system, base = FileSystem.from_uri(url)
    return system, base.rstrip("/")


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy, and say what. Exit codes: 0 done, 2 there is nothing, or it cannot be copied."""
    parser = argparse.ArgumentParser(prog="python -m analysis.mirror", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="of a sweep, such as s3://bucket/results/friendly_k")
    parser.add_argument("folder", type=Path, help="where its records go, such as results/friendly_k")
    options = parser.parse_args(arguments)
    try:
        fetch(options.url, options.folder)
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    Console(soft_wrap=True).print(f"The records of {options.url} are in {options.folder}.")
    return 0


if __name__ == "__main__":
    show_with(main)
