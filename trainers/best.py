"""Select the best epoch of a training, in the trainer as in every reader of its records; standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

Record = Mapping[str, Any]  # an EpochRecord of trainers.records, or one as it was read from a file
AnyRecord = TypeVar("AnyRecord", bound=Record)

CLEAN, ROBUST = "val_clean_acc", "val_pgd_acc"  # all that is measured on validation
BEGINS = "select_from"  # in the record of the epoch that begins a selection window: that epoch


def selected_by(record: Record) -> str:
    """Return the accuracy by which the best checkpoint of a training is chosen, from the record of a measured epoch.

    It is validation accuracy under PGD, or clean accuracy for a training without attacks, whose PGD accuracy is
    highest in the first epochs. Only a training that attacks its images records their accuracy under attack.
    """
    return CLEAN if "train_clean_acc" in record and "train_robust_acc" not in record else ROBUST


def replaces_best(record: Record, best: Record | None, first: int) -> bool:
    """Return whether an epoch takes the place of the best one before it, in a window that begins with epoch `first`.

    The first epoch with the highest value of `selected_by` is the best. An epoch before the window remains the best
    until the window has a measurement.
    """
    by = selected_by(record)
    if by not in record:
        return False
    enters = best is not None and best["epoch"] < first <= record["epoch"]
    return best is None or enters or record[by] > best[by]


def best_of(records: Sequence[AnyRecord]) -> AnyRecord | None:
    """Return the epoch of the best checkpoint among a training's records, or None if validation was not measured."""
    best: AnyRecord | None = None
    first = 0
    for record in records:
        first = record.get(BEGINS, first)
        best = record if replaces_best(record, best, first) else best
    return best
