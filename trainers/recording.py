"""What a training leaves behind: small per-instance arrays, metrics, the subset it used."""

from __future__ import annotations

import resource
from hashlib import sha256

import numpy as np
import torch

from trainers.data import Data
from trainers.methods import Columns
from trainers.records import Row
from trainers.scores import UNSEEN

Arrays = dict[str, np.ndarray]
COMPACT = {"loss": np.float32, "p_y": np.float16, "feature_norm": np.float16, "weight": np.float16}  # others: uint8


def metrics_of(row: Row) -> Row:
    """The epoch and accuracies of a row."""
    return {key: value for key, value in row.items() if key == "epoch" or key.startswith(("val_", "test_"))}


def compact(columns: Columns, active: np.ndarray) -> Arrays:
    """Recorded columns as small arrays, (N,) each; NaN or 255 where the example was not trained on."""
    out: Arrays = {}
    for name, column in columns.items():
        kind = COMPACT.get(name, np.uint8)
        empty = UNSEEN if kind is np.uint8 else np.nan
        array = np.full(len(column), empty, dtype=kind)
        values = column.cpu().numpy()[active]
        array[active] = np.minimum(values, UNSEEN - 1) if name == "kappa" else values.astype(kind)
        out[name] = array
    return out


def peak_memory(device: torch.device) -> int:
    """Bytes: the device's peak since the process began, or on a CPU the process's."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def subset_summary(mask: np.ndarray, data: Data) -> Row:
    """What a subset holds: its size, class counts, a hash of its members, and how many flipped labels it kept."""
    y = data.train.y.cpu().numpy()
    return {
        "size": int(mask.sum()),
        "class_counts": np.bincount(y[mask], minlength=data.classes).tolist(),
        "flipped_in": int(data.flipped[mask].sum()),
        "flipped_out": int(data.flipped[~mask].sum()),
        "hash": sha256(data.index[mask].astype(np.int64).tobytes()).hexdigest(),
    }
