"""What must hold on a GPU; run with -m gpu where there is one."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from trainers.attack_runs import PGDAttack
from trainers.attacks import PGD
from trainers.compiled import count_graphs
from trainers.config import Compute, TrialConfig
from trainers.data import Data, to_pixels
from trainers.evaluate import Evaluation
from trainers.methods import METHODS
from trainers.step import Batch, Net
from trainers.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing of a GPU was checked"),
]


Digits = Callable[[TrialConfig], Data]


def begun(digits: Digits, model: str = "digits_cnn", method: str = "pgd-at", **compute: object) -> Trainer:
    acting = METHODS[method].at(98, 100)  # past its burn-in
    trial = {"model": {"name": model}, "method": acting.model_dump(), "epochs": 3, "compute": compute}
    config = TrialConfig.model_validate(trial)
    evaluation = Evaluation(epsilon=0.1, final={"pgd20": PGDAttack(steps=20)})
    return Trainer(config, evaluation, digits(config), None)


def finished(trainer: Trainer) -> Trainer:
    for epoch in range(trainer.epoch, trainer.config.epochs):
        trainer.run_epoch(trainer.config.stage(epoch))
    return trainer


def trained(digits: Digits, **knobs: Any) -> Trainer:
    return finished(begun(digits, **knobs))


def test_the_fast_settings_are_the_default() -> None:
    compute = Compute().resolved(cuda=True)
    assert (compute.device, compute.precision, compute.channels_last, compute.compile) == ("cuda", "bf16", True, True)


@pytest.mark.parametrize("compute", [{"device": "cuda"}, {"device": "cuda", "precision": "fp32", "compile": False}])
def test_the_same_seed_gives_the_same_bits(digits: Digits, compute: dict[str, object]) -> None:
    assert same(trained(digits, **compute), trained(digits, **compute))


def same(one: Trainer, other: Trainer) -> bool:
    states = (each.net.module.state_dict().values() for each in (one, other))
    return one.last == other.last and all(torch.equal(a, b) for a, b in zip(*states, strict=True))


@pytest.mark.parametrize("model", ["digits_cnn", "small_cnn"])
@pytest.mark.parametrize("method", METHODS)
def test_training_on_a_gpu_has_the_same_bits_after_a_resume_or_another_training(
    digits: Digits, model: str, method: str
) -> None:
    """Compiled, in bf16: graphs must not hang on what the process trained before, nor on the epoch it began at."""
    whole = trained(digits, model=model, method=method, device="cuda")
    first = begun(digits, model=model, method=method, device="cuda")
    first.run_epoch(first.config.stage(0))
    buffer = io.BytesIO()
    torch.save(first.state_dict(), buffer)
    trained(digits, model="mlp", method="fat", device="cuda")
    resumed = begun(digits, model=model, method=method, device="cuda")
    resumed.load_state_dict(torch.load(io.BytesIO(buffer.getvalue()), weights_only=True))
    assert same(finished(resumed), whole)


@pytest.mark.parametrize("method", ["pgd-at", "trades", "fat", "free-at", "mma"])
def test_a_second_training_replays_the_graphs_of_the_first(digits: Digits, method: str) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    trained(digits, method=method, device="cuda")
    made = count_graphs()
    trained(digits, method=method, device="cuda")
    assert 0 < count_graphs() == made
    assert not torch._dynamo.utils.counters["inductor"]["cudagraph_skips"]


def test_bf16_learns_as_fp32_does(digits: Digits) -> None:
    fast, exact = trained(digits, device="cuda"), trained(digits, device="cuda", precision="fp32", compile=False)
    assert abs(fast.last["val_pgd_acc"] - exact.last["val_pgd_acc"]) < 0.05


def test_kl_attack_in_bf16_takes_nearly_the_first_step_of_fp32(digits: Digits) -> None:
    """By TF32, which is off again afterwards: of the steps in bf16 alone two of five would be others."""
    trainer = trained(digits, method="trades", device="cuda", compile=False)
    test = trainer.splits["test"]
    batch = Batch(to_pixels(test.x), test.y)
    once = PGD(epsilon=0.1, ascend="kl", start="normal", steps=1)
    nets = (Net(trainer.net.module, precision) for precision in ("bf16", "fp32"))
    bf16, fp32 = (once(net, batch, torch.Generator("cuda").manual_seed(0)).x for net in nets)
    assert float((bf16 == fp32).float().mean()) > 0.8
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
