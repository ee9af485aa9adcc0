"""What was recorded of a training in parts, one between two checkpoints each: joined, and cut back."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from trainers.best import ROBUST, best_of
from trainers.npz import Arrays
from trainers.record_io import Place, canonical, write_atomic
from trainers.recording import metrics_of
from trainers.records import CheckpointRecord, CostRecord, EpochRecord
from trainers.scores import UNSEEN


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as a file of JSON lines holds them."""
    return "".join(canonical(row) + "\n" for row in rows).encode()


def added(part: Segment, epoch: Segment) -> Segment:
    """A part with what was recorded next."""
    return Segment([*part.rows, *epoch.rows], [*part.costs, *epoch.costs], joined([part, epoch]))


def joined(parts: list[Segment]) -> Arrays:
    """The per-instance arrays of all parts: a row an epoch, of which those are missing that did not record it.

    Weights begin to be recorded after a burn-in, test losses are of the epochs measured.
    """
    arrays: Arrays = {}
    for name in sorted({name for part in parts for name in part.instances}):
        like = next(part.instances[name] for part in parts if name in part.instances)
        found = [part.instances.get(name, _missing(like, len(part.rows))) for part in parts]
        arrays[name] = np.concatenate(found)
    return arrays


def _missing(like: np.ndarray, epochs: int) -> np.ndarray:
    return np.full((epochs, *like.shape[1:]), UNSEEN if like.dtype == np.uint8 else np.nan, like.dtype)


def _recorded(values: np.ndarray) -> bool:
    return not np.array_equal(values, _missing(values, len(values)), equal_nan=True)


def cut(parts: list[Segment], epochs: int) -> list[Segment]:
    """The first so many epochs of what was recorded; the costs are all there, for they were spent."""
    kept = []
    for part in parts:
        rows = part.rows[: max(epochs, 0)]
        instances = {name: values[: len(rows)] for name, values in part.instances.items()}
        kept.append(Segment(rows, part.costs, {name: its for name, its in instances.items() if _recorded(its)}))
        epochs -= len(part.rows)
    return kept


def so_far(rows: list[EpochRecord]) -> dict[str, CheckpointRecord]:
    """What was measured along training, at its end and where validation was best: no final attack was run."""
    best = best_of(rows)
    if best is None:
        return {}
    last = next(row for row in reversed(rows) if ROBUST in row)
    return {"last": metrics_of(last), "best": metrics_of(best)}


class Segment(NamedTuple):
    """What training recorded between two checkpoints."""

    rows: list[EpochRecord]
    costs: list[CostRecord]
    instances: Arrays  # (epochs of the segment, N) each; NaN or UNSEEN where an epoch did not record it


def packed_arrays(arrays: Arrays, compress: bool = False) -> bytes:
    """Arrays as the bytes of an .npz file; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **{key: arrays[key] for key in sorted(arrays)})  # type: ignore[arg-type]
    return buffer.getvalue()


def write_arrays(path: Place, arrays: Arrays) -> None:
    write_atomic(path, packed_arrays(arrays, compress=True))


def _packed(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
