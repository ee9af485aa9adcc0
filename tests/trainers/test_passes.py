"""What a method says that it costs is what it does, counted by hooks on the network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from torch import Tensor, nn

from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.models.network import Network
from trainers.passes import UPDATE, Passes
from trainers.plain_subsets import All, Random
from trainers.ranked_subsets import Ranked
from trainers.subsets import DropUnlearned
from trainers.trainer import Trainer

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
BOUNDED = ("fat", "gair-fat", "gat", "nuat")  # whose passes depend on the example or the batch
ATTACK = {"epsilon": 0.1, "step_size": "epsilon/4", "steps": 4}
VARIANTS: dict[str, Any] = {
    "no step": {"attack": ATTACK | {"steps": 0}},
    "no step, restarts": {"attack": ATTACK | {"steps": 0, "restarts": 3}},
    "kl, restarts": {"attack": ATTACK | {"ascend": "kl", "restarts": 2}},
    "kl, no step": {"attack": ATTACK | {"ascend": "kl", "steps": 0}},
    "worst": {"attack": ATTACK | {"keep": "worst"}},
    "image first": {"base": "gairat", "attack": ATTACK | {"geometry": "image_first"}, "weight": {"burn_in": 0}},
    "awp": {"attack": ATTACK, "awp": {"gamma": 0.01}},
    "awp on trades": {"base": "trades", "attack": ATTACK, "awp": {"gamma": 0.01}},
    "a weight of the image": {"attack": ATTACK, "weight": {"name": "probability", "of": "clean", "burn_in": 0}},
    "... and through it": {
        "attack": ATTACK, "weight": {"name": "probability", "of": "clean", "burn_in": 0, "detach": False},
    },
    "a target of the image": {"attack": ATTACK, "target": {"name": "running-average", "follow": "clean", "burn_in": 0}},
    "a target that is watched": {
        "attack": ATTACK,
        "target": {"name": "running-average", "follow": "clean", "burn_in": "100%", "updates": "always"},
    },
    "gated": {"base": "iat", "attack": {"steps": 4, "warm_up": "gated", "burn_in": 1}},
    "gair-rst by the cross-entropy": {"base": "gair-rst", "attack": {"ascend": "ce"}, "burn_in": 0},
    "three replays": {"base": "free-at", "replays": 3},
    "patience for all steps": {"base": "fat", "attack": ATTACK | {"tau": 3}},
}  # fmt: skip


@contextmanager
def counted(network: Network) -> Iterator[dict[str, int]]:
    """Count images that go through the last layer forwards, and backwards for each such forward."""
    seen = {"forwards": 0, "backwards": 0}

    def forward(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        seen["forwards"] += len(output)

    def backward(layer: nn.Module, inputs: Any, outputs: tuple[Tensor]) -> None:
        seen["backwards"] += len(outputs[0])

    hooks = [network.head.register_forward_hook(forward), network.head.register_full_backward_hook(backward)]
    yield seen
    for hook in hooks:
        hook.remove()


def check(ready: Trainer, config: TrialConfig) -> None:
    """Fail unless epochs without a measurement cost what the configuration says, by hooks and by the record."""
    examples = len(ready.data.train)
    for epoch in (0, 4, 8):
        ready.epoch, passes, stage = epoch, config.passes(epoch), config.stage(epoch)
        with counted(ready.net.module) as seen:
            row = ready.run_epoch(stage).row
        method = stage.method
        ascents = 1 if getattr(method, "awp", None) is None else 2  # backwards that go through the whole loss
        further = (method.graphs - 1) * ascents * passes.updates  # ... and so through more forwards than one
        assert passes.exact
        assert row["examples"] == examples * passes.updates
        assert row["forwards"] == seen["forwards"] == examples * passes.forwards
        assert row["backwards"] == seen["backwards"] - examples * further == examples * passes.backwards


def quick(tiny: Tiny, method: Any, **changes: Any) -> TrialConfig:
    return tiny(method=method, epochs=10, **changes)


@pytest.mark.parametrize("name", [name for name in METHODS if name not in BOUNDED])
def test_every_method_costs_what_it_says_in_each_epoch(tiny: Tiny, trainer: Make, name: str) -> None:
    config = quick(tiny, name)
    check(trainer(config, every=10), config)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_piece_says_what_it_adds(tiny: Tiny, trainer: Make, name: str) -> None:
    config = quick(tiny, VARIANTS[name])
    check(trainer(config, every=10), config)


@pytest.mark.parametrize("name", ["gat", "nuat"])
def test_a_guide_that_alternates_costs_a_look_in_each_second_batch(tiny: Tiny, trainer: Make, name: str) -> None:
    """With an odd number of batches it is fewer than half; guided all the time, the method says what it costs."""
    config = quick(tiny, name, batch_size=20)
    ready, passes = trainer(config, every=10), config.passes(4)
    ready.epoch = 4
    row = ready.run_epoch(config.stage(4)).row
    assert (row["forwards"], row["backwards"]) == (60 * 3 + 20, 60 * 2)
    assert passes == Passes(4, 2, 1, fewer_forwards=1)
    always = quick(tiny, {"base": name, "attack": {"guide": {"alternate": False}}})
    check(trainer(always, every=10), always)


@pytest.mark.parametrize("name", ["fat", "gair-fat"])
@pytest.mark.parametrize("epoch", [0, 4, 8])
def test_an_attack_that_stops_early_stays_within_its_bounds(tiny: Tiny, trainer: Make, name: str, epoch: int) -> None:
    config = quick(tiny, name)
    ready, passes = trainer(config, every=10), config.passes(epoch)
    ready.epoch = epoch
    row = ready.run_epoch(config.stage(epoch)).row
    assert not passes.exact and passes.updates == 1
    for done, most, fewer in (
        (row["forwards"] / 60, passes.forwards, passes.fewer_forwards),
        (row["backwards"] / 60, passes.backwards, passes.fewer_backwards),
    ):
        assert most - fewer <= done < most


@pytest.mark.parametrize(("tau", "wrong"), [(0, 1), (2, 3), (3, 4), (9, 4)])
def test_where_all_are_wrong_an_attack_that_stops_early_costs_its_lower_bound(
    tiny: Tiny, trainer: Make, tau: int, wrong: int
) -> None:
    config = quick(tiny, {"base": "fat", "attack": ATTACK | {"tau": tau}}, optimizer={"name": "sgd", "lr": 1e-9})
    ready, passes = trainer(config, every=10), config.passes(0)
    ready.examples.y[:] = (ready.net(ready.data.train.x / 255).argmin(1)).to(ready.examples.y.dtype)
    row = ready.run_epoch(config.stage(0)).row
    assert row["forwards"] / 60 - 1 == wrong == passes.forwards - passes.fewer_forwards - 1
    assert row["backwards"] / 60 - 1 == wrong == passes.backwards - passes.fewer_backwards - 1
    assert passes.exact is (tau >= 3)


@pytest.mark.parametrize(
    ("model", "done"), [({"name": "mlp", "hidden": [8]}, 0), ({"name": "digits_cnn"}, 1)], ids=["without", "BatchNorm"]
)
def test_recomputed_statistics_cost_a_forward_at_most(tiny: Tiny, trainer: Make, model: Any, done: int) -> None:
    average = {"name": "swa", "burn_in": "50%"}
    config = quick(tiny, "standard", average=average, model=model)
    ready = trainer(config, every=10)
    for epoch in (4, 5):
        ready.epoch, passes = epoch, config.passes(epoch)
        row = ready.run_epoch(config.stage(epoch)).row
        assert row["forwards"] / 60 == 1 + done * (epoch == 5)
        assert passes == (Passes(2, 1, 1, fewer_forwards=1) if epoch == 5 else UPDATE)
    assert config.mean_passes() == Passes(1.5, 1, 1, fewer_forwards=0.5)


def test_the_mean_over_epochs_counts_burn_ins(tiny: Tiny) -> None:
    assert quick(tiny, "pgd-at").mean_passes() == Passes(11, 11, 1)
    assert quick(tiny, {"base": "iat", "attack": {"burn_in": 5}}).mean_passes() == Passes(22.5, 21, 1)
    assert quick(tiny, {"base": "gair-rst", "burn_in": "50%"}).mean_passes() == Passes(18.5, 16, 1)


def test_the_fraction_that_a_subset_uses() -> None:
    ranked = {"name": "ranked", "size": "75%"}
    assert All().fraction(None) == DropUnlearned().fraction(60) == 1
    assert Random(size=15).fraction(60) == 0.25 and Random(size=15).fraction(None) is None
    assert Ranked.model_validate(ranked).fraction(None) == 0.75
    band = {"name": "ranked", "side": "band", "band": [0.25, 0.5]}
    assert Ranked.model_validate(band).fraction(None) == 0.25
