"""The sources of a sweep: each is loaded once by the driver and shared with all workers."""

from __future__ import annotations

from dataclasses import replace

from trainers.arrays import Source, fingerprint
from trainers.data import Data, Split, Splits, prepare_data
from trainers.images import NotDownloaded
from trainers.knobs import count
from trainers.record_io import digest
from trainers.sources import DataSource


class DatasetCache:
    """Loads on demand; without `download`, what would have to be downloaded first is named by its knobs alone."""

    def __init__(self, download: bool = True) -> None:
        self.download = download
        self.loaded: dict[str, Source] = {}
        self.absent: dict[str, str] = {}  # what is not loaded, in words
        self._prepared: dict[str, Data] = {}

    def fingerprint(self, data: DataSource) -> str:
        """The identity of a source's arrays. Raises DataError if they cannot be had."""
        key = source_key(data)
        if key not in self.loaded:
            try:
                self.loaded[key] = data.load(self.download)
            except NotDownloaded as error:
                self.absent[key] = str(error)
                return digest({"not loaded": key})
        return fingerprint(self.loaded[key])

    def holds(self, data: DataSource) -> bool:
        """Whether its arrays are loaded, so that they and not its knobs are its identity."""
        return source_key(data) in self.loaded

    def prepared(self, data: DataSource) -> Data | None:
        """The splits of a data block less its pool and corrupted images, needed by workers only; None if not loaded.

        Raises ValueError if they do not fit the source.
        """
        key = digest(data.model_dump(mode="json"))
        source = self.loaded.get(source_key(data))
        if key not in self._prepared and source is not None:
            whole = prepare_data(source, data)
            names = {name: Split(it.x[:0].clone(), it.y[:0].clone()) for name, it in whole.corrupted.items()}
            self._prepared[key] = replace(whole, extra=None, corrupted=names)
        return self._prepared.get(key)


def source_key(data: DataSource) -> str:
    """What names a source's arrays: its knobs less those of the split, and what is loaded beside it."""
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
