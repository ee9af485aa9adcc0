"""What a whole run took: each shared epoch once, and AutoAttack."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.measures.run_passes import count_run_passes, describe_run_passes
from analysis.results.sweep import load_sweep
from trainers.record_io import append_rows, write_json

EPOCHS = 4
FORWARDS, BACKWARDS = 800, 700  # of an epoch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two trainings, the second of which took over two epochs of the first."""
    trials = [
        {"id": name, "kind": "trial", "configuration": name, "replicate": 0, "axes": {"lam": name}, "epochs": EPOCHS}
        for name in ("a", "b")
    ]
    write_json(tmp_path / "plan.json", {"study": "two", "axes": ["lam"], "trials": trials})
    for trial, taken in (("a", 0), ("b", 2)):
        place = tmp_path / "trials" / trial
        place.mkdir(parents=True)
        for epoch in range(EPOCHS):
            passes = {"forwards": FORWARDS, "backwards": BACKWARDS, "examples": 100}
            append_rows(place / "epochs.jsonl", [{"epoch": epoch, **passes}])
            append_rows(place / "cost.jsonl", [{"epoch": epoch, "seconds": 1.0, "by": "a" if epoch < taken else trial}])
    return tmp_path


def test_a_shared_epoch_counts_once(folder: Path) -> None:
    found = count_run_passes(load_sweep(folder))
    assert found is not None
    assert found == (6 * (FORWARDS + BACKWARDS), 8 * (FORWARDS + BACKWARDS), 0) and found.total == found.training
    assert describe_run_passes(load_sweep(folder)) == (
        "Forwards and backwards by training, in examples: 9,000 (12,000 if each trial were trained alone)."
    )


def test_autoattack_is_counted_beside_training(folder: Path) -> None:
    result = {"status": "completed", "epochs": EPOCHS, "chain": "x", "best": {}, "last": {}, "attacks": {}}
    write_json(folder / "trials" / "a" / "result.json", result)
    attacked = {"key": {"by": "..0x", "forwards": 2_000_000, "backwards": 400_000, "warnings": []}}
    (folder / "trials" / "a" / "attacked.json").write_text(json.dumps(attacked))
    found = count_run_passes(load_sweep(folder))
    assert found is not None and (found.attacks, found.total) == (2_400_000, 2_400_000 + 6 * 1500)
    assert describe_run_passes(load_sweep(folder)) == (
        "Forwards and backwards, in examples: 2,409,000; 9,000 by training (12,000 if each trial were "
        "trained alone), 2,400,000 by AutoAttack."
    )


def test_records_of_earlier_versions_do_not_count_passes(folder: Path) -> None:
    for trial in ("a", "b"):
        (folder / "trials" / trial / "epochs.jsonl").write_text('{"epoch": 0, "train_loss": 2.0}\n')
    assert count_run_passes(load_sweep(folder)) is None and describe_run_passes(load_sweep(folder)) == ""
