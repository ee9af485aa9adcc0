"""A small data set with corrupted test sets, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


def write_corrupted(folder: Path, seed: int = 2) -> None:
    """Write set.npz, 60 training and 21 test images of three classes, and the test images in fog and in snow."""
    rng, y = np.random.default_rng(1), np.arange(21) % 3
    x_train, x_test = (rng.integers(0, 256, (n, 8, 8, 1), np.uint8) for n in (60, 21))
    np.savez(folder / "set.npz", x_train=x_train, y_train=np.arange(60) % 3, x_test=x_test, y_test=y)
    (folder / "corrupted").mkdir(exist_ok=True)
    np.save(folder / "corrupted" / "labels.npy", np.tile(y, 5))
    for n, name in enumerate(("fog", "snow")):
        images = np.random.default_rng(seed + n).integers(0, 256, (105, 8, 8, 1), np.uint8)
        np.save(folder / "corrupted" / f"{name}.npy", images)


def corrupted_data(folder: Path, **corruptions: Any) -> dict[str, Any]:
    """Return the data block of that data set; without corruptions if none of their knobs is given."""
    data = {"name": "npz", "path": str(folder / "set.npz"), "val": 20}
    return data | ({"corruptions": {"path": str(folder / "corrupted")} | corruptions} if corruptions else {})
