"""Arrays of a record by name, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from analysis.exceptions import SweepError
from trainers.formatting import did_you_mean
from trainers.terminal.text import escape_controls


class LazyArrays(Mapping[str, np.ndarray]):
    """Arrays by name, as they were recorded; none is kept, as those of a study may be larger than memory."""

    def __init__(self, arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Show those of `arrays` that `shapes` names."""
        self._arrays, self._shapes = arrays, shapes

    def __repr__(self) -> str:
        """List the names and shapes of the arrays."""
        shown = ", ".join(f"{name} {shape}" for name, shape in self._shapes.items())
        return escape_controls(f"{type(self).__name__}: {shown}")

    def __getitem__(self, name: str) -> np.ndarray:
        """Read an array. Raises KeyError if it was not recorded, and SweepError if it is damaged."""
        if name not in self._shapes:
            raise KeyError(f"{name} was not recorded{did_you_mean(name, self) or ';'} recorded are {', '.join(self)}")
        try:
            return self._arrays[name]
        except ValueError as error:
            raise SweepError(str(error)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._shapes  # a mapping would read the array to see whether it is there

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)
