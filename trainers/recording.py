"""What a training leaves behind: small per-instance arrays, metrics, the subset it used."""

from __future__ import annotations

import resource
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from trainers.data import Data
from trainers.method import Columns
from trainers.record_io import Row
from trainers.scores import UNSEEN

Arrays = dict[str, np.ndarray]
COMPACT = {  # others: uint8
    "loss": np.float32,
    **dict.fromkeys(("p_y", "entropy", "feature_norm", "weight", "epsilon", "t_y", "t_max"), np.float16),
}


METRICS = ("epoch", *(f"{split}_{kind}_acc" for split in ("val", "test") for kind in ("clean", "pgd")))


def metrics_of(row: Row) -> Row:
    """The epoch and the accuracies that every measured epoch has: further attacks may be due at other epochs."""
    return {key: row[key] for key in METRICS if key in row}


class Log:
    """What an epoch's steps observed of each example, (N,) a column; of one that came again, the last visit."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.n, self.device = n, device
        self.columns: Columns = {}
        self.visited = torch.zeros(n, dtype=torch.bool, device=device)
        self.clean: Tensor | None = None  # right on the image itself, in eval mode, where that was looked at

    def add(self, rows: Tensor, observed: Columns) -> None:
        for name, values in observed.items():
            if name not in self.columns:
                self.columns[name] = torch.zeros(self.n, dtype=values.dtype, device=self.device)
            self.columns[name][rows] = values
        self.visited[rows] = True

    def add_clean(self, rows: Tensor, right: Tensor) -> None:
        if self.clean is None:
            self.clean = torch.zeros(self.n, dtype=torch.bool, device=self.device)
        self.clean[rows] = right

    def summary(self, n: int, adversarial: bool) -> Row:
        """The row's figures over those of the first n examples that were trained on."""
        active = self.visited[:n].nonzero().squeeze(1)
        seen = {name: column[active] for name, column in self.columns.items()}
        row: Row = {}
        if self.clean is not None:
            row["train_clean_acc"] = int(self.clean[active].sum()) / len(active)
        if adversarial:
            row["train_robust_acc"] = int(seen["correct"].sum()) / len(active)
        if "kappa" in seen:
            row["kappa_mean"] = float(seen["kappa"].double().mean())
            row["kappa_median"] = float(seen["kappa"].median())
        if "weight" in seen:
            row["weight_min"], row["weight_max"] = (float(v) for v in seen["weight"].aminmax())
        for name in ("epsilon", "t_y"):
            if name in seen:
                row[f"{name}_mean"] = float(seen[name].double().mean())
        return row

    def arrays(self, n: int) -> Arrays:
        """The columns of the first n examples as small arrays; NaN or 255 where one was not trained on."""
        active = self.visited[:n].cpu().numpy().nonzero()[0]
        out: Arrays = {}
        for name, column in self.columns.items():
            kind = COMPACT.get(name, np.uint8)
            array = np.full(n, UNSEEN if kind is np.uint8 else np.nan, dtype=kind)
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
