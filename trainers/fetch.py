"""The data sets of torchvision, read from their files in a folder or downloaded into it."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainers.files import expand_path, first_line
from trainers.images import DataError, NotDownloaded, prefix_errors


def load_torchvision(name: str, folder: str, download: bool, **which: Any) -> Any:
    """Load a part of torchvision's data set `name`; `which` are the arguments that choose it, such as train=True.

    Raises NotDownloaded if files are missing and `download` is false. Raises DataError if the files cannot be read, or
    if the download fails; the message then says which files to put where.
    """
    with prefix_errors("root"):
        root = expand_path(folder)
    if not download and not root.is_dir():
        raise NotDownloaded(f"{name} is not in {root}")
    from torchvision import datasets  # late: torchvision is slow to import

    dataset = getattr(datasets, name)
    try:
        return dataset(str(root), download=False, **which)
    except Exception as error:  # torchvision's readers raise errors of any class for damaged files without a checksum
        missing = isinstance(error, RuntimeError) and "not found" in str(error)  # raised also if a file is incomplete
        if not missing:
            place, _ = _published(dataset, root, **which)
            raise DataError(f"root: {name} in {place} cannot be read ({first_line(error)}); remove it there") from error
        if not download:
            raise NotDownloaded(f"{name} is not whole in {root}") from None
    try:
        with _download_lock(root):
            return dataset(str(root), download=True, **which)
    except Exception as error:  # no network, no space, a torn archive
        place, files = _published(dataset, root, **which)
        reason = str(error).strip().rpartition("\n")[2]  # the lines before list the mirrors
        raise DataError(
            f"root: {name} is not in {root.absolute()} and its download failed ({reason}). "
            f"Fetch {', '.join(files)} by other means and put it in {place.absolute()}; or set root to a "
            "folder that has it; or store its arrays in an .npz and use data set npz"
        ) from error


@contextmanager
def _download_lock(root: Path) -> Iterator[None]:
    """Let only one process at a time download into a folder, as torchvision writes in place."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _published(dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
    """Return the folder where torchvision looks for the published files, and their names."""
    if hasattr(dataset, "resources"):  # the MNISTs
        return root / dataset.__name__ / "raw", [name for name, _ in dataset.resources]
    if "split" in which:  # SVHN
        return root, [dataset.split_list[which["split"]][1]]
    return root, [dataset.filename]  # the CIFARs
