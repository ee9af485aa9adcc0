"""Diagnostics of a trial: read one array at a time, None where there are none, named where they are damaged."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from analysis.exceptions import SweepError
from analysis.results.sweep import Sweep, load_sweep

from ..synthetic import DIAGNOSED, Made, write_sweep

MADE = Made(noise=(0.1,), methods=("AT 0.10",), subsets=("all",), faults=False, instances=True, diagnostics=True)


@pytest.fixture
def results(tmp_path: Path) -> Sweep:
    return load_sweep(write_sweep(tmp_path / "sweep", MADE))


def path_of(results: Sweep) -> tuple[str, Path]:
    trial = str(results.completed["id"].iloc[0])
    return trial, results.folder / "trials" / trial / "diagnostics.npz"


def test_each_array_is_read_as_it_was_recorded_and_not_kept(results: Sweep) -> None:
    trial, path = path_of(results)
    diagnostics = results.diagnostics(trial)
    assert diagnostics is not None and diagnostics is results.diagnostics(trial)
    with np.load(path) as stored:
        assert set(diagnostics) == set(stored.files)
        for name in stored.files:
            assert diagnostics[name].dtype == stored[name].dtype and np.array_equal(diagnostics[name], stored[name])
    assert diagnostics["flatness_epochs"].tolist() == list(DIAGNOSED)
    assert diagnostics["logits_values"] is not diagnostics["logits_values"]
    assert diagnostics.has("logits_rows", "logits_values") and not diagnostics.has("logits_rows", "logits")
    assert repr(diagnostics).startswith("Diagnostics: ") and "lipschitz_merged (3,)" in repr(diagnostics)
    with pytest.raises(KeyError, match=r"did you mean lipschitz_merged\?"):
        diagnostics["lipschitz_merge"]


def test_a_trial_that_recorded_none_has_none(results: Sweep) -> None:
    profile = results.trials.loc[results.trials["kind"] == "profile", "id"].iloc[0]
    assert results.diagnostics(profile) is None
    with pytest.raises(SweepError, match=r"has no trial 'typo'; `.trials` lists all"):
        results.diagnostics("typo")
    assert not results.damaged()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"flatness_friendly": np.zeros((2, 40), np.float32)}, "its arrays of flatness differ in size"),
        ({"logits_rows": np.zeros(60)}, r"its array logits_rows is not int32 of shape \(n,\)"),
        ({"lipschitz_naive": np.zeros((3, 1))}, "its array lipschitz_naive is not float64"),
        ({"features_values": np.array([{}], dtype=object)}, "holds objects|no .npz of numbers"),
    ],
)
def test_arrays_that_do_not_fit_are_damage(results: Sweep, changed: dict[str, np.ndarray], why: str) -> None:
    trial, path = path_of(results)
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    np.savez(path, **arrays | changed)
    assert results.diagnostics(trial) is None
    (line,) = results.damaged()
    assert "diagnostics.npz: damaged" in line
    assert re.search(why, line)


def test_a_torn_file_is_damage_and_one_that_changes_once_it_is_open_is_named(results: Sweep) -> None:
    trial, path = path_of(results)
    diagnostics = results.diagnostics(trial)
    assert diagnostics is not None
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SweepError, match="flatness_friendly cannot be read"):
        diagnostics["flatness_friendly"]
    again = load_sweep(results.folder)
    assert again.diagnostics(trial) is None and "diagnostics.npz" in again.damaged()[0]
