"""Local copies of sweeps behind a URL: `python -m analysis.mirror s3://bucket/results/friendly_k FOLDER`.

The records of the sweep are copied, its states are not. The URL is any that pyarrow.fs.FileSystem.from_uri accepts;
credentials come from the environment.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.exceptions import SweepError
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import run_and_exit
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Copy the records of a sweep to a folder. Exit codes: 0 done, 2 no sweep there, or it cannot be copied."""
    parser = argparse.ArgumentParser(prog="python -m analysis.mirror", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("url", help="URL of a sweep, such as s3://bucket/results/friendly_k")
    parser.add_argument("folder", type=Path, help="folder for the records, such as results/friendly_k")
    options = parser.parse_args(arguments)
    try:
        fetch_records(options.url, options.folder)
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    Console(soft_wrap=True).print(f"The records of {options.url} are in {options.folder}.")
    return 0


if __name__ == "__main__":
    run_and_exit(main)
