"""Whole trainings on the device of `fake_device`, and what crosses between it and the host in each of their phases.

`python -m tests.trainers.device_cases FILE NAME…` runs them in a process of their own, and writes the answers as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor

from search.store.checkpoint_writer import copy_to_cpu
from tests.trainers import fake_device
from tests.trainers.fake_device import FakeDevice
from trainers import accuracy, examples, measure, trainer
from trainers.config import Compute, TrialConfig
from trainers.data import prepare_data, to_pixels
from trainers.evaluate import Evaluation
from trainers.methods import METHODS
from trainers.sources import Digits
from trainers.trainer import Trainer

DIGITS = {"name": "digits", "train": 70, "val": 30, "test": 60, "crop": 1, "flip": True}
BASE: dict[str, Any] = {
    "data": DIGITS,
    "model": {"name": "mlp", "hidden": [16]},
    "batch_size": 32,  # three steps an epoch
    "epochs": 2,
    "compute": {"precision": "bf16"},
}
CNN = {"model": {"name": "digits_cnn"}}  # for what acts on BatchNorm
STEPS = {"name": "gair-steps", "values": [2, 1], "drops": [0.5], "burn_in": 0}


def pgd(**knobs: Any) -> dict[str, Any]:
    return {"method": {"base": "pgd-at", "attack": knobs}}


VARIANTS: dict[str, dict[str, Any]] = {
    "awp": CNN | {"method": {"base": "trades", "awp": {"gamma": 0.005}}},
    "restarts": pgd(restarts=2),
    "keep worst": pgd(keep="worst", restarts=2),
    "image first": pgd(geometry="image_first"),
    "first failure": pgd(geometry="first_failure"),
    "jitter": pgd(jitter=0.01),
    "direction": pgd(start={"name": "direction", "length": 0.5}),
    "kl": pgd(ascend="kl", start="normal"),
    "margin in l2": pgd(ascend="margin", norm="l2", epsilon=1.0, step_size=0.2),
    "fat to the end": {"method": {"base": "fat", "attack": {"tau": 10}}},
    "fat, first failure": {"method": {"base": "fat", "attack": {"tau": 1, "geometry": "first_failure"}}},
    "previous start in half": {"method": {"base": "atta", "attack": {"start": {"name": "previous", "half": True}}}},
    "smoothed": {"method": {"target": {"name": "smoothed"}}},
    "follow start": {"method": {"target": {"name": "running-average", "follow": "start", "burn_in": 0}}},
    "updates always": {"method": {"target": {"name": "running-average", "updates": "always", "burn_in": 1}}},
    "gair-steps": {"method": {"weight": STEPS}},
    "gair-sigmoid": {"method": {"weight": {"name": "gair-sigmoid", "burn_in": 0}}},
    "gair-linear": {"method": {"weight": {"name": "gair-linear", "burn_in": 0}}},
    "loss-size": {"method": {"weight": {"name": "loss-size", "burn_in": 0}}},
    "gated iat": {"method": {"attack": {"name": "iat", "warm_up": "gated"}}},
    "drop unlearned": {"subset": {"name": "drop-unlearned", "epoch": 1}, "optimizer": {"name": "sgd", "lr": 0.1}},
    "clean unlearned": {"subset": {"name": "drop-unlearned", "epoch": 1, "instead": "clean"}},
    "random subset": {"subset": {"name": "random", "size": 40}},
    "ema": CNN | {"average": {"name": "ema", "momentum": 0.9}},
    "ema, the network's statistics": CNN | {"average": {"name": "ema", "momentum": 0.9, "statistics": "network"}},
    "swa": CNN | {"average": {"name": "swa", "burn_in": 0}},
    "pool": {"data": DIGITS | {"extra": {"name": "rest"}}},
    "pool, an epoch of train": {"data": DIGITS | {"extra": {"name": "rest", "epoch_of": "train"}}},
    "reflect": {"data": DIGITS | {"padding": "reflect"}},
    "adam": {"optimizer": {"name": "adam", "lr": 0.001}},
    "last batch joined": {"last_batch": "join"},
    "exact": CNN | {"compute": {"precision": "fp32"}},
    "no validation": {"data": DIGITS | {"val": 0}},
    "convolutional": CNN,
    "everything measured": {},
}
CASES = {name: {"method": METHODS[name].at(98, 100).model_dump()} for name in METHODS} | VARIANTS
USUAL = Evaluation.model_validate({"epsilon": 0.1, "steps": 2, "final": {"pgd3": {"name": "pgd", "steps": 3}}})
EVERYTHING = Evaluation.model_validate({
    "epsilon": 0.1, "steps": 2, "train": True, "entropy": True, "gradient_norm": True, "test_losses": True,
    "train_losses": True, "by_class": True, "along": {"some": {"name": "fgsm", "images": 20}},
    "min_perturbation": {"limit": 4 / 255},
    "final": {"worst": {"name": "pgd", "steps": 3, "keep": "worst", "restarts": 2}},
})  # fmt: skip


# Two mistakes, in the conversion of a batch's images


def reads_back(x: Tensor) -> Tensor:
    return to_pixels(x) if bool(x.any()) else x.float()


def mixes_devices(x: Tensor) -> Tensor:
    return x.float() / torch.full((1, 1, 1, 1), 255.0)


MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {"reads back": reads_back, "mixes devices": mixes_devices}


def run_case(name: str, device: FakeDevice | None) -> list[Any]:
    """Train a case, stopped after its first epoch and resumed; return its rows, arrays and final records."""
    phase: Callable[[str], None] = device.enter if device else lambda name: None
    config = TrialConfig.model_validate(BASE | CASES.get(name, {}))
    evaluation, data = USUAL, prepare_data(SOURCE, config.data)
    if name == "everything measured":
        evaluation, data = EVERYTHING, replace(data, corrupted={"fog": data.test})
    out: list[Any] = []
    phase("start")
    first = Trainer(config, evaluation, data, None)
    out += _epoch(first, phase)
    phase("save")
    state = copy_to_cpu(first.state_dict())
    phase("start")
    second = Trainer(config, evaluation, data, None)
    phase("load")
    second.load_state_dict(state)
    out += _epoch(second, phase)
    phase("final")
    return [*out, *second.final()]


def _epoch(ready: Trainer, phase: Callable[[str], None]) -> list[Any]:
    ready.on_batch = lambda done, batches: phase("step" if done < batches else "end of epoch")
    phase("first step")
    epoch = ready.run_epoch(ready.config.stage(ready.epoch))
    return [epoch.row, epoch.instances]


def answer(name: str) -> dict[str, Any]:
    """Run a case on the CPU and on the device; say how the latter ended, and what crossed in each of its phases."""
    device = FakeDevice()
    changed = MISTAKES.get(name)
    with mock.patch.object(examples, "to_pixels", changed or to_pixels):
        try:
            with device, _resolved():
                there = run_case(name, device)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"[:400], "same": False, "phases": device.phases}
        return {"error": None, "same": _plain(there) == _plain(run_case(name, None)), "phases": device.phases}


@contextmanager
def _resolved() -> Iterator[None]:
    """Resolve settings to the device, which no configuration can name."""
    resolved = Compute.resolved

    def on_device(compute: Compute, cuda: bool) -> Compute:
        return resolved(compute, cuda).model_copy(update={"device": fake_device.NAME})

    with mock.patch.object(Compute, "resolved", on_device):
        yield


def _plain(value: Any) -> Any:
    """Return a value as something that compares by bits."""
    if isinstance(value, np.ndarray):
        return str(value.dtype), value.tobytes()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


SOURCE = Digits().load()


def main(path: str, *names: str) -> None:
    fake_device.register([trainer, accuracy, measure])
    torch.set_num_threads(1)
    Path(path).write_text(json.dumps({name: answer(name) for name in names}))


if __name__ == "__main__":
    main(*sys.argv[1:])
