"""Segments of the records of a training, each from one checkpoint to the next: joined, truncated and packed."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from trainers.best import ROBUST, best_of
from trainers.diagnostics.block import truncate_diagnostics
from trainers.npz import Arrays
from trainers.record_io import Place, canonical, write_atomic
from trainers.recording import metrics_of
from trainers.records import CheckpointRecord, CostRecord, EpochRecord
from trainers.scores import UNSEEN


def format_json_lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as the content of a file of JSON lines."""
    return "".join(canonical(row) + "\n" for row in rows).encode()


def append_segment(segment: Segment, more: Segment) -> Segment:
    """Return a segment extended by the records of the next epochs."""
    parts = [segment, more]
    rows, costs = [*segment.rows, *more.rows], [*segment.costs, *more.costs]
    return Segment(rows, costs, join_instances(parts), join_diagnostics(parts))


def join_instances(segments: list[Segment]) -> Arrays:
    """Return the per-instance arrays of all segments, a row an epoch.

    An epoch that did not record an array has NaN or UNSEEN in its row: weights are recorded after a burn-in only, test
    losses in measured epochs only.
    """
    arrays: Arrays = {}
    for name in sorted({name for segment in segments for name in segment.instances}):
        like = next(segment.instances[name] for segment in segments if name in segment.instances)
        found = [segment.instances.get(name, _fill_missing(like, len(segment.rows))) for segment in segments]
        arrays[name] = np.concatenate(found)
    return arrays


def join_diagnostics(segments: list[Segment]) -> Arrays:
    """Return the diagnostics of all segments, a row for each epoch that measured them."""
    names = sorted({name for segment in segments for name in segment.diagnostics})
    found = [[segment.diagnostics[name] for segment in segments if name in segment.diagnostics] for name in names]
    return {name: np.concatenate(parts) for name, parts in zip(names, found, strict=True)}


def _fill_missing(like: np.ndarray, epochs: int) -> np.ndarray:
    return np.full((epochs, *like.shape[1:]), UNSEEN if like.dtype == np.uint8 else np.nan, like.dtype)


def _has_values(values: np.ndarray) -> bool:
    return not np.array_equal(values, _fill_missing(values, len(values)), equal_nan=True)


def truncate_segments(segments: list[Segment], epochs: int) -> list[Segment]:
    """Return the records of the first `epochs` epochs. All costs are kept, because they were spent."""
    kept, last = [], epochs
    for segment in segments:
        rows = segment.rows[: max(epochs, 0)]
        arrays = {name: values[: len(rows)] for name, values in segment.instances.items()}
        instances = {name: array for name, array in arrays.items() if _has_values(array)}
        kept.append(Segment(rows, segment.costs, instances, truncate_diagnostics(segment.diagnostics, last)))
        epochs -= len(segment.rows)
    return kept


def summarize_rows(rows: list[EpochRecord]) -> dict[str, CheckpointRecord]:
    """Return the last metrics measured during training and those of its best epoch, without any final attack."""
    best = best_of(rows)
    if best is None:
        return {}
    last = next(row for row in reversed(rows) if ROBUST in row)
    return {"last": metrics_of(last), "best": metrics_of(best)}


class Segment(NamedTuple):
    """The records of a training between two checkpoints."""

    rows: list[EpochRecord]
    costs: list[CostRecord]
    instances: Arrays  # (epochs of the segment, N) each; NaN or UNSEEN for an epoch without a record
    diagnostics: Arrays  # (measured epochs of the segment, ...) each


def pack_arrays(arrays: Arrays, compress: bool = False) -> bytes:
    """Return arrays as the bytes of an .npz file; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **{key: arrays[key] for key in sorted(arrays)})  # type: ignore[arg-type]
    return buffer.getvalue()


def write_arrays(path: Place, arrays: Arrays) -> None:
    """Write arrays to a compressed .npz file."""
    write_atomic(path, pack_arrays(arrays, compress=True))


def pack_state(state: dict[str, Any]) -> bytes:
    """Return a state as the bytes of a file of torch.save."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
