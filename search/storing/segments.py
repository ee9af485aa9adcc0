"""What was recorded of a training in parts, one between two checkpoints each: joined, and cut back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from search.storing.store import Arrays, Segment
from trainers.recording import metrics_of
from trainers.records import Row, canonical


def lines(rows: Iterable[Row]) -> bytes:
    """Rows as a file of JSON lines holds them."""
    return "".join(canonical(row) + "\n" for row in rows).encode()


def joined(parts: list[Segment], epochs: int | None) -> Arrays:
    """The per-instance arrays of all parts, or of the first so many epochs."""
    parts = [part for part in parts if part.instances]
    arrays: Arrays = {}
    for name in sorted({name for part in parts for name in part.instances}):
        arrays[name] = np.concatenate([part.instances[name] for part in parts if name in part.instances])[:epochs]
    return arrays


def cut(parts: list[Segment], epochs: int) -> list[Segment]:
    """The first so many epochs of what was recorded; the costs are all there, for they were spent."""
    kept = []
    for part in parts:
        rows = part.rows[: max(epochs, 0)]
        measured = sum("val_pgd_acc" in row for row in rows)
        sizes = {len(part.rows): len(rows)}  # an array has a row for each epoch, or each that is measured
        instances = {name: it[: sizes.get(len(it), measured)] for name, it in part.instances.items()}
        kept.append(Segment(rows, part.costs, {name: it for name, it in instances.items() if len(it)}))
        epochs -= len(part.rows)
    return kept


def so_far(rows: list[Row]) -> dict[str, Row]:
    """What was measured along training, at its end and where validation was best: no final attack was run."""
    measured = [row for row in rows if "val_pgd_acc" in row]
    if not measured:
        return {}
    best = max(measured, key=lambda row: row["val_pgd_acc"])  # the first of equals, as the trainer has it
    return {"last": metrics_of(measured[-1]), "best": metrics_of(best)}
