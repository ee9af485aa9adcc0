"""What must hold on a GPU; run with -m gpu where there is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from trainers.config import Compute, TrialConfig
from trainers.data import Data
from trainers.evaluate import Evaluation, PGDAttack
from trainers.trainer import Trainer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: nothing of a GPU was checked"),
]


Digits = Callable[[TrialConfig], Data]


def trained(digits: Digits, **compute: object) -> Trainer:
    config = TrialConfig.model_validate(
        {"model": {"name": "digits_cnn"}, "method": {"attack": {"epsilon": 0.1}}, "epochs": 3, "compute": compute}
    )
    evaluation = Evaluation(epsilon=0.1, final={"pgd20": PGDAttack(steps=20)})
    trainer = Trainer(config, evaluation, digits(config), None)
    for epoch in range(config.epochs):
        trainer.run_epoch(config.stage(epoch))
    return trainer


def test_the_fast_settings_are_the_default() -> None:
    it = Compute().resolved(cuda=True)
    assert (it.device, it.precision, it.channels_last, it.compile) == ("cuda", "bf16", True, True)


@pytest.mark.parametrize("compute", [{"device": "cuda"}, {"device": "cuda", "precision": "fp32", "compile": False}])
def test_the_same_seed_gives_the_same_bits(digits: Digits, compute: dict[str, object]) -> None:
    one, other = trained(digits, **compute), trained(digits, **compute)
    assert one.last == other.last
    for a, b in zip(one.net.module.parameters(), other.net.module.parameters(), strict=True):
        assert torch.equal(a, b)


def test_bf16_learns_as_fp32_does(digits: Digits) -> None:
    fast, exact = trained(digits, device="cuda"), trained(digits, device="cuda", precision="fp32", compile=False)
    assert abs(fast.last["val_pgd_acc"] - exact.last["val_pgd_acc"]) < 0.05
