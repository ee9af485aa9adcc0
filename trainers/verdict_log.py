"""The verdicts of AutoAttack by image, stored while it runs, so that a killed evaluation goes on where it was.

AutoAttack takes most of the time of an evaluation. Its verdicts on a chunk of images are written to a file of the
trial's folder before the next chunk is attacked. The verdicts of an attack are kept by a key, which is a hash of all
that they depend on: the weights of the network, the settings of the attack and its seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from torch import Tensor

from trainers.record_io import Place, Row, digest, sealed, write_json
from trainers.record_reader import read_json
from trainers.records import ATTACKED, VERDICT_CODES

NAME, CODES = ATTACKED, VERDICT_CODES
UNSEEN = -3  # not attacked so far, or left out by the order; below all that trainers.autoattack returns


class Costs(NamedTuple):
    """Passes through the network, in examples."""

    forwards: int = 0
    backwards: int = 0


class Verdicts:
    """The verdicts of one attack on one network."""

    def __init__(self, log: VerdictLog, key: str, images: int) -> None:
        """Continue from what `log` has stored under `key`; begin anew if that is of another number of images."""
        self.key, self._log = key, log
        stored = log.read(key)
        if not _is_whole(stored, images):
            stored = {"by": CODES[0] * images, "warnings": [], "forwards": 0, "backwards": 0}
        self.by = torch.tensor([CODES.index(code) + UNSEEN for code in stored["by"]], dtype=torch.int64)
        self.warnings: list[str] = stored["warnings"]  # of AutoAttack's own checks
        self.costs = Costs(stored["forwards"], stored["backwards"])

    def select_unseen(self, positions: Tensor) -> Tensor:
        """Return those of some positions whose images were not attacked so far."""
        return positions[self.by[positions] == UNSEEN]

    def record(self, positions: Tensor, by: Tensor, warnings: list[str], costs: Costs) -> None:
        """Store the verdicts on some images, as AutoAttack.attack returns them. Raises OSError."""
        self.by[positions] = by.cpu()
        self.warnings = self.warnings + warnings
        self.costs = Costs(self.costs.forwards + costs.forwards, self.costs.backwards + costs.backwards)
        codes = "".join(CODES[verdict - UNSEEN] for verdict in self.by.tolist())
        self._log.write(self.key, {"by": codes, "warnings": self.warnings} | self.costs._asdict())


class VerdictLog:
    """The verdicts of all attacks of a trial, in a file, or in memory alone if `folder` is None."""

    def __init__(self, folder: Place | None = None) -> None:
        self._path = folder / NAME if folder is not None else None
        stored = read_json(self._path) if self._path is not None else None
        self._rows: Row = stored if isinstance(stored, dict) else {}

    def read(self, key: str) -> Any:
        """Return what is stored under a key; None if nothing is."""
        return self._rows.get(key)

    def write(self, key: str, row: Row) -> None:
        """Store the verdicts of an attack in the place of those that it had. Raises OSError."""
        self._rows = {name: value for name, value in self._rows.items() if name != "digest"} | {key: row}
        if self._path is not None:
            write_json(self._path, sealed(self._rows))


def identify_verdicts(weights: Mapping[str, Tensor], settings: Row) -> str:
    """Return the key of an attack on a network, given its weights and all settings that verdicts depend on."""
    return digest({"weights": hash_weights(weights), "settings": settings})


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """Return a hash of tensors by name, in hex."""
    hasher = sha256()
    for name in sorted(weights):
        hasher.update(name.encode() + weights[name].contiguous().cpu().numpy().tobytes())
    return hasher.hexdigest()


def _is_whole(stored: Any, images: int) -> bool:
    if not isinstance(stored, dict) or not isinstance(stored.get("by"), str):
        return False
    counts = (stored.get("forwards"), stored.get("backwards"))
    told = stored.get("warnings")
    return (
        len(stored["by"]) == images
        and set(stored["by"]) <= set(CODES)
        and all(isinstance(count, int) for count in counts)
        and isinstance(told, list)
        and all(isinstance(text, str) for text in told)
    )
