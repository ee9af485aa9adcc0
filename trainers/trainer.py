"""The shared trainer: runs one stage at a time on the state left by the one before, and measures what it leaves.

It knows nothing of sweeps. Randomness comes from (seed, epoch, purpose) alone, so the state after epoch e is a pure
function of stages 0..e on a given machine kind.
"""

from __future__ import annotations

import os
import time
from copy import deepcopy
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.attacks import NoAttack
from trainers.config import Stage, TrialConfig
from trainers.data import Data, augment, pixels
from trainers.evaluate import Evaluation, accuracy, undisturbed
from trainers.methods import Columns
from trainers.models import build_network
from trainers.recording import Arrays, compact, metrics_of, peak_memory
from trainers.records import Row
from trainers.step import Batch, Net
from trainers.subsets import Ranking


class Diverged(Exception):
    """The loss is not finite: an outcome of the trial, not a fault of the program."""

    def __init__(self, epoch: int, why: str) -> None:
        super().__init__(f"epoch {epoch}: {why}")
        self.epoch, self.why = epoch, why


class Epoch(NamedTuple):
    """What an epoch leaves: the row (the same bits however it came about), per-instance arrays (N,), its cost."""

    row: Row
    instances: Arrays
    cost: Row


class Trainer:
    """One trial's network, optimiser and best checkpoint, moved on by run_epoch."""

    def __init__(
        self,
        config: TrialConfig,
        evaluation: Evaluation,
        data: Data,
        ranking: Ranking | None,
        threads: int = 1,
    ) -> None:
        self.config, self.evaluation, self.ranking = config, evaluation, ranking
        compute = config.compute.resolved(torch.cuda.is_available())
        configure(compute.deterministic, threads)
        self.device = torch.device(compute.device)
        self.data = data
        self.train, self.val, self.test = (s.to(self.device) for s in (data.train, data.val, data.test))
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
        convolutional = any(parameter.ndim == 4 for parameter in module.parameters())
        self.format = torch.channels_last if compute.channels_last and convolutional else torch.contiguous_format
        self.net = Net(module.to(memory_format=self.format), str(compute.precision), bool(compute.compile))
        self.optimizer = config.optimizer.build(module.parameters())
        self.epoch = 0
        self.best: dict[str, Any] | None = None  # epoch, metrics and weights where val_pgd_acc was highest
        self.last: Row = {}

    def run_epoch(self, stage: Stage) -> Epoch:
        """Train one stage and measure if one is due.

        Raises Diverged where the loss is not finite, and ValueError where the subset does not fit the data.
        """
        if stage.epoch != self.epoch:
            raise ValueError(f"the next stage is that of epoch {self.epoch}; got that of epoch {stage.epoch}")
        due = self.evaluation.due(self.epoch, self.config.epochs)
        began = time.perf_counter()
        row, instances = self._train(stage, due)
        trained = time.perf_counter()
        if due and not all(bool(p.isfinite().all()) for p in self.net.module.parameters()):
            raise Diverged(self.epoch, "weights are not finite after the last update")
        if due:
            row |= self._measure()
        self.epoch += 1
        self.last = row
        if due and (self.best is None or row["val_pgd_acc"] > self.best["row"]["val_pgd_acc"]):
            self.best = {"row": row, "model": deepcopy(self.net.module.state_dict())}
        seconds = trained - began
        cost = {
            "epoch": stage.epoch,
            "seconds": seconds,
            "evaluate_seconds": time.perf_counter() - trained,
            "images_per_s": row["examples"] / seconds,
            "peak_memory": peak_memory(self.device),
        }
        return Epoch(row, instances, cost)

    def _train(self, stage: Stage, due: bool) -> tuple[Row, Arrays]:
        active = self.selected(stage)
        order = torch.randperm(len(active), generator=self._rng("order", "cpu"))
        batches = active[order].to(self.device).split(stage.batch_size)
        augmenting, attacking = self._rng("augment"), self._rng("attack")
        torch.manual_seed(derived(stage.seed, stage.epoch, "layers"))
        self.net.module.train()
        self.net.forwards = self.net.backwards = 0
        losses, clean = [], torch.zeros((), dtype=torch.long, device=self.device)
        columns: Columns = {}
        for i, rows in enumerate(batches):
            batch = self._batch(rows, augmenting)
            if due:
                clean += self._clean_correct(batch)
            for group in self.optimizer.param_groups:
                group["lr"] = stage.optimizer.lr_at(i, len(batches))
            loss, observed = stage.method(self.net, batch, attacking)
            self.net.backwards += 1
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            losses.append(loss.detach())
            for name, values in observed.items():
                column = columns.setdefault(name, torch.zeros(len(self.train), dtype=values.dtype, device=self.device))
                column[rows] = values
        mean = self._mean_loss(torch.stack(losses), [len(rows) for rows in batches])
        row = {
            "epoch": stage.epoch,
            "lr": stage.optimizer.lr_at(0, len(batches)),
            "train_loss": mean,
            "examples": len(active),
            "updates": len(batches),
            "forwards": self.net.forwards,
            "backwards": self.net.backwards,
        }
        seen = active.to(self.device)
        if due:
            row["train_clean_acc"] = int(clean) / len(active)
        if not isinstance(stage.method.attack, NoAttack):
            row["train_robust_acc"] = int(columns["correct"][seen].sum()) / len(active)
        if "kappa" in columns:
            row["kappa_mean"] = float(columns["kappa"][seen].double().mean())
            row["kappa_median"] = float(columns["kappa"][seen].median())
        if "weight" in columns:
            row["weight_min"], row["weight_max"] = (float(v) for v in columns["weight"][seen].aminmax())
        return row, compact(columns, active.numpy())

    def _mean_loss(self, losses: Tensor, sizes: list[int]) -> float:
        """The epoch's mean loss; raises Diverged naming the first batch that was not finite."""
        bad = (~losses.isfinite()).nonzero()  # looked at once an epoch: a look at each batch would stall a GPU
        if len(bad):
            raise Diverged(self.epoch, f"loss is {losses[int(bad[0])].item()} at batch {int(bad[0])}")
        return float(losses.double().cpu() @ torch.tensor(sizes, dtype=torch.float64)) / sum(sizes)

    def _batch(self, rows: Tensor, rng: Generator) -> Batch:
        x, _ = augment(self.train.x[rows], self.config.data, rng)
        return Batch(pixels(x).contiguous(memory_format=self.format), self.train.y[rows])

    @torch.no_grad()
    def _clean_correct(self, batch: Batch) -> Tensor:
        passes = self.net.forwards
        with self.net.attacked("eval"):
            right = (self.net(batch.x).argmax(1) == batch.y).sum()
        self.net.forwards = passes  # a measurement, no part of the method's cost
        return right

    def selected(self, stage: Stage) -> Tensor:
        """The positions of the training examples that a stage uses, ascending."""
        mask = stage.subset.select(self.data.train.y.numpy(), self.ranking, stage.seed)
        return torch.from_numpy(np.flatnonzero(mask))

    def _measure(self) -> Row:
        seed = derived(self.config.seed, self.epoch, "evaluate")
        along = self.evaluation.along()
        return {
            f"{name}_{kind}_acc": accuracy(self.net, split, attack, seed)
            for name, split in (("val", self.val), ("test", self.test))
            for kind, attack in (("clean", None), ("pgd", along))
        }

    def final(self) -> tuple[dict[str, Row], np.ndarray]:
        """The metrics of the best and the last checkpoint under the final attacks, and clean p_y at the best, (N,)."""
        last = self.net.module.state_dict()
        last = {key: value.clone() for key, value in last.items()}
        metrics = {"last": metrics_of(self.last) | self._attacked()}
        if self.best is None or self.best["row"]["epoch"] == self.last["epoch"]:
            metrics["best"] = dict(metrics["last"])
            p_y = self._clean_p_y()
        else:
            self.net.module.load_state_dict(self.best["model"])
            metrics["best"] = metrics_of(self.best["row"]) | self._attacked()
            p_y = self._clean_p_y()
            self.net.module.load_state_dict(last)
        return metrics, p_y

    def _attacked(self) -> Row:
        seed = derived(self.config.seed, self.config.epochs, "final")
        epsilon, norm = self.evaluation.epsilon, self.evaluation.norm
        return {
            f"test_{name}_acc": attack.measure(self.net, self.test, epsilon, norm, seed)
            for name, attack in self.evaluation.final.items()
        }

    @torch.no_grad()
    def _clean_p_y(self) -> np.ndarray:
        with undisturbed(self.net, 0):
            parts = [
                self.net(pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
                for x, y in zip(self.train.x.split(512), self.train.y.split(512), strict=True)
            ]
        return torch.cat(parts).cpu().numpy().astype(np.float16)

    def _rng(self, purpose: str, device: str | None = None) -> Generator:
        rng = Generator(device or self.device)
        return rng.manual_seed(derived(self.config.seed, self.epoch, purpose))

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on, as tensors and plain values."""
        return {
            "epoch": self.epoch,
            "model": self.net.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "last": self.last,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.net.module.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch, self.best, self.last = state["epoch"], state["best"], state["last"]


def derived(seed: int, epoch: int, purpose: str) -> int:
    """An independent seed for each (seed, epoch, purpose)."""
    return int.from_bytes(sha256(f"{seed}|{epoch}|{purpose}".encode()).digest()[:7])


def configure(deterministic: bool, threads: int) -> None:
    """Set what the process shares: threads (their number moves bits) and kernels whose bits do not vary."""
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # 3 % of a step, and nothing reads such memory
    torch.backends.cudnn.benchmark = not deterministic
