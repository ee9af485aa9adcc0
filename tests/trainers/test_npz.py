"""Damaged .npz files are named and skipped."""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
import pytest

from trainers.npz import open_arrays, read_arrays, unpack_arrays
from trainers.record_reader import Damage, ExpectedFile


def test_a_single_array_in_place_of_an_archive_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "instances.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"it is no \.npz of numbers"):
        unpack_arrays(path.read_bytes())
    damage = Damage()
    assert read_arrays(path, damage) is None
    assert damage.lines() == [f"{path}: damaged: it is no .npz of numbers (TypeError)"]


def write_arrays(path: Path, **arrays: np.ndarray) -> ExpectedFile:
    """Write arrays, and return the size and checksum that a result would state."""
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    content = path.read_bytes()
    return ExpectedFile(len(content), sha256(content).hexdigest())


@pytest.mark.parametrize("checked", [False, True])
def test_opened_arrays_are_those_that_reading_returns(tmp_path: Path, checked: bool) -> None:
    path = tmp_path / "instances.npz"
    expected = write_arrays(path, loss=np.random.default_rng(0).random((3, 4)), y=np.arange(4), none=np.empty((0, 4)))
    opened, whole = open_arrays(path, Damage(), expected if checked else None), read_arrays(path)
    assert opened is not None and whole is not None and list(opened) == list(whole)
    for name, values in whole.items():
        assert (opened.headers[name].shape, opened.headers[name].dtype) == (values.shape, values.dtype)
        np.testing.assert_array_equal(opened[name], values)


def test_a_damaged_array_is_found_when_its_file_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "instances.npz"
    expected = write_arrays(path, loss=np.random.default_rng(0).random((30, 40)), y=np.arange(40))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for promised, what in ((expected, "does not match the size and checksum"), (None, "it is no .npz of numbers")):
        damage = Damage()
        assert open_arrays(path, damage, promised) is None
        assert what in damage.lines()[0]


@pytest.mark.parametrize("checked", [False, True])
def test_objects_and_arrays_of_another_size_are_damage(tmp_path: Path, checked: bool) -> None:
    path = tmp_path / "instances.npz"
    objects, short, negative = io.BytesIO(), io.BytesIO(), io.BytesIO()
    np.save(objects, np.array([{}], dtype=object), allow_pickle=True)
    np.save(short, np.arange(9))
    np.lib.format.write_array_header_1_0(negative, {"descr": "<i8", "fortran_order": False, "shape": (-1,)})
    negative.write(bytes(8))
    size = "does not have the size"
    for content, what in (
        (objects.getvalue(), "holds objects"), (short.getvalue()[:-8], size), (negative.getvalue(), size),
    ):  # fmt: skip
        with ZipFile(path, "w", ZIP_DEFLATED) as archive:
            archive.writestr("loss.npy", content)
        stored, damage = path.read_bytes(), Damage()
        promised = ExpectedFile(len(stored), sha256(stored).hexdigest()) if checked else None
        assert open_arrays(path, damage, promised) is None
        assert what in damage.lines()[0]
