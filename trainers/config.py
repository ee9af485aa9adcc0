"""One trial, completely: its configuration and its stages."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from trainers.averaging import Average, averaging_passes
from trainers.checkpoints import StartFrom
from trainers.knobs import KnobError, Knobs, settle_burn_ins, to_epochs
from trainers.methods import METHODS, AnyMethod, NamedMethod
from trainers.models import MLP, Model
from trainers.optimizers import SGD, Optimizer, find_drops
from trainers.passes import Passes
from trainers.plain_subsets import All
from trainers.ranked_subsets import Ranked
from trainers.selection import ALL_EPOCHS, BURN_IN, Select, burn_in
from trainers.sources import DataSource, Digits
from trainers.starts import Previous
from trainers.subsets import DropUnlearned, Subset
from trainers.weights import Geometry


class Compute(Knobs):
    """Arithmetic of a training. auto: exact on a CPU (fp32, eager), fast on a GPU (bf16, channels last, compiled)."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    channels_last: Literal["auto"] | bool = "auto"
    compile: Literal["auto"] | bool = "auto"
    deterministic: bool = True  # refuse kernels whose bits vary from run to run

    def resolved(self, cuda: bool) -> Compute:
        """Return these settings with every auto resolved, for a machine with or without a GPU."""
        device = self.device if self.device != "auto" else ("cuda" if cuda else "cpu")
        fast = device == "cuda"
        return Compute(
            device=device,
            precision=self.precision if self.precision != "auto" else ("bf16" if fast else "fp32"),
            channels_last=self.channels_last is not False,  # fp32 and exact either way, and faster on both
            compile=fast if self.compile == "auto" else self.compile,
            deterministic=self.deterministic,
        )


# Some examples may remain that do not fill a batch. keep: they are the last batch. join: if they are fewer than half a
# batch, they join the batch before.
LastBatch = Annotated[Literal["keep", "join"], Field(exclude_if=lambda mode: mode == "keep")]


class Stage(Knobs):
    """All settings of one epoch, as plain values; randomness comes from (seed, epoch) alone."""

    epoch: NonNegativeInt
    seed: NonNegativeInt
    method: AnyMethod
    subset: Subset
    optimizer: Optimizer
    batch_size: PositiveInt
    last_batch: LastBatch = "keep"
    average: Average | None


class TrialConfig(Knobs):
    """Configuration of a trial: fields are the keys of a space's `trial:` block."""

    data: DataSource = Digits()
    model: Model = MLP()
    method: NamedMethod = METHODS["pgd-at"]
    subset: Subset = All()
    optimizer: Optimizer = SGD()
    average: Average | None = None
    start_from: StartFrom | None = None
    batch_size: Annotated[PositiveInt, Field(le=1_000_000)] = 128
    last_batch: LastBatch = "keep"
    epochs: Annotated[PositiveInt, Field(le=100_000)] = 100
    select: Annotated[Select, Field(exclude_if=lambda select: select == ALL_EPOCHS)] = ALL_EPOCHS
    seed: NonNegativeInt = 0
    compute: Compute = Compute()

    @model_validator(mode="after")
    def _settle(self) -> TrialConfig:
        """Read `first drop` as the epoch that it is, so that one training has one configuration."""
        for key in ("method", "subset", "average", "select"):
            piece = getattr(self, key)
            if piece is not None:
                self.__dict__[key] = settle_burn_ins(piece, self._find_first_drop, (key,))
        return self

    def _find_first_drop(self) -> int | None:
        return next(iter(find_drops(self.optimizer, self.epochs)), None)

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
        own = self.subset if isinstance(self.subset, Ranked) and self.subset.by == "self" else None
        if own and own.ranks_by in ("kappa", "gradient_norm") and not self.method.counts_steps:
            why = f"{own.ranks_by} is of the attack's steps, which this method does not record; rank by another"
            raise KnobError({("subset", "score"): why})
        if isinstance(getattr(attack, "start", None), Previous) and self.data.extra is not None:
            raise ValueError("start previous goes on from one visit an epoch, and data.extra makes several: remove it")
        if self.last_batch == "join" and self.data.extra is not None:
            raise ValueError(
                "last_batch: join is for batches of training examples alone, and data.extra mixes others in"
            )
        return self

    @model_validator(mode="after")
    def _selects(self) -> TrialConfig:
        if self.select == ALL_EPOCHS:  # so in most trainings, and planning validates each
            return self
        if not self.data.holds_out:
            raise KnobError({("select",): "goes by validation, and data.val: 0 leaves none; remove the key"})
        if self.select_from >= self.epochs:
            why = f"{self.select.start} of {self.epochs} epochs pass, and none is left to select; begin earlier"
            raise KnobError({("select", "from"): why})
        return self

    @property
    def select_from(self) -> int:
        """Return the first epoch (0-based) that may be selected as the best."""
        return self.burn_in if self.select.start == BURN_IN else to_epochs(self.select.start, self.epochs)

    @property
    def burn_in(self) -> int:
        """Return the number of epochs before method, averaging and subset have all the pieces of the last epoch."""
        return max(burn_in(piece, self.epochs) for piece in (self.method, self.average, self.subset))

    def stage(self, epoch: int) -> Stage:
        """Return the stage of an epoch (0-based): schedules are numbers, pieces that do not act yet are absent."""
        return Stage.model_construct(
            epoch=epoch,
            seed=self.seed,
            method=self.method.at(epoch, self.epochs),
            subset=self.subset.at(epoch, self.epochs),
            optimizer=self.optimizer.at(epoch, self.epochs),
            batch_size=self.batch_size,
            last_batch=self.last_batch,
            average=self.average and self.average.at(epoch, self.epochs),
        )

    def passes(self, epoch: int) -> Passes:
        """Return what one visit of an example costs in an epoch (0-based): passes through the network."""
        return _passes(self.method, self.average, epoch, self.epochs)

    def mean_passes(self) -> Passes:
        """Return the mean of `passes` over all epochs."""
        return _mean_passes(self.method, self.average, self.epochs)

    def mean_fraction(self, examples: int | None) -> float | None:
        """Return the fraction of the training examples that an epoch uses, on average; None if unknown."""
        late = self.subset.fraction(examples)
        first = self.subset.begins(self.epochs)
        return late if late is None or not first else (first + (self.epochs - first) * late) / self.epochs

    def needs_ranking(self) -> str | None:
        """Return the score whose ranking the subset is cut from, or None if it needs no ranking."""
        return self.subset.needs


def _passes(method: AnyMethod, average: Average | None, epoch: int, epochs: int) -> Passes:
    acting: AnyMethod = method.at(epoch, epochs)
    averaging: Average | None = average and average.at(epoch, epochs)
    return acting.passes() + (averaging_passes(averaging) if averaging else Passes())


@lru_cache(maxsize=4096)  # a space has fewer distinct methods than trials
def _mean_passes(method: AnyMethod, average: Average | None, epochs: int) -> Passes:
    if not method.moves() and average is None:
        return _passes(method, average, 0, epochs)
    total = sum((_passes(method, average, epoch, epochs) for epoch in range(epochs)), Passes())
    return total / epochs
