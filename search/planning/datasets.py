"""The data sources of a sweep: the driver loads each once and shares it with all workers."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import get_args

from pydantic import ValidationError

from trainers.arrays import Source, fingerprint
from trainers.corruptions import Corruptions
from trainers.data import Data, Split, Splits, prepare_data
from trainers.images import NotDownloaded
from trainers.knobs import count
from trainers.record_io import Row, digest
from trainers.sources import DataSource, ImageFolder, Npz

OWN = {kind.model_fields["name"].default for kind in (Npz, ImageFolder)}  # they need a path, and hold anything
KNOWN = [name for kind in get_args(get_args(DataSource)[0]) if (name := kind.model_fields["name"].default) not in OWN]


class DatasetCache:
    """Loads sources on demand. Without `download`, a source that is not on disk is identified by its knobs alone."""

    def __init__(self, download: bool = True) -> None:
        self.download = download
        self.loaded: dict[str, Source] = {}
        self.absent: dict[str, str] = {}  # why a source is not loaded
        self._prepared: dict[str, Data] = {}

    def fingerprint(self, data: DataSource) -> str:
        """Return the identity of a source's arrays. Raises DataError if they cannot be loaded."""
        key = identify_source(data)
        if key not in self.loaded:
            try:
                source = self.loaded[key] = data.load(self.download)
            except NotDownloaded as error:
                self.absent[key] = str(error)
                return digest({"not loaded": key})
            if source.corrupted:  # the same arrays, as trainings are named by those that they are trained on
                self.loaded.setdefault(identify_source(drop_corruptions(data)), source._replace(corrupted={}))
        return fingerprint(self.loaded[key])

    def is_loaded(self, data: DataSource) -> bool:
        """Return whether a source is loaded, so that its arrays identify it rather than its knobs."""
        return identify_source(data) in self.loaded

    def prepare(self, data: DataSource) -> Data | None:
        """Return the splits of a data block, or None if its source is not loaded.

        Its pool and corrupted images, which only workers need, are left out. Raises ValueError if the block does not
        fit the source.
        """
        key = digest(data.model_dump(mode="json"))
        source = self.loaded.get(identify_source(data))
        if key not in self._prepared and source is not None:
            whole = prepare_data(source, data)
            names = {name: Split(split.x[:0].clone(), split.y[:0].clone()) for name, split in whole.corrupted.items()}
            self._prepared[key] = replace(whole, extra=None, corrupted=names)
        return self._prepared.get(key)


def drop_corruptions(data: DataSource) -> DataSource:
    """Return a data block without corrupted test sets, which no training sees."""
    return data.model_copy(update={"corruptions": None})


def find_corruptions(trial: Row) -> Corruptions | None:
    """Return the corrupted test sets of a `trial:` block as it is written; None if it has none, or an unfinished block.

    A block that is wrong is refused where the trainings are built from it, or completed there by an axis.
    """
    data = trial.get("data")
    block = data.get("corruptions") if isinstance(data, dict) else None
    with suppress(ValidationError):
        return None if block is None else Corruptions.model_validate(block)
    return None


def identify_source(data: DataSource) -> str:
    """Return an identity of a source's arrays: its knobs without those of the split, and the extras loaded with it."""
    knobs = data.model_dump(mode="json", exclude=set(Splits.model_fields))
    return digest(knobs | data.identify_extras())


def count_training_examples(data: DataSource) -> int | None:
    """Return the size of the training split according to its knobs and published sizes; None if the data must tell.

    Raises ValueError if the knobs ask for more than there is.
    """
    if isinstance(data.train, int):
        return data.train
    published: int | None = getattr(data, "examples", None)
    if published is None:
        return None
    left = published - (count(data.val, published, "data.val") if data.holds_out else 0)
    return left if data.train is None else count(data.train, left, "data.train")
