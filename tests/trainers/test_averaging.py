"""Averages of weights in closed form, and that what is measured, kept as best and reported is the average."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from trainers import measure
from trainers.accuracy import measure_accuracy
from trainers.averaging import EMA, SWA, AveragedWeights, temporary_weights
from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.trainer import Trainer, derived

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
Weights = dict[str, Tensor]
ROBUST = {"attack": {"epsilon": 0.1, "steps": 2}}
CNN = {"name": "digits_cnn"}


def copied(trainer: Trainer) -> Weights:
    return {name: value.clone() for name, value in trainer.net.module.state_dict().items()}


def walked(trainer: Trainer, config: TrialConfig) -> list[Weights]:
    """Return the network's own weights at the start and after each epoch."""
    path = [copied(trainer)]
    for epoch in range(config.epochs):
        trainer.run_epoch(config.stage(epoch))
        path.append(copied(trainer))
    return path


def averaged(trainer: Trainer) -> Weights:
    state = trainer.measured_state()
    assert state is not None
    return state


def close(one: Weights, other: Weights, **tolerance: float) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], **tolerance)


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


def network(*values: float) -> nn.Module:
    """Return a weight, a running statistic and a counter."""
    module = nn.BatchNorm1d(1, affine=False)
    weight, mean, count = values
    module.register_parameter("weight", nn.Parameter(torch.tensor([float(weight)])))
    module.running_mean.fill_(mean)  # type: ignore[union-attr]
    module.num_batches_tracked.fill_(int(count))  # type: ignore[union-attr]
    return module


# Closed forms


@given(momentum=st.floats(0, 1, exclude_max=True), values=st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_an_ema_unrolled(momentum: float, values: list[float]) -> None:
    """m_T = mu^T w_0 + (1 - mu) sum_t mu^(T-t) w_t, for weights and statistics; counters are copied."""
    mean = AveragedWeights.from_network(network(values[0], -values[0], 0))
    for t, value in enumerate(values[1:], start=1):
        mean.update(network(value, -value, t), EMA(momentum=momentum))
    last = len(values) - 1
    parts = [(1 - momentum) * momentum ** (last - t) * value for t, value in enumerate(values[1:], start=1)]
    expected = momentum**last * values[0] + sum(parts)
    assert mean.state["weight"].item() == pytest.approx(expected, abs=1e-5)
    assert mean.state["running_mean"].item() == pytest.approx(-expected, abs=1e-5)
    assert mean.state["num_batches_tracked"].item() == last


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=8))
def test_an_swa_is_the_plain_mean(values: list[float]) -> None:
    mean = AveragedWeights.from_network(network(100, 100, 0))  # where it begins has no say
    for t, value in enumerate(values):
        mean.update(network(value, 2 * value, t), SWA())
    assert mean.state["weight"].item() == pytest.approx(sum(values) / len(values), abs=1e-5)
    assert mean.state["running_mean"].item() == pytest.approx(2 * sum(values) / len(values), abs=1e-5)
    assert mean.count == len(values)


def test_a_mean_does_not_follow_the_network_by_itself() -> None:
    module = network(1, 2, 3)
    mean = AveragedWeights.from_network(module)
    with torch.no_grad():
        module.weight.fill_(9)  # type: ignore[operator,union-attr]
    assert mean.state["weight"].item() == 1


def test_an_ema_of_a_training(tiny: Tiny, trainer: Make) -> None:
    """Of one batch an epoch, so that the ends of epochs are all the updates there are."""
    config = tiny(
        method=ROBUST, model=CNN, batch_size=60, epochs=5, average={"name": "ema", "momentum": 0.6, "burn_in": 1}
    )
    ready = trainer(config)
    path = walked(ready, config)
    expected = {name: value.clone().float() for name, value in path[1].items()}  # the burn-in's end is the beginning
    for weights in path[2:]:
        expected = {name: 0.6 * value + 0.4 * weights[name].float() for name, value in expected.items()}
    counters = {name for name in expected if "num_batches" in name}
    assert counters and all(averaged(ready)[name] == 5 for name in counters)
    close({n: v for n, v in expected.items() if n not in counters},
          {n: v for n, v in averaged(ready).items() if n not in counters})  # fmt: skip


