"""The devices that trained a sweep: recorded with each epoch, counted, and told where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch

import search.execution.session
import trainers.hardware
from search.execution.devices import count_epochs_by_device, list_devices
from search.run.driver import _record_devices
from search.store.provenance import Provenance
from search.verify.__main__ import main as verify
from trainers.hardware import describe_device
from trainers.record_io import append_rows
from trainers.record_reader import is_cost_row, read_json, read_rows
from trainers.terminal.console import Console

from ..helpers import Tiny, local, smoke

PLAIN = {"profile": None, "search__axes": {"subset": {"grid": ["all"]}}, "search__replicates": 1}
HERE = describe_device(torch.device("cpu"))
H100 = "NVIDIA H100 80GB HBM3, driver 570.86.15, cuDNN 9.10.2"


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterable[None]:
    (tmp_path / "version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.15  Release Build  (dvs-builder)\n"
    )
    monkeypatch.setattr(trainers.hardware, "DRIVER_FILE", tmp_path / "version")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 80GB HBM3")
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 91002)
    describe_device.cache_clear()
    yield
    describe_device.cache_clear()


def test_a_gpu_is_described_by_all_that_bits_may_depend_on(gpu: None) -> None:
    assert describe_device(torch.device("cuda")) == H100


def test_a_gpu_of_an_unknown_driver_is_described_nonetheless(gpu: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainers.hardware, "DRIVER_FILE", Path("/nowhere"))
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 8907)
    assert describe_device(torch.device("cuda")).endswith(", driver unknown, cuDNN 8.9.7")


def test_a_device_is_a_word_of_a_cost_row() -> None:
    assert is_cost_row({"epoch": 0, "seconds": 1.0, "device": H100}, 0)
    assert not is_cost_row({"epoch": 0, "seconds": 1.0, "device": 5}, 0)


def costs(folder: Path, *rows: tuple[str, int, str]) -> Path:
    folder.mkdir(parents=True)
    append_rows(
        folder / "cost.jsonl",
        [{"by": by, "epoch": epoch, "seconds": 1.0, "device": device} for by, epoch, device in rows]
        + [{"by": folder.name, "final_seconds": 1.0}],
    )
    return folder


def test_epochs_that_trainings_share_count_once(tmp_path: Path) -> None:
    a = costs(tmp_path / "a", ("a", 0, "A"), ("a", 1, "A"))
    b = costs(tmp_path / "b", ("a", 0, "A"), ("a", 1, "A"), ("b", 2, "B"), ("other/c", 3, "C"))
    assert count_epochs_by_device([a, b]) == {"A": 2, "B": 1, "C": 1}
    assert list_devices(b) == ["A", "B", "C"]


def test_a_sweep_on_unlike_devices_says_so_and_records_it(tmp_path: Path) -> None:
    costs(tmp_path / "trials" / "a", ("a", 0, "A"), ("a", 1, "B"), ("a", 2, "B"))
    console, provenance = Console(file=StringIO(), width=300), Provenance(tmp_path)
    provenance.start_run("code")
    _record_devices(provenance, tmp_path, console)
    provenance.end_run(0, 0.0)
    (run,) = read_json(tmp_path / "provenance.json")["runs"]
    assert run["devices"] == {"A": 1, "B": 2}
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert printed == (
        "note: it was trained on unlike devices, and the last bits of a training may depend on the device "
        "(A: 1 epoch; B: 2 epochs)\n"
    )


def test_each_epoch_names_its_device_and_no_record_of_results_does(tmp_path: Path) -> None:
    run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    rows = read_rows(run.folder(0) / "cost.jsonl", is_cost_row)
    assert [row.get("device") for row in rows] == [HERE] * 6 + [None]
    assert HERE not in (run.folder(0) / "result.json").read_text() + (run.folder(0) / "epochs.jsonl").read_text()


@pytest.mark.parametrize("differs", [True, False])
def test_verify_names_the_device_of_a_trial_that_differs_from_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], differs: bool
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(search.execution.session, "describe_device", lambda device: H100)
        run = Tiny(tmp_path / "sweep", smoke(**PLAIN)).all()
    if differs:
        path = local(run.folder(0)) / "epochs.jsonl"
        rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
        rows[-1]["train_loss"] += 1e-7
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert verify([str(run.store.folder), "--sample", "100%"]) == int(differs)
    printed = capsys.readouterr().out
    assert (f"  trained on {H100}; here on {HERE}\n" in printed) == differs
    assert ("1 of the 1 that differ were trained on another device than this" in printed) == differs
