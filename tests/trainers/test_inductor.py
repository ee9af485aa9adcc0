"""Trainings compiled by Inductor have the same bits wherever they are resumed."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.trainers.compiling import announced, images, network
from trainers.config import TrialConfig
from trainers.data import prepare_data
from trainers.evaluate import Evaluation
from trainers.trainer import Trainer


def begun(seed: int = 0) -> Trainer:
    """Return a friendly adversarial training of three epochs, compiled by Inductor."""
    trial = {
        "data": {"name": "digits", "train": 84, "val": 60, "test": 60},
        "model": {"name": "digits_cnn"},
        "method": {"base": "fat", "attack": {"tau": 0}},
        "batch_size": 32,
        "epochs": 3,
        "seed": seed,
        "compute": {"compile": True},
    }
    config = TrialConfig.model_validate(trial)
    return Trainer(config, Evaluation(steps=2, final={}), prepare_data(config.data.load(), config.data), None)


def finish(trainer: Trainer, folder: Path, name: str) -> None:
    """Train to the end, and leave the state of each epoch as `name` and its number."""
    for epoch in range(trainer.epoch, trainer.config.epochs):
        trainer.run_epoch(trainer.config.stage(epoch))
        torch.save(trainer.state_dict(), folder / f"{name}{trainer.epoch}")


def resume(folder: Path) -> None:
    """Meet the smallest sizes first, then train another seed, then go on from the first epoch of the whole training."""
    other = begun(seed=1)
    other.net.expect_batches([32, 32, 20])
    for size in (3, 20, 32):
        with other.net.attacked("eval"):
            x = images(size).requires_grad_()
            other.net.input_gradient(other.net(x).sum(1), x)
        other.net.module.train()
        other.net(images(size)).sum().backward()
    finish(begun(seed=1), folder, "other")
    resumed = begun()
    resumed.load_state_dict(torch.load(io.BytesIO((folder / "whole1").read_bytes()), weights_only=True))
    finish(resumed, folder, "resumed")


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_inductor_gives_a_resumed_training_in_another_process_the_same_bits(tmp_path: Path) -> None:
    """Whatever that process compiled, and in whatever order."""
    for what in ("finish(begun(), folder, 'whole')", "resume(folder)"):
        code = f"from pathlib import Path; from {__name__} import *; folder = Path({str(tmp_path)!r}); {what}"
        subprocess.run([sys.executable, "-c", code], check=True, timeout=1200)
    whole, resumed, other = (
        torch.load(tmp_path / name, weights_only=True)["model"] for name in ("whole3", "resumed3", "other3")
    )
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not any(torch.equal(whole[name], other[name]) for name in whole if name.endswith("weight"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_inductor_takes_the_mode_of_cuda_graphs_on_a_cpu_too() -> None:
    """There it replays nothing; what is done around a replay is the same."""
    torch._dynamo.reset()
    module = network().double().eval()
    passes = announced(module, 8, 5, replayed=True)
    for count in (8, 5, 8, 2):
        x = images(count).double().requires_grad_()
        found, expected = (
            torch.autograd.grad(run(x)[1].logsumexp(1).sum(), x) for run in (passes, module.features_and_logits)
        )
        torch.testing.assert_close(found, expected)
