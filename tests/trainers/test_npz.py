"""Damaged .npz files are named and skipped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainers.npz import read_arrays, unpack_arrays
from trainers.record_reader import Damage


def test_a_single_array_in_place_of_an_archive_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "instances.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"it is no \.npz of numbers"):
        unpack_arrays(path.read_bytes())
    damage = Damage()
    assert read_arrays(path, damage) is None
    assert damage.lines() == [f"{path}: damaged: it is no .npz of numbers (TypeError)"]
