"""A sweep's memory: its directory. Records, rankings and the content-addressed stage store, safe against any kill.

A stage folder is named by the hash of the chain that leads to its state. It holds the state, and the rows and
per-instance arrays since the checkpoint before it (its parent), so a chain of folders holds a trial's whole history.
It exists whole or not at all, as search.store.stages has it, and who comes second loses nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from search.store.leftovers import left_over
from search.store.remote import RemotePath
from search.store.segments import Segment, _packed, packed_arrays
from search.store.stages import INSTANCES, MANIFEST, STATE, stages
from trainers.chain import Chain
from trainers.npz import Arrays, unpack_arrays
from trainers.reading import Damage, is_cost_row, is_epoch_row, read_json
from trainers.record_io import Place, Row, sealed
from trainers.shapes import check_manifest, check_result


class Resumed(NamedTuple):
    """The deepest usable checkpoint of a chain: after `epoch` epochs, with all that was recorded on the way."""

    epoch: int
    state: dict[str, Any]
    segments: list[Segment]


class Store:
    """The directory of one sweep."""

    def __init__(self, folder: Place) -> None:
        self.folder: Place = folder.absolute() if isinstance(folder, Path) else folder
        self.stages = self.folder / "stages"
        self._stages = stages(self.folder)

    def trial(self, trial: str) -> Place:
        return self.folder / "trials" / trial

    def ranking(self, ranks: str) -> Place:
        return self.folder / "profile" / f"{ranks}.npz"

    def result(self, trial: str, final: str, damage: Damage | None = None) -> Row | None:
        """A trial's result if it ended and is that of the chain asked for."""
        result = read_json(self.trial(trial) / "result.json", check_result, damage)
        return result if result and result.get("chain") == final else None

    def sweep_leftovers(self) -> None:
        """Remove what killed writers left under temporary names of theirs; only while holding the lock."""
        self._stages.tidy()
        for path in self.folder.torn() if isinstance(self.folder, RemotePath) else left_over(Path(str(self.folder))):
            path.unlink(missing_ok=True)

    def publish(self, name: str, parent: str | None, epoch: int, state: dict[str, Any], segment: Segment) -> None:
        """Store the state after `epoch` epochs. Raises OSError if the storage takes it not; nothing torn is left."""
        if self._stages.has(name):
            return
        files = {STATE: _packed(state), INSTANCES: packed_arrays(segment.instances)}
        manifest = {
            "parent": parent,
            "epoch": epoch,
            "rows": segment.rows,
            "costs": segment.costs,
            "sha256": {file: sha256(content).hexdigest() for file, content in files.items()},
        }
        self._stages.put(name, files, sealed(manifest))

    def stored(self) -> set[str]:
        """The names of all states that are there."""
        return self._stages.all()

    def depth(self, chain: Chain) -> int:
        """After how many epochs of a chain the deepest state is there, whole or not."""
        epochs = {chain[epoch]: epoch for epoch in range(len(chain) - 1, 0, -1)}
        return next((epochs[name] for name in self._stages.standing(epochs) if self._stages.has(name)), 0)

    def lend(self, name: str, other: Store, by: str = "") -> None:
        """Give another store a state and what was recorded on the way to it; `by`: the sweep that paid for it.

        Nothing that is damaged is given, nor what builds on it: that the other trains itself.
        """
        past = list(self._past(name, self._whole_manifest))
        for at, manifest in reversed(past):  # what others build on first
            if manifest is None:
                return
            if other._stages.has(at):
                continue
            read = {file: self._stages.read(at, file) for file in manifest["sha256"]}
            files: dict[str, bytes] = {
                file: content for file, content in read.items() if content and _is(content, manifest, file)
            }
            if INSTANCES not in files or (at == name and STATE not in files):  # states on the way need not be there
                return
            other._stages.put(at, files, _paid_by(by, manifest) if by else manifest)

    def _past(self, name: str, read: Callable[[str], Row | None]) -> Iterator[tuple[str, Row | None]]:
        """A stage and those before it with their manifests, None for the first that is damaged or leads astray."""
        at: str | None = name
        left: int | None = None  # epochs that lie before those of the last one
        while at is not None:
            manifest = read(at)
            if manifest is None or manifest["epoch"] != (manifest["epoch"] if left is None else left):
                yield at, None
                return
            yield at, manifest
            at, left = manifest["parent"], manifest["epoch"] - len(manifest["rows"])

    def deepest(self, chain: Chain) -> Resumed | None:
        """The deepest checkpoint of a chain that reads back whole; what does not is set aside and trained again."""
        epochs = {chain[epoch]: epoch for epoch in range(len(chain) - 1, 0, -1)}
        for name in self._stages.standing(epochs):
            if resumed := self._load(chain, epochs[name]):
                return resumed
        return None

    def forget_state(self, name: str) -> int:
        """Drop a state that no resume needs any more; its rows and arrays stay, as later stages build on them.

        Returns the bytes that this freed.
        """
        return self._stages.forget(name)

    def _load(self, chain: Chain, epoch: int) -> Resumed | None:
        state = self.state(chain[epoch])
        if state is None:
            return None
        segments: list[Segment] = []
        for name, manifest in self._past(chain[epoch], self._manifest):
            instances = self._instances(name, manifest)
            if manifest is None or instances is None:
                self._stages.set_aside(chain[epoch])  # whole itself, but without its past; where it stands none is put
                return None
            segments.insert(0, Segment(manifest["rows"], manifest["costs"], instances))
        return Resumed(epoch, state, segments)

    def state(self, name: str) -> dict[str, Any] | None:
        """A state, if it is there and reads back whole; what does not is set aside."""
        state = self.whole_state(name)
        if state is None and (self._stages.at(name) / STATE).exists():  # it may have been forgotten just now
            self._stages.set_aside(name)
        return state

    def whole_state(self, name: str) -> dict[str, Any] | None:
        """A state, if it is there and reads back whole; nothing is changed."""
        manifest, content = self._whole_manifest(name), self._stages.read(name, STATE)
        if manifest is None or not content or not _is(content, manifest, STATE):
            return None
        try:
            state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        except (UnpicklingError, RuntimeError, ValueError, LookupError, AttributeError, TypeError, EOFError):
            return None  # what was stored was none
        return state if isinstance(state, dict) else None

    def set_aside(self, name: str) -> None:
        """Keep a stage for inspection whose state is of no use, under a name that no chain leads to."""
        self._stages.set_aside(name)

    def _manifest(self, name: str) -> Row | None:
        """Of a stage that is there; a damaged one is set aside."""
        manifest = self._whole_manifest(name)
        if manifest is None:
            self._stages.set_aside(name)
        return manifest

    def _whole_manifest(self, name: str) -> Row | None:
        return read_json(self._stages.at(name) / MANIFEST, _a_stage)

    def _instances(self, name: str, manifest: Row | None) -> Arrays | None:
        """The arrays of a stage, a row an epoch each; those that are none, or missing, are set aside."""
        if manifest is None:
            return None
        content = self._stages.read(name, INSTANCES)
        try:
            arrays = unpack_arrays(content) if content and _is(content, manifest, INSTANCES) else None
        except ValueError:
            arrays = None
        if arrays is None or not all(its.ndim and len(its) == len(manifest["rows"]) for its in arrays.values()):
            self._stages.set_aside(name)
            return None
        return arrays


def _is(content: bytes, manifest: Row, file: str) -> bool:
    return sha256(content).hexdigest() == manifest["sha256"].get(file)


def _a_stage(value: Any) -> Row:
    """The shape of a manifest: of epochs that come after its parent's. Raises ValueError."""
    manifest = check_manifest(value)
    rows, epoch = manifest["rows"], manifest["epoch"]
    if not rows or not all(is_epoch_row(row, epoch - len(rows) + i) for i, row in enumerate(rows)):
        raise ValueError("its rows are not those of the epochs before it")
    if not all(is_cost_row(cost, i) for i, cost in enumerate(manifest["costs"])):
        raise ValueError("its costs are none")
    return manifest


def _paid_by(sweep: str, manifest: Row) -> Row:
    """A manifest whose costs name the sweep, where they do not yet."""
    payers = [(cost, str(cost.get("by", ""))) for cost in manifest["costs"]]
    named = [cost | {"by": by if "/" in by else f"{sweep}/{by}"} for cost, by in payers]
    content = {key: value for key, value in manifest.items() if key != "digest"} | {"costs": named}
    return sealed(content)