def test_an_ema_moves_with_every_batch(tiny: Tiny, trained: Make) -> None:
    config = tiny(method=ROBUST, epochs=1, average={"name": "ema", "momentum": 0.5})
    assert trained(config).mean.count == 2  # type: ignore[union-attr]
    free = config.model_copy(update={"method": METHODS["free-at"]})  # which updates eight times a batch
    assert trained(free).mean.count == 2  # type: ignore[union-attr]


def test_an_swa_of_a_training(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=ROBUST, epochs=5, average={"name": "swa", "burn_in": 2})
    ready = trainer(config)
    path = walked(ready, config)
    expected = {name: torch.stack([weights[name] for weights in path[3:]]).mean(0) for name in path[0]}
    close(averaged(ready), expected)


@pytest.mark.parametrize("row", ["pgd-at", "free-at", "mma"])
@pytest.mark.parametrize(
    "average",
    [{"name": "ema", "momentum": 0.0}, {"name": "swa", "burn_in": 1, "statistics": "averaged"}],
    ids=str,
)
def test_no_momentum_or_one_epoch_is_the_network_itself(tiny: Tiny, trained: Make, row: str, average: Any) -> None:
    ready = trained(tiny(method=row, model=CNN, average=average))
    assert equal(averaged(ready), copied(ready))


@pytest.mark.parametrize("loss", ["ce", "trades"])
def test_average_is_of_the_network_before_awp_moves_it(tiny: Tiny, trained: Make, loss: str) -> None:
    method = {"attack": {"epsilon": 0.1, "steps": 2}, "loss": {"name": loss}, "awp": {"gamma": 0.1}}
    ready = trained(tiny(method=method, model=CNN, average={"name": "ema", "momentum": 0.0}))
    assert equal(averaged(ready), copied(ready))


def test_averaging_leaves_the_training_alone(tiny: Tiny, trained: Make) -> None:
    plain = copied(trained(tiny(method=ROBUST)))
    for average in ({"name": "ema"}, {"name": "swa", "burn_in": 0}):
        assert equal(copied(trained(tiny(method=ROBUST, average=average))), plain)


# BatchNorm statistics


def batch_norm(weight: float = 1.0) -> nn.Module:
    """Return one layer that normalises its input, behind a scale."""
    scale = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(scale.weight, weight)
    return nn.Sequential(scale, nn.BatchNorm2d(1)).train()


@given(
    weight=st.floats(0.5, 3),
    batches=st.lists(st.lists(st.floats(-5, 5), min_size=2, max_size=6), min_size=1, max_size=4),
)
def test_recomputed_statistics_are_those_of_the_mean_on_the_batches(weight: float, batches: list[list[float]]) -> None:
    """The mean and the unbiased variance of each batch, averaged by size; network and momentum stay as they were."""
    network = batch_norm(weight=9.0)
    mean = AveragedWeights.from_network(batch_norm(weight))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    images = [torch.tensor(values).view(-1, 1, 1, 1) for values in batches]
    assert mean.recompute(network, images) == sum(map(len, batches))
    total = sum(map(len, batches))
    expected = sum(len(x) * (weight * x).mean() for x in images) / total
    spread = sum(len(x) * (weight * x).var() for x in images) / total
    assert mean.state["1.running_mean"].item() == pytest.approx(float(expected), abs=1e-4)
    assert mean.state["1.running_var"].item() == pytest.approx(float(spread), abs=1e-3, rel=1e-4)
    assert mean.state["1.num_batches_tracked"] == len(batches)
    assert mean.state["0.weight"].item() == pytest.approx(weight)
    assert equal(dict(network.state_dict()), before) and network[1].momentum == 0.1  # type: ignore[index]


