"""Per-example state that is carried from epoch to epoch and checkpointed whole."""

from __future__ import annotations

import torch
from torch import Tensor


class InstanceState:
    """Named columns with a row per training example, (N, ...) each, on the device.

    A piece creates its column at first use and indexes it by Batch.rows.
    """

    def __init__(self, n: int, device: torch.device) -> None:
        self.n, self.device = n, device
        self.columns: dict[str, Tensor] = {}

    def column(
        self, name: str, shape: tuple[int, ...] = (), fill: float = 0.0, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """Return the column of this name, (N, *shape); a new column is filled with `fill`."""
        if name not in self.columns:
            self.columns[name] = torch.full((self.n, *shape), fill, dtype=dtype, device=self.device)
        return self.columns[name]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the columns by name, as a checkpoint holds them."""
        return dict(self.columns)

    def load_state_dict(self, columns: dict[str, Tensor]) -> None:
        """Replace the columns by copies of those of a checkpoint."""
        self.columns = {name: column.to(self.device, copy=True) for name, column in columns.items()}
