"""What a scaled loss does to an update, and that nothing else knows of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from trainers.config import TrialConfig
from trainers.optimizers import SGD, Adam
from trainers.trainer import Trainer

Tiny = Callable[..., TrialConfig]
Bits = Callable[..., list[Tensor]]
Make = Callable[..., Trainer]


@pytest.mark.long
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    power=st.integers(-8, 3), momentum=st.sampled_from([0, 0.9]), decay=st.sampled_from([0, 5e-4]),
    method=st.sampled_from(["pgd-at", "trades", "free-at", "mma"]),
)  # fmt: skip
def test_a_scaled_loss_is_another_rate_and_another_decay(
    tiny: Tiny, bits: Bits, power: int, momentum: float, decay: float, method: str
) -> None:
    """s g + d p = s (g + d / s p): for powers of two bit for bit, whatever the method."""
    scale = 2.0**power
    scaled = SGD(lr=0.1, weight_decay=decay, momentum=momentum, loss_scale=scale)
    plain = SGD(lr=0.1 * scale, weight_decay=decay / scale, momentum=momentum)
    one, other = (bits(tiny(method=method, optimizer=optimizer.model_dump())) for optimizer in (scaled, plain))
    assert all(map(torch.equal, one, other))


def test_recorded_loss_is_not_scaled(tiny: Tiny, trainer: Make) -> None:
    rows = []
    for scale in (1, 1 / 64):
        config = tiny(batch_size=60, optimizer={"name": "sgd", "loss_scale": scale})
        ready = trainer(config)
        rows.append([ready.run_epoch(config.stage(epoch)).row["train_loss"] for epoch in range(2)])
    assert rows[0][0] == rows[1][0] and rows[0][1] < rows[1][1]


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_scale_of_1_is_no_part_of_a_configuration(optimizer: Any) -> None:
    assert "loss_scale" not in optimizer(loss_scale=1).model_dump()
    assert optimizer(loss_scale="1/64").model_dump()["loss_scale"] == 1 / 64


@pytest.mark.parametrize("scale", [0, -1, "1/0"])
def test_a_loss_that_is_turned_around_or_off_is_refused(scale: Any) -> None:
    with pytest.raises(ValidationError, match="loss_scale"):
        SGD(loss_scale=scale)
