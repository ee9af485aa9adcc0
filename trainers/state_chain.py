"""Chains of hashes that name the states of a trial, so that equal states have equal names wherever they are trained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path

import torch
from pydantic import PositiveInt

from trainers.config import Compute, TrialConfig
from trainers.diagnostics.block import Diagnostics
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs
from trainers.record_io import digest
from trainers.rhythm import is_due

UNTRAINED = (  # what the names of modules begin with that train and measure nothing
    "__main__", "adversaries", "bench", "certificate", "columns", "extremes", "fewest_seeds", "hardware", "problems",
    "record_arrays", "records", "run_commands", "terminal", "wording",
)  # fmt: skip
WIDTH = 16  # bytes of a name: of two million states two collide with probability 1e-26


class Surroundings(Knobs):
    """Everything else that bits depend on; part of the root of every chain, beside model and seed."""

    data: str  # split_identity of the trial's data
    compute: Compute  # resolved
    threads: PositiveInt
    torch: str
    code: str  # training_code(), or that of stages whose code the user accepted
    start: str | None = None  # identity of the weights to start from; None: fresh ones

    @staticmethod
    def here(data: str, compute: Compute, threads: int, start: str | None, code: str) -> Surroundings:
        """Return the surroundings of a training with the torch of this process."""
        return Surroundings(
            data=data, compute=compute, threads=threads, torch=torch.__version__, code=code, start=start
        )


@cache
def training_code() -> str:
    """Return a hash of the source of everything that trains: not of benchmarks, descriptions and what is shown."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*.py") if not str(path.relative_to(folder)).startswith(UNTRAINED))
    hasher = sha256()
    for path in files:
        hasher.update(os.fsencode(path.relative_to(folder)) + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


class Chain:
    """Names of a trial's states: chain[e] names the state after e epochs, a function of stages 0..e-1 alone."""

    def __init__(self, links: bytes) -> None:
        self.links = links  # WIDTH bytes a state: a sweep may hold millions of them

    def __len__(self) -> int:
        return len(self.links) // WIDTH

    def __getitem__(self, epoch: int) -> str:
        at = range(len(self))[epoch] * WIDTH
        return self.links[at : at + WIDTH].hex()

    def __iter__(self) -> Iterator[str]:
        return (self[epoch] for epoch in range(len(self)))

    @property
    def final(self) -> str:
        """Name of the state after the last epoch."""
        return self[-1]


def chain(config: TrialConfig, evaluation: Evaluation, around: Surroundings, ranking: str | None) -> Chain:
    """Return the chain of a trial.

    `ranking` is the identity of the ranking from which a ranked subset is cut. The per-epoch part of the evaluation is
    in the root: it decides what is recorded and which checkpoint is best, though not the weights. A stage names the
    measurements after it, since after the last epoch all are made, and whether the selection window begins with it.
    Diagnostics are named by the stages after which they are measured alone, so that trainings with and without share
    the epochs before; those after the last epoch are measured on the last state and name nothing.
    """
    root = {
        "model": config.model.model_dump(),
        "seed": config.seed,
        "evaluation": evaluation.curve(),
        "around": around.model_dump(),
    }
    link = bytes.fromhex(digest(root))[:WIDTH]
    links = [link]
    along = tuple((name, attack.every or evaluation.every) for name, attack in evaluation.along.items())
    measured = _measured(evaluation.every, along, config.epochs, config.select_from)
    if evaluation.diagnostics.asked():
        recorded = _recorded(evaluation.diagnostics, evaluation.epsilon, evaluation.norm, config.epochs)
        measured = tuple(words + more for words, more in zip(measured, recorded, strict=True))
    for stage in _stages(config.model_copy(update={"seed": 0}), measured, ranking):
        link = sha256(link + stage).digest()[:WIDTH]
        links.append(link)
    return Chain(b"".join(links))


@lru_cache(maxsize=64)
def _measured(every: int, along: tuple[tuple[str, int], ...], epochs: int, first: int) -> tuple[str, ...]:
    """Return for each epoch, in words, the measurements after it, and whether the selection window begins there."""
    found = []
    for epoch in range(epochs):
        further = [name for name, interval in along if is_due(interval, epoch, epochs)]
        words = ["measured"] * is_due(every, epoch, epochs) + further
        found.append(" ".join(words) + "|selects" * (0 < first == epoch))
    return tuple(found)


@lru_cache(maxsize=64)
def _recorded(diagnostics: Diagnostics, epsilon: float, norm: str, epochs: int) -> tuple[str, ...]:
    """Return for each epoch the diagnostics after it, in words; empty where none is due.

    The state itself does not depend on them, but the records of its stage do: `after` is left out, so that only the
    epochs that are measured have other names.
    """
    names = {
        name: digest([name, diagnostic.model_dump(exclude={"after"}), epsilon, norm])[: 2 * WIDTH]
        for name, diagnostic in diagnostics.asked().items()
    }
    due = [diagnostics.due(epoch, epochs) if epoch < epochs - 1 else {} for epoch in range(epochs)]
    return tuple("".join(f"|diagnosed {names[name]}" for name in found) for found in due)


@lru_cache(maxsize=16)
def _stages(config: TrialConfig, measured: tuple[str, ...], ranking: str | None) -> tuple[bytes, ...]:
    """Return every stage as bytes, without its seed; cached, as the seeds of a configuration follow one another."""
    first = config.subset.begins(config.epochs) if config.subset.needs else config.epochs
    ranked = [ranking if epoch >= first else None for epoch in range(config.epochs)]
    batches = f"{config.batch_size}" + " join" * (config.last_batch == "join")
    ends = list(zip(ranked, measured, strict=True))
    tails = {(ranks, words): f"|{batches}|{ranks}|{words}".encode() for ranks, words in set(ends)}
    pieces = (config.method, config.subset, config.optimizer, config.average)
    hashes = zip(*(_hashes(piece, config.epochs) for piece in pieces), strict=True)
    return tuple(b"".join((*stage, tails[end])) for stage, end in zip(hashes, ends, strict=True))


@lru_cache(maxsize=4096)
def _hashes(piece: Knobs | None, epochs: int) -> tuple[bytes, ...]:
    """Return the hash of a piece as it acts in each epoch; cached, as a space has fewer distinct pieces than trials."""
    if piece is None or not piece.moves():
        return (_hash(piece),) * epochs
    hashes: list[bytes] = []
    before = None
    for epoch in range(epochs):
        now = piece.at(epoch, epochs)
        hashes.append(hashes[-1] if hashes and now == before else _hash(now))
        before = now
    return tuple(hashes)


def _hash(piece: Knobs | None) -> bytes:
    return bytes.fromhex(digest(piece and piece.model_dump()))
