"""Every data set gives uint8 images and int64 labels, or says what is wrong and what to do."""

from __future__ import annotations

import fcntl
import pickle
import struct
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from PIL import Image
from pydantic import TypeAdapter, ValidationError

from trainers import fetch
from trainers.data import prepare_data
from trainers.images import NotDownloaded
from trainers.sources import DataError, DataSource


def data(**knobs):
    """Return a data block as a space would write it."""
    return TypeAdapter(DataSource).validate_python(knobs)


def images(n: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, *shape), np.uint8)


def labels(n: int, classes: int = 3) -> np.ndarray:
    return np.arange(n) % classes


def check_form(source, shape, classes):
    for x, y in ((source.x_train, source.y_train), (source.x_test, source.y_test)):
        assert x.dtype == np.uint8 and x.flags.c_contiguous and x.shape[1:] == shape
        assert y.dtype == np.int64 and y.shape == (len(x),)
    assert source.classes == classes


def test_unknown_knobs_and_data_sets_are_refused():
    for block in ({"name": "digits", "root": "data"}, {"name": "imagenet"}, {"name": "npz"}):
        with pytest.raises(ValidationError):
            data(**block)


@pytest.mark.parametrize(
    ("name", "crop", "flip", "val"),
    [
        ("cifar10", 4, True, 1000),
        ("cifar100", 4, True, 1000),
        ("svhn", 0, False, 1000),
        ("mnist", 0, False, "10%"),
        ("fashion_mnist", 0, False, "10%"),
        ("digits", 0, False, "20%"),
    ],
)
def test_each_data_set_has_the_augmentation_of_the_field(name, crop, flip, val):
    block = data(name=name)
    assert (block.crop, block.flip, block.val) == (crop, flip, val)


# Digits ---------------------------------------------------------------------------------------------------------


def test_digits_are_1797_grey_images_of_ten_classes():
    source = data(name="digits").load()
    check_form(source, (8, 8, 1), 10)
    assert len(source.x_train) == 1797 and len(source.x_test) == 0
    assert source.y_train[:4].tolist() == [0, 1, 2, 3]
    assert np.bincount(source.y_train).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_17_grey_levels_of_digits_span_the_range_evenly():
    levels = np.unique(data(name="digits").load().x_train)
    np.testing.assert_array_equal(levels, np.rint(np.arange(17) * 255 / 16))


def test_digits_split_as_they_come():
    block = data(name="digits")
    drawn = prepare_data(block.load(), block)
    assert (len(drawn.test), len(drawn.val), len(drawn.train)) == (1078, 359, 360)


# npz ------------------------------------------------------------------------------------------------------------


def archive(path: Path, **arrays: object) -> Path:
    np.savez(path / "set.npz", **{key: value for key, value in arrays.items() if value is not None})
    return path / "set.npz"


def npz(path: Path, **arrays):
    return data(name="npz", path=str(archive(path, **arrays))).load()


def test_npz_gives_back_what_was_stored(tmp_path):
    stored = {"x_train": images(7, 6, 5, 3), "y_train": labels(7), "x_test": images(4, 6, 5, 3), "y_test": labels(4)}
    source = npz(tmp_path, **stored, names=np.array(["other arrays", "do not matter"]))
    check_form(source, (6, 5, 3), 3)
    for key, array in stored.items():
        np.testing.assert_array_equal(getattr(source, key), array)


def test_npz_takes_grey_images_channels_first_and_columns_of_labels(tmp_path):
    grey, colour = images(6, 5, 4), images(6, 5, 4, 3)
    same = npz(tmp_path, x_train=grey, y_train=labels(6)[:, None].astype(np.uint8))
    np.testing.assert_array_equal(same.x_train, grey[..., None])
    np.testing.assert_array_equal(same.y_train, labels(6))
    first = npz(tmp_path, x_train=np.moveaxis(colour, -1, 1), y_train=labels(6))
    np.testing.assert_array_equal(first.x_train, colour)
    assert first.x_train.flags.c_contiguous


