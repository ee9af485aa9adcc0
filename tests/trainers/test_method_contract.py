"""What holds for every row of METHODS, and that no knob of any piece is dead."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Generator, Tensor

from trainers.attacks import PGD, NoAttack
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.knobs import Knobs
from trainers.losses import TRADES, CrossEntropy
from trainers.methods import METHODS, Method, observe
from trainers.models import MLP, build_network
from trainers.optimizers import SGD, Adam
from trainers.records import canonical
from trainers.schedules import Cosine, Cyclic, Jump, Linear, Multiple, Piecewise, Ramp
from trainers.step import Batch, Net, Step
from trainers.subsets import All, Random, Ranked
from trainers.targets import Given
from trainers.trainer import Trainer
from trainers.weights import Uniform

Tiny = Callable[..., TrialConfig]
Bits = Callable[..., list[Tensor]]
Make = Callable[..., Trainer]
every_method = pytest.mark.parametrize("name", METHODS)
ROBUST = {"base": "pgd-at", "attack": {"epsilon": 0.1, "steps": 3}}


def equal(one: Any, other: Any) -> bool:
    """Bitwise equality of nested states, rows and arrays."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def differ(one: list[Tensor], other: list[Tensor]) -> bool:
    return not all(map(torch.equal, one, other))


# Contract


@every_method
def test_round_trips_through_its_dump_and_through_yaml(name: str) -> None:
    method = METHODS[name]
    assert Method.model_validate(method.model_dump()) == method
    assert Method.model_validate(yaml.safe_load(yaml.safe_dump(method.model_dump()))) == method
    assert TrialConfig.model_validate({"method": yaml.safe_load(canonical(method.model_dump()))}).method == method
    assert TrialConfig.model_validate({"method": name}).method == method


@every_method
def test_same_seed_same_bits_and_another_seed_others(tiny: Tiny, bits: Bits, name: str) -> None:
    torch.seed()  # whatever the process drew before
    first = bits(tiny(method=name))
    assert all(map(torch.equal, first, bits(tiny(method=name))))
    assert differ(first, bits(tiny(method=name, seed=1)))


@every_method
def test_the_loss_is_a_finite_scalar_and_every_parameter_is_reached(name: str) -> None:
    net = Net(build_network(MLP(hidden=(8,)), 1, 8, 10, (0.5,), (0.5,), 0).train())
    rng = Generator().manual_seed(0)
    batch = Batch(torch.rand(6, 1, 8, 8, generator=rng), torch.arange(6))
    loss, columns = METHODS[name](net, batch, rng)
    assert loss.shape == () and loss.isfinite()
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.module.parameters())
    assert all(values.shape == (6,) and not values.requires_grad for values in columns.values())
    assert ("kappa" in columns) == isinstance(METHODS[name].attack, PGD)


@every_method
def test_weights_average_one_where_there_are_any(name: str) -> None:
    logits = torch.randn(6, 10, generator=Generator().manual_seed(0))
    batch = Batch(torch.rand(6, 1, 8, 8), torch.arange(6))
    net = Net(build_network(MLP(hidden=(8,)), 1, 8, 10, (0.5,), (0.5,), 0))
    adversary = METHODS[name].attack(net, batch, Generator().manual_seed(0))
    weight = METHODS[name].weight(Step(batch, adversary, logits, logits, logits))
    if weight is not None:
        assert weight.shape == (6,) and not weight.requires_grad
        assert weight.mean().item() == pytest.approx(1)


def test_what_is_recorded_of_a_step() -> None:
    robust = torch.tensor([[0.0, 2.0], [0.0, 2.0]], requires_grad=True)
    batch = Batch(torch.zeros(2, 1, 2, 2), torch.tensor([1, 0]))
    columns = observe(Step(batch, NoAttack()(None, batch, None), None, robust, torch.tensor([[3.0, 4.0]] * 2)), None)  # type: ignore[arg-type]
    right = 1 / (1 + np.exp(-2))
    assert columns["correct"].tolist() == [True, False]
    assert columns["p_y"].tolist() == pytest.approx([right, 1 - right])
    assert columns["loss"].tolist() == pytest.approx([-np.log(right), -np.log(1 - right)])
    assert columns["feature_norm"].tolist() == [5.0, 5.0]
    assert columns.keys() == {"correct", "p_y", "loss", "feature_norm"}


# Stop and resume


def outcome(trainer: Trainer, config: TrialConfig, start: int, stop: int) -> list[Any]:
    """The rows and instance arrays of epochs start..stop - 1."""
    return [trainer.run_epoch(config.stage(epoch))[:2] for epoch in range(start, stop)]


