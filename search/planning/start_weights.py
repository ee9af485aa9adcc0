"""The weights that a training of a sweep starts from, where they are not fresh: a file's, or a pretraining's."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path
from typing import Literal

from search.exceptions import SpaceError
from search.schema.merging import over_trial
from search.schema.space import Loaded, configured
from search.store.store import Store
from trainers import checkpoints
from trainers.checkpoints import CheckpointError, StartFrom, Weights
from trainers.config import TrialConfig
from trainers.files import FileError, check_file
from trainers.knobs import Knobs
from trainers.models import Model
from trainers.sources import DataSource


class StartWeights(Knobs):
    """Those in a file, or those at the end of another training of the sweep; plain values, for any node to load."""

    content: str  # sha256 of the file, or the name of that training's last state
    weights: Literal["best", "last"]
    path: str | None = None  # of the file, absolute
    training: str | None = None  # the id of the other training

    @staticmethod
    def of_file(given: StartFrom) -> StartWeights:
        """Name a file by its content, or by its path if it cannot be read (search.planning.validation reports that)."""
        try:
            return StartWeights(content=_sha256(given.file), weights=given.weights, path=str(given.file))
        except (OSError, CheckpointError, FileError):
            return StartWeights(content=f"unread: {given.path}", weights=given.weights, path=given.path)

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
        state = store.load_state(self.content)
        if state is None:
            raise CheckpointError(lost(str(self.training)))
        return checkpoints.extract_weights(state, self.weights, str(self.training))


def lost(training: str) -> str:
    return f"{training}: its last state is missing or damaged; remove its result.json to train it again"


def _sha256(path: Path) -> str:
    check_file(path)  # a device or a FIFO has no end
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


OWN = ("data", "model", "subset", "select")  # not of the space's `trial:`


def pretraining(loaded: Loaded, data: DataSource, model: Model, seed: int) -> TrialConfig:
    """The configuration of a pretraining. Raises SpaceError.

    Of a trial it sees what it must share with it, and of `trial:` the rest: not what axes say. It uses all examples and
    selects from its first epoch on, unless its own block says otherwise.
    """
    pretrain = loaded.space.pretrain
    tree = {key: value for key, value in loaded.space.trial.items() if key not in OWN}
    base = configured(loaded, over_trial(tree, pretrain.trial if pretrain else {}), ("pretrain", "trial"))
    if base.needs_ranking():
        message = "a pretraining waits for no ranking; take a random subset, or remove the key"
        raise SpaceError([loaded.problem(("pretrain", "trial", "subset"), message)])
    return base.model_copy(update={"data": data, "model": model, "seed": seed})


def before_extra(data: DataSource) -> DataSource:
    """The data of a pretraining: a pool of extra data is for the trials that come after."""
    return data.model_copy(update={"extra": None})


def shared(path: str) -> bool:
    """Whether an axis moves what a pretraining shares with its trials."""
    return path.partition(".")[0] in ("data", "model") and not f"{path}.".startswith("data.extra.")
