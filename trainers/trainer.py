"""The trainer of all methods: runs one stage at a time on the state that the stage before left, and measures it.

The trainer knows nothing of sweeps. Randomness comes from (seed, epoch, purpose) alone, so the state after epoch e is
a pure function of stages 0..e on a given kind of machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Set
from copy import deepcopy
from hashlib import sha256
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor

from trainers.averaging import AveragedWeights, temporary_weights
from trainers.best import replaces_best
from trainers.checkpoints import Weights, set_weights
from trainers.config import Stage, TrialConfig
from trainers.data import Data
from trainers.diagnostics.moments import Subject
from trainers.evaluate import Evaluation
from trainers.examples import Examples, Recall, explain_single_example
from trainers.measure import (
    NotFinite,
    accuracy_by_class,
    arrays_at_best,
    attacked_test_images,
    evaluate_epoch,
    evaluate_final,
    evaluate_further,
    evaluate_training,
    loss_by_example,
)
from trainers.models import build_network, needs_two_examples
from trainers.plain_subsets import Ranking
from trainers.recording import Arrays, Log, metrics_of, peak_memory, reset_peak_memory
from trainers.records import ByClass, CheckpointRecord, CostRecord, EpochRecord
from trainers.saved_bytes import choose_measured_batch, count_saved_bytes
from trainers.scores import UNSEEN
from trainers.step import Batch, Net
from trainers.verdict_log import VerdictLog


class Diverged(Exception):
    """The loss, the weights or the predictions are not finite: an outcome of the trial, not an error in the program."""

    def __init__(self, epoch: int, why: str) -> None:
        super().__init__(f"epoch {epoch}: {why}")
        self.epoch, self.why = epoch, why


class Epoch(NamedTuple):
    """The records of an epoch: its row and per-example arrays (N,), both the same bits in every run, and its cost."""

    row: EpochRecord
    instances: Arrays
    cost: CostRecord


class Trainer:
    """The network, optimiser, memory of examples and best checkpoint of one trial; run_epoch trains them."""

    def __init__(
        self,
        config: TrialConfig,
        evaluation: Evaluation,
        data: Data,
        ranking: Ranking | None,
        threads: int = 1,
        weights: Weights | None = None,
    ) -> None:
        """Start from `weights`, or from fresh ones if None. Raises CheckpointError if they do not fit the network."""
        self.config = config
        compute = config.compute.resolved(torch.cuda.is_available())
        self.evaluation = evaluation.resolved(compute.device, compute.precision)
        configure(compute.deterministic, threads)
        self.device = torch.device(compute.device)
        reset_peak_memory(self.device)  # a worker trains one trial after another
        self.data = data
        channels, size = data.train.x.shape[1], data.train.x.shape[2]
        module = build_network(
            config.model,
            channels,
            size,
            data.classes,
            data.mean,
            data.std,
            derived(config.seed, 0, "initial weights"),
        ).to(self.device)
        if weights is not None:
            set_weights(module, weights)
        convolutional = any(parameter.ndim == 4 for parameter in module.parameters())
        layout = torch.channels_last if compute.channels_last and convolutional else torch.contiguous_format
        self._needs_two = needs_two_examples(config.model, channels, size, data.classes)
        self.net = Net(module.to(memory_format=layout), str(compute.precision), bool(compute.compile))
        per_image = count_saved_bytes(config.model, channels, size, data.classes)
        width = 0.5 if compute.precision == "bf16" else 1.0  # of what training keeps
        self.net.measured_at_once = choose_measured_batch(per_image, width * config.batch_size * config.method.graphs)
        self.examples = Examples(data, config.data, ranking, self.device, layout)
        splits = {"val": data.val} if len(data.val) else {}
        splits = {name: split.to(self.device) for name, split in (splits | {"test": data.test}).items()}
        # corrupted images go to the device one after the other as they are measured: they are as many as train
        self.splits = splits | {f"test_{name}": split for name, split in data.corrupted.items()}
        self.optimizer = config.optimizer.build(module.parameters())
        self.mean: AveragedWeights | None = None  # of the weights, if they are averaged
        self.on_batch: Callable[[int, int], None] = lambda done, batches: None  # called after each batch
        self.epoch = 0
        self.best: dict[str, Any] | None = None  # metrics and weights of the best epoch, if validation chose any
        self.last: EpochRecord = {}

    def run_epoch(self, stage: Stage, recall: Recall | None = None) -> Epoch:
        """Train one stage, and measure if a measurement is due.

        `recall` is asked where a subset is chosen by the training's own record, and returns that of the epochs so far.
        Raises Diverged if the loss, the weights or the predictions are not finite, and ValueError if the subset does
        not fit the data.
        """
        if stage.epoch != self.epoch:
            raise ValueError(f"the next stage is that of epoch {self.epoch}; got that of epoch {stage.epoch}")
        due, first = self.evaluation.due(self.epoch, self.config.epochs), self.config.select_from
        began = time.perf_counter()
        row, instances = self._train(stage, due, recall)
        trained = time.perf_counter()
        if due and not torch.stack([p.isfinite().all() for p in self.net.module.parameters()]).all():
            raise Diverged(self.epoch, "weights are not finite after the last update")
        if due:
            seed = derived(stage.seed, stage.epoch, "evaluate")
            with temporary_weights(self.net.module, self.measured_state()):
                row |= self._evaluate_epoch(seed, instances)
                if self.evaluation.train:
                    seen = instances["correct"] != UNSEEN
                    instances["withstood"] = evaluate_training(
                        self.net, self.evaluation, self.examples.training_split, seen, seed
                    )
                    row["train_pgd_acc"] = float(instances["withstood"][seen].mean())
                instances |= loss_by_example(self.net, self.evaluation, self.splits, self.examples.training_split, seed)
        self.epoch += 1
        self.last = row
        if first == stage.epoch and first:  # epochs before it equal those of a training that selects from its first
            row["select_from"] = first
        if replaces_best(row, self.best and self.best["row"], first):
            self.best = {"row": row, "model": deepcopy(self.measured_state() or self.net.module.state_dict())}
        seconds = trained - began
        cost: CostRecord = {
            "epoch": stage.epoch,
            "seconds": seconds,
            "evaluate_seconds": time.perf_counter() - trained,
            "images_per_s": row["examples"] / seconds,
            "peak_memory": peak_memory(self.device),
        }
        return Epoch(row, instances, cost)

    def _evaluate_epoch(self, seed: int, instances: Arrays) -> EpochRecord:
        try:
            row, verdicts = evaluate_epoch(self.net, self.evaluation, self.splits, seed)
        except NotFinite as error:
            raise Diverged(self.epoch, str(error)) from None
        attacks = self.evaluation.due_along(self.epoch, self.config.epochs)
        further, further_verdicts = evaluate_further(self.net, self.evaluation, self.splits["test"], attacks, seed)
        if self.evaluation.by_class:
            instances |= accuracy_by_class(verdicts | further_verdicts, self.data.classes)
        return row | further

    def diagnose(self) -> Arrays:
        """Return the diagnostics that are due after the last epoch trained, (1, ...) each; empty if none is.

        The training goes on as if nothing had been measured.
        """
        epoch, epochs = self.epoch - 1, self.config.epochs
        if not self.evaluation.diagnostics.due(epoch, epochs):
            return {}
        with temporary_weights(self.net.module, self.measured_state()):
            return self.evaluation.diagnostics.measure(self._subject(epoch), epoch, epochs)

    def list_diagnosed_examples(self) -> Arrays:
        """Return the examples that the diagnostics of the study look at."""
        return self.evaluation.diagnostics.list_examples(self._subject(0))

    def _subject(self, epoch: int) -> Subject:
        evaluation, seed = self.evaluation, derived(self.config.seed, epoch, "diagnostics")
        train, test = self.examples.training_split, self.splits["test"]
        return Subject(self.net, train, test, evaluation.epsilon, evaluation.norm, evaluation.pgd(), seed)

    def _train(self, stage: Stage, due: bool, recall: Recall | None) -> tuple[EpochRecord, Arrays]:
        batches = self.examples.draw_batches(stage, self.examples.select(stage, recall), self._rng("order", "cpu"))
        if min(map(len, batches)) == 1 and self._needs_two:
            raise ValueError(explain_single_example(stage, self.config.model.name))
        self.net.expect_batches([len(rows) for rows in batches])
        augmenting, attacking = self._rng("augment"), self._rng("attack")
        torch.manual_seed(derived(stage.seed, stage.epoch, "layers"))
        average, unrecorded = stage.average, self.evaluation.unrecorded()
        if average is not None and self.mean is None:
            self.mean = AveragedWeights.from_network(self.net.module)
        self.net.module.train()
        self.net.forwards = self.net.backwards = 0
        losses, sizes, log = [], [], Log(len(self.examples))
        for i, rows in enumerate(batches):
            batch = self.examples.load_batch(rows, augmenting)._replace(number=i)
            if due:
                log.add_clean(rows, self._clean_correct(batch))
            for group in self.optimizer.param_groups:
                group["lr"] = stage.optimizer.lr_at(i, len(batches))
            for loss, observed in stage.method.losses(self.net, batch, attacking):
                self._update(stage.optimizer.loss_scale * loss, len(rows))
                losses.append(loss.detach())
                sizes.append(len(rows))
                log.add(rows, {name: column for name, column in observed.items() if name not in unrecorded})
            if self.mean and average and average.every_batch:
                self.mean.update(self.net.module, average)
            self.on_batch(i + 1, len(batches))
        if self.mean and average and not average.every_batch:
            self.mean.update(self.net.module, average)
        if self.mean and average and average.statistics == "recomputed":
            self._recompute(self.mean, batches)
        row: EpochRecord = {
            "epoch": stage.epoch,
            "lr": stage.optimizer.lr_at(0, len(batches)),
            "train_loss": self._mean_loss(torch.stack(losses), sizes),
            "examples": sum(sizes),
            "updates": len(sizes),
            "forwards": self.net.forwards,
            "backwards": self.net.backwards,
        }
        observations = log.gathered()
        self.examples.record_correct(observations.visited, observations.columns["correct"])
        return (
            row | observations.summary(self.examples.n, stage.method.adversarial),
            observations.arrays(self.examples.n),
        )

    def _recompute(self, mean: AveragedWeights, batches: list[Tensor]) -> None:
        """Measure the BatchNorm statistics of the averaged weights on the epoch's images, augmented anew."""
        viewing = self._rng("statistics")
        torch.manual_seed(derived(self.config.seed, self.epoch, "statistics"))  # for layers that draw, such as dropout
        images = (self.examples.load_batch(rows, viewing).x for rows in batches)
        self.net.forwards += mean.recompute(self.net.module, images)

    def _update(self, loss: Tensor, examples: int) -> None:
        self.net.backwards += examples
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _mean_loss(self, losses: Tensor, sizes: list[int]) -> float:
        """Return the mean loss of the epoch. Raises Diverged, naming the first update whose loss is not finite."""
        bad = (~losses.isfinite()).nonzero()  # once an epoch: reading it after each batch would stall a GPU
        if len(bad):
            raise Diverged(self.epoch, f"loss is {losses[int(bad[0])].item()} at update {int(bad[0])}")
        return float(losses.double().cpu() @ torch.tensor(sizes, dtype=torch.float64)) / sum(sizes)

    @torch.no_grad()
    def _clean_correct(self, batch: Batch) -> Tensor:
        passes = self.net.forwards
        with self.net.attacked("eval"):
            right = self.net(batch.x).argmax(1) == batch.y
        self.net.forwards = passes  # a measurement is no part of the method's cost
        return right

    def selected(self, stage: Stage) -> Tensor:
        """Return the positions of the training examples that a stage uses, ascending."""
        return self.examples.select(stage)

    def final(
        self, log: VerdictLog | None = None, postponed: Set[str] = frozenset()
    ) -> tuple[dict[str, CheckpointRecord], dict[str, ByClass], Arrays]:
        """Measure the last and the best checkpoint under the final attacks.

        Return the metrics of both, the same by class, and the arrays of the best checkpoint. Without validation there
        is no best checkpoint. `log` keeps what AutoAttack finds, and what it has is not found again. `postponed`:
        attacks for the front that do not run.
        """
        with temporary_weights(self.net.module, self.measured_state()):
            last, classes = self._evaluate_final(self.last, log, postponed)
        attacked = attacked_test_images(self.evaluation, self.splits["test"])
        if self.best is None:
            return {"last": last}, {"last": classes}, attacked
        other = self.best if self.best["row"]["epoch"] != self.last["epoch"] else None
        with temporary_weights(self.net.module, other["model"] if other else self.measured_state()):
            best, best_classes = self._evaluate_final(other["row"], log, postponed) if other else (last.copy(), classes)
            arrays = arrays_at_best(self.net, self.evaluation, self.examples.training_split)
        return {"last": last, "best": best}, {"last": classes, "best": best_classes}, arrays | attacked

    def _evaluate_final(
        self, row: EpochRecord, log: VerdictLog | None, postponed: Set[str]
    ) -> tuple[CheckpointRecord, ByClass]:
        seed = derived(self.config.seed, self.config.epochs, "final")
        metrics, classes = evaluate_final(self.net, self.evaluation, self.splits, seed, log, postponed)
        return metrics_of(row) | metrics, classes

    def measured_state(self) -> Weights | None:
        """Return the weights that are measured, or None if they are the network's own."""
        return self.mean.state if self.mean else None

    def _rng(self, purpose: str, device: str | None = None) -> Generator:
        rng = Generator(device or self.device)
        return rng.manual_seed(derived(self.config.seed, self.epoch, purpose))

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next epoch depends on, as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "model": self.net.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "examples": self.examples.state.state_dict(),
            "measured": self.measured_state(),
            "averaged": self.mean.count if self.mean else 0,
            "best": self.best,
            "last": self.last,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state_dict` returned."""
        self.net.module.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.examples.state.load_state_dict(state["examples"])
        mean = {name: value.to(self.device, copy=True) for name, value in (state["measured"] or {}).items()}
        self.mean = AveragedWeights(mean, state["averaged"]) if mean else None
        self.epoch, self.best, self.last = state["epoch"], state["best"], state["last"]


def derived(seed: int, epoch: int, purpose: str) -> int:
    """Return an independent seed for each (seed, epoch, purpose)."""
    return int.from_bytes(sha256(f"{seed}|{epoch}|{purpose}".encode()).digest()[:7])


def configure(deterministic: bool, threads: int) -> None:
    """Set the number of threads of the process, on which bits depend, and choose kernels whose bits do not vary."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)  # also those that torch.compile chooses
    if "TORCHINDUCTOR_COMPILE_THREADS" not in os.environ:
        torch._inductor.config.compile_threads = threads  # else one for each CPU, in each of a node's trials
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # 3 % of a step, and nothing reads such memory
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.allow_tf32 = False  # fp32 is exact; bf16 is the fast one
