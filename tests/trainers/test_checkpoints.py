"""Checkpoints to start from: which weights a file gives, and what is said of files that give none."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from trainers.checkpoints import CheckpointError, StartFrom, extract_weights, load_weights, set_weights
from trainers.config import TrialConfig
from trainers.models import MLP, DigitsCNN, build_network
from trainers.trainer import Trainer

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
Weights = dict[str, Tensor]


def network(model: Any = None, seed: int = 0, classes: int = 10, side: int = 8) -> Any:
    return build_network(model or MLP(hidden=(16,)), 1, side, classes, (0.5,), (0.5,), seed)


def same(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.fixture(params=["raw", "averaged"])
def training(request: Any, tiny: Tiny, trained: Make) -> Trainer:
    """A training whose best epoch is not its last, with and without averaged weights."""
    average = {"name": "ema", "momentum": 0.5} if request.param == "averaged" else None
    after = trained(tiny(epochs=8, optimizer={"name": "sgd", "lr": 0.5}, average=average))
    assert after.best is not None and after.best["row"]["epoch"] < 7
    return after


def stored(content: Any, folder: Path) -> Path:
    torch.save(content, folder / "state.pt")
    return folder / "state.pt"


# What a file gives


def test_checkpoint_of_a_training_gives_the_measured_weights(training: Trainer, tmp_path: Path) -> None:
    path = stored(training.state_dict(), tmp_path)
    assert training.best is not None
    assert same(load_weights(path, "best"), training.best["model"])
    assert same(load_weights(path, "last"), training.measured_state() or training.net.module.state_dict())
    assert not same(load_weights(path, "best"), load_weights(path, "last"))


@pytest.mark.parametrize("which", ["best", "last"])
def test_a_training_starts_there_and_otherwise_afresh(
    tiny: Tiny, trainer: Make, training: Trainer, tmp_path: Path, which: str
) -> None:
    weights = load_weights(stored(training.state_dict(), tmp_path), which)
    plain = trainer(tiny())
    ready = Trainer(tiny(), plain.evaluation, plain.data, None, weights=weights)
    assert same(ready.net.module.state_dict(), weights)
    assert (ready.epoch, ready.best, ready.mean) == (0, None, None)
    assert not ready.optimizer.state and not ready.examples.state.columns


def test_bare_state_dict_is_loaded_unchanged(tmp_path: Path) -> None:
    own = network().state_dict()
    assert all(same(load_weights(stored(own, tmp_path), which), own) for which in ("best", "last"))
    assert same(load_weights(stored({"state_dict": own, "epoch": 3}, tmp_path), "best"), own)


def test_the_prefix_of_data_parallel_is_dropped(tmp_path: Path) -> None:
    own = network().state_dict()
    prefixed = {f"module.{name}": value for name, value in own.items()}
    assert same(load_weights(stored(prefixed, tmp_path), "best"), own)


def test_the_statistics_of_the_data_may_be_missing() -> None:
    """Those of a network from elsewhere; ours stay."""
    there, here = network(seed=1), network(seed=0)
    weights = {name: value for name, value in there.state_dict().items() if name not in ("mean", "std")}
    here.normalize((0.25,), (0.125,))
    set_weights(here, weights)
    assert here.mean.item() == 0.25 and here.std.item() == 0.125
    assert all(torch.equal(here.state_dict()[name], value) for name, value in weights.items())


def test_starting_from_weights_is_training_on_from_them(tiny: Tiny, trainer: Make, trained: Make) -> None:
    """With an optimiser without memory it is the second half of a longer training."""
    optimizer = {"name": "sgd", "lr": 0.1, "momentum": 0.0}
    half = trained(tiny(epochs=1, optimizer=optimizer)).net.module.state_dict()
    whole, plain = trainer(tiny(epochs=2, optimizer=optimizer)), trainer(tiny())
    resumed = Trainer(whole.config, plain.evaluation, plain.data, None, weights=half)
    for epoch in range(2):
        whole.run_epoch(whole.config.stage(epoch))
    resumed.epoch = 1
    resumed.run_epoch(whole.config.stage(1))
    assert same(resumed.net.module.state_dict(), whole.net.module.state_dict())


def test_best_is_the_default() -> None:
    assert StartFrom(path="x.pt").weights == "best"


# Another architecture


@pytest.mark.parametrize(
    ("there", "here", "complaint"),
    [
        (network(MLP(hidden=(8,))), network(), r"in another shape body\.1\.weight \(8, 64\) for \(16, 64\)"),
        (network(classes=4), network(), r"in another shape head\.weight \(4, 16\) for \(10, 16\)"),
        (network(DigitsCNN()), network(), r"has besides body\.0\.weight, .* and \d+ more"),
        (network(MLP(hidden=(16, 16))), network(), r"has besides body\.3\.weight, body\.3\.bias"),
        (network(), network(MLP(hidden=(16, 16))), r"lacks body\.3\.weight"),
    ],
)
def test_another_architecture_is_refused_by_name(there: Any, here: Any, complaint: str) -> None:
    before = {name: value.clone() for name, value in here.state_dict().items()}
    with pytest.raises(CheckpointError, match=complaint) as raised:
        set_weights(here, there.state_dict())
    assert "one of another architecture" in str(raised.value) and "set trial.model to" in str(raised.value)
    assert len(str(raised.value)) < 300
    assert same(here.state_dict(), before)  # nothing was loaded


# Files that give none


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"start_from\.path: no file .*gone\.pt"):
        load_weights(tmp_path / "gone.pt", "best")
    with pytest.raises(CheckpointError, match="is a folder; name a file"):
        load_weights(tmp_path, "best")


def test_a_training_without_a_best_says_to_take_the_last(tiny: Tiny, trainer: Make, tmp_path: Path) -> None:
    ready = trainer(tiny(), every=2)
    ready.run_epoch(ready.config.stage(0))  # not measured
    path = stored(ready.state_dict(), tmp_path)
    with pytest.raises(CheckpointError, match="has no best weights; take weights: last"):
        load_weights(path, "best")
    assert same(load_weights(path, "last"), ready.net.module.state_dict())


@pytest.mark.parametrize(
    "content",
    [
        {}, [], 3, {"epoch": 3}, {"state_dict": 3}, {0: torch.ones(1)}, {"a": [torch.ones(1)]}, torch.ones(2),
        {"model": {}}, {"model": torch.ones(2), "best": {"row": 1}},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("which", ["best", "last"])
def test_file_without_a_state_dict_is_refused(content: Any, which: str) -> None:
    with pytest.raises(CheckpointError, match=r"is no state_dict: names and tensors|has no best weights"):
        extract_weights(content, which, "state.pt")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (torch.tensor([1.0, float("nan")]), "head.bias holds NaN or infinite values, from a training that diverged"),
        (torch.tensor([1.0, float("inf")], dtype=torch.float16), "head.bias holds NaN or infinite values"),
        (torch.tensor([1e300], dtype=torch.float64), "head.bias holds NaN or infinite values"),  # in fp32
        (torch.ones(2).to_sparse(), "head.bias is no plain tensor; store dense weights of real numbers"),
        (torch.ones(2, dtype=torch.complex64), "head.bias is no plain tensor"),
        (torch.empty(2, device="meta"), "head.bias is no plain tensor"),
    ],
    ids=["NaN", "infinite", "beyond fp32", "sparse", "complex", "meta"],
)
def test_impossible_weights_are_refused_by_name(value: Tensor, complaint: str) -> None:
    with pytest.raises(CheckpointError, match=complaint):
        extract_weights({"body.weight": torch.ones(2), "head.bias": value}, "best", "state.pt")
    with pytest.raises(CheckpointError, match="is no state_dict"):
        extract_weights({"model": {"head.bias": 3}, "measured": torch.ones(2)}, "last", "state.pt")


def whole_file(zipped: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(network().state_dict(), buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


FILES = {zipped: whole_file(zipped) for zipped in (True, False)}


@pytest.mark.parametrize("zipped", [True, False])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.99))
def test_a_torn_file_is_refused(tmp_path: Path, zipped: bool, share: float) -> None:
    path = tmp_path / "torn.pt"
    path.write_bytes(FILES[zipped][: int(share * len(FILES[zipped]))])
    with pytest.raises(CheckpointError, match=r"torn\.pt holds no tensors that can be read safely .*torch\.save"):
        load_weights(path, "best")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60))
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_any_other_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.pt"
    for text in (content, yaml.safe_dump({"trial": {"epochs": 3}}).encode(), b"hello"):
        path.write_bytes(text)
        with pytest.raises(CheckpointError):
            load_weights(path, "best")


class Trap:
    """What a pickle may do to whoever reads it."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("sprung"),))


def test_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trap.pt").write_bytes(pickle.dumps(Trap(), protocol=2))
    torch.save({"state_dict": Trap()}, tmp_path / "saved.pt")
    for name in ("trap.pt", "saved.pt"):
        with pytest.raises(CheckpointError, match="can be read safely"):
            load_weights(tmp_path / name, "best")
    assert not (tmp_path / "sprung").exists()
