"""Image folders: a picture is read as it is meant to be seen, or refused by path; litter is no class."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from trainers.folders import list_images, read_image
from trainers.images import DataError
from trainers.sources import ImageFolder

RED, BLUE = (255, 0, 0), (0, 0, 255)


def picture(path: Path, content: Any = RED, size: tuple[int, int] = (6, 6), **options: Any) -> Path:
    """Write a file of one colour, or of an array or picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, tuple):
        content = Image.new("RGB", size, content)
    image = Image.fromarray(content) if isinstance(content, np.ndarray) else content
    image.save(path, **options)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Red cats and blue dogs, two of each to train on and one to test on."""
    for part, count in (("train", 2), ("test", 1)):
        for name, colour in (("cat", RED), ("dog", BLUE)):
            for i in range(count):
                picture(tmp_path / part / name / f"{i}.png", colour)
    return tmp_path


def load(root: Path, **knobs: Any) -> Any:
    return ImageFolder(root=str(root), size=6, **knobs).load()


def complaint(root: Path, **knobs: Any) -> str:
    with pytest.raises(DataError) as error:
        load(root, **knobs)
    return str(error.value)


# What a picture is


GREY = np.arange(36, dtype=np.uint8).reshape(6, 6) * 7
STEPS = np.arange(36, dtype=np.uint16).reshape(6, 6)


def saved(path: Path, content: Any, **options: Any) -> np.ndarray:
    """Return what is read of a picture, as RGB."""
    return read_image(picture(path, content, **options), 6, 3)


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGB", "RGBA", "LA", "CMYK"])
def test_modes_of_eight_bits_show_what_they_show(tmp_path: Path, mode: str) -> None:
    colour = np.random.default_rng(0).integers(0, 2, (6, 6, 3), np.uint8) * 255  # colours that every mode holds
    shown = Image.fromarray(colour).convert("L").convert("RGB") if mode in ("L", "1", "LA") else Image.fromarray(colour)
    if mode == "1":
        shown = shown.point(lambda value: 255 * (value > 127))
    seen = saved(tmp_path / ("it.tif" if mode == "CMYK" else "it.png"), shown.convert(mode))
    np.testing.assert_array_equal(seen, np.asarray(shown))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_of_fewer_bits_spans_the_range(tmp_path: Path, bits: int) -> None:
    """By hand, for Pillow writes none of them."""
    levels = np.arange(8, dtype=np.uint8)[:, None].repeat(8, 1) % 2**bits
    packed = np.packbits(np.unpackbits(levels[..., None], axis=2)[..., 8 - bits :].reshape(8, -1), axis=1)
    path = tmp_path / "it.png"
    path.write_bytes(png(8, 8, bits, 0, b"".join(b"\0" + row.tobytes() for row in packed)))
    np.testing.assert_array_equal(read_image(path, 8, 1)[..., 0], levels * (255 // (2**bits - 1)))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    """Return a PNG of these rows, each behind its filter's byte."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def deep_colour(path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">18H", *range(row * 18, row * 18 + 18)) for row in range(6))
    path.write_bytes(png(6, 6, 16, 2, rows))


def deep_grey_alpha(path: Path) -> None:
    rows = b"".join(b"\0" + struct.pack(">12H", *[900, 65535] * 6) for _ in range(6))
    path.write_bytes(png(6, 6, 16, 4, rows))


DEEP: dict[str, Callable[[Path], Any]] = {
    "16-bit grey, of 12 bits": lambda path: picture(path, STEPS * 117),
    "16-bit grey, nearly black": lambda path: picture(path, STEPS),
    "32-bit grey": lambda path: picture(path.with_suffix(".tif"), STEPS.astype(np.int32) * 1000),
    "float grey": lambda path: picture(path.with_suffix(".tif"), STEPS.astype(np.float32) / 36),
    "16-bit TIFF": lambda path: picture(path.with_suffix(".tif"), STEPS * 1000),
    "16-bit PGM": lambda path: picture(path.with_suffix(".pgm"), STEPS.astype(np.int32) * 1000),
    "16-bit RGB": deep_colour,
    "16-bit grey with alpha": deep_grey_alpha,
}


@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP.keys())
def test_more_than_eight_bits_are_refused_with_path_and_remedy(root: Path, make: Callable[[Path], Any]) -> None:
    make(root / "train" / "cat" / "deep.png")
    message = complaint(root)
    assert message.startswith(f"root: {root}/train/cat/deep.")
    assert "does not have 8 bits a channel (mode " in message and "np.rint(255 / white * x).astype(np.uint8)" in message


