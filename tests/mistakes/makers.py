"""Files that a case of the corpus cannot write as text: each maker takes the path and what the case says of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image


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


def copy(path: Path, of: str) -> None:
    """Copy a folder that lies beside it, byte for byte."""
    shutil.copytree(path.parent / of, path, symlinks=True)


def folder(path: Path) -> None:
    """Make an empty folder."""
    path.mkdir()


def fifo(path: Path) -> None:
    """Make a FIFO, which blocks whoever opens it."""
    os.mkfifo(path)


def array(
    shape: Sequence[int], dtype: str = "uint8", low: float = 0, high: float = 256, fill: Any = None, cycle: int = 0
) -> np.ndarray:
    """Make an array of noise on [low, high), of one value, or of 0, 1, ... that begins anew after `cycle`."""
    if cycle:
        return (np.arange(np.prod(shape)) % cycle).reshape(shape).astype(dtype)
    if fill is not None:
        return np.full(shape, fill, dtype)
    return np.random.default_rng(list(shape)).uniform(low, high, shape).astype(dtype)


def npy(path: Path, **knobs: Any) -> None:
    """Write one array; of objects it is a pickle."""
    np.save(path, array(**knobs), allow_pickle=True)


def arrays(path: Path, **each: dict[str, Any]) -> None:
    """Write an .npz of any arrays."""
    with path.open("wb") as file:
        np.savez(file, **{name: array(**knobs) for name, knobs in each.items()})


def picture(path: Path, mode: str = "RGB", size: int = 8, low: int = 0, high: int = 256, frames: int = 1) -> None:
    """Write images of noise in one of Pillow's modes: RGB, L, RGBA, I;16, F, ..."""
    kind = {"I;16": "uint16", "I": "int32", "F": "float32"}.get(mode, "uint8")
    channels = {"RGB": (3,), "RGBA": (4,), "CMYK": (4,)}.get(mode, ())
    made = [Image.fromarray(array((size, size, *channels), kind, low + i, high)).convert(mode) for i in range(frames)]
    made[0].save(path, save_all=frames > 1, append_images=made[1:])


def image_folder(path: Path, classes: Sequence[str] = ("cat", "dog"), train: int = 20, test: int = 10) -> None:
    """Write train/<class>/ and test/<class>/ with so many grey images of noise in each."""
    for part, count in (("train", train), ("test", test)):
        for number, name in enumerate(classes):
            for i in range(count):
                file = path / part / name / f"{i}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                rng = np.random.default_rng([len(part), number, i])
                Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(file)


def weights(path: Path, shapes: dict[str, Sequence[int]], fill: float = 0.0, pickled: bool = False) -> None:
    """Write a state_dict of these shapes, or beside it an object that only a pickle can hold."""
    state: dict[str, Any] = {name: torch.full(tuple(shape), fill) for name, shape in shapes.items()}
    torch.save({"state_dict": state, "by": path} if pickled else state, path)


MAKERS: dict[str, Callable[..., None]] = {
    "npz": npz,
    "hex": hexadecimal,
    "link": link,
    "copy": copy,
    "folder": folder,
    "fifo": fifo,
    "npy": npy,
    "arrays": arrays,
    "picture": picture,
    "image_folder": image_folder,
    "weights": weights,
}
