"""Corrupted test sets are those of the asked severity, in the order of the test set, or it is said why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from trainers.arrays import Source, fingerprint
from trainers.corruptions import Corruptions
from trainers.data import Data, Splits, identify_splits, prepare_data
from trainers.images import DataError
from trainers.sources import DataSource

N, SHAPE = 7, (5, 4, 3)
Y_TEST = np.arange(N) % 3


def images(seed: int, n: int = N, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data set, set.npz, and beside it its test images in fog and in snow."""
    np.savez(tmp_path / "set.npz", x_train=images(0, 30), y_train=np.arange(30) % 3, x_test=images(1), y_test=Y_TEST)
    for seed, name in ((2, "fog"), (3, "snow")):
        np.save(tmp_path / f"{name}.npy", images(seed, 5 * N))
    np.save(tmp_path / "labels.npy", np.tile(Y_TEST, 5))
    return tmp_path


def block(folder: Path, severity: int = 1, **more):
    """Return a data block of that data set."""
    corruptions = {"path": str(folder), "severity": severity} | more.pop("corruptions", {})
    knobs = {"name": "npz", "path": str(folder / "set.npz"), "corruptions": corruptions} | more
    return TypeAdapter(DataSource).validate_python(knobs)


def prepared(splits) -> Data:
    return prepare_data(splits.load(), splits)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_each_corruption_is_a_test_set_of_the_asked_severity(folder, severity):
    data = prepared(block(folder, severity))
    assert list(data.corrupted) == ["fog", "snow"]
    for seed, name in ((2, "fog"), (3, "snow")):
        asked = images(seed, 5 * N)[(severity - 1) * N : severity * N]
        np.testing.assert_array_equal(data.corrupted[name].x.numpy(), np.moveaxis(asked, -1, 1))
        assert torch.equal(data.corrupted[name].y, data.test.y)


def test_some_corruptions_are_asked_for_by_name(folder):
    assert list(prepared(block(folder, corruptions={"names": ["snow"]})).corrupted) == ["snow"]
    assert list(prepared(block(folder, corruptions={"names": ["snow", "fog"]})).corrupted) == ["fog", "snow"]


def test_of_some_classes_the_corrupted_images_are_still_those_of_the_test_set(folder):
    data = prepared(block(folder, severity=2, classes=[2, 0]))
    kept = Y_TEST != 1
    np.testing.assert_array_equal(data.test.x.numpy(), np.moveaxis(images(1)[kept], -1, 1))
    np.testing.assert_array_equal(
        data.corrupted["fog"].x.numpy(), np.moveaxis(images(2, 5 * N)[N : 2 * N][kept], -1, 1)
    )
    assert torch.equal(data.corrupted["fog"].y, data.test.y)


def test_grey_images_need_no_axis_for_their_channel(tmp_path):
    x, y = images(0, 12, (5, 4)), np.arange(12) % 3
    np.savez(tmp_path / "set.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    np.save(tmp_path / "labels.npy", np.tile(y, 5))
    np.save(tmp_path / "fog.npy", images(1, 60, (5, 4)))
    assert prepared(block(tmp_path)).corrupted["fog"].x.shape == (12, 1, 5, 4)


def test_source_without_corruptions_has_no_corrupted_test_set(folder):
    assert prepared(block(folder).model_copy(update={"corruptions": None})).corrupted == {}


# Mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "array", "complaint"),
    [
        (
            "labels",
            np.tile(Y_TEST[::-1], 5) % 2,
            r"path: labels.npy of .* says 0 where the test set says 1 \(image 1 of",
        ),
        ("labels", Y_TEST, r"path: labels.npy has shape \(7,\); 5 severities of 7 test images, .* need 35 rows"),
        ("labels", np.tile(Y_TEST, 5) / 2, r"path: labels.npy is float64; expected integers"),
        ("fog", images(2), r"path: fog.npy has shape \(7, 5, 4, 3\); 5 severities of 7 .* need 35 rows"),
        ("fog", np.uint8(3), r"path: fog.npy has shape \(\)"),
        ("fog", images(2, 5 * N, (6, 6, 3)), r"path: fog.npy has images of \(6, 6, 3\), the test set of \(5, 4, 3\)"),
        ("fog", images(2, 5 * N) / 255, r"path: fog.npy is float64 .*; expected uint8"),
        ("fog", np.array([None] * 35, object), r"path: .*fog.npy cannot be read"),
    ],
)
def test_files_that_do_not_go_with_the_test_set_are_refused(folder, name, array, complaint):
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(DataError, match=f"^corruptions: {complaint}"):
        block(folder).load()


@pytest.mark.parametrize("name", ["labels", "snow"])
def test_a_torn_or_missing_file_is_named(folder, name):
    file = folder / f"{name}.npy"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=rf"corruptions: path: {file} cannot be read .*; store an array of numbers"):
        block(folder).load()
    file.unlink()
    with pytest.raises(DataError, match=rf"corruptions: (path: no file {file}|names: no snow.npy)"):
        block(folder, corruptions={"names": ["snow"]}).load()


def test_misspelt_corruption_is_refused_with_the_known_names(folder):
    with pytest.raises(
        DataError, match=r"corruptions: names: no fogg.npy in .*; did you mean fog\? \(there are fog, sn"
    ):
        block(folder, corruptions={"names": ["snow", "fogg"]}).load()
    with pytest.raises(DataError, match=rf"corruptions: path: no corruption in {folder / 'none'}; expected <name>.npy"):
        block(folder, corruptions={"path": str(folder / "none")}).load()


def test_images_set_apart_for_testing_have_no_corrupted_counterparts(folder):
    digits = {"name": "digits", "corruptions": {"path": str(folder), "severity": 1}}
    with pytest.raises(DataError, match=r"corruptions: the data set has no test set of its own"):
        TypeAdapter(DataSource).validate_python(digits).load()


@pytest.mark.parametrize("knobs", [{"severity": 0}, {"severity": 6}, {}, {"severity": 1, "names": []}])
def test_a_severity_is_one_of_five_and_some_corruption_is_asked_for(knobs):
    with pytest.raises(ValidationError):
        Corruptions.model_validate({"path": "here"} | knobs)


def test_source_loaded_without_corruptions_does_not_fit_a_config_with_corruptions(folder):
    plain = block(folder).model_copy(update={"corruptions": None}).load()
    with pytest.raises(ValueError, match=r"data\.corruptions: the source was loaded without them"):
        prepare_data(plain, block(folder))


# Identity -------------------------------------------------------------------------------------------------------


def test_the_fingerprint_sees_the_corrupted_images_and_their_names(folder):
    def of(**corrupted: np.ndarray) -> str:
        return fingerprint(Source(images(0), Y_TEST, images(1), Y_TEST, 3, corrupted=corrupted))

    fog, snow = images(2), images(3)
    assert len({of(), of(fog=fog), of(fog=snow), of(snow=fog), of(fog=fog, snow=snow)}) == 5
    assert len({fingerprint(block(folder, severity).load()) for severity in (1, 2)}) == 2


def test_path_of_corruptions_is_no_part_of_the_identity(folder):
    here, there = (Splits(corruptions=Corruptions(path=path, severity=1)) for path in ("here", "there"))
    assert identify_splits("f", here) == identify_splits("f", there)