def test_values_of_deep_pixels_are_reported(root: Path) -> None:
    picture(root / "train" / "cat" / "deep.png", STEPS * 117)
    assert "(mode I;16, values 0 to 4095)" in complaint(root)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_picture_that_lives_in_its_alpha_channel_is_refused(root: Path, mode: str) -> None:
    """All black but for its alpha, it would be read as black."""
    path = root / "train" / "dog" / "alpha.png"
    if mode == "P":
        picture(path, Image.fromarray(GREY // 7).convert("P"), transparency=bytes(range(0, 252, 7)))
    else:
        alpha = Image.new(mode, (6, 6))
        alpha.putalpha(Image.fromarray(GREY))
        picture(path, alpha)
    message = complaint(root)
    assert f"{path} is transparent in part (alpha from 0)" in message and "Image.alpha_composite" in message


def test_an_alpha_channel_that_hides_nothing_is_no_matter(tmp_path: Path) -> None:
    opaque = Image.fromarray(GREY).convert("RGBA")
    np.testing.assert_array_equal(saved(tmp_path / "it.png", opaque)[..., 0], GREY)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_of_a_camera_is_applied(tmp_path: Path, orientation: int) -> None:
    """The tag says what to do for the picture to stand upright: EXIF 2.3, table 6."""
    turned: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1],
        5: lambda x: x.T, 6: lambda x: x.T[:, ::-1], 7: lambda x: x[::-1, ::-1].T, 8: lambda x: x.T[::-1],
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = saved(tmp_path / "it.png", GREY, exif=exif)
    np.testing.assert_array_equal(seen[..., 0], turned[orientation](GREY))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_several_frames_or_pages_are_refused(root: Path, suffix: str) -> None:
    path = root / "test" / "cat" / f"film{suffix}"
    picture(path, RED, save_all=True, append_images=[Image.new("RGB", (6, 6), BLUE)])
    assert f"{path} holds 2 frames or pages, and one file is one example" in complaint(root)


def test_a_camera_s_previews_are_no_frames(tmp_path: Path) -> None:
    path = picture(
        tmp_path / "it.jpg", RED, format="MPO", save_all=True, append_images=[Image.new("RGB", (3, 3), BLUE)]
    )
    with Image.open(path) as opened:
        assert opened.format == "MPO" and getattr(opened, "n_frames", 1) == 2
    assert np.abs(read_image(path, 6, 3).astype(int) - RED).max() <= 2  # JPEG


# What is no picture


BROKEN: dict[str, Callable[[Path], Any]] = {
    "empty": lambda path: path.write_bytes(b""),
    "a text": lambda path: path.write_text("no picture"),
    "torn": lambda path: path.write_bytes(picture(path, GREY.repeat(40, 0)).read_bytes()[:60]),
    "damaged": lambda path: path.write_bytes(picture(path, GREY).read_bytes().replace(b"IDAT", b"IDAX")),
    "a link to nowhere": lambda path: path.symlink_to("nowhere.png"),
    "a FIFO": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a bomb": lambda path: path.write_bytes(png(20_000, 10_000, 1, 0, b"\0")),
    "Lab": lambda path: Image.new("LAB", (6, 6)).save(path, format="TIFF"),
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.timeout(20)
def test_file_without_a_picture_is_named(root: Path, make: Callable[[Path], Any]) -> None:
    make(root / "train" / "cat" / "x.png")
    message = complaint(root)
    assert message.startswith("root: ") and f"{root}/train/cat/x.png" in message


def test_all_broken_pictures_are_reported_at_once(root: Path) -> None:
    for i in range(6):
        (root / "train" / "dog" / f"x{i}.png").write_bytes(b"")
    message = complaint(root)
    assert f"cannot read {root}/train/dog/x0.png" in message
    others = ", ".join(f"{root}/train/dog/x{i}.png" for i in (1, 2, 3))
    assert f"(others that cannot be read: {others} and 2 more)" in message


def test_more_than_the_memory_holds_is_refused_at_once(root: Path) -> None:
    with pytest.raises(DataError, match=r"size: 4 images of 9000000 x 9000000 take .* GiB of memory .* a smaller size"):
        ImageFolder(root=str(root), size=9_000_000).load()


# Which files are pictures


def test_the_files_and_their_order_are_those_of_torchvision(tmp_path: Path) -> None:
    for name in ("a/10.png", "a/9.JPG", "a/b/1.png", "a-b/1.jpeg", "B/x.bmp", "B/x y.webp", "c/d/e/1.tiff", "c/d.png"):
        picture(tmp_path / "train" / name, RED)
    from torchvision.datasets import ImageFolder as Torchvision  # late: a second of imports

    ours, reference = list_images(tmp_path / "train"), Torchvision(str(tmp_path / "train"))
    assert list(ours.classes) == reference.classes
    assert [(str(path), label) for path, label in ours.files] == reference.samples
    assert ours.passed_over == []


def test_files_of_the_operating_system_are_neither_class_nor_image(root: Path) -> None:
    before = load(root)
    picture(root / "train" / ".ipynb_checkpoints" / "x.png", BLUE)
    picture(root / "train" / "__MACOSX" / "x.png", BLUE)
    picture(root / "test" / "cat" / ".thumbs" / "x.png", BLUE)
    picture(root / "train" / "cat" / ".x.png", BLUE)
    (root / "train" / "cat" / "._0.png").write_bytes(b"\0\5\x16\7")
    for name in (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini"):
        (root / "train" / name).write_bytes(b"1")
    (root / ".git").mkdir()
    after = load(root)
    assert after.names == ("cat", "dog") and after.notes == ()
    np.testing.assert_array_equal(before.x_train, after.x_train)
    np.testing.assert_array_equal(before.x_test, after.x_test)


def test_files_that_are_passed_over_are_counted(root: Path) -> None:
    picture(root / "train" / "loose.png")
    (root / "train" / "cat" / "labels.csv").write_text("1")
    picture(root / "test" / "dog" / "film.gif")
    first, second = load(root).notes
    assert first.startswith(f"2 files of {root}/train passed over") and "loose.png" in first and "labels.csv" in first
    assert second.startswith(f"1 file of {root}/test passed over") and "film.gif" in second


@pytest.mark.parametrize("name", ["val", "valid", "Validation", "dev"])
def test_a_validation_set_of_its_own_is_refused_and_never_passed_over(root: Path, name: str) -> None:
    picture(root / name / "cat" / "1.png")
    message = complaint(root)
    assert f"{root} has a folder {name}/, and validation is held out of the training set (data.val)" in message


def test_other_folders_beside_train_and_test_are_reported(root: Path) -> None:
    (root / "extra").mkdir()
    (root / "Testing").mkdir()
    (root / "readme.txt").write_text("1")
    assert load(root).notes == (f"{root}: Testing, extra beside train and test are not read",)


def test_a_folder_of_another_case_is_meant(root: Path) -> None:
    (root / "train").rename(root / "Train")
    assert "rename Train/ to train/" in complaint(root)


def test_classes_that_differ_are_named_by_their_part(root: Path) -> None:
    picture(root / "test" / "bird" / "1.png")
    assert "train and test need the same class folders; only test has bird" in complaint(root)


def test_an_empty_class_is_refused_in_train_and_an_empty_test_set_too(root: Path) -> None:
    (root / "train" / "cow").mkdir()
    (root / "test" / "cow").mkdir()
    assert f"{root}/train/cow holds no image (.jpg, " in complaint(root)
    picture(root / "train" / "cow" / "1.png")
    assert load(root).y_test.tolist() == [0, 2]
    for path in (root / "test").glob("*/*.png"):
        path.unlink()
    assert f"{root}/test holds no image" in complaint(root)


def test_a_single_class_is_refused_by_name(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "cat" / "1.png")
    assert "has one class only, cat" in complaint(tmp_path)


def test_a_link_back_counts_nothing_twice(root: Path) -> None:
    (root / "train" / "cat" / "again").symlink_to(root / "train" / "cat")
    assert "again is the same folder as" in complaint(root)


def test_one_folder_is_not_two_classes(root: Path) -> None:
    """A link to another class, and one to a folder that holds what another class leads to."""
    train = root / "train"
    (train / "wolf").symlink_to("dog")
    assert f"{train}/wolf is the same folder as {train}/dog, and its images would be of two classes" in complaint(root)
    (train / "wolf").unlink()
    (train / "dog").rename(root / "store")
    (train / "dog").symlink_to("../store")
    (train / "animal").mkdir()
    (train / "animal" / "all").symlink_to("../../store")
    assert f"{train}/dog is the same folder as {train}/animal/all, and its images would be of two" in complaint(root)


def test_classes_may_be_links_to_folders_elsewhere(root: Path) -> None:
    (root / "train" / "cat").rename(root / "store")
    (root / "train" / "cat").symlink_to("../store")
    assert load(root).y_train.tolist() == [0, 0, 1, 1]


def test_a_test_set_that_is_a_file_is_refused(root: Path) -> None:
    for path in sorted((root / "test").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (root / "test").rmdir()
    (root / "test").write_text("a list")
    assert f"{root}/test cannot be listed: Not a directory" in complaint(root)


def test_a_missing_root_gets_the_nearest_folder_beside_it(root: Path) -> None:
    missing = root.parent / f"{root.name}s"
    assert f"{missing}/train cannot be listed: No such file or directory; did you mean {root.name}?" in complaint(
        missing
    )
    assert "did you mean" not in complaint(root.parent / "elsewhere")
