"""The data sets that torchvision knows: from their files in a folder, downloaded if need be."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trainers.files import first_line, user_path
from trainers.images import DataError, NotHere, about


def fetched(name: str, folder: str, download: bool, **which: Any) -> Any:
    """The part of torchvision's data set `name` that `which` tells.

    Raises DataError if it cannot be had: saying which files to put where, if it is not in the folder and cannot be
    downloaded; NotHere, if it is not there whole and no download is wanted.
    """
    with about("root"):
        root = user_path(folder)
    if not download and not root.is_dir():
        raise NotHere(f"{name} is not in {root}")
    from torchvision import datasets  # late: torchvision is slow to import

    dataset = getattr(datasets, name)
    try:
        return dataset(str(root), download=False, **which)
    except Exception as error:  # of damaged files without a checksum its readers raise whatever they meet
        if not (isinstance(error, RuntimeError) and "not found" in str(error)):  # its words for what is not whole
            place, _ = _published(dataset, root, **which)
            raise DataError(f"root: {name} in {place} cannot be read ({first_line(error)}); remove it there") from error
        if not download:
            raise NotHere(f"{name} is not whole in {root}") from None
    try:
        with _alone(root):
            return dataset(str(root), download=True, **which)
    except Exception as error:  # no network, no room, an archive that is torn
        place, files = _published(dataset, root, **which)
        reason = str(error).strip().rpartition("\n")[2]  # mirrors are listed before
        raise DataError(
            f"root: {name} is not in {root.absolute()} and its download failed ({reason}). "
            f"Fetch {', '.join(files)} by other means and put it in {place.absolute()}; or set root to a "
            "folder that has it; or store its arrays in an .npz and use data set npz"
        ) from error


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Only one process at a time downloads into a folder: torchvision writes in place."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _published(dataset: Any, root: Path, **which: Any) -> tuple[Path, list[str]]:
    """Where torchvision looks for which files as they are published."""
    if hasattr(dataset, "resources"):  # the MNISTs
        return root / dataset.__name__ / "raw", [name for name, _ in dataset.resources]
    if "split" in which:  # SVHN
        return root, [dataset.split_list[which["split"]][1]]
    return root, [dataset.filename]  # the CIFARs
