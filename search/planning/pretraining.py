"""The training made first whose weights the trials of its data, model and seed start from."""

from __future__ import annotations

from search.schema.merging import over_trial
from search.schema.space import Loaded, configured
from search.schema.yamlfile import SpaceError
from trainers.config import TrialConfig
from trainers.models import Model
from trainers.sources import DataSource

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
