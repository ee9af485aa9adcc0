"""What is remembered of training examples from epoch to epoch: one row an example, checkpointed whole."""

from __future__ import annotations

import torch
from torch import Tensor


class InstanceState:
    """Named columns, (N, ...) each, on the device; a piece makes its own at first use and indexes it by Batch.rows."""

    def __init__(self, n: int, device: torch.device) -> None:
        self.n, self.device = n, device
        self.columns: dict[str, Tensor] = {}

    def column(
        self, name: str, shape: tuple[int, ...] = (), fill: float = 0.0, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """The column of that name, (N, *shape); a new one holds `fill` everywhere."""
        if name not in self.columns:
            self.columns[name] = torch.full((self.n, *shape), fill, dtype=dtype, device=self.device)
        return self.columns[name]

    def state_dict(self) -> dict[str, Tensor]:
        return dict(self.columns)

    def load_state_dict(self, columns: dict[str, Tensor]) -> None:
        self.columns = {name: column.to(self.device, copy=True) for name, column in columns.items()}
