"""The store of a sweep in its folder: records, rankings and content-addressed stages, safe against any kill.

A stage folder is named by the hash of the chain that leads to its state. It holds the state, and the rows and
per-instance arrays since the previous checkpoint (its parent), so a chain of folders holds the whole history of a
trial. A stage exists as a whole or not at all (see search.store.stages), and a second writer of it loses nothing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, NamedTuple

import torch

from search.store.leftovers import find_leftovers
from search.store.remote import RemotePath
from search.store.segments import Segment, pack_arrays, pack_state
from search.store.stages import DIAGNOSTICS, INSTANCES, MANIFEST, STATE, open_stages
from trainers.npz import Arrays, unpack_arrays
from trainers.record_io import Place, Row, sealed
from trainers.record_reader import Damage, is_cost_row, is_epoch_row, read_json
from trainers.record_shapes import check_manifest, check_result
from trainers.state_chain import Chain


class Checkpoint(NamedTuple):
    """The state of a chain after `epoch` epochs, with all records up to there."""

    epoch: int
    state: dict[str, Any]
    segments: list[Segment]


class Store:
    """The directory of one sweep."""

    def __init__(self, folder: Place) -> None:
        self.folder: Place = folder.absolute() if isinstance(folder, Path) else folder
        self.stages_folder = self.folder / "stages"
        self._stages = open_stages(self.folder)

    def trial_folder(self, trial: str) -> Place:
        """Return the folder of a trial's records."""
        return self.folder / "trials" / trial

    def ranking_path(self, ranks: str) -> Place:
        """Return the file of a ranking."""
        return self.folder / "profile" / f"{ranks}.npz"

    def read_result(self, trial: str, final: str, damage: Damage | None = None) -> Row | None:
        """Return the result of a trial if it ended and belongs to the chain whose last state is `final`; else None."""
        result = read_json(self.trial_folder(trial) / "result.json", check_result, damage)
        return result if result and result.get("chain") == final else None

    def remove_leftovers(self) -> None:
        """Remove the temporary files of killed writers; only while holding the lock."""
        self._stages.remove_leftovers()
        for path in (
            self.folder.find_leftovers()
            if isinstance(self.folder, RemotePath)
            else find_leftovers(Path(str(self.folder)))
        ):
            path.unlink(missing_ok=True)

    def write_stage(self, name: str, parent: str | None, epoch: int, state: dict[str, Any], segment: Segment) -> None:
        """Store the state after `epoch` epochs. Raises OSError if it cannot be written; no partial stage remains."""
        if self._stages.has_state(name):
            return
        files = {STATE: pack_state(state), INSTANCES: pack_arrays(segment.instances)}
        if segment.diagnostics:
            files[DIAGNOSTICS] = pack_arrays(segment.diagnostics)
        manifest = {
            "parent": parent,
            "epoch": epoch,
            "rows": segment.rows,
            "costs": segment.costs,
            "sha256": {file: sha256(content).hexdigest() for file, content in files.items()},
        }
        self._stages.write(name, files, sealed(manifest))

    def list_states(self) -> set[str]:
        """Return the names of all stored states."""
        return self._stages.list_states()

    def find_deepest_epoch(self, chain: Chain) -> int:
        """Return the epochs of the deepest stored state of a chain, damaged or not; 0 if there is none."""
        epochs = {chain[epoch]: epoch for epoch in range(len(chain) - 1, 0, -1)}
        return next((epochs[name] for name in self._stages.find_existing(epochs) if self._stages.has_state(name)), 0)

    def copy_state_to(self, name: str, other: Store, payer: str = "") -> None:
        """Copy a state and the records up to it to another store; `payer` names the sweep that paid for it.

        A damaged stage is not copied, nor those that build on it: the other sweep trains them itself.
        """
        ancestors = list(self._walk_ancestors(name, self._read_manifest))
        for ancestor, manifest in reversed(ancestors):  # parents before their children
            if manifest is None:
                return
            if other._stages.has_state(ancestor):
                continue
            contents = {file: self._stages.read_file(ancestor, file) for file in manifest["sha256"]}
            files: dict[str, bytes] = {
                file: content
                for file, content in contents.items()
                if content and _matches_digest(content, manifest, file)
            }
            needed = {*manifest["sha256"]} - (set() if ancestor == name else {STATE})  # ancestors need no states
            if not needed | {INSTANCES} <= files.keys():
                return
            other._stages.write(ancestor, files, _name_payer(payer, manifest) if payer else manifest)

    def _walk_ancestors(self, name: str, read: Callable[[str], Row | None]) -> Iterator[tuple[str, Row | None]]:
        """Yield a stage and its ancestors with their manifests; the first damaged or inconsistent one has None."""
        stage: str | None = name
        expected: int | None = None  # epoch of the parent, by the rows of its child
        while stage is not None:
            manifest = read(stage)
            if manifest is None or expected not in (None, manifest["epoch"]):
                yield stage, None
                return
            yield stage, manifest
            stage, expected = manifest["parent"], manifest["epoch"] - len(manifest["rows"])

    def load_deepest(self, chain: Chain) -> Checkpoint | None:
        """Return the deepest intact checkpoint of a chain, or None. Damaged stages are set aside and trained again."""
        epochs = {chain[epoch]: epoch for epoch in range(len(chain) - 1, 0, -1)}
        for name in self._stages.find_existing(epochs):
            if checkpoint := self._load_checkpoint(chain, epochs[name]):
                return checkpoint
        return None

    def drop_state(self, name: str) -> int:
        """Delete a state that no resume needs any more and return the bytes that this freed.

        The rows and arrays of the stage stay, because later stages build on them.
        """
        return self._stages.drop_state(name)

    def _load_checkpoint(self, chain: Chain, epoch: int) -> Checkpoint | None:
        state = self.load_state(chain[epoch])
        if state is None:
            return None
        segments: list[Segment] = []
        for name, manifest in self._walk_ancestors(chain[epoch], self._load_manifest):
            instances = self._load_instances(name, manifest)
            diagnostics = self._load_diagnostics(name, manifest)
            if manifest is None or instances is None or diagnostics is None:
                self._stages.set_aside(chain[epoch])  # intact but without ancestors: it would block a new one
                return None
            segments.insert(0, Segment(manifest["rows"], manifest["costs"], instances, diagnostics))
        return Checkpoint(epoch, state, segments)

    def load_state(self, name: str) -> dict[str, Any] | None:
        """Return a state if it is stored and intact, else None; a damaged one is set aside."""
        state = self.read_state(name)
        if state is None and (self._stages.stage_folder(name) / STATE).exists():  # it may have been deleted just now
            self._stages.set_aside(name)
        return state

    def read_state(self, name: str) -> dict[str, Any] | None:
        """Return a state if it is stored and intact, else None, without changing the store."""
        manifest, content = self._read_manifest(name), self._stages.read_file(name, STATE)
        if manifest is None or not content or not _matches_digest(content, manifest, STATE):
            return None
        try:
            state = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        except (UnpicklingError, RuntimeError, ValueError, LookupError, AttributeError, TypeError, EOFError):
            return None  # the file is no state
        return state if isinstance(state, dict) else None

    def set_aside(self, name: str) -> None:
        """Move a stage with an unusable state to a name that no chain leads to, for inspection."""
        self._stages.set_aside(name)

    def _load_manifest(self, name: str) -> Row | None:
        """Return the manifest of a stage; a damaged stage is set aside."""
        manifest = self._read_manifest(name)
        if manifest is None:
            self._stages.set_aside(name)
        return manifest

    def _read_manifest(self, name: str) -> Row | None:
        return read_json(self._stages.stage_folder(name) / MANIFEST, _check_stage)

    def _load_instances(self, name: str, manifest: Row | None) -> Arrays | None:
        """Return the arrays of a stage, each (epochs, …). If some are damaged or missing, set the stage aside."""
        if manifest is None:
            return None
        arrays = self._read_arrays(name, manifest, INSTANCES)
        if arrays is None or not all(array.ndim and len(array) == len(manifest["rows"]) for array in arrays.values()):
            self._stages.set_aside(name)
            return None
        return arrays

    def _load_diagnostics(self, name: str, manifest: Row | None) -> Arrays | None:
        """Return the diagnostics of a stage, which may have none. If they are damaged, set the stage aside."""
        if manifest is None:
            return None
        arrays = self._read_arrays(name, manifest, DIAGNOSTICS) if DIAGNOSTICS in manifest["sha256"] else {}
        if arrays is None:
            self._stages.set_aside(name)
        return arrays

    def _read_arrays(self, name: str, manifest: Row, file: str) -> Arrays | None:
        content = self._stages.read_file(name, file)
        try:
            return unpack_arrays(content) if content and _matches_digest(content, manifest, file) else None
        except ValueError:
            return None


def _matches_digest(content: bytes, manifest: Row, file: str) -> bool:
    return sha256(content).hexdigest() == manifest["sha256"].get(file)


def _check_stage(value: Any) -> Row:
    """Return a manifest whose rows and costs are those of its epochs. Raises ValueError otherwise."""
    manifest = check_manifest(value)
    rows, epoch = manifest["rows"], manifest["epoch"]
    if not rows or not all(is_epoch_row(row, epoch - len(rows) + i) for i, row in enumerate(rows)):
        raise ValueError("its rows are not those of the epochs before it")
    if not all(is_cost_row(cost, i) for i, cost in enumerate(manifest["costs"])):
        raise ValueError("its costs are not costs of epochs")
    return manifest


def _name_payer(sweep: str, manifest: Row) -> Row:
    """Return a manifest whose costs name the sweep that paid; costs that name one already keep it."""
    payers = [(cost, str(cost.get("by", ""))) for cost in manifest["costs"]]
    named = [cost | {"by": by if "/" in by else f"{sweep}/{by}"} for cost, by in payers]
    content = {key: value for key, value in manifest.items() if key != "digest"} | {"costs": named}
    return sealed(content)
