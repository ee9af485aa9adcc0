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

from trainers.attacks import PGD, Guide, NoAttack, Toward
from trainers.augmentation import View
from trainers.averaging import EMA, SWA
from trainers.awp import AWP
from trainers.config import TrialConfig
from trainers.evaluate import Evaluation
from trainers.free_at import Free
from trainers.gair_rst import GAIRRST
from trainers.iat import IAT
from trainers.knobs import Knobs
from trainers.losses import MART, TRADES, ConsistentCE, CrossEntropy, Guided, PriorCE
from trainers.method import Method, observe
from trainers.methods import METHODS, AnyMethod
from trainers.mma import MMA
from trainers.models import MLP, DigitsCNN, build_network
from trainers.optimizers import SGD, Adam
from trainers.plain_subsets import All, Random
from trainers.ranked_subsets import Ranked
from trainers.record_io import canonical
from trainers.schedules import Bend, Cosine, Cyclic, Jump, Line, Linear, Multiple, Piecewise, Ramp
from trainers.starts import Direction, Previous, Scaled
from trainers.state import InstanceState
from trainers.step import Adversary, Batch, Net, Step
from trainers.subsets import DropUnlearned
from trainers.targets import Given, RunningAverage, Smoothed
from trainers.trainer import Trainer
from trainers.weights import GAIR, Confidence, GAIRLinear, GAIRSigmoid, GAIRSteps, LossSize, Probability, Uniform

Tiny = Callable[..., TrialConfig]
Bits = Callable[..., list[Tensor]]
Make = Callable[..., Trainer]
every_method = pytest.mark.parametrize("name", METHODS)
ROBUST = {"base": "pgd-at", "attack": {"epsilon": 0.1, "steps": 3}}


def equal(one: Any, other: Any) -> bool:
    """Return whether nested states, rows and arrays are equal bit for bit."""
    if isinstance(one, Tensor):
        return torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)


def acting(name: str) -> AnyMethod:
    """Return a row as it acts at the end of training, when no burn-in holds it back."""
    method: AnyMethod = METHODS[name].at(98, 100)
    return method


@pytest.fixture
def batch() -> Batch:
    """Six training examples, one of each class 0..5, neither cropped nor mirrored."""
    rng = Generator().manual_seed(0)
    state = InstanceState(6, torch.device("cpu"))
    x = torch.rand(6, 1, 8, 8, generator=rng)
    return Batch(x, torch.arange(6), torch.arange(6), View(None, None, None, 0), state)


@pytest.fixture
def net() -> Net:
    return Net(build_network(MLP(hidden=(8,)), 1, 8, 10, (0.5,), (0.5,), 0).train())


def differ(one: list[Tensor], other: list[Tensor]) -> bool:
    return len(one) != len(other) or not all(map(torch.equal, one, other))


# Contract


@every_method
def test_method_round_trips_through_its_dump_and_through_yaml(name: str) -> None:
    method = METHODS[name]
    assert type(method).model_validate(method.model_dump()) == method
    assert (
        TrialConfig.model_validate(yaml.safe_load(yaml.safe_dump({"method": method.model_dump(mode="json")}))).method
        == method
    )
    assert TrialConfig.model_validate({"method": yaml.safe_load(canonical(method.model_dump()))}).method == method
    assert TrialConfig.model_validate({"method": name}).method == method


@every_method
def test_same_seed_same_bits_and_another_seed_others(tiny: Tiny, bits: Bits, name: str) -> None:
    torch.seed()  # whatever the process drew before
    first = bits(tiny(method=name))
    assert all(map(torch.equal, first, bits(tiny(method=name))))
    assert differ(first, bits(tiny(method=name, seed=1)))


@every_method
def test_each_loss_is_a_finite_scalar_and_every_parameter_is_reached(net: Net, batch: Batch, name: str) -> None:
    rng = Generator().manual_seed(0)
    for loss, columns in acting(name).losses(net, batch, rng):
        net.module.zero_grad()
        assert loss.shape == () and loss.isfinite()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in net.module.parameters())
        assert all(values.shape == (6,) and not values.requires_grad for values in columns.values())
        assert columns.keys() >= {"loss", "correct", "p_y", "feature_norm"}