@every_method
def test_stop_after_any_epoch_and_resume_from_a_file_is_never_stopping(
    tiny: Tiny, trainer: Make, name: str, tmp_path: Path
) -> None:
    config = tiny(method=name, epochs=3, data={"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1})
    whole = trainer(config)
    history = []
    for epoch in range(config.epochs):
        history += outcome(whole, config, epoch, epoch + 1)
        torch.save(whole.state_dict(), tmp_path / f"{epoch}.pt")
    for epoch in range(config.epochs):
        resumed = trainer(config)
        resumed.load_state_dict(torch.load(tmp_path / f"{epoch}.pt", weights_only=True))
        assert equal(outcome(resumed, config, epoch + 1, config.epochs), history[epoch + 1 :])
        assert equal(resumed.state_dict(), whole.state_dict())
        assert equal(resumed.final(), whole.final())


CONTINUE = """
import sys, torch, yaml
from trainers.config import TrialConfig
from trainers.data import prepare
from trainers.evaluate import Evaluation
from trainers.trainer import Trainer
config = TrialConfig.model_validate(yaml.safe_load(open("config.yaml")))
evaluation = Evaluation.model_validate(yaml.safe_load(open("evaluation.yaml")))
trainer = Trainer(config, evaluation, prepare(config.data.load(), config.data), None)
trainer.load_state_dict(torch.load("state.pt", weights_only=True))
row = trainer.run_epoch(config.stage(1)).row
torch.save({"state": trainer.state_dict(), "row": row}, "continued.pt")
"""


def test_another_process_continues_with_the_same_bits(tiny: Tiny, trainer: Make, tmp_path: Path) -> None:
    config, here = tiny(method=ROBUST), trainer(tiny(method=ROBUST))
    here.run_epoch(config.stage(0))
    torch.save(here.state_dict(), tmp_path / "state.pt")
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config.model_dump()))
    (tmp_path / "evaluation.yaml").write_text(yaml.safe_dump(here.evaluation.model_dump()))
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{CONTINUE}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    row = here.run_epoch(config.stage(1)).row
    there = torch.load(tmp_path / "continued.pt", weights_only=True)
    assert equal(there, {"state": here.state_dict(), "row": row})


# Liveness: every knob of every piece, moved, changes the trained bits

ALTERNATIVES: dict[type[Knobs], dict[str, Any]] = {
    PGD: {
        "epsilon": 0.05, "step_size": "epsilon/2", "steps": 4, "norm": "l2", "start": "normal", "ascend": "margin",
        "bn": "train", "keep": "worst", "restarts": 2,
    },
    TRADES: {"beta": 3.0},
    SGD: {"lr": 0.05, "weight_decay": 0.01, "momentum": 0.5, "nesterov": True},
    Adam: {"lr": 0.002, "weight_decay": 0.1},
    Piecewise: {"values": [0.1, 0.02], "drops": [2]},
    Linear: {"peak": 0.2, "per_step": True},
    Multiple: {"peak": 0.2},
    Cyclic: {"peak": 0.2, "per_step": False},
    Cosine: {"peak": 0.2, "per_step": True},
    Jump: {"peak": 0.2, "first": 2, "every": 2},
    Ramp: {"start": 0.01, "end": 0.01},
    Random: {"size": 30, "balance": "per_class", "seed": 7},
    Ranked: {
        "side": "problematic", "score": "difficulty", "size": 30, "balance": "per_class",
        "plus": {"classes": [0], "size": 1},
    },
    NoAttack: {}, CrossEntropy: {}, Uniform: {}, Given: {}, All: {},
}  # fmt: skip

# What else must be set for a knob to act, as changes of the piece or (model) of the trial.
SPECIAL: dict[tuple[type[Knobs], str], dict[str, Any]] = {
    (PGD, "bn"): {"model": {"name": "digits_cnn"}},  # acts on BN only
    (PGD, "keep"): {"step_size": "2*epsilon", "epsilon": 0.3},  # the last point is the worst unless steps overshoot
    (Jump, "every"): {"first": 1},  # acts on what follows the first drop
}
NEEDS_ANOTHER = {(Ranked, "band")}  # replaces size; tested below

PIECES: dict[str, Any] = {
    "attack": PGD(epsilon=0.1, steps=3),
    "loss": TRADES(beta=6.0),
    "sgd": SGD(lr=0.1),
    "adam": Adam(lr=0.001),
    "piecewise": Piecewise(values=(0.1, 0.01), drops=(1,)),
    "linear": Linear(peak=0.1),
    "multiple": Multiple(peak=0.1),
    "cyclic": Cyclic(peak=0.1),
    "cosine": Cosine(peak=0.1),
    "jump": Jump(peak=0.1, first=1, every=1),
    "ramp": Ramp(start=0.1, end=0.05),
    "random": Random(size=40),
    "ranked": Ranked(size=40),
}


