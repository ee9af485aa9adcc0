"""Which epoch of a training is its best, in the trainer as in every reader of its records; standard library only."""

from __future__ import annotations

from trainers.record_io import Row

CLEAN, ROBUST = "val_clean_acc", "val_pgd_acc"  # all that is measured on validation
BEGINS = "select_from"  # in the row of the epoch that begins a selection window: that epoch


def selected_by(row: Row) -> str:
    """Return the accuracy by which the best checkpoint of a training is chosen, from a row of a measured epoch.

    It is what the training is for: validation accuracy under PGD, or clean of a training without attacks, whose PGD
    accuracy is highest in the first epochs. Only a training that attacks its images records how many withstood.
    """
    return CLEAN if "train_clean_acc" in row and "train_robust_acc" not in row else ROBUST


def chosen(row: Row, best: Row | None, first: int) -> bool:
    """Whether an epoch's row takes the place of the best before it, in a window that begins with epoch `first`.

    The first of the highest in what `selected_by` names; what lies before the window stands until the window has a
    measurement.
    """
    by = selected_by(row)
    if by not in row:
        return False
    enters = best is not None and best["epoch"] < first <= row["epoch"]
    return best is None or enters or row[by] > best[by]


def best_of(rows: list[Row]) -> Row | None:
    """The row of the best checkpoint in a training's record; None where validation was not measured."""
    best, first = None, 0
    for row in rows:
        first = row.get(BEGINS, first)
        best = row if chosen(row, best, first) else best
    return best