def adversaries(name: str, net: Net, batch: Batch) -> tuple[Tensor, float | Tensor, str]:
    """Return what a row trains on, the budget it has, and the norm it is in."""
    method, seen = acting(name), []
    features_and_logits = net.features_and_logits

    def listening(x: Tensor) -> tuple[Tensor, Tensor]:
        if net.module.training and all(p.requires_grad for p in net.module.parameters()):
            seen.append(x.detach().clone())
        return features_and_logits(x)

    net.features_and_logits = listening  # type: ignore[method-assign]
    budget: float | Tensor = getattr(getattr(method, "attack", method), "epsilon", 0.0)  # type: ignore[arg-type]
    norm = getattr(getattr(method, "attack", method), "norm", "linf")
    if name == "n-fgsm":  # a step of epsilon from noise of twice epsilon, which is not projected
        budget = 3 * budget  # type: ignore[operator]
    for loss, columns in method.losses(net, batch, Generator().manual_seed(0)):
        loss.backward()
        if "epsilon" in columns:  # of each example's own; MMA looks a little beyond its hinge
            budget = 1.05 * 20 / 255 if isinstance(method, MMA) else columns["epsilon"].view(-1, 1, 1, 1)
    return torch.stack(seen), budget, norm


@every_method
def test_training_points_lie_within_epsilon_and_within_0_and_1(net: Net, batch: Batch, name: str) -> None:
    points, epsilon, norm = adversaries(name, net, batch)
    assert points.min() >= 0 and points.max() <= 1
    apart = points - batch.x
    far = apart.abs() if norm == "linf" else apart.flatten(2).norm(dim=2)
    assert (far <= torch.as_tensor(epsilon) + 1e-6).all()


@pytest.mark.parametrize("name", [name for name in METHODS if hasattr(METHODS[name], "attack")])
def test_the_attack_leaves_weights_statistics_gradients_and_mode_alone(batch: Batch, name: str) -> None:
    attack = getattr(acting(name), "attack")  # noqa: B009
    net = Net(build_network(DigitsCNN(), 1, 8, 10, (0.5,), (0.5,), 0).train())
    net(batch.x).sum().backward()
    before = [p.grad.clone() for p in net.module.parameters() if p.grad is not None]
    kept = {key: value.clone() for key, value in net.module.state_dict().items()}
    attack(net, batch, Generator().manual_seed(0))
    moved = {key for key, value in net.module.state_dict().items() if not torch.equal(value, kept[key])}
    statistics = {key for key in kept if "running" in key or "num_batches" in key}
    assert moved == (statistics if getattr(attack, "bn", "eval") == "train" else set())
    assert net.module.training and all(p.requires_grad for p in net.module.parameters())
    after = [p.grad for p in net.module.parameters() if p.grad is not None]
    assert equal(before, after)


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if isinstance(method, Method)])
def test_weights_average_one_where_there_are_any(net: Net, batch: Batch, name: str) -> None:
    method = acting(name)
    assert isinstance(method, Method)
    logits = torch.randn(6, 10, generator=Generator().manual_seed(0))
    step = Step(batch, method.attack(net, batch, Generator().manual_seed(0)), logits, logits, logits)
    weight = method.weight(step, method.target(step))
    if weight is not None:
        assert weight.shape == (6,) and not weight.requires_grad and (weight >= 0).all()
        assert weight.mean().item() == pytest.approx(1)


