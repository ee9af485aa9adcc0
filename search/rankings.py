"""Rankings: from the records of finished profile trials to the files that ranked subsets are cut by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.plan import Planned
from search.store import Store, read_arrays, write_arrays
from trainers.data import Data
from trainers.records import canonical
from trainers.scores import ensemble, scored


def make_ranking(store: Store, ranks: str, profiles: Sequence[Planned], data: Data) -> str | None:
    """Write profile/<ranks>.npz, and the images it ranks for the gallery; return what stands in the way, or None.

    A pure function of the profile trials' records: made again, it has the same bytes.
    """
    runs = []
    for profile in profiles:
        result = store.result(profile.id, profile.final)
        arrays = read_arrays(store.trial(profile.id) / "instances.npz")
        if result is None or result["status"] != "completed":
            return f"{profile.id} {'did not end' if result is None else result['status']}, and {ranks} needs it"
        if arrays is None:
            return f"{profile.id}: instances.npz is missing or damaged; remove its result.json to train it again"
        runs.append(scored(arrays))
    provenance = {"ranks": ranks, "trials": [p.id for p in profiles], "chains": [p.final for p in profiles]}
    identity = {"index": data.index, "y": data.train.y.numpy(), "y_clean": data.y_clean}
    write_arrays(store.ranking(ranks), identity | ensemble(runs) | {"provenance": np.array(canonical(provenance))})
    images = np.moveaxis(data.train.x.numpy(), 1, -1)
    write_arrays(store.folder / "profile" / f"{ranks}.images.npz", {"index": data.index, "x": images})
    return None