def test_npz_may_lack_a_test_set(tmp_path):
    source = npz(tmp_path, x_train=images(6, 5, 4), y_train=labels(6))
    check_form(source, (5, 4, 1), 3)
    assert len(source.x_test) == len(source.y_test) == 0


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"x_train": None}, r"lacks x_train; it holds x_test, y_test, y_train"),
        ({"y_test": None}, r"lacks y_test; it holds x_test, x_train, y_train"),
        (
            {"x_train": images(6, 5, 4) / 255},
            r"x_train is float64 with values of 0.*; expected uint8, .*rint\(255 \* x\)",
        ),
        (
            {"x_test": images(6, 5, 4).astype(np.int64)},
            r"x_test is int64 with values of \d+ to 2\d\d; .*: store np.rint\(x\)",
        ),
        ({"x_test": images(6, 5, 4) > 99}, r"x_test is bool; expected uint8, .*: store 255 \* x.astype"),
        (
            {"x_train": images(6, 5, 4).astype(np.uint16) * 16},
            r"x_train is uint16 .* to 4\d\d\d; .*rint\(255 / white \* x\).*4095 of 12 bits",
        ),
        (
            {"x_train": images(6, 5, 4) / 128 - 1},
            r"x_train is float64 with values of -\d.* to .*: undo what standardised them",
        ),
        (
            {"x_train": images(6, 5, 4) / 255**2},
            r"x_train is float64 with values of .* to 0.0039.*: undo what scaled them",
        ),
        ({"x_train": np.full((6, 5, 4), np.nan)}, r"x_train is float64 with 120 values NaN or infinite"),
        ({"x_train": np.array([None, 1], object)}, r"cannot be read .*store numbers only"),
        ({"x_train": images(6, 20)}, r"x_train has shape \(6, 20\); expected \(N, H, W\[, C\]\)"),
        ({"x_train": images(6, 5, 4, 2)}, r"x_train has shape \(6, 5, 4, 2\); .* C 1 or 3"),
        ({"x_train": images(6, 3, 32, 3)}, r"x_train has the ambiguous shape \(6, 3, 32, 3\)"),
        ({"x_train": images(5, 5, 4)}, r"x_train has 5 images and y_train 6 labels"),
        ({"x_test": images(6, 4, 5)}, r"x_train has images of \(5, 4, 1\), x_test of \(4, 5, 1\)"),
        ({"x_test": images(0, 5, 4), "y_test": labels(0)}, r"x_test is empty, .* leave the array out"),
        ({"y_train": labels(6) + 1}, r"y_train has labels up to 3 but none that is 0; number the classes 0..C-1"),
        ({"y_train": labels(6) * 2}, r"y_train has labels up to 4 but none that is 1"),
        ({"y_train": labels(6) + 10**12}, r"y_train has labels up to 1000000000002 but none that is 0"),
        (
            {"y_train": labels(6).astype(np.uint64) + np.uint64(2**63)},
            r"y_train has label 9223372036854775810; expected",
        ),
        ({"x_val": images(6, 5, 4), "y_val": labels(6)}, r"holds x_val and y_val, .*held out of the training set"),
        ({"y_train": labels(6) - 1}, r"y_train has label -1; expected the class numbers 0..C-1"),
        ({"y_train": labels(6).astype(float)}, r"y_train is float64; expected integers"),
        ({"y_train": np.eye(6, dtype=int)}, r"y_train has shape \(6, 6\); expected \(N,\) or \(N, 1\)"),
        ({"y_train": labels(6, 1)}, r"y_train has one class only"),
        ({"y_test": labels(6, 4)}, r"y_test has label 3; y_train has 0..2 only"),
    ],
)
def test_npz_says_which_array_is_wrong_and_how(tmp_path, changed, complaint):
    good = {"x_train": images(6, 5, 4), "y_train": labels(6), "x_test": images(6, 5, 4), "y_test": labels(6)}
    with pytest.raises(DataError, match=complaint):
        npz(tmp_path, **(good | changed))


