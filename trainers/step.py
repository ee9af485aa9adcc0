"""The data of one training step, which pieces of a method may use, and the network as they see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from trainers.augmentation import View
from trainers.compiled import CompiledPasses
from trainers.models.network import Network
from trainers.rounded_weights import replaced_weights, round_weights, rounded_places
from trainers.saved_bytes import AT_ONCE
from trainers.state import InstanceState

Precision = Literal["fp32", "tf32", "bf16"]


class Batch(NamedTuple):
    """Examples of a step. Fields that default to None are None for examples that are only measured."""

    x: Tensor  # (B, channels, H, W) in [0, 1]
    y: Tensor  # (B,) given labels
    rows: Tensor | None = None  # (B,) positions in the state
    view: View | None = None  # crop and mirroring that cut the images from their padded originals
    state: InstanceState | None = None
    spared: Tensor | None = None  # (B,) bool: trained on without an attack
    number: int = 0  # of the batch in its epoch


class Adversary(NamedTuple):
    """The result of an attack on a batch."""

    x: Tensor  # (B, channels, H, W) in [0, 1], within epsilon of the batch
    kappa: Tensor | None = None  # (B,) number of the K points before the steps that were still classified correctly
    survived: Tensor | None = None  # (B,) correct at every point visited; None unless every point was looked at
    steps: int = 0  # K
    epsilon: Tensor | None = None  # (B,) budgets of the examples, if they differ
    logits: Tensor | None = None  # (B, C) at the start of the climb
    start: Tensor | None = None  # (B, channels, H, W) where the climb began
    gradient_norm: Tensor | None = None  # (B,) l2 norm of the climbed loss's gradient there


class Step(NamedTuple):
    """A batch, its adversary, and the outputs of the network on both."""

    batch: Batch
    adversary: Adversary
    clean: Tensor | None  # (B, C) logits on x; None unless a piece needs them
    robust: Tensor  # (B, C) logits on the adversary
    features: Tensor  # (B, F) penultimate activations on the adversary
    start: Tensor | None = None  # (B, C) logits where the attack began; None unless a piece needs them


class Net:
    """A network as a method sees it: fp32 logits whatever the precision inside, and a count of passes.

    Passes are counted in examples: an attack that stops early on some of a batch costs what the other examples cost.
    """

    def __init__(self, module: Network, precision: str = "fp32", compiled: bool = False) -> None:
        self.module = module
        self.bf16 = precision == "bf16"
        self._compiled = CompiledPasses(module, precision) if compiled else None
        self._run = self._compiled or module.features_and_logits
        self._places = rounded_places(module)
        self._attacked = 0  # depth of `attacked`
        self._rounded: Sequence[Tensor] = ()  # weights in bf16, kept while the network is attacked
        self.forwards = 0
        self.backwards = 0
        self.measured_at_once = AT_ONCE  # images; fewer if they keep much memory

    def expect_batches(self, sizes: Sequence[int]) -> None:
        """Prepare for an epoch whose batches have these sizes; all but the last are equal."""
        if self._compiled:
            self._compiled.expect(sizes)

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return penultimate activations and logits, (B, channels, H, W) -> (B, F), (B, C)."""
        self.forwards += len(x)
        features, logits = self._pass(x)
        return (features.float(), logits.float()) if self.bf16 else (features, logits)

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits, (B, channels, H, W) -> (B, C)."""
        self.forwards += len(x)
        logits = self._pass(x)[1]
        return logits.float() if self.bf16 else logits

    def _pass(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return activations and logits in the precision in which they were computed."""
        if not self.bf16:
            return self._run(x)  # type: ignore[no-any-return]
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            if self._run is self._compiled:  # there rounding is part of other kernels
                return self._run(x)
            weights = self._rounded or round_weights(self._places)
            if self._attacked:
                self._rounded = weights
            with replaced_weights(self._places, weights):
                return self._run(x)  # type: ignore[no-any-return]

    def input_gradient(self, value: Tensor, x: Tensor) -> Tensor:
        """Return the gradient of the sum of values, (B,), with respect to the input; parameters get no gradient."""
        self.backwards += len(x)
        # of the sum, not the mean: same sign, no underflow in half precision
        (gradient,) = torch.autograd.grad(value, x, torch.ones_like(value))
        return gradient

    @contextmanager
    def computing(self, precision: Precision) -> Iterator[None]:
        """Compute in a precision, and without torch.compile; tf32 is fp32 on a CPU.

        A compiled backward frees what it needs as it goes, so that AutoAttack's FAB, which goes through a graph once
        for each class, raises RuntimeError.
        """
        was = self.bf16, self._run
        self.bf16, self._run = precision == "bf16", self.module.features_and_logits
        try:
            with _rounding_to_tf32(precision == "tf32"):
                yield
        finally:
            self.bf16, self._run = was

    @contextmanager
    def computing_finer(self, precision: Precision) -> Iterator[None]:
        """Compute in this precision where the network computes in bf16; in fp32 nothing changes."""
        with self.computing(precision) if self.bf16 else nullcontext():
            yield

    @contextmanager
    def attacked(self, bn: str) -> Iterator[None]:
        """Let an attack use the network without a trace: no parameter gradients, and the mode is restored.

        bn "eval" keeps BN statistics. "train" uses batch statistics and moves the running ones at each step of the
        attack, as Rice et al. 2020 and Wong et al. 2020 do; their numbers depend on it.
        """
        was_training = self.module.training
        parameters = list(self.module.parameters())
        wanted = [parameter.requires_grad for parameter in parameters]
        self.module.train(bn == "train")
        self.module.requires_grad_(False)
        self._attacked += 1
        try:
            yield
        finally:
            self._attacked -= 1
            if not self._attacked:
                self._rounded = ()
            for parameter, want in zip(parameters, wanted, strict=True):
                parameter.requires_grad_(want)
            self.module.train(was_training)


@contextmanager
def _rounding_to_tf32(allowed: bool) -> Iterator[None]:
    """Let a GPU round the factors of fp32 convolutions and matrix products to TF32, or do not."""
    convolutions, products = torch.backends.cudnn, torch.backends.cuda.matmul
    was = convolutions.allow_tf32, products.allow_tf32
    convolutions.allow_tf32 = products.allow_tf32 = allowed
    try:
        yield
    finally:
        convolutions.allow_tf32, products.allow_tf32 = was