def test_columns_recorded_of_a_step() -> None:
    robust = torch.tensor([[0.0, 2.0], [0.0, 2.0]], requires_grad=True)
    batch = Batch(torch.zeros(2, 1, 2, 2), torch.tensor([1, 0]))
    step = Step(batch, Adversary(batch.x), None, robust, torch.tensor([[3.0, 4.0]] * 2))
    columns = observe(step, None, batch.y)
    right = 1 / (1 + np.exp(-2))
    assert columns["correct"].tolist() == [True, False]
    assert columns["p_y"].tolist() == pytest.approx([right, 1 - right])
    assert columns["loss"].tolist() == pytest.approx([-np.log(right), -np.log(1 - right)])
    assert columns["feature_norm"].tolist() == [5.0, 5.0]
    assert columns["entropy"].tolist() == pytest.approx([-right * np.log(right) - (1 - right) * np.log(1 - right)] * 2)
    assert columns.keys() == {"correct", "p_y", "loss", "entropy", "feature_norm"}
    soft = observe(step._replace(clean=robust), torch.ones(2), torch.tensor([[0.25, 0.75], [0.25, 0.75]]))
    assert soft["t_y"].tolist() == [0.75, 0.25] and soft["t_class"].tolist() == [1, 1]
    assert soft["t_max"].tolist() == [0.75, 0.75]  # as it is, where a weight by it averages one
    assert soft["t_correct"].tolist() == [True, True] and soft["t_clean_correct"].tolist() == [True, True]
    wrong = observe(step._replace(clean=robust.detach().flip(1)), None, torch.tensor([[0.25, 0.75]] * 2))
    assert wrong["t_correct"].tolist() == [True, True] and wrong["t_clean_correct"].tolist() == [False, False]
    assert soft["clean_correct"].tolist() == [True, False] and soft["weight"].tolist() == [1.0, 1.0]


# Stop and resume


def outcome(trainer: Trainer, config: TrialConfig, start: int, stop: int) -> list[Any]:
    """Return the rows and instance arrays of epochs start..stop - 1."""
    return [trainer.run_epoch(config.stage(epoch))[:2] for epoch in range(start, stop)]


