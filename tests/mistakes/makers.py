"""Files that a case of the corpus cannot write as text: each maker takes the path and what the case says of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np


def npz(path: Path, classes: int = 10, count: int = 200, size: int = 8, dtype: str = "uint8", seed: int = 0) -> None:
    """Write images (count, size, size, 1) of noise on 0..255 and their labels, a test set of half as many beside."""
    rng = np.random.default_rng(seed)

    def images(n: int) -> np.ndarray:
        return rng.integers(0, 256, (n, size, size, 1)).astype(dtype)

    def labels(n: int) -> np.ndarray:
        return np.arange(n) % classes

    half = count // 2
    np.savez(path, x_train=images(count), y_train=labels(count), x_test=images(half), y_test=labels(half))


def hexadecimal(path: Path, digits: str) -> None:
    """Write bytes."""
    path.write_bytes(bytes.fromhex(digits))


def link(path: Path, to: str) -> None:
    """Make a symbolic link, which may point nowhere or at itself."""
    path.symlink_to(to)


def folder(path: Path) -> None:
    """Make an empty folder."""
    path.mkdir()


MAKERS: dict[str, Callable[..., None]] = {"npz": npz, "hex": hexadecimal, "link": link, "folder": folder}
