"""Operations on lists of tensors, which a GPU does in a launch where a loop would take one for each tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def copy_tensors(to: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy each value into the tensor at its place, in one operation for each dtype that the targets have."""
    for dtype in {tensor.dtype for tensor in to}:
        pairs = [pair for pair in zip(to, values, strict=True) if pair[0].dtype == dtype]
        torch._foreach_copy_([tensor for tensor, _ in pairs], [value for _, value in pairs])


def clone_tensors(tensors: Sequence[Tensor], dtype: torch.dtype | None = None) -> list[Tensor]:
    """Return copies of tensors in their memory formats, of the given dtype or of their own."""
    copies = [torch.empty_like(tensor, dtype=dtype) for tensor in tensors]
    copy_tensors(copies, tensors)
    return copies
