"""A sweep's memory: its directory. Records, rankings and the content-addressed stage store, safe against any kill.

A stage folder is named by the hash of the chain that leads to its state. It holds the state, and the rows and
per-instance arrays since the checkpoint before it (its parent), so a chain of folders holds a trial's whole history.
It exists whole or not at all, as search.storing.stages has it, and who comes second loses nothing.
"""

from __future__ import annotations

import io
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
import torch

from search.storing.leftovers import left_over
from search.storing.remote import Remote
from search.storing.stages import MANIFEST, STATE, stages
from trainers.chain import Chain
from trainers.records import Place, Row, digest, read_json, write_atomic

Arrays = dict[str, np.ndarray]
# which states stay when no training needs them any more: every one, forks and last ones, last ones, none
Keep = Literal["all", "forks", "best", "none"]


class Segment(NamedTuple):
    """What training recorded between two checkpoints."""

    rows: list[Row]
    costs: list[Row]
    instances: Arrays  # (epochs of the segment, N) each; NaN or UNSEEN where an epoch did not record it


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

    def result(self, trial: str, final: str) -> Row | None:
        """A trial's result if it ended and is that of the chain asked for."""
        result = read_json(self.trial(trial) / "result.json")
        return result if isinstance(result, dict) and result.get("chain") == final else None

    def sweep_leftovers(self) -> None:
        """Remove what killed writers left under temporary names of theirs; only while holding the lock."""
        self._stages.tidy()
        for path in self.folder.torn() if isinstance(self.folder, Remote) else left_over(Path(str(self.folder))):
            path.unlink(missing_ok=True)

    def publish(self, name: str, parent: str | None, epoch: int, state: dict[str, Any], segment: Segment) -> None:
        """Store the state after `epoch` epochs. Raises OSError if the storage takes it not; nothing torn is left."""
        if self._stages.has(name):
            return
        files = {STATE: _packed(state), "instances.npz": packed_arrays(segment.instances)}
        manifest = {
            "parent": parent,
            "epoch": epoch,
            "rows": segment.rows,
            "costs": segment.costs,
            "sha256": {file: sha256(content).hexdigest() for file, content in files.items()},
        }
        self._stages.put(name, files, manifest | {"digest": digest(manifest)})

    def stored(self) -> set[str]:
        """The names of all states that are there."""
        return self._stages.all()

    def depth(self, chain: Chain) -> int:
        """After how many epochs of a chain the deepest state is there, whole or not."""
        epochs = {chain[epoch]: epoch for epoch in range(len(chain) - 1, 0, -1)}
        return next((epochs[name] for name in self._stages.standing(epochs) if self._stages.has(name)), 0)

    def lend(self, name: str, other: Store, by: str = "") -> None:
        """Give another store a state and what was recorded on the way to it; `by`: the sweep that paid for it."""
        at: str | None = name
        while at is not None and (manifest := self._whole_manifest(at)) is not None:  # what is torn it finds itself
            if not other._stages.has(at):
                read = {file: self._stages.read(at, file) for file in manifest["sha256"]}
                files = {file: content for file, content in read.items() if content is not None}
                other._stages.put(at, files, _paid_by(by, manifest) if by else manifest)
            at = manifest["parent"]

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
        name: str | None = chain[epoch]
        while name is not None:
            manifest = self._manifest(name)
            content = self._file(name, manifest, "instances.npz")
            if manifest is None or content is None:
                self._stages.set_aside(chain[epoch])  # whole itself, but without its past; where it stands none is put
                return None
            segments.insert(0, Segment(manifest["rows"], manifest["costs"], unpacked_arrays(content)))
            name = manifest["parent"]
        return Resumed(epoch, state, segments)

    def state(self, name: str) -> dict[str, Any] | None:
        """A state, if it is there and reads back whole; what does not is set aside."""
        if not (self._stages.at(name) / STATE).exists():
            return None
        content = self._file(name, self._manifest(name), STATE)
        return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu") if content else None

    def _manifest(self, name: str) -> Row | None:
        """Of a stage that is there; a damaged one is set aside."""
        manifest = self._whole_manifest(name)
        if manifest is None:
            self._stages.set_aside(name)
        return manifest

    def _whole_manifest(self, name: str) -> Row | None:
        manifest = read_json(self._stages.at(name) / MANIFEST)
        if not isinstance(manifest, dict):
            return None
        content = {key: value for key, value in manifest.items() if key != "digest"}
        return manifest if digest(content) == manifest.get("digest") else None

    def _file(self, name: str, manifest: Row | None, file: str) -> bytes | None:
        if manifest is None:
            return None
        content = self._stages.read(name, file)
        if content is not None and sha256(content).hexdigest() == manifest["sha256"][file]:
            return content
        if content is not None or file != STATE:  # a state may have been forgotten just now
            self._stages.set_aside(name)
        return None


def _paid_by(sweep: str, manifest: Row) -> Row:
    """A manifest whose costs name the sweep, where they do not yet."""
    named = [cost | {"by": cost["by"] if "/" in cost["by"] else f"{sweep}/{cost['by']}"} for cost in manifest["costs"]]
    content = {key: value for key, value in manifest.items() if key != "digest"} | {"costs": named}
    return content | {"digest": digest(content)}


def packed_arrays(arrays: Arrays, compress: bool = False) -> bytes:
    """Arrays as the bytes of an .npz file; equal arrays give equal bytes."""
    buffer = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(buffer, **{key: arrays[key] for key in sorted(arrays)})  # type: ignore[arg-type]
    return buffer.getvalue()


def unpacked_arrays(content: bytes) -> Arrays:
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {key: archive[key] for key in archive.files}


def write_arrays(path: Place, arrays: Arrays) -> None:
    write_atomic(path, packed_arrays(arrays, compress=True))


def read_arrays(path: Place) -> Arrays | None:
    """The arrays of an .npz file; None where it is missing or damaged."""
    try:
        return unpacked_arrays(path.read_bytes())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _packed(state: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()
