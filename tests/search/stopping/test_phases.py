"""Phases of schedules and methods, against known ones."""

from __future__ import annotations

from typing import Any

import pytest

from search.stopping.phases import _switches, phases
from trainers.config import TrialConfig
from trainers.methods import METHODS


def of(epochs: int = 100, lr: object = None, **trial: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    optimizer = {} if lr is None else {"optimizer": {"name": "sgd", "lr": lr}}
    found = phases(TrialConfig.model_validate({"epochs": epochs} | optimizer | trial))
    return found.drops, found.switches


@pytest.mark.parametrize(
    ("lr", "drops"),
    [
        ({"name": "piecewise", "values": [0.1, 0.01, 0.001], "drops": [50, 75]}, (50, 75)),
        ({"name": "piecewise", "values": [0.1, 0.01, 0.001], "drops": [0.5, 0.75]}, (50, 75)),
        ({"name": "piecewise", "values": [0.1, 0.05, 0.025], "drops": [50, 51]}, (50, 51)),
        ({"name": "piecewise", "values": [0.01, 0.1, 0.05], "drops": [5, 60]}, (60,)),  # a rise is no drop
        ({"name": "jump", "peak": 0.1, "first": 40, "every": 30}, (40, 70)),
        (0.01, ()),
        # without a drop: where the rate falls below a tenth of its peak
        ({"name": "piecewise", "values": [0.1, 0.06, 0.04, 0.03], "drops": [20, 40, 60]}, ()),
        ({"name": "cosine", "peak": 0.1}, (80,)),  # (1 + cos(pi t / T)) / 2 < 0.1 from 79.5 % on
        ({"name": "cyclic", "peak": 0.2}, (94,)),  # 0.2 (1 - t) / 0.6 in the midst of epoch 94 is below 0.02
        ({"name": "linear", "peak": 0.1}, (67,)),
        ({"name": "multiple", "peak": 0.1}, (90,)),  # from 0.02 to 0.01; the falls before it are smaller than half
    ],
)
def test_drops_are_falls_to_half_from_or_to_a_constant_rate(lr: object, drops: tuple[int, ...]) -> None:
    assert of(lr=lr) == (drops, ())


@pytest.mark.parametrize(
    ("trial", "switches"),
    [
        ({"method": "pgd-at"}, ()),
        ({"method": "gairat"}, (50,)),  # its burn-in
        ({"method": "iat"}, (5,)),
        ({"method": {"base": "trades", "awp": {"burn_in": 7}}}, (7,)),
        ({"subset": {"name": "drop-unlearned", "epoch": "40%"}}, (40,)),  # partial early stopping
        ({"average": {"name": "swa"}}, (50,)),
        ({"average": {"name": "ema"}}, ()),  # from the first epoch on
        ({"method": "atta"}, ()),  # draws its perturbations anew in every tenth epoch
        ({"method": {"base": "trades", "loss": {"beta": {"name": "line", "start": 0, "end": 6}}}}, ()),  # ever moving
        ({"method": {"base": "trades", "loss": {"beta": {"name": "piecewise", "values": [1, 6], "drops": [1]}}}}, (1,)),
        ({"method": {"base": "gairat", "weight": {"lam": {"name": "line", "start": 1, "end": -1}}}}, (50,)),
    ],
)
def test_switches_are_where_method_subset_or_average_change(trial: Any, switches: tuple[int, ...]) -> None:
    assert of(lr=0.1, **trial) == ((), switches)


@pytest.mark.parametrize("method", METHODS)
def test_pieces_are_constant_within_a_phase(method: str) -> None:
    """Between two bounds, the pieces of all stages have the same names."""
    config = TrialConfig.model_validate({"method": method, "epochs": 40})
    found = phases(config)

    def form(epoch: int) -> tuple[object, ...]:
        stage = config.stage(epoch)
        pieces = stage.method.model_dump()
        return (
            stage.optimizer.lr,
            pieces["kind"],
            [(k, v.get("name")) for k, v in pieces.items() if isinstance(v, dict)],
        )

    for epoch in range(1, 40):
        if form(epoch) != form(epoch - 1):
            assert epoch in found.bounds


def test_shared_pieces_are_examined_once() -> None:
    config = TrialConfig.model_validate({"method": "gair-fat", "epochs": 400, "seed": 1})
    phases(config)
    before = _switches.cache_info().misses
    for seed in range(100):
        phases(config.model_copy(update={"seed": seed}))
    assert _switches.cache_info().misses == before


def test_phase_of_an_epoch_begins_at_the_last_bound() -> None:
    found = phases(TrialConfig.model_validate({"method": "iat", "epochs": 100}))
    assert found.bounds == (5, 50, 75) and found.first == 5
    assert [found.since(epoch) for epoch in (0, 4, 5, 49, 50, 99)] == [0, 0, 5, 5, 50, 75]
    still = phases(TrialConfig.model_validate({"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": 9}))
    assert still.bounds == () and still.first == 9 and still.since(8) == 0