def test_npz_names_the_file_that_is_missing_or_no_archive(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=f"path: no file {tmp_path / 'none.npz'}"):
        data(name="npz", path="none.npz").load()
    np.save("single.npy", images(6, 5, 4))
    whole = archive(tmp_path, x_train=images(6, 5, 4), y_train=labels(6)).read_bytes()
    Path("torn.npz").write_bytes(whole[: len(whole) // 2])
    for name in ("single.npy", "torn.npz"):
        with pytest.raises(DataError, match=f"path: {name} is no .npz archive, or a torn one"):
            data(name="npz", path=name).load()


# Image folders --------------------------------------------------------------------------------------------------


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (4, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


@pytest.fixture
def folder(tmp_path):
    """Red cats and blue dogs, of several sizes and formats."""
    for part in ("train", "test"):
        picture(tmp_path / part / "cat" / "1.png", (255, 0, 0))
        picture(tmp_path / part / "cat" / "2.png", (255, 0, 0), size=(9, 7))
        picture(tmp_path / part / "dog" / "1.jpg", (0, 0, 255), size=(2, 3))
    return tmp_path


def test_image_folders_are_resized_and_classes_go_by_name(folder):
    source = data(name="image_folder", root=str(folder), size=6).load()
    check_form(source, (6, 6, 3), 2)
    assert source.y_train.tolist() == source.y_test.tolist() == [0, 0, 1]
    assert (source.x_train[:2] == [255, 0, 0]).all()
    assert np.abs(source.x_train[2].astype(int) - [0, 0, 255]).max() <= 2  # JPEG


def test_images_of_the_size_wanted_are_kept_to_the_pixel(tmp_path):
    x = images(2, 5, 5, 3)
    for each, name in zip(x, ("a", "b"), strict=True):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.fromarray(each).save(tmp_path / "train" / name / "1.png")
    source = data(name="image_folder", root=str(tmp_path), size=5).load()
    np.testing.assert_array_equal(source.x_train, x)
    assert len(source.x_test) == 0


def test_image_folders_can_be_read_as_grey(folder):
    source = data(name="image_folder", root=str(folder), size=4, channels=1).load()
    check_form(source, (4, 4, 1), 2)
    assert (source.x_train[0] == 76).all()  # the luma of red, 0.299 * 255


def test_image_folders_say_what_is_missing_or_broken(folder, tmp_path):
    def complaint(root: Path) -> str:
        with pytest.raises(DataError) as error:
            data(name="image_folder", root=str(root), size=4).load()
        return str(error.value)

    missing = tmp_path / "nowhere"
    assert f"expected {missing}/train/<class>/*.png or *.jpg" in complaint(missing)
    (tmp_path / "flat" / "train").mkdir(parents=True)
    assert "has no class folders; expected" in complaint(tmp_path / "flat")
    (folder / "train" / "cat" / "3.png").write_bytes(b"no image")
    assert f"cannot read {folder}/train/cat/3.png" in complaint(folder)
    (folder / "train" / "cat" / "3.png").unlink()
    picture(folder / "test" / "bird" / "1.png", (0, 255, 0))
    (folder / "train" / "cow").mkdir()
    assert "same class folders; only train has cow, only test has bird" in complaint(folder)
    (folder / "test" / "bird").rename(folder / "test" / "cow")
    assert f"{folder}/train/cow holds no image" in complaint(folder)


# What torchvision fetches ---------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Whoever touches the network fails at once."""

    def refuse(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr("urllib.request.urlopen", refuse)


@pytest.mark.parametrize(
    ("name", "kind", "key", "train", "test"),
    [
        ("cifar10", "CIFAR10", "labels", ["data_batch_1", "data_batch_2"], ["test_batch"]),
        ("cifar100", "CIFAR100", "fine_labels", ["train"], ["test"]),
    ],
)
def test_cifar_is_read_from_its_pickles(tmp_path, monkeypatch, name, kind, key, train, test):
    dataset = getattr(pytest.importorskip("torchvision.datasets"), kind)
    monkeypatch.setattr(dataset, "train_list", [[file, None] for file in train])  # no checksum
    monkeypatch.setattr(dataset, "test_list", [[file, None] for file in test])
    monkeypatch.setattr(dataset, "meta", dataset.meta | {"md5": None})
    home, x = tmp_path / dataset.base_folder, images(4, 3, 32, 32)
    home.mkdir()
    for file in train + test:
        (home / file).write_bytes(pickle.dumps({"data": x.reshape(4, -1), key: [0, 1, 2, 0]}))
    (home / dataset.meta["filename"]).write_bytes(pickle.dumps({dataset.meta["key"]: ["a", "b", "c"]}))
    source = data(name=name, root=str(tmp_path)).load()
    check_form(source, (32, 32, 3), 3)
    assert source.names == ("a", "b", "c")
    assert (len(source.x_train), len(source.x_test)) == (4 * len(train), 4)
    np.testing.assert_array_equal(source.x_test, np.moveaxis(x, 1, -1))


@pytest.mark.parametrize(("name", "kind"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
def test_mnist_is_read_from_its_idx_files(tmp_path, name, kind):
    raw, x = tmp_path / kind / "raw", images(6, 28, 28)
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4i", 0x803, 6, 28, 28) + x.tobytes())
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2i", 0x801, 6) + bytes([0, 1, 2, 0, 1, 2]))
    source = data(name=name, root=str(tmp_path)).load()
    check_form(source, (28, 28, 1), 3)
    np.testing.assert_array_equal(source.x_train[..., 0], x)
    assert source.names[1] == ("1 - one" if kind == "MNIST" else "Trouser")
    path = raw / "t10k-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=f"root: {kind} in {raw} cannot be read .*; remove it there"):
        data(name=name, root=str(tmp_path)).load()


@pytest.fixture
def svhn(tmp_path, monkeypatch):
    """The images of a folder with all three parts of a small SVHN, whose labels go 0, 1, 2, 0, ..."""
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    unchecked = {part: [url, file, None] for part, (url, file, _) in SVHN.split_list.items()}
    monkeypatch.setattr(SVHN, "split_list", unchecked)
    parts = {part: images(n, 32, 32, 3) for part, n in (("train", 6), ("test", 4), ("extra", 8))}
    for part, x in parts.items():
        y = np.where(labels(len(x)) == 0, 10, labels(len(x)))[:, None]  # a zero is published as 10
        savemat(tmp_path / f"{part}_32x32.mat", {"X": np.moveaxis(x, 0, -1), "y": y.astype(np.uint8)})
    return parts


def test_svhn_is_read_from_its_mat_files_and_its_extra_digits_are_a_pool(svhn, tmp_path):
    source = data(name="svhn", root=str(tmp_path)).load()
    check_form(source, (32, 32, 3), 3)
    np.testing.assert_array_equal(source.x_train, svhn["train"])
    np.testing.assert_array_equal(source.y_train, labels(6))
    np.testing.assert_array_equal(source.x_test, svhn["test"])
    assert source.extra is None
    pool = data(name="svhn", root=str(tmp_path), extra={"name": "svhn", "root": str(tmp_path)}).load().extra
    np.testing.assert_array_equal(pool.x, svhn["extra"])
    np.testing.assert_array_equal(pool.y, labels(8))


# Pools ----------------------------------------------------------------------------------------------------------


def with_pool(path: Path, **pool):
    """Return a data set of 6 images of 5x4 and 3 classes with these arrays as its pool."""
    for name, arrays in (("own", {"x_train": images(6, 5, 4), "y_train": labels(6)}), ("pool", pool)):
        (path / name).mkdir(exist_ok=True)
        archive(path / name, **arrays)
    extra = {"name": "npz", "path": str(path / "pool" / "set.npz")}
    return data(name="npz", path=str(path / "own" / "set.npz"), extra=extra)


@pytest.mark.parametrize("keys", [("x", "y"), ("x_train", "y_train")])
def test_a_pool_is_read_from_an_npz_and_needs_not_have_every_class(tmp_path, keys):
    x, y = images(9, 5, 4), labels(9, 2)
    source = with_pool(tmp_path, **dict(zip(keys, (x, y), strict=True))).load()
    np.testing.assert_array_equal(source.extra.x[..., 0], x)
    np.testing.assert_array_equal(source.extra.y, y)
    assert len(source.x_train) == 6


@pytest.mark.parametrize(
    ("pool", "complaint"),
    [
        ({"x": images(4, 6, 6), "y": labels(4)}, r"extra: has images of \(6, 6, 1\), the data set of \(5, 4, 1\)"),
        ({"x": images(4, 5, 4, 3), "y": labels(4)}, r"extra: has images of \(5, 4, 3\), the data set of \(5, 4, 1\)"),
        ({"x": images(4, 5, 4), "y": labels(4, 4)}, r"extra: has label 3; the data set has 0..2 only: number them as"),
        ({"x": images(4, 5, 4)}, r"extra: path: .*set.npz lacks y; it holds x$"),
        ({"y_train": labels(4)}, r"extra: path: .*set.npz lacks x_train; it holds y_train$"),
        ({"z": labels(4)}, r"extra: path: .*set.npz lacks x, y; it holds z$"),
        ({"x": images(4, 5, 4) / 255, "y": labels(4)}, r"extra: .*set.npz: x is float64 .*; expected uint8"),
        ({"x": images(4, 5, 4), "y": labels(5)}, r"extra: .*set.npz: x has 4 images and y 5 labels"),
    ],
)
def test_a_pool_that_does_not_go_with_the_data_set_is_refused(tmp_path, pool, complaint):
    with pytest.raises(DataError, match=complaint):
        with_pool(tmp_path, **pool).load()


def test_a_missing_pool_is_named(tmp_path):
    with pytest.raises(DataError, match=f"extra: path: no file {tmp_path / 'none.npz'}"):
        data(name="digits", extra={"name": "npz", "path": str(tmp_path / "none.npz")}).load()
    with pytest.raises(DataError, match=r"extra: root: SVHN is not in .* Fetch extra_32x32.mat by other means"):
        data(name="digits", extra={"name": "svhn", "root": str(tmp_path)}).load()


def test_data_set_to_be_downloaded_is_not_here_without_download(tmp_path):
    for block in (
        {"name": "mnist", "root": str(tmp_path)},
        {"name": "digits", "extra": {"name": "svhn", "root": "no"}},
    ):
        with pytest.raises(NotDownloaded, match=r"(MNIST is not whole in|extra: SVHN is not in)"):
            data(**block).load(download=False)


# Without a network ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file", "folder"),
    [
        ("cifar10", "cifar-10-python.tar.gz", "."),
        ("cifar100", "cifar-100-python.tar.gz", "."),
        ("svhn", "train_32x32.mat", "."),
        ("mnist", "t10k-labels-idx1-ubyte.gz", "MNIST/raw"),
        ("fashion_mnist", "train-images-idx3-ubyte.gz", "FashionMNIST/raw"),
    ],
)
def test_failed_download_says_which_files_to_put_where(tmp_path, monkeypatch, name, file, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as error:
        data(name=name).load()
    message = str(error.value)
    assert f"is not in {tmp_path / 'data'} and its download failed (<urlopen error no route to host>)" in message
    assert file in message and f"put it in {tmp_path / 'data' / folder};" in message
    assert "set root" in message and "npz" in message


def test_a_root_that_cannot_be_made_is_reported_not_crashed_on(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(DataError, match=r"download failed .*File exists"):
        data(name="cifar10", root=str(tmp_path / "data")).load()


def test_downloads_into_one_folder_wait_for_each_other(tmp_path):
    def is_free() -> bool:
        with (tmp_path / ".download.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with fetch._download_lock(tmp_path):
        assert not is_free()
    assert is_free()
