"""The devices that trained the epochs of a sweep, from its records: states may come from unlike ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trainers.record_io import Place
from trainers.record_reader import is_cost_row, read_rows

DIFFERENT_BITS = "the last bits of a training may depend on the device"


def count_epochs_by_device(trials: Iterable[Place]) -> Counter[str]:
    """Count the epochs of trainings, given by their folders, by the device that trained them.

    Epochs that trainings share count once. Those from before devices were recorded are left out.
    """
    devices: dict[tuple[str, int], str] = {}
    for folder in trials:
        for row in read_rows(folder / "cost.jsonl", is_cost_row):
            if "device" in row:
                devices[row.get("by", folder.name), row["epoch"]] = row["device"]
    return Counter(devices.values())


def list_devices(trial: Place) -> list[str]:
    """Return the devices that trained the epochs of a training, those of other trainings that it shares included."""
    return sorted({row["device"] for row in read_rows(trial / "cost.jsonl", is_cost_row) if "device" in row})
