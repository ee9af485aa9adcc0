"""The diagnostics that a training recorded after named epochs, read one array at a time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from analysis.results.lazy_arrays import LazyArrays
from trainers.npz import ArrayHeader, open_arrays
from trainers.record_arrays import DIAGNOSTIC_ARRAYS
from trainers.record_reader import Damage, ExpectedFile


class Diagnostics(LazyArrays):
    """What one training recorded by `evaluate.diagnostics`: arrays by name, as in diagnostics.npz.

    `diagnostics["flatness_epochs"]` are the E epochs after which flatness was measured, from 0, and the other arrays of
    flatness have a row for each of them.
    """

    def has(self, *names: str) -> bool:
        """Return whether all of these arrays were recorded."""
        return set(names) <= set(self)

    def read_rows(self, diagnostic: str, examples: int) -> np.ndarray | None:
        """Return the rows of the images of logits or features among a training's examples; None if they do not fit."""
        rows = self[f"{diagnostic}_rows"] if f"{diagnostic}_rows" in self else np.empty(0, np.int32)
        return rows if len(rows) and rows.min() >= 0 and rows.max() < examples else None


def open_diagnostics(path: Path, damage: Damage, promised: ExpectedFile | None = None) -> Diagnostics | None:
    """Open the diagnostics of one trial; None if the file is missing, damaged, or not as `promised`."""
    stored = open_arrays(path, damage, promised)
    if stored is None:
        return None
    if misfit := _find_misfit(stored.headers):
        damage.add(path, misfit)
        return None
    return Diagnostics(stored, {name: header.shape for name, header in stored.headers.items()})


def _find_misfit(headers: Mapping[str, ArrayHeader]) -> str:
    """Say which array is not as documented, or differs in size from another of its diagnostic; empty if none does."""
    sizes: dict[tuple[str, str], int] = {}
    for name, header in headers.items():
        if name not in DIAGNOSTIC_ARRAYS:
            continue
        doc, diagnostic = DIAGNOSTIC_ARRAYS[name], name.partition("_")[0]
        dimensions = re.findall(r"\w", doc.shape)
        if header.dtype != np.dtype(doc.dtype) or len(header.shape) != len(dimensions):
            return f"its array {name} is not {doc.dtype} of shape {doc.shape}"
        for dimension, size in zip(dimensions, header.shape, strict=True):
            if sizes.setdefault((diagnostic, dimension), size) != size:
                return f"its arrays of {diagnostic} differ in size"
    return ""
