"""One trial, completely: its configuration, its stages, and the chain of hashes that names its states."""

from __future__ import annotations

import os
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Literal

import torch
from pydantic import NonNegativeInt, PositiveInt, model_validator

from trainers.averaging import Average
from trainers.checkpoints import StartFrom
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs
from trainers.methods import METHODS, AnyMethod, NamedMethod
from trainers.models import MLP, Model
from trainers.optimizers import SGD, Optimizer
from trainers.records import digest
from trainers.sources import DataSource, Digits
from trainers.starts import Previous
from trainers.subsets import All, DropUnlearned, Ranked, Subset
from trainers.weights import Geometry


class Compute(Knobs):
    """How the arithmetic is done. auto: exact on a CPU (fp32, eager), fast on a GPU (bf16, channels last, compiled)."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    channels_last: Literal["auto"] | bool = "auto"
    compile: Literal["auto"] | bool = "auto"
    deterministic: bool = True  # refuse kernels whose bits vary from run to run

    def resolved(self, cuda: bool) -> Compute:
        """These settings with every auto decided, for a machine with or without a GPU."""
        device = self.device if self.device != "auto" else ("cuda" if cuda else "cpu")
        fast = device == "cuda"
        return Compute(
            device=device,
            precision=self.precision if self.precision != "auto" else ("bf16" if fast else "fp32"),
            channels_last=self.channels_last is not False,  # fp32 and exact either way, and faster on both
            compile=fast if self.compile == "auto" else self.compile,
            deterministic=self.deterministic,
        )


class Stage(Knobs):
    """Everything that one epoch depends on, as plain values; randomness comes from (seed, epoch) alone."""

    epoch: NonNegativeInt
    seed: NonNegativeInt
    method: AnyMethod
    subset: Subset
    optimizer: Optimizer
    batch_size: PositiveInt
    average: Average | None


class TrialConfig(Knobs):
    """A trial: fields are the keys of a space's `trial:` block."""

    data: DataSource = Digits()
    model: Model = MLP()
    method: NamedMethod = METHODS["pgd-at"]
    subset: Subset = All()
    optimizer: Optimizer = SGD()
    average: Average | None = None
    start_from: StartFrom | None = None
    batch_size: PositiveInt = 128
    epochs: PositiveInt = 100
    seed: NonNegativeInt = 0
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _fit(self) -> TrialConfig:
        unlearned = isinstance(self.subset, DropUnlearned)
        attack = getattr(self.method, "attack", None)
        if unlearned and self.data.extra is not None:
            raise ValueError(
                "subset drop-unlearned judges a pass over all examples; data.extra leaves some out: remove it"
            )
        spares = isinstance(self.subset, DropUnlearned) and self.subset.instead == "clean"
        if spares and isinstance(getattr(self.method, "weight", None), Geometry):
            raise ValueError("weights by kappa need an attack, which subset instead: clean spares some; take nothing")
        if isinstance(getattr(attack, "start", None), Previous) and self.data.extra is not None:
            raise ValueError("start previous goes on from one visit an epoch, and data.extra makes several: remove it")
        return self

    def stage(self, epoch: int) -> Stage:
        """The stage of one epoch (0-based): schedules are numbers, pieces that are off are gone."""
        return Stage.model_construct(
            epoch=epoch,
            seed=self.seed,
            method=self.method.at(epoch, self.epochs),
            subset=self.subset.at(epoch, self.epochs),
            optimizer=self.optimizer.at(epoch, self.epochs),
            batch_size=self.batch_size,
            average=self.average and self.average.at(epoch, self.epochs),
        )

    def needs_ranking(self) -> str | None:
        """The score whose ranking the subset is cut from, if it needs one."""
        return self.subset.needs


class Surroundings(Knobs):
    """What else moves bits: it stands at the root of every chain, beside data, model and seed."""

    data: str  # split_identity of the trial's data
    compute: Compute  # resolved
    threads: PositiveInt
    torch: str
    code: str
    start: str | None = None  # the weights that training starts from, if not fresh ones

    @staticmethod
    def here(data: str, compute: Compute, threads: int, start: str | None = None) -> Surroundings:
        return Surroundings(
            data=data, compute=compute, threads=threads, torch=torch.__version__, code=training_code(), start=start
        )


@cache
def training_code() -> str:
    """A hash of the source of everything that trains."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*.py") if not path.name.startswith("bench"))
    hasher = sha256()
    for path in files:
        hasher.update(os.fsencode(path.relative_to(folder)) + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def chain(config: TrialConfig, evaluation: Evaluation, around: Surroundings, ranking: str | None) -> list[str]:
    """The names of the trial's states: chain[e] names the state after e epochs, a pure function of stages 0..e-1.

    `ranking` is the identity of the ranking a ranked subset is cut from. The per-epoch part of the evaluation is in
    the root: it decides what is recorded and which checkpoint is best, though not the weights. So does whether an
    epoch is measured, for the last always is.
    """
    root = {
        "model": config.model.model_dump(),
        "seed": config.seed,
        "evaluation": evaluation.curve(),
        "around": around.model_dump(),
    }
    tail = f"|{config.batch_size}|{ranking if isinstance(config.subset, Ranked) else None}"
    pieces = (config.method, config.subset, config.optimizer, config.average)
    stages = zip(*(_hashes(piece, config.epochs) for piece in pieces), strict=True)
    links = [digest(root)]
    for epoch, stage in enumerate(stages):
        measured = "measured" if evaluation.due(epoch, config.epochs) else ""
        links.append(sha256("|".join((links[-1], *stage, tail, measured)).encode()).hexdigest())
    return links


@lru_cache(maxsize=4096)
def _hashes(piece: Knobs | None, epochs: int) -> tuple[str, ...]:
    """The hash of a piece as it acts in each epoch; cached, for a space has fewer distinct pieces than trials."""
    if piece is None or not piece.moves():
        return (digest(piece and piece.model_dump()),) * epochs
    hashes: list[str] = []
    before = None
    for epoch in range(epochs):
        now = piece.at(epoch, epochs)
        hashes.append(hashes[-1] if hashes and now == before else digest(now and now.model_dump()))
        before = now
    return tuple(hashes)