def test_a_network_without_batch_norm_looks_at_nothing(tiny: Tiny, trained: Make) -> None:
    plain, recomputed = (
        trained(tiny(method=ROBUST, average={"name": "swa", "burn_in": 0, "statistics": each}))
        for each in ("averaged", "recomputed")
    )
    assert equal(averaged(plain), averaged(recomputed)) and plain.last == recomputed.last


@pytest.mark.parametrize("average", [{"name": "ema", "momentum": 0.5}, {"name": "swa", "burn_in": 1}], ids=str)
def test_recomputing_moves_the_statistics_of_the_mean_alone(tiny: Tiny, trained: Make, average: Any) -> None:
    one, other = (
        trained(tiny(method=ROBUST, model=CNN, epochs=3, average=average | {"statistics": each}))
        for each in ("averaged", "recomputed")
    )
    assert equal(copied(one), copied(other))
    moved = {name for name, value in averaged(one).items() if not torch.equal(value, averaged(other)[name])}
    assert moved and all("running" in name or "num_batches" in name for name in moved)
    assert {name for name in averaged(one) if "running" in name} <= moved


@pytest.mark.parametrize("name", ["ema", "swa"])
def test_statistics_may_be_those_of_the_network(tiny: Tiny, trained: Make, name: str) -> None:
    ready = trained(
        tiny(method=ROBUST, model=CNN, epochs=3, average={"name": name, "burn_in": 0, "statistics": "network"})
    )
    buffers = {name for name, _ in ready.net.module.named_buffers()}
    same = {name for name, value in averaged(ready).items() if torch.equal(value, copied(ready)[name])}
    assert any("running" in name for name in buffers) and buffers <= same
    assert len(same) < len(averaged(ready))


def test_recomputed_statistics_fit_the_training_images(tiny: Tiny, trained: Make) -> None:
    """Without augmentation, those of the first layer are a pass over the training split, whatever the batches."""
    ready = trained(tiny(method=ROBUST, model=CNN, average={"name": "swa", "burn_in": 0}))
    with temporary_weights(ready.net.module, averaged(ready)), torch.no_grad():
        module: Any = ready.net.module
        x = ready.examples.training_split.x.float() / 255
        (first,) = [layer for layer in module.body.modules() if isinstance(layer, nn.BatchNorm2d)][:1]
        seen: list[Tensor] = []
        handle = first.register_forward_hook(lambda _, given, __: seen.append(given[0]))
        module.eval()(x)
        handle.remove()
    torch.testing.assert_close(averaged(ready)[name_of(module, first)], seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)


def name_of(module: nn.Module, layer: nn.Module) -> str:
    """Return where the running mean of a layer stands in the state."""
    (name,) = [name for name, other in module.named_modules() if other is layer]
    return f"{name}.running_mean"


def test_recomputing_is_counted(tiny: Tiny, trained: Make) -> None:
    average = {"name": "swa", "burn_in": 1}
    base, counted = (
        trained(tiny(method=ROBUST, model=CNN, average=averaging)).last["forwards"] for averaging in (None, average)
    )
    assert counted - base == 60


# What is measured


