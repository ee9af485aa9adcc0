"""Read image files in class folders, <folder>/<class>/*.png and the like, as one array of square images.

Names that begin with a dot, and files and folders that operating systems leave behind, are neither classes nor images.
An image is read as viewers show it: rotated by its EXIF orientation, with its palette applied, and with CMYK converted
to RGB. Pictures that 8 bits of grey or RGB cannot hold are refused: more bits a channel, since the file does not say
which value is white; transparency, since the background is unknown; several frames, since one file is one example.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from trainers.files import FileError, check_file, check_memory, first_line, list_beside
from trainers.formatting import did_you_mean_file, format_list
from trainers.images import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
LEFTOVERS = {"__MACOSX", "__pycache__", "@eaDir", "lost+found", "$RECYCLE.BIN", "System Volume Information"}
LITTER = {"Thumbs.db", "desktop.ini"}  # files that operating systems leave behind
MODES = {"1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV", "LA", "La", "PA", "RGBA", "RGBa"}  # 8 bits a channel
DEEP = re.compile(r";16[BLN]$")  # Pillow's name for 16 bits a channel, whose lower eight bits it drops


class ImageFiles(NamedTuple):
    """The images of a folder of class folders."""

    classes: tuple[str, ...]  # in order: the number of a class is its position
    files: list[tuple[Path, int]]  # each image and the number of its class
    passed_over: list[Path]  # files that are no images, or lie in no class folder


def list_images(folder: Path) -> ImageFiles:
    """List the classes of a folder by name, and the images of each class in the order of torchvision's ImageFolder.

    Raises DataError if it has no class folder, cannot be listed, or reaches the same folder by two paths.
    """
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        near = sorted(name for name in _folders(folder.parent) if name.lower() == folder.name)
        meant = (
            f"rename {near[0]}/ to {folder.name}/" if near else f"expected {folder.absolute()}/<class>/*.png or *.jpg"
        )
        root = folder.parent
        hint = "" if root.exists() else did_you_mean_file(root.name, list_beside(root))
        raise DataError(f"root: {folder} cannot be listed: {error.strerror}{hint or ';'} {meant}") from error
    entries = [entry for entry in entries if _counts(entry.name)]
    classes = tuple(entry.name for entry in entries if entry.is_dir())
    if not classes:
        raise DataError(f"root: {folder} has no class folders; expected {folder.absolute()}/<class>/*.png or *.jpg")
    found = ImageFiles(classes, [], [Path(entry.path) for entry in entries if not entry.is_dir()])
    seen: dict[str, Path] = {}
    for label, name in enumerate(classes):
        for path in _walked(folder / name, seen):
            if path.name.lower().endswith(EXTENSIONS):
                found.files.append((path, label))
            else:
                found.passed_over.append(path)
    return found


def list_other_folders(root: Path, used: Iterable[str]) -> list[str]:
    """Return the names of the folders in `root` that are not in `used`, sorted."""
    return sorted(set(_folders(root)) - set(used))


def _folders(root: Path) -> Iterator[str]:
    try:
        yield from (entry.name for entry in os.scandir(root) if entry.is_dir() and _counts(entry.name))
    except OSError:
        return


def _counts(name: str) -> bool:
    """Return whether a name may be a class or an image: it is not hidden and not left by an operating system."""
    return not name.startswith(".") and name not in LEFTOVERS | LITTER


def _walked(folder: Path, seen: dict[str, Path]) -> Iterator[Path]:
    """Walk the files below a class folder in the order of torchvision's ImageFolder.

    `seen` maps the real path of each folder visited so far to the path it was reached by. Raises DataError if a folder
    cannot be listed, or was visited before through a link: to a folder above, or to a folder of another class.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"root: {error.filename} cannot be listed: {error.strerror}; make it readable") from error

    tree = []
    for top, below, files in os.walk(folder, followlinks=True, onerror=refuse):
        first = seen.setdefault(os.path.realpath(top), Path(top))
        if first != Path(top):
            twice = "count twice" if first.is_relative_to(folder) else "be of two classes"
            raise DataError(f"root: {top} is the same folder as {first}, and its images would {twice}; remove one")
        below[:] = [name for name in below if _counts(name)]
        tree.append((top, files))
    for top, files in sorted(tree):
        yield from (Path(top, name) for name in sorted(files) if _counts(name))


