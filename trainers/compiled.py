"""torch.compile as trainings use it: a graph for each batch size, and a private folder of what was compiled."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakSet

import torch
from torch import Tensor
from torch.nn.functional import pad

from trainers.models.network import Network

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
PARTS = 4  # of a batch: fewer examples in eval mode are filled up to the next part
MOST_SIZES = 8  # batch sizes of epochs that a process keeps graphs of
MOST_NETWORKS = 64  # whose weights' addresses CUDA graphs hold: torch replays nothing any more from 128 on, silently
MOST_GRAPHS = 128  # for these sizes, in train and eval mode, with and without gradients: far fewer are expected


class CompiledPasses:
    """The pass of a network through torch.compile, each batch size in a graph of its own.

    A graph serves one size, so its bits do not depend on the sizes that came before. `expect` says which sizes an epoch
    has. In train mode these sizes have graphs; any other size runs eagerly, as BatchNorm would count what fills a batch
    up. In eval mode examples do not depend on each other: fewer examples than a batch, such as those with which an
    attack goes on, are filled up with zeros to a quarter, a half, three quarters or all of a batch. Without `expect`
    every size has its graph.

    The process keeps the graphs for later networks of the same kind, so that only the first one waits for compilation.
    On a CUDA device each graph is replayed as a CUDA graph.
    """

    def __init__(self, module: Network, precision: str, replayed: bool | None = None) -> None:
        """Take the network's place; `replayed` says whether CUDA graphs are replayed, None: on a CUDA device."""
        set_cache_folder()
        self._module = module
        self._kind = f"{precision} {describe_network(module)}"
        self._sizes: frozenset[int] = frozenset()  # of the epoch's batches
        self._fillings: list[int] = []  # sizes to which a batch in eval mode is filled up, ascending
        self._replayed = next(module.parameters()).is_cuda if replayed is None else replayed
        mode = "reduce-overhead" if self._replayed else None
        self._graphs = torch.compile(module.features_and_logits, dynamic=False, mode=mode)
        # by default torch runs eagerly from the ninth graph on, so that bits would depend on which came first
        self._limits = torch._dynamo.config.patch(recompile_limit=MOST_GRAPHS, fail_on_recompile_limit_hit=True)
        self._pending: WeakSet[_Pass] = WeakSet()  # passes whose backward has not begun
        _KEPT.make_room(self._kind)

    def expect(self, sizes: Sequence[int]) -> None:
        """Prepare for an epoch whose batches have these sizes; all but the last are equal."""
        _KEPT.make_room(self._kind, sizes, networks=int(self._replayed and not self._sizes))
        self._sizes = frozenset(sizes)
        self._fillings = sorted({-(-sizes[0] * part // PARTS) for part in range(1, PARTS + 1)} | {max(sizes)})

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return penultimate activations and logits, (B, channels, H, W) -> (B, F), (B, C).

        Raises RuntimeError if the passes differ in more ways than graphs are kept of.
        """
        size, training = len(x), self._module.training
        if training and self._sizes and size not in self._sizes:
            return self._module.features_and_logits(x)
        filled = size if training else next((filling for filling in self._fillings if filling >= size), size)
        if filled == size:
            return self._run(x)
        features, logits = self._run(pad(x, (0, 0, 0, 0, 0, 0, 0, filled - size)))
        return features[:size], logits[:size]

    def _run(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self._replayed and not self._pending:
            torch.compiler.cudagraph_mark_step_begin()  # this replay may overwrite the activations of those before
        _KEPT.note(x, self._module.training)
        try:
            with self._limits:
                features, logits = self._graphs(x)
        except torch._dynamo.exc.FailOnRecompileLimitHit as error:
            raise RuntimeError(_KEPT.explain()) from error
        if not self._replayed:
            return features, logits
        this = _Pass()
        self._pending.add(this)
        return _Copies.apply(features, logits, this, self._pending)  # type: ignore[no-any-return, no-untyped-call]


class _Pass:
    """A pass through the network; the autograd graph of its outputs alone holds it."""


class _Copies(torch.autograd.Function):
    """Copies of what a CUDA graph returned, as its next replay overwrites that; notes when the backward begins."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, logits: Tensor, this: _Pass, pending: WeakSet[_Pass]) -> tuple[Tensor, ...]:
        ctx.this, ctx.pending = this, pending
        ctx.set_materialize_grads(False)
        return features.clone(), logits.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.pending.discard(ctx.this)
        return *gradients, None, None


class _Kept:
    """What the graphs of this process were made for; torch keeps them by the code that they run, not by the network."""

    def __init__(self) -> None:
        self.kind, self.whole = "", 0
        self.networks = 0  # for which CUDA graphs may be recorded
        self.sizes: set[int] = set()
        self.passes: set[tuple[object, ...]] = set()

    def make_room(self, kind: str, sizes: Sequence[int] = (), networks: int = 0) -> None:
        """Drop all graphs, unless they are of this kind of network and batch, of few sizes and of few networks."""
        whole = sizes[0] if sizes else self.whole
        many = len(self.sizes.union(sizes)) > MOST_SIZES or self.networks + networks > MOST_NETWORKS
        if many or (kind, whole) != (self.kind, self.whole):
            torch._dynamo.reset()
            self.kind, self.whole, self.networks, self.sizes, self.passes = kind, whole, 0, set(), set()
        self.sizes.update(sizes)
        self.networks += networks

    def note(self, x: Tensor, training: bool) -> None:
        """Remember in what ways the passes differ."""
        self.passes.add((len(x), x.stride(), training, torch.is_grad_enabled(), x.requires_grad))

    def explain(self) -> str:
        """Return the message for more graphs than are kept."""
        names = ("batch size", "strides", "train mode", "gradients", "gradient of the image")
        seen = (sorted(map(str, set(values))) for values in zip(*self.passes, strict=True))
        varied = "; ".join(f"{name} {', '.join(values)}" for name, values in zip(names, seen, strict=True))
        return (
            f"torch.compile: a network has {MOST_GRAPHS} graphs, the most that are kept, and its next pass differs "
            f"from all of them. Passes so far: {varied}. TORCH_LOGS=recompiles says what each graph was made for; "
            "`compute: {compile: false}` trains without graphs"
        )


_KEPT = _Kept()


def describe_network(module: Network) -> str:
    """Return what a network's graphs depend on: its layers, and shape, layout, type and device of its tensors."""
    tensors = module.state_dict().items()
    return f"{module} {[(name, *t.shape, *t.stride(), t.dtype, t.device) for name, t in tensors]}"


def count_graphs() -> int:
    """Return how many graphs torch.compile has made in this process."""
    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


def set_cache_folder() -> None:
    """Set the environment variable TORCHINDUCTOR_CACHE_DIR, unless the user has set it.

    torch's default is torchinductor_USER in the folder for temporary files, which any user can create first. This
    folder, beside it, is created with mode 0700. All workers of a node and later processes of the user share it. If
    another user created it first, this process gets a folder of its own.
    """
    named = os.environ.get(VARIABLE)
    default = os.path.join(tempfile.gettempdir(), "torchinductor_")  # torch itself sets it once an optimiser is made
    if named and not named.startswith(default):
        return
    folder = Path(tempfile.gettempdir(), f"torchinductor-{os.geteuid()}")
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        folder = Path(tempfile.mkdtemp(prefix=f"{folder.name}-"))
    os.environ[VARIABLE] = str(folder)
