"""The records of a training: small arrays with a value for each example, summaries of an epoch, the subset in use."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from hashlib import sha256
from typing import cast

import numpy as np
import torch
from torch import Tensor

from trainers.data import Data
from trainers.method import Columns
from trainers.records import CheckpointRecord, EpochRecord, SubsetSummary
from trainers.scores import UNSEEN

Arrays = dict[str, np.ndarray]
COMPACT = {  # the dtype of a column; all others are uint8
    "loss": np.float32,
    **dict.fromkeys(("p_y", "entropy", "feature_norm", "weight", "epsilon", "t_y", "t_max"), np.float16),
}

METRICS = ("epoch", *(f"{split}_{kind}_acc" for split in ("val", "test") for kind in ("clean", "pgd")))


def metrics_of(record: EpochRecord) -> CheckpointRecord:
    """Return the epoch and the accuracies that every measured epoch has; further attacks may be due at other epochs."""
    values: Mapping[str, object] = record
    return cast(CheckpointRecord, {key: values[key] for key in METRICS if key in values})


class Log:
    """Observations of each example in the steps of an epoch: one column (N,) each, with an example's last visit."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.n, self.device = n, device
        self.columns: Columns = {}
        self.visited = torch.zeros(n, dtype=torch.bool, device=device)
        self.clean: Tensor | None = None  # right on the image itself, in eval mode; None unless it was measured

    def add(self, rows: Tensor, observed: Columns) -> None:
        """Store what a step observed of the examples `rows`."""
        for name, values in observed.items():
            if name not in self.columns:
                self.columns[name] = torch.zeros(self.n, dtype=values.dtype, device=self.device)
            self.columns[name][rows] = values
        self.visited[rows] = True

    def add_clean(self, rows: Tensor, right: Tensor) -> None:
        """Store which of the examples `rows` are right on the image itself."""
        if self.clean is None:
            self.clean = torch.zeros(self.n, dtype=torch.bool, device=self.device)
        self.clean[rows] = right

    def summary(self, n: int, adversarial: bool) -> EpochRecord:
        """Return the means and extremes over those of the first n examples that were trained on."""
        active = self.visited[:n].nonzero().squeeze(1)
        seen = {name: column[active] for name, column in self.columns.items()}
        record: EpochRecord = {}
        if self.clean is not None:
            record["train_clean_acc"] = int(self.clean[active].sum()) / len(active)
        if adversarial:
            record["train_robust_acc"] = int(seen["correct"].sum()) / len(active)
        if "kappa" in seen:
            record["kappa_mean"] = _mean(seen["kappa"])
            record["kappa_median"] = float(seen["kappa"].median())
        if "weight" in seen:
            record["weight_min"], record["weight_max"] = (float(v) for v in seen["weight"].aminmax())
        if "epsilon" in seen:
            record["epsilon_mean"] = _mean(seen["epsilon"])
        if "t_y" in seen:
            record["t_y_mean"] = _mean(seen["t_y"])
        return record

    def arrays(self, n: int) -> Arrays:
        """Return the columns of the first n examples as small arrays; NaN or 255 where one was not trained on."""
        active = self.visited[:n].cpu().numpy().nonzero()[0]
        out: Arrays = {}
        for name, column in self.columns.items():
            kind = COMPACT.get(name, np.uint8)
            array = np.full(n, UNSEEN if kind is np.uint8 else np.nan, dtype=kind)
            values = column.cpu().numpy()[active]
            array[active] = np.minimum(values, UNSEEN - 1) if name == "kappa" else values.astype(kind)
            out[name] = array
        return out


def _mean(column: Tensor) -> float:
    return float(column.double().mean())


def reset_peak_memory(device: torch.device) -> None:
    """Let `peak_memory` count from here on; on a CPU it counts from the start of the process in any case."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> int:
    """Return the peak memory in bytes: of tensors on the GPU since the last reset, or of the whole process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def subset_summary(mask: np.ndarray, data: Data) -> SubsetSummary:
    """Describe a subset, given as (N,) bool: its size, class counts, flipped labels and a hash of its members."""
    y = data.train.y.cpu().numpy()
    return {
        "size": int(mask.sum()),
        "class_counts": np.bincount(y[mask], minlength=data.classes).tolist(),
        "flipped_in": int(data.flipped[mask].sum()),
        "flipped_out": int(data.flipped[~mask].sum()),
        "hash": sha256(data.index[mask].astype(np.int64).tobytes()).hexdigest(),
    }