def trial_with(tiny: Tiny, piece: Knobs, **changes: Any) -> TrialConfig:
    """A trial of three epochs that uses a piece where it belongs."""
    dumped = piece.model_dump()
    place: dict[str, Any] = {"method": ROBUST}
    if isinstance(piece, PGD):
        place = {"method": {"attack": dumped}}
    elif isinstance(piece, TRADES):
        place = {"method": {**METHODS["trades"].model_dump(), "loss": dumped}}
    elif isinstance(piece, SGD | Adam):
        place["optimizer"] = dumped
    elif isinstance(piece, Random | Ranked):
        place["subset"] = dumped
    else:
        place["optimizer"] = {"name": "sgd", "lr": dumped}
    return tiny(epochs=3, **place, **changes)


def knobs_of_all_pieces() -> list[Any]:
    return [
        pytest.param(piece, knob, id=f"{name}.{knob}")
        for name, piece in PIECES.items()
        for knob in type(piece).model_fields
        if knob != "name" and (type(piece), knob) not in NEEDS_ANOTHER
    ]


@pytest.fixture(scope="module")
def ranking() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"rank_{score}": rng.permutation(60) / 60 for score in ("instability", "difficulty")}


@pytest.mark.parametrize(("piece", "knob"), knobs_of_all_pieces())
def test_every_knob_of_every_piece_is_alive(
    tiny: Tiny, bits: Bits, ranking: dict[str, np.ndarray], piece: Any, knob: str
) -> None:
    special = dict(SPECIAL.get((type(piece), knob), {}))
    trial = {key: special.pop(key) for key in ("model",) if key in special}
    base = type(piece).model_validate(piece.model_dump() | special)
    moved = type(piece).model_validate(base.model_dump() | {knob: ALTERNATIVES[type(piece)][knob]})
    assert moved != base
    plain, changed = (bits(trial_with(tiny, each, **trial), ranking) for each in (base, moved))
    assert differ(plain, changed)


def test_the_band_is_alive(tiny: Tiny, bits: Bits, ranking: dict[str, np.ndarray]) -> None:
    bands = [Ranked(side="band", band=band) for band in ((0.0, 0.5), (0.1, 0.5), (0.0, 0.6))]
    low, raised, widened = (bits(trial_with(tiny, band), ranking) for band in bands)
    assert differ(low, raised) and differ(low, widened)


@every_method
def test_every_knob_of_a_row_is_known_to_the_test_above(name: str) -> None:
    for _, piece in METHODS[name]:
        assert set(type(piece).model_fields) - {"name"} == set(ALTERNATIVES[type(piece)])


def test_every_knob_of_a_trial_is_alive(tiny: Tiny, bits: Bits) -> None:
    base = bits(tiny(method=ROBUST, epochs=3))
    for change in (
        {"seed": 1},
        {"batch_size": 16},
        {"epochs": 4},
        {"model": {"name": "mlp", "hidden": [17]}},
        {"optimizer": {"name": "adam"}},
        {"subset": {"name": "random", "size": 40}},
        {"method": {**ROBUST, "loss": {"name": "trades"}}},
        {"method": {**ROBUST, "attack": {"name": "none"}}},
    ):
        other = bits(tiny(**{"method": ROBUST, "epochs": 3} | change))
        assert differ(base, other), change


@pytest.mark.parametrize(
    "change",
    [
        {"train": 50}, {"val": 70}, {"test": 70}, {"split_seed": 1}, {"label_noise": 0.2}, {"crop": 1}, {"flip": True},
    ],
    ids=str,
)  # fmt: skip
def test_every_knob_of_the_data_is_alive(tiny: Tiny, bits: Bits, change: dict[str, Any]) -> None:
    data = {"name": "digits", "train": 60, "val": 60, "test": 60}
    assert differ(bits(tiny(data=data)), bits(tiny(data=data | change)))


@pytest.mark.parametrize(
    ("given", "change"),
    [({"label_noise": 0.2}, {"noise_seed": 1}), ({"crop": 2}, {"padding": "reflect"})],
    ids=["noise_seed", "padding"],
)
def test_knobs_of_the_data_that_need_another(tiny: Tiny, bits: Bits, given: Any, change: Any) -> None:
    data = {"name": "digits", "train": 60, "val": 60, "test": 60} | given
    assert differ(bits(tiny(data=data)), bits(tiny(data=data | change)))


def test_every_knob_of_the_curve_is_alive(tiny: Tiny, trainer: Make) -> None:
    """The evaluation along training: each knob moves what is measured."""

    def measured(**changes: Any) -> list[float]:
        ready = trainer(tiny(), **{"epsilon": 0.15, "steps": 3} | changes)
        rows = [ready.run_epoch(tiny().stage(epoch)).row for epoch in range(2)]
        return [row.get(f"{split}_pgd_acc", -1.0) for row in rows for split in ("val", "test")]

    base = measured()
    alternatives = {"epsilon": 0.05, "norm": "l2", "steps": 1, "step_size": "epsilon/20", "every": 2}
    assert set(alternatives) == set(Evaluation.model_fields) - {"final"}
    for knob, value in alternatives.items():
        assert measured(**{knob: value}) != base, knob
