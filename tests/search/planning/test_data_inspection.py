"""What a data set holds that is seldom meant is said before anything is trained on it, at dry runs and runs alike."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from search.planning.data_inspection import hash_images, note_source
from search.run.__main__ import main
from trainers.arrays import Source
from trainers.images import LabelledImages
from trainers.sources import Digits

CLASSES = 3
Noted = Callable[..., list[str]]


def images(n: int, seed: int = 0, size: int = 6) -> np.ndarray:
    """Return noise on 0..255, no two images alike."""
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 1), np.uint8)


def labels(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.int64) % CLASSES


def source(x: np.ndarray, x_test: np.ndarray | None = None, extra: np.ndarray | None = None) -> Source:
    held = images(30, seed=1) if x_test is None else x_test
    pool = None if extra is None else LabelledImages(extra, labels(len(extra)))
    return Source(x, labels(len(x)), held, labels(len(held)), CLASSES, pool)


def test_ordinary_data_has_no_notes() -> None:
    assert list(note_source(Digits().load())) == []
    assert list(note_source(source(images(60), extra=images(20, seed=2)))) == []


def note(of: Source) -> str:
    (text,) = note_source(of)
    return text


def test_pixels_of_zero_and_one_are_black() -> None:
    notes = list(note_source(source(images(60) % 2)))
    assert notes[0].startswith("every pixel of the training images is 0 or 1, which of 0..255 is black")
    assert "times 255" in notes[0]
    assert note(source(images(60), x_test=images(30, seed=1) % 2)).startswith(
        "every pixel of the test images is 0 or 1"
    )
    assert note(source(images(60), extra=images(30, seed=2) % 2)).startswith("every pixel of the pool images is 0 or 1")


def test_pixels_of_fewer_bits_are_dark() -> None:
    assert "no pixel of the training images is above 15 of 255" in note(source(images(60) % 16))
    assert list(note_source(source(images(60) // 2 + 1))) == []  # 128 is reached


def test_images_of_one_value_are_counted() -> None:
    x = images(60)
    x[7], x[9] = 3, 250
    assert note(source(x)).startswith("2 of 60 training images are of one value throughout (the first is image 7)")


def test_images_that_are_all_the_same_colour_tell_nothing_apart() -> None:
    notes = list(note_source(source(np.full((60, 6, 6, 1), 200, np.uint8))))
    assert notes[0].startswith("all 60 training images are one colour, the same in all")


def test_copies_within_the_training_set_are_counted_and_their_labels_compared() -> None:
    x = images(60)
    x[30], x[31], x[40] = x[0], x[0], x[2]  # labels 0, 1 for 0, and 1 for 2
    text = note(source(x))
    assert text.startswith(
        "3 of 60 training images are copies of others (image 30 is a copy of image 0); 2 of them have"
    )


def test_test_images_in_the_training_set_are_noted() -> None:
    x, x_test = images(60), images(30, seed=1)
    x_test[4], x_test[5] = x[50], x[3]
    text = note(source(x, x_test))
    assert text.startswith("2 of 30 test images are training images too (the first is test image 4, training image 50)")


def test_corruption_equal_to_the_clean_set_is_noted() -> None:
    plain = source(images(60))
    assert note(plain._replace(corrupted={"fog": plain.x_test, "snow": plain.x_test + 1})).startswith(
        "corruptions: fog is"
    )


def test_extreme_aspect_ratio_is_noted() -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 3, 1024, 1), np.uint8)
    assert "the training images are 3 pixels high and 1024 wide" in note(source(x, x_test=x[:0]))


def test_equal_images_have_equal_hashes_and_others_have_not() -> None:
    x = images(50)
    assert len(np.unique(hash_images(x))) == 50
    assert np.array_equal(hash_images(x[::-1]), hash_images(x)[::-1])
    assert hash_images(x[:0]).shape == (0,)


# Through the command


@pytest.fixture
def noted(here: Path, capsys: pytest.CaptureFixture[str]) -> Noted:
    """The notes of a dry run on data.npz, as this data block reads it, of arrays that are laid over good ones."""
    good = {"x_train": images(60), "y_train": labels(60), "x_test": images(30, seed=1), "y_test": labels(30)}

    def run(
        block: dict[str, object] | None = None, axes: dict[str, object] | None = None, **arrays: np.ndarray
    ) -> list[str]:
        np.savez("data.npz", **good | arrays)
        data = {"name": "npz", "path": "data.npz", "val": 12} | (block or {})
        space = {"trial": {"data": data, "epochs": 2, "batch_size": 6}, "search": {"axes": axes or {}}}
        Path("space.yaml").write_text(yaml.safe_dump(space, sort_keys=False))
        assert main(["space.yaml", "--dry-run"]) == 0
        return [line.removeprefix("note: ") for line in capsys.readouterr().err.splitlines()]

    return run


def test_a_note_stands_at_its_data_block_and_once_for_all_trials(noted: Noted) -> None:
    assert noted() == []
    axes = {"data.label_noise": {"grid": ["10%", "20%"]}, "optimizer.lr": {"grid": [0.1, 0.2]}}
    (message,) = noted(axes=axes, x_train=images(60) % 16)
    assert message.startswith("space.yaml:2: trial: data: no pixel of the training images is above 15 of 255")


def test_classes_that_a_split_lacks_are_named(noted: Noted) -> None:
    (message,) = noted(y_test=np.zeros(30, np.int64))
    assert "no test example of classes 1, 2; classes are numbered by the training set" in message
    (message,) = noted({"val": 2})
    assert "no validation example of class 2;" in message


@pytest.mark.long
def test_pool_that_is_the_whole_source_is_noted_for_each_split(noted: Noted) -> None:
    messages = noted({"extra": {"name": "npz", "path": "data.npz"}})
    assert [line.partition("extra: ")[2].partition(";")[0] for line in messages] == [
        "48 of 48 training images are in the pool too, which counts them twice",
        "12 of 12 validation images are in the pool too, which is measured on what was trained on",
    ]
    np.savez("pool.npz", x=images(30, seed=1), y=labels(30))
    (line,) = noted({"extra": {"name": "npz", "path": "pool.npz"}})
    assert "extra: 30 of 30 test images are in the pool too, which is measured on what was trained on" in line
    np.savez("pool.npz", x=images(30, seed=5), y=labels(30))
    assert noted({"extra": {"name": "npz", "path": "pool.npz"}}) == []


@pytest.mark.parametrize(("levels", "tied"), [(1797, None), (1750, None), (1000, "1,594"), (10, "1,797")])
def test_ranks_that_are_equal_to_others_are_counted(
    here: Path, capsys: pytest.CaptureFixture[str], levels: int, tied: str | None
) -> None:
    np.save("ranks.npy", np.arange(1797) % levels)
    space = {"trial": {"epochs": 2, "subset": {"name": "ranked", "size": "50%"}}, "profile": {"file": "ranks.npy"}}
    Path("space.yaml").write_text(yaml.safe_dump(space))
    assert main(["space.yaml", "--dry-run"]) == 0
    printed = capsys.readouterr().err
    assert printed.count(f"{tied} of the 1,797 ranks by instability in ranks.npy are equal to another's") == bool(tied)
    assert bool(printed) == bool(tied)