def read_images(found: ImageFiles, size: int, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Read the images, resized to a square, (N, size, size, channels) uint8, and their labels, (N,) int64.

    Raises DataError if a picture cannot be read, or not without loss; the message names the first few of them.
    """
    try:
        what = f"size: {len(found.files):,} images of {size} x {size} take"
        check_memory(what, len(found.files) * size * size * channels)
    except FileError as error:
        raise DataError(f"{error}; take a smaller size") from error
    x = np.empty((len(found.files), size, size, channels), np.uint8)
    problems: dict[Path, str] = {}
    for image, (path, _) in zip(x, found.files, strict=True):
        try:
            image[:] = read_image(path, size, channels)
        except DataError as error:
            problems[path] = str(error)
    if problems:
        first, *others = problems
        more = f" (others that cannot be read: {format_list(others, 3)})" if others else ""
        raise DataError(f"root: {problems[first]}{more}")
    return x, np.array([label for _, label in found.files], np.int64)


def read_image(path: Path, size: int, channels: int) -> np.ndarray:
    """Read one image, (size, size, channels) uint8. Raises DataError if it cannot be read, or not without loss."""
    try:
        check_file(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # warnings of large images or odd EXIF do not name the file
            with Image.open(path) as picture:
                if lost := _lost(picture):
                    raise DataError(f"{path} {lost}")
                seen = ImageOps.exif_transpose(picture).convert("RGB")
        plain = seen.convert("L") if channels == 1 else seen
        return np.asarray(plain.resize((size, size))).reshape(size, size, channels)
    except DataError:
        raise
    except FileError as error:
        raise DataError(f"{error}; remove it") from error
    except Exception as error:  # Pillow raises errors of any class for bytes that are no image
        raise DataError(f"cannot read {path} ({first_line(error)}); repair or remove it") from error


def _lost(picture: Image.Image) -> str | None:
    """Return what 8 bits of grey or RGB would lose of a picture, and what to do; None if they lose nothing."""
    frames = getattr(picture, "n_frames", 1)
    if frames > 1 and picture.format != "MPO":  # MPO is a camera's JPEG: the picture, then previews of it
        return f"holds {frames} frames or pages, and one file is one example; save each as a file of its own"
    packed = _packed(picture)
    if picture.mode not in MODES or DEEP.search(packed):
        values = f", values {_values(picture)}" if picture.mode in ("F", "I") or picture.mode[:2] == "I;" else ""
        return (
            f"does not have 8 bits a channel (mode {packed if picture.mode in MODES else picture.mode}{values}), and "
            "does not say which value is white; save it with 8 bits, np.rint(255 / white * x).astype(np.uint8), where "
            "white is 65535, or 4095 of 12 bits"
        )
    if picture.has_transparency_data:
        least = int(np.asarray(picture.convert("RGBA"))[..., 3].min())
        if least < 255:
            return (
                f"is transparent in part (alpha from {least}), and does not say which background it stands on; save "
                "it flat: Image.alpha_composite(Image.new('RGBA', im.size, 'white'), im.convert('RGBA')).convert('RGB')"
            )
    return None


def _packed(picture: Image.Image) -> str:
    """Return Pillow's name for the pixel format of the file."""
    for _, _, _, how in getattr(picture, "tile", ()):
        return str(how[0] if isinstance(how, tuple) and how else how)
    return picture.mode


def _values(picture: Image.Image) -> str:
    lowest, highest = picture.getextrema()
    return f"{lowest:.6g} to {highest:.6g}"
