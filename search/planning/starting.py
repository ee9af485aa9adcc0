"""The weights that a training of a sweep starts from, where they are not fresh: a file's, or a pretraining's."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Literal

from search.storing.store import Store
from trainers import checkpoints
from trainers.checkpoints import CheckpointError, StartFrom, Weights
from trainers.files import FileError, check_file
from trainers.knobs import Knobs


class Start(Knobs):
    """Those in a file, or those at the end of another training of the sweep; plain values, for any node to load."""

    content: str  # sha256 of the file, or the name of that training's last state
    weights: Literal["best", "last"]
    path: str | None = None  # of the file, absolute
    training: str | None = None  # the id of the other training

    @staticmethod
    def of_file(given: StartFrom) -> Start:
        """Name a file by its content, or by its path if it cannot be read; search.planning.checks complains of that."""
        try:
            return Start(content=_sha256(given.file), weights=given.weights, path=str(given.file))
        except (OSError, CheckpointError, FileError):
            return Start(content=f"unread: {given.path}", weights=given.weights, path=given.path)

    @property
    def identity(self) -> str:
        """What stands at the root of the chain; where a file lies is no part of it."""
        return f"{self.content}:{self.weights}"

    def load(self, store: Store) -> Weights:
        """The weights. Raises CheckpointError, FileError or OSError if they are not there, or not those of the plan."""
        if self.path is not None:
            path = Path(self.path)
            if _sha256(path) != self.content:
                raise CheckpointError(
                    f"start_from.path: {path} is not the file that the sweep was planned with; put that one back, or "
                    "start a sweep of another name"
                )
            return checkpoints.load_weights(path, self.weights)
        state = store.state(self.content)
        if state is None:
            raise CheckpointError(lost(str(self.training)))
        return checkpoints.extract_weights(state, self.weights, str(self.training))


def lost(training: str) -> str:
    return f"{training}: its last state is missing or damaged; remove its result.json to train it again"


def _sha256(path: Path) -> str:
    check_file(path)  # a device or a FIFO has no end
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