@pytest.mark.parametrize("average", [{"name": "ema", "momentum": 0.9}, {"name": "swa", "burn_in": 1}], ids=str)
def test_average_is_the_network_that_is_measured_and_kept(tiny: Tiny, trainer: Make, average: Any) -> None:
    config = tiny(method=ROBUST, epochs=6, optimizer={"name": "sgd", "lr": 0.3}, average=average)
    final = {"pgd3": {"name": "pgd", "steps": 3}}
    ready = trainer(config, final=final)
    means, rows = [], []
    for epoch in range(6):
        rows.append(ready.run_epoch(config.stage(epoch)).row)
        own = copied(ready)
        state = ready.measured_state()
        means.append({name: value.clone() for name, value in (state or own).items()})
        with temporary_weights(ready.net.module, means[-1]):
            for split in ("val", "test"):
                assert rows[-1][f"{split}_clean_acc"] == measure_accuracy(ready.net, ready.splits[split], None, 0)
        assert equal(copied(ready), own)  # measuring leaves the network its own weights
    curve = [row["val_pgd_acc"] for row in rows]
    best = curve.index(max(curve))
    assert ready.best is not None and ready.best["row"] == rows[best] and equal(ready.best["model"], means[best])
    own = copied(ready)
    metrics, _, _ = ready.final()
    assert equal(copied(ready), own)
    for which, epoch in (("best", best), ("last", 5)):
        assert metrics[which]["epoch"] == epoch
        plain = trainer(tiny(method=ROBUST), final=final)
        plain.net.module.load_state_dict(means[epoch])
        attacked, _ = measure.evaluate_final(plain.net, plain.evaluation, plain.splits, derived(0, 6, "final"))
        clean = measure_accuracy(plain.net, plain.splits["test"], None, 0)
        assert metrics[which]["test_pgd3_acc"] == attacked["test_pgd3_acc"]
        assert metrics[which]["test_clean_acc"] == clean


def test_averages_and_networks_differ_in_what_they_measure(tiny: Tiny, trained: Make) -> None:
    """So that the test above could fail."""
    rows = [
        trained(tiny(method=ROBUST, epochs=4, optimizer={"name": "sgd", "lr": 0.3}, average=average)).last
        for average in (None, {"name": "ema", "momentum": 0.9})
    ]
    assert rows[0]["val_clean_acc"] != rows[1]["val_clean_acc"]
    assert rows[0]["train_loss"] == rows[1]["train_loss"]


def test_after_an_error_the_network_has_its_own_weights() -> None:
    module = network(1, 2, 3)
    other = {name: value + 1 for name, value in module.state_dict().items()}
    with pytest.raises(ZeroDivisionError), temporary_weights(module, other):
        assert module.weight.item() == 2  # type: ignore[operator,union-attr]
        raise ZeroDivisionError
    assert module.weight.item() == 1  # type: ignore[operator,union-attr]


# When it acts, and from a checkpoint


def test_until_burn_in_there_is_no_average(tiny: Tiny, trainer: Make) -> None:
    config = tiny(epochs=4, average={"name": "swa"})
    assert [config.stage(epoch).average for epoch in range(4)] == [None, None, SWA(burn_in=0), SWA(burn_in=0)]
    ready = trainer(config)
    ready.run_epoch(config.stage(0))
    assert ready.measured_state() is None


@pytest.mark.long
@pytest.mark.parametrize("average", [{"name": "ema", "momentum": 0.8, "burn_in": 1}, {"name": "swa", "burn_in": 1}])
@pytest.mark.parametrize("stop", [1, 2, 3])
def test_average_continues_after_a_resume(tiny: Tiny, trainer: Make, tmp_path: Any, average: Any, stop: int) -> None:
    config = tiny(method=ROBUST, model=CNN, epochs=4, average=average)
    whole, before, after = trainer(config), trainer(config), trainer(config)
    walked(whole, config)
    for epoch in range(stop):
        before.run_epoch(config.stage(epoch))
    torch.save(before.state_dict(), tmp_path / "state.pt")
    after.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    for epoch in range(stop, 4):
        after.run_epoch(config.stage(epoch))
    assert equal(averaged(after), averaged(whole)) and equal(copied(after), copied(whole))
    assert after.best is not None and whole.best is not None
    assert after.best["row"] == whole.best["row"] and equal(after.best["model"], whole.best["model"])
    assert after.final()[0] == whole.final()[0]


def test_no_row_of_the_table_averages() -> None:
    """It goes with any: a field of the trial."""
    assert not any("average" in type(method).model_fields for method in METHODS.values())
