"""The records of a training: small arrays with a value for each example, summaries of an epoch, the subset in use."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from trainers.data import Data
from trainers.method import Columns
from trainers.records import CheckpointRecord, EpochRecord, SubsetSummary
from trainers.scores import UNSEEN

Arrays = dict[str, np.ndarray]
COMPACT = {  # the dtype of a column; all others are uint8
    **dict.fromkeys(("loss", "gradient_norm"), np.float32),
    **dict.fromkeys(("p_y", "entropy", "feature_norm", "weight", "epsilon", "t_y", "t_max"), np.float16),
}

METRICS = ("epoch", *(f"{split}_{kind}_acc" for split in ("val", "test") for kind in ("clean", "pgd")))


def metrics_of(record: EpochRecord) -> CheckpointRecord:
    """Return the epoch and the accuracies that every measured epoch has; further attacks may be due at other epochs."""
    values: Mapping[str, object] = record
    return cast(CheckpointRecord, {key: values[key] for key in METRICS if key in values})


class Log:
    """The observations of an epoch's steps, kept as they come: writing them to columns at each step would cost more."""

    def __init__(self, n: int) -> None:
        self.n = n
        self._rows: list[Tensor] = []
        self._observed: list[Columns] = []
        self._clean: list[tuple[Tensor, Tensor]] = []

    def add(self, rows: Tensor, observed: Columns) -> None:
        """Keep what a step observed of the examples `rows`; every step of an epoch observes the same columns."""
        self._rows.append(rows)
        self._observed.append(observed)

    def add_clean(self, rows: Tensor, right: Tensor) -> None:
        """Keep which of the examples `rows` are right on the image itself, in eval mode."""
        self._clean.append((rows, right))

    def gathered(self) -> Observations:
        """Return the columns of the epoch, of which each example has its last visit."""
        visited, last = last_visits(torch.cat(self._rows), self.n)
        columns = {name: torch.cat([step[name] for step in self._observed])[last] for name in self._observed[0]}
        if not self._clean:
            return Observations(visited, columns, None)
        rows, right = (torch.cat(parts) for parts in zip(*self._clean, strict=True))
        return Observations(visited, columns, right[last_visits(rows, self.n)[1]])


def last_visits(rows: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return which of n examples occur in `rows`, (n,) bool, and where each does last, (n,); 0 if it does not."""
    last = torch.full((n,), -1, device=rows.device)
    last.scatter_reduce_(0, rows, torch.arange(len(rows), device=rows.device), "amax")  # the same in any order
    return last >= 0, last.clamp_min(0)


class Observations(NamedTuple):
    """Observations of each example in an epoch, (N,) each; what an example has that was not visited means nothing."""

    visited: Tensor  # bool
    columns: Columns
    clean: Tensor | None  # bool: right on the image itself; None if it was not measured

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
