"""The data block of a new space: what `--data` names, and the size and channels of image files."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from pydantic import TypeAdapter

from search.planning.datasets import KNOWN
from trainers.files import expand_path, list_beside
from trainers.folders import ImageFiles, list_images
from trainers.formatting import did_you_mean_file, format_count, format_list
from trainers.images import DataError, prefix_errors
from trainers.sources import DataSource

Block = dict[str, Any]  # the keys of a data block
FILLED_KEY = re.compile("^(path|root): ")  # of a data block, by the value of --data
GREY = {"1", "L"}  # modes of Pillow without colour; a palette may have some


def find_data_block(named: str, size: int | None) -> Block:
    """Return the data block for an .npz, a folder of images, or the name of a data set.

    `size` is the side in pixels to which image files are resized. Raises DataError if there is no such data, or if
    images have several sizes and none is given.
    """
    if named in KNOWN:
        return {"name": named}
    with prefix_errors("--data"):
        path = expand_path(named)
    if path.is_dir():
        return {"name": "image_folder", "root": named, **find_image_shape(path, size)}
    if path.exists():
        return {"name": "npz", "path": named}
    raise DataError(
        f"--data: {named} is no file, no folder and no data set; expected an .npz, a folder with train/<class>/*.png, "
        f"or one of {format_list(KNOWN)}{did_you_mean_file(path.name, [*KNOWN, *list_beside(path)])}"
    )


@contextmanager
def name_option() -> Iterator[None]:
    """Let an error of data name --data in place of the key that it fills, which the user has not written."""
    try:
        yield
    except DataError as error:
        raise DataError(FILLED_KEY.sub("--data: ", str(error))) from error


def find_image_shape(root: Path, size: int | None) -> Block:
    """Return the side in pixels and the channels of the image files in a folder.

    Raises DataError if the images are not square or have several sizes, unless `size` is given.
    """
    folders = [root / part for part in ("train", "test") if (root / part).exists() or part == "train"]
    seen = Counter(shape for folder in folders for shape in _read_shapes(list_images(folder)))
    sides = Counter(shape[:2] for shape in seen.elements())
    if size is None and sides:
        (width, height), count = sides.most_common(1)[0]
        if len(sides) > 1:
            shown = format_list([f"{w} x {h} ({n:,})" for (w, h), n in sides.most_common()], 3)
            raise DataError(
                f"--data: the images of {root} have {len(sides):,} sizes in pixels: {shown}; crop or resize them to "
                "one size yourself, or give --size N: each is then resized to N x N without regard to its proportions"
            )
        if width != height:
            raise DataError(
                f"--data: {format_count(count, 'image')} of {root} have {width} x {height} pixels, and networks here "
                "take squares; crop them, or give --size N: each is then resized to N x N, and distorted"
            )
        size = width
    return {"size": size or 32, "channels": 1 if all(mode in GREY for _, _, mode in seen) else 3}


def _read_shapes(images: ImageFiles) -> list[tuple[int, int, str]]:
    """Return width, height and mode of each image by its header; images that cannot be read are left to the loader."""
    shapes = []
    for path, _ in images.files:
        try:
            with Image.open(path) as picture:
                shapes.append((*picture.size, picture.mode))
        except Exception:  # Pillow raises errors of any class for bytes that are no image
            continue
    return shapes


def parse_block(block: Block) -> Any:
    """Return the data source that a data block describes."""
    return TypeAdapter(DataSource).validate_python(block)