@every_method
def test_resuming_from_a_file_after_any_epoch_equals_never_stopping(
    tiny: Tiny, trainer: Make, name: str, tmp_path: Path
) -> None:
    config = tiny(method=name, epochs=3, data={"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1})
    whole = trainer(config)
    history = []
    for epoch in range(config.epochs):
        history += outcome(whole, config, epoch, epoch + 1)
        torch.save(whole.state_dict(), tmp_path / f"{epoch}.pt")
    final = whole.final()
    for epoch in range(config.epochs):
        resumed = trainer(config)
        resumed.load_state_dict(torch.load(tmp_path / f"{epoch}.pt", weights_only=True))
        assert equal(outcome(resumed, config, epoch + 1, config.epochs), history[epoch + 1 :])
        assert equal(resumed.state_dict(), whole.state_dict())
        assert equal(resumed.final(), final)


CONTINUE = """
import sys, torch, yaml
from pathlib import Path
from trainers.config import TrialConfig
from trainers.data import prepare_data
from trainers.evaluate import Evaluation
from trainers.trainer import Trainer
for folder in sorted(path for path in Path().iterdir() if path.is_dir()):
    config = TrialConfig.model_validate(yaml.safe_load((folder / "config.yaml").read_text()))
    evaluation = Evaluation.model_validate(yaml.safe_load((folder / "evaluation.yaml").read_text()))
    trainer = Trainer(config, evaluation, prepare_data(config.data.load(), config.data), None)
    trainer.load_state_dict(torch.load(folder / "state.pt", weights_only=True))
    row = trainer.run_epoch(config.stage(1)).row
    torch.save({"state": trainer.state_dict(), "row": row}, folder / "continued.pt")
"""


@pytest.mark.long
def test_another_process_continues_every_method_with_the_same_bits(tiny: Tiny, trainer: Make, tmp_path: Path) -> None:
    """As each acts past its burn-in, on cropped images, with an averaged network: all that a state can hold."""
    crop = {"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 1}
    here: dict[str, Any] = {}
    for name in METHODS:
        config = tiny(method=acting(name).model_dump(), data=crop, average={"name": "ema", "momentum": 0.9})
        here[name] = trainer(config)
        here[name].run_epoch(config.stage(0))
        folder = tmp_path / name
        folder.mkdir()
        torch.save(here[name].state_dict(), folder / "state.pt")
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        (folder / "evaluation.yaml").write_text(yaml.safe_dump(here[name].evaluation.model_dump()))
    root = Path(__file__).parents[2]
    code = f"import sys; sys.path.insert(0, {str(root)!r})\n{CONTINUE}"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=240)
    for name, record in here.items():
        row = record.run_epoch(record.config.stage(1)).row
        there = torch.load(tmp_path / name / "continued.pt", weights_only=True)
        assert equal(there, {"state": record.state_dict(), "row": row}), name


# Liveness: every knob of every piece, moved, changes the trained bits

ALTERNATIVES: dict[type[Knobs], dict[str, Any]] = {
    PGD: {
        "epsilon": 0.05, "step_size": "epsilon/2", "steps": 4, "norm": "l2", "start": "normal", "ascend": "margin",
        "toward": {"label": 0, "instead": 1}, "bn": "train", "keep": "worst", "restarts": 2, "tau": 0, "jitter": 0.01,
        "geometry": "first_failure", "guide": {"distance": "l2"}, "project": False,
    },
    Guide: {"distance": "nuclear", "beta": 3.0, "alternate": False},
    Toward: {"label": 2, "instead": 3},
    Previous: {"fill": "uniform", "reset_every": 2, "half": True, "momentum": 0.9},
    Direction: {"length": 0.5},
    Scaled: {"noise": "bernoulli", "times": 2.0},
    IAT: {
        "epsilon": 0.05, "gamma": 0.05, "momentum": 0.5, "steps": 4, "least_step": 0.08, "burn_in": 2, "bn": "train",
        "warm_up": "gated",
    },
    TRADES: {"beta": 3.0},
    ConsistentCE: {"beta": 3.0},
    MART: {"beta": 3.0, "weighs": "kl"},
    Guided: {"distance": "nuclear", "beta": 3.0},
    PriorCE: {"beta": 3.0},
    GAIR: {"lam": 1.0, "burn_in": 1, "normalize": False},
    GAIRSigmoid: {"lam": 1.0, "burn_in": 1, "normalize": False},
    GAIRLinear: {"burn_in": 1, "normalize": False},
    GAIRSteps: {"values": [1.0, 0.1], "drops": [0.2], "burn_in": 1, "normalize": False},
    Probability: {"of": "clean", "which": "top", "detach": False, "burn_in": 1},
    LossSize: {"tilt": -1.0, "burn_in": 1},
    Smoothed: {"share": 0.3},
    RunningAverage: {"momentum": 0.5, "keep": 0.5, "burn_in": 1, "follow": "clean", "updates": "always"},
    AWP: {"gamma": 0.01, "burn_in": 1},
    EMA: {"momentum": 0.5, "burn_in": 1, "statistics": "recomputed"},
    SWA: {"burn_in": 1, "statistics": "averaged"},
    Free: {"epsilon": 0.05, "replays": 3},
    GAIRRST: {"attack": PGD(epsilon=0.05, steps=3), "beta": 3.0, "lam": 0.0, "burn_in": 1},
    MMA: {"d_max": 0.1, "least": 0.05, "clean": 0.5, "steps": 4, "step_size": "epsilon/2", "norm": "l2",
          "gate": "argmax"},
    SGD: {"lr": 0.05, "weight_decay": 0.01, "momentum": 0.5, "nesterov": True, "loss_scale": 0.5},
    Adam: {"lr": 0.002, "weight_decay": 0.1, "loss_scale": 0.5},
    Piecewise: {"values": [0.1, 0.02], "drops": [2]},
    Line: {"start": 0.2, "end": 0.01, "by": "50%"},
    Linear: {"peak": 0.2, "per_step": True},
    Multiple: {"peak": 0.2},
    Cyclic: {"peak": 0.2, "peak_at": "50%", "per_step": False},
    Cosine: {"peak": 0.2, "per_step": True},
    Jump: {"peak": 0.2, "first": 2, "every": 2},
    Ramp: {"start": 0.01, "end": 0.01},
    Bend: {"shares": [0, 0.6, 1], "values": [0.1, 0.3, 0.1]},
    Random: {"start": 1, "size": 30, "balance": "per_class", "seed": 7},
    Ranked: {"start": 1, "by": "self", "window": 1, "side": "problematic", "score": "difficulty", "size": 30,
             "balance": "per_class", "plus": {"classes": [0], "side": "problematic", "size": 1}},
    DropUnlearned: {"epoch": 2, "instead": "clean"},
    NoAttack: {}, CrossEntropy: {}, Uniform: {}, Given: {}, Confidence: {}, All: {},
}  # fmt: skip

OVERSHOOTING = {"step_size": "2*epsilon", "epsilon": 0.3}
# What else must be set for a knob to act, as changes of the piece or (model, method) of the trial.
SPECIAL: dict[tuple[type[Knobs], str], dict[str, Any]] = {
    (PGD, "bn"): {"model": {"name": "digits_cnn"}},  # acts on BN only
    (IAT, "bn"): {"model": {"name": "digits_cnn"}},
    (IAT, "warm_up"): {"burn_in": 1},
    (EMA, "statistics"): {"model": {"name": "digits_cnn"}},
    (SWA, "statistics"): {"model": {"name": "digits_cnn"}},
    (PGD, "keep"): OVERSHOOTING,  # the last point is the worst unless steps overshoot
    (PGD, "geometry"): OVERSHOOTING | {"method": {"weight": {"name": "gair", "burn_in": 0}}},  # only weights read kappa
    (MART, "weighs"): {"method": {"weight": {"name": "gair", "burn_in": 0}}},
    (RunningAverage, "updates"): {"burn_in": 1},
    (Ranked, "by"): {"start": 2},
    (Ranked, "window"): {"start": 2, "by": "self", "score": "difficulty"},
    (Jump, "every"): {"first": 1},  # acts on what follows the first drop
}
NEEDS_ANOTHER = {(Ranked, "band")}  # replaces size; tested below

PIECES: dict[str, Any] = {
    "pgd": PGD(epsilon=0.1, steps=3),
    "toward": Toward(label=0, instead=1),
    "previous": Previous(),
    "direction": Direction(length=0.1),
    "scaled": Scaled(times=0.5),
    "guide": Guide(),
    "iat": IAT(epsilon=0.1, gamma=0.02, steps=3, burn_in=0),
    "trades": TRADES(beta=6.0),
    "ce-kl": ConsistentCE(beta=6.0),
    "mart": MART(beta=5.0),
    "guided": Guided(),
    "ce-prior": PriorCE(),
    "gair": GAIR(burn_in=0),
    "gair-sigmoid": GAIRSigmoid(burn_in=0),
    "gair-linear": GAIRLinear(burn_in=0),
    "gair-steps": GAIRSteps(values=(1, 0.2), drops=(0.5,), burn_in=0),
    "probability": Probability(burn_in=0),
    "loss-size": LossSize(burn_in=0),
    "smoothed": Smoothed(),
    "running-average": RunningAverage(burn_in=0),
    "awp": AWP(),
    "ema": EMA(momentum=0.9),
    "swa": SWA(burn_in=2),
    "free": Free(epsilon=0.1, replays=2),
    "gair-rst": GAIRRST(attack=PGD(epsilon=0.1, steps=3, start="normal", ascend="kl"), burn_in=0),
    "mma": MMA(d_max=0.2, steps=3),
    "sgd": SGD(lr=0.1),
    "adam": Adam(lr=0.001),
    "piecewise": Piecewise(values=(0.1, 0.01), drops=(1,)),
    "line": Line(start=0.1, end=0.05),
    "linear": Linear(peak=0.1),
    "multiple": Multiple(peak=0.1),
    "cyclic": Cyclic(peak=0.1),
    "cosine": Cosine(peak=0.1),
    "jump": Jump(peak=0.1, first=1, every=1),
    "ramp": Ramp(start=0.1, end=0.05),
    "bend": Bend(shares=(0, 0.3, 1), values=(0.1, 0.2, 0.05)),
    "random": Random(size=40),
    "ranked": Ranked(size=40),
    "drop-unlearned": DropUnlearned(epoch=1),
}

PLACES: dict[type[Knobs], Callable[[Any], dict[str, Any]]] = {
    PGD: lambda piece: {"method": {"attack": piece}},
    IAT: lambda piece: {"method": {"attack": piece}},
    Toward: lambda piece: {"method": {"attack": {"epsilon": 0.1, "toward": piece}}},
    **dict.fromkeys(
        (Previous, Direction, Scaled),
        lambda piece: {"method": {"attack": {"epsilon": 0.1, "steps": 1, "start": piece}}},
    ),
    Guide: lambda piece: {"method": {"attack": {"epsilon": 0.1, "steps": 1, "guide": piece}}},
    Guided: lambda piece: {"method": ROBUST | {"loss": piece}},
    PriorCE: lambda piece: {"method": ROBUST | {"loss": piece}},
    TRADES: lambda piece: {"method": {"base": "trades", "loss": piece}},
    ConsistentCE: lambda piece: {"method": ROBUST | {"loss": piece}},
    MART: lambda piece: {"method": ROBUST | {"loss": piece}},
    **dict.fromkeys(
        (GAIR, GAIRSigmoid, GAIRLinear, GAIRSteps, Probability, LossSize),
        lambda piece: {"method": ROBUST | {"weight": piece}},
    ),
    **dict.fromkeys((Smoothed, RunningAverage), lambda piece: {"method": ROBUST | {"target": piece}}),
    AWP: lambda piece: {"method": ROBUST | {"awp": piece}},
    **dict.fromkeys((Free, GAIRRST), lambda piece: {"method": piece}),
    MMA: lambda piece: {"method": piece, "batch_size": 4},  # updates enough for probabilities above 1/2
    **dict.fromkeys((EMA, SWA), lambda piece: {"method": ROBUST, "average": piece}),
    **dict.fromkeys((SGD, Adam), lambda piece: {"method": ROBUST, "optimizer": piece}),
    **dict.fromkeys((Random, Ranked), lambda piece: {"method": ROBUST, "subset": piece}),
    # batches so small that an epoch learns some
    DropUnlearned: lambda piece: {"method": ROBUST, "subset": piece, "batch_size": 4},
}


def trial_with(tiny: Tiny, piece: Knobs, method: dict[str, Any] | None = None, **changes: Any) -> TrialConfig:
    """Return a trial of three epochs that uses a piece where it belongs."""
    place = PLACES.get(type(piece), lambda lr: {"method": ROBUST, "optimizer": {"name": "sgd", "lr": lr}})
    trial = place(piece.model_dump())
    return tiny(epochs=3, **trial | {"method": trial["method"] | (method or {})}, **changes)


def knobs_of_all_pieces() -> list[Any]:
    return [
        pytest.param(piece, knob, id=f"{name}.{knob}")
        for name, piece in PIECES.items()
        for knob in type(piece).model_fields
        if knob not in ("name", "kind") and (type(piece), knob) not in NEEDS_ANOTHER
    ]


@pytest.fixture(scope="module")
def ranking() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"rank_{score}": rng.permutation(60) / 60 for score in ("instability", "difficulty")}


@pytest.fixture(scope="module")
def plain_bits(bits: Bits) -> Bits:
    """Return the bits of a configuration that many others are compared with; train it once."""
    known: dict[str, list[Tensor]] = {}

    def trained_once(config: TrialConfig, ranking: dict[str, np.ndarray] | None = None) -> list[Tensor]:
        key = f"{ranking is None} {canonical(config.model_dump(mode='json'))}"
        if key not in known:
            known[key] = bits(config, ranking)
        return known[key]

    return trained_once


@pytest.mark.parametrize(("piece", "knob"), knobs_of_all_pieces())
def test_every_knob_of_every_piece_is_alive(
    tiny: Tiny, bits: Bits, plain_bits: Bits, ranking: dict[str, np.ndarray], piece: Any, knob: str
) -> None:
    special = dict(SPECIAL.get((type(piece), knob), {}))
    trial = {key: special.pop(key) for key in ("model", "method") if key in special}
    base = type(piece).model_validate(piece.model_dump() | special)
    moved = type(piece).model_validate(base.model_dump() | {knob: ALTERNATIVES[type(piece)][knob]})
    assert moved != base
    plain = plain_bits(trial_with(tiny, base, **trial), ranking)
    assert differ(plain, bits(trial_with(tiny, moved, **trial), ranking))


def test_the_band_is_alive(tiny: Tiny, bits: Bits, ranking: dict[str, np.ndarray]) -> None:
    bands = [Ranked(side="band", band=band) for band in ((0.0, 0.5), (0.1, 0.5), (0.0, 0.6))]
    low, raised, widened = (bits(trial_with(tiny, band), ranking) for band in bands)
    assert differ(low, raised) and differ(low, widened)


def pieces_in(piece: Knobs) -> list[Knobs]:
    return [piece, *(p for _, value in piece if isinstance(value, Knobs) for p in pieces_in(value))]


@every_method
def test_every_knob_of_a_row_is_known_to_the_test_above(name: str) -> None:
    for piece in pieces_in(METHODS[name]):
        if not isinstance(piece, Method):
            assert set(type(piece).model_fields) - {"name", "kind"} == set(ALTERNATIVES[type(piece)])


@pytest.mark.long
def test_every_knob_of_a_trial_is_alive(tiny: Tiny, bits: Bits) -> None:
    base = bits(tiny(method=ROBUST, epochs=3))
    for change in (
        {"seed": 1},
        {"batch_size": 16},
        {"batch_size": 59, "last_batch": "join"},
        {"epochs": 4},
        {"model": {"name": "mlp", "hidden": [17]}},
        {"optimizer": {"name": "adam"}},
        {"subset": {"name": "random", "size": 40}},
        {"average": {"name": "ema", "momentum": 0.5}},
        {"method": {**ROBUST, "loss": {"name": "trades"}}},
        {"method": {**ROBUST, "attack": {"name": "none"}}},
    ):
        other = bits(tiny(**{"method": ROBUST, "epochs": 3} | change))
        assert differ(base, other), change


@pytest.mark.parametrize(
    "change",
    [
        {"train": 50}, {"val": 70}, {"test": 70}, {"split_seed": 1}, {"label_noise": 0.2}, {"crop": 1}, {"flip": True},
        {"extra": {"name": "rest"}}, {"classes": [0, 1, 2, 3, 4]},
    ],
    ids=str,
)  # fmt: skip
def test_every_knob_of_the_data_is_alive(tiny: Tiny, bits: Bits, plain_bits: Bits, change: dict[str, Any]) -> None:
    data = {"name": "digits", "train": 60, "val": 60, "test": 60}
    assert differ(plain_bits(tiny(data=data)), bits(tiny(data=data | change)))


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
    others = {"start", "ascend", "final", "along", "min_perturbation", "test_losses", "train"}
    others |= {"train_losses", "loss_attacks", "entropy", "gradient_norm", "by_class"}
    others |= {"precision", "diagnostics"}  # in test_measuring_precision and test_diagnostics
    assert set(alternatives) == set(Evaluation.model_fields) - others
    noisy = {"epsilon": 0.3, "steps": 1, "step_size": "epsilon/20"}  # where it begins decides
    assert measured(start="none", **noisy) != measured(**noisy)
    weak = {"epsilon": 0.05, "steps": 1}  # where some withstand it
    assert measured(ascend="margin", **weak) != measured(**weak)
    for knob, value in alternatives.items():
        assert measured(**{knob: value}) != base, knob
