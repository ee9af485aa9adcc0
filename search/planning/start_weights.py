"""Start weights of trainings: from a file, or from a pretraining of the sweep."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Literal

from search.exceptions import SpaceError
from search.schema.merging import overlay_trial
from search.schema.space import LoadedSpace, build_config
from search.store.store import Store
from trainers import checkpoints
from trainers.checkpoints import CheckpointError, StartFrom, Weights
from trainers.config import TrialConfig
from trainers.files import FileError, check_file
from trainers.knobs import Knobs
from trainers.models import Model
from trainers.sources import DataSource


class StartWeights(Knobs):
    """Weights in a file, or of the last state of another training; plain values that any node can load."""

    content: str  # sha256 of the file, or name of the other training's last state
    weights: Literal["best", "last"]
    path: str | None = None  # of the file, absolute
    training: str | None = None  # the id of the other training

    @staticmethod
    def from_file(given: StartFrom) -> StartWeights:
        """Identify a file by its content, or by its path if unreadable, which search.planning.validation reports."""
        try:
            return StartWeights(content=_hash_file(given.file), weights=given.weights, path=str(given.file))
        except (OSError, CheckpointError, FileError):
            return StartWeights(content=f"unread: {given.path}", weights=given.weights, path=given.path)

    @property
    def identity(self) -> str:
        """The identity at the root of the chain; the path of a file is not part of it."""
        return f"{self.content}:{self.weights}"

    def load(self, store: Store) -> Weights:
        """Load the weights.

        Raises CheckpointError, FileError or OSError if they are missing or differ from those in the plan.
        """
        if self.path is not None:
            path = Path(self.path)
            if _hash_file(path) != self.content:
                raise CheckpointError(
                    f"start_from.path: {path} is not the file that the sweep was planned with; put that one back, or "
                    "start a sweep of another name"
                )
            return checkpoints.load_weights(path, self.weights)
        state = store.load_state(self.content)
        if state is None:
            raise CheckpointError(describe_lost_state(str(self.training)))
        return checkpoints.extract_weights(state, self.weights, str(self.training))


def describe_lost_state(training: str) -> str:
    """Return the message for a missing or damaged last state."""
    return f"{training}: its last state is missing or damaged; remove its result.json to train it again"


def _hash_file(path: Path) -> str:
    check_file(path)  # a device or FIFO never ends
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


UNINHERITED = ("data", "model", "subset", "select")  # keys of `trial:` that a pretraining does not inherit


def build_pretrain_config(loaded: LoadedSpace, data: DataSource, model: Model, seed: int) -> TrialConfig:
    """Build the config of a pretraining. Raises SpaceError.

    It shares data, model and seed with the trials that start from it, and inherits the rest of `trial:` without the
    values of axes. It uses all examples and selects from its first epoch on, unless the `pretrain:` block says
    otherwise.
    """
    pretrain = loaded.space.pretrain
    tree = {key: value for key, value in loaded.space.trial.items() if key not in UNINHERITED}
    base = build_config(loaded, overlay_trial(tree, pretrain.trial if pretrain else {}), ("pretrain", "trial"))
    if base.needs_ranking():
        message = "a pretraining waits for no ranking; take a random subset, or remove the key"
        raise SpaceError([loaded.format_problem(("pretrain", "trial", "subset"), message)])
    return base.model_copy(update={"data": data, "model": model, "seed": seed})


def drop_extra(data: DataSource) -> DataSource:
    """Return the data of a pretraining, which does not use the pool of extra data."""
    return data.model_copy(update={"extra": None})


def is_shared_axis(path: str) -> bool:
    """Return whether an axis changes the data or model that a pretraining shares with its trials."""
    return path.partition(".")[0] in ("data", "model") and not f"{path}.".startswith("data.extra.")
