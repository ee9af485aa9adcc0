"""What training does with extra data, and what it measures on corrupted test sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from trainers.accuracy import measure_accuracy
from trainers.config import TrialConfig
from trainers.data import Split
from trainers.examples import compute_batch_sizes
from trainers.models import MODELS, needs_two_examples
from trainers.ranked_subsets import Ranked
from trainers.scores import UNSEEN
from trainers.subsets import Subset
from trainers.trainer import Trainer, derived

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
ROBUST: dict[str, Any] = {"attack": {"epsilon": 0.1, "steps": 2}}
REST = {"name": "digits", "train": 60, "val": 60, "test": 60, "extra": {"name": "rest", "share": 0.75}}


def test_a_batch_holds_the_asked_share_of_the_pool_and_only_the_own_are_recorded(tiny: Tiny, trainer: Make) -> None:
    config = tiny(data=REST, batch_size=64, method=ROBUST)
    ready = trainer(config)
    n, pool = 60, len(ready.examples) - 60
    assert pool == 1797 - 3 * 60  # what the limit `train` leaves out
    batches: list[torch.Tensor] = []
    make = ready.examples.load_batch
    ready.examples.load_batch = lambda rows, rng: (batches.append(rows), make(rows, rng))[1]  # type: ignore[method-assign]
    row, instances, _ = ready.run_epoch(config.stage(0))
    assert [int((rows < n).sum()) for rows in batches[:-1]] == [16] * (len(batches) - 1)
    visits = torch.cat(batches)
    assert sorted(visits[visits >= n].tolist()) == list(range(n, n + pool))  # an epoch is one pass over the pool
    assert row["examples"] == len(visits) and row["updates"] == len(batches) == -(-pool // 48)
    assert all(len(array) == n for array in instances.values())
    assert 0 <= row["train_robust_acc"] <= 1 and (instances["correct"] != 255).all()


def test_example_outside_an_epoch_is_not_recorded(tiny: Tiny, trainer: Make) -> None:
    extra = {"name": "rest", "share": 0.5, "epoch_of": "train"}  # as many batches as without, of which half are ours
    config = tiny(data=REST | {"extra": extra}, batch_size=20, method=ROBUST)
    row, instances, _ = trainer(config).run_epoch(config.stage(0))
    assert (row["updates"], row["examples"]) == (3, 60)
    seen = instances["correct"] != 255
    assert seen.sum() == 30 and np.isnan(instances["loss"][~seen]).all() and np.isfinite(instances["loss"][seen]).all()
    assert row["train_robust_acc"] == instances["correct"][seen].mean()


def test_memory_reaches_over_the_pool(tiny: Tiny, trainer: Make) -> None:
    config = tiny(data=REST, method=ROBUST | {"target": {"name": "running-average", "burn_in": 0}})
    ready = trainer(config)
    ready.run_epoch(config.stage(0))
    columns = ready.examples.state.columns
    torch.testing.assert_close(columns["target"].sum(1), torch.ones(len(ready.examples)))


@pytest.fixture
def foggy(tmp_path: Path) -> dict[str, Any]:
    """The digits as an archive with a test set of its own, and that in fog so thick that nothing is seen."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 8, 8), np.uint8), np.arange(90) % 10
    np.savez(tmp_path / "set.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:])
    np.save(tmp_path / "fog.npy", np.full((150, 8, 8), 255, np.uint8))
    np.save(tmp_path / "labels.npy", np.tile(y[60:], 5))
    corruptions = {"path": str(tmp_path), "names": ["fog"], "severity": 5}
    return {"name": "npz", "path": str(tmp_path / "set.npz"), "val": 20, "corruptions": corruptions}


def test_corrupted_test_sets_are_measured_at_the_end_and_each_loss_on_request(
    tiny: Tiny, trainer: Make, foggy: dict[str, Any]
) -> None:
    config = tiny(data=foggy, method=ROBUST, epochs=2)
    ready = trainer(config, every=2, test_losses=True)
    assert not any(name.startswith("test_") for name in ready.run_epoch(config.stage(0)).instances)  # not due
    instances = ready.run_epoch(config.stage(1)).instances
    assert {name for name in instances if name.startswith("test_")} == {
        "test_loss", "test_pgd_loss", "test_fog_loss",
    }  # fmt: skip
    assert len(set(instances["test_fog_loss"].tolist())) <= 10  # one image, ten labels
    with torch.no_grad():
        logits = ready.net.module.eval()(ready.data.test.x / 255)
    losses = torch.nn.functional.cross_entropy(logits, ready.data.test.y, reduction="none")
    np.testing.assert_allclose(instances["test_loss"], losses, rtol=2e-3)
    assert instances["test_pgd_loss"].mean() > instances["test_loss"].mean()
    metrics, _, _ = ready.final()
    assert metrics["last"]["test_fog_acc"] == pytest.approx(0.1)


def test_losses_are_recorded_under_named_attacks_and_of_training_examples(
    tiny: Tiny, trainer: Make, foggy: dict[str, Any]
) -> None:
    """A training without attacks is measured under some; it is left as it was by that."""
    config = tiny(data=foggy, method="standard", epochs=1)
    fgsm = {"name": "fgsm"}
    ready = trainer(config, test_losses=True, train_losses=True, loss_attacks={"fgsm": fgsm})
    instances = ready.run_epoch(config.stage(0)).instances
    views = {"test_loss", "test_pgd_loss", "test_fgsm_loss", "test_fog_loss"}
    views |= {"train_loss", "train_pgd_loss", "train_fgsm_loss"}
    assert {name for name in instances if name.startswith(("test_", "train_"))} == views
    x, y, net = ready.data.train.x / 255, ready.data.train.y, ready.net.module.eval()
    leaf = x.clone().requires_grad_()
    torch.nn.functional.cross_entropy(net(leaf), y, reduction="sum").backward()
    assert leaf.grad is not None
    there = (x + ready.evaluation.epsilon * leaf.grad.sign()).clamp(0, 1)
    for name, images in (("train_loss", x), ("train_fgsm_loss", there)):
        with torch.no_grad():
            losses = torch.nn.functional.cross_entropy(net(images), y, reduction="none")
        np.testing.assert_allclose(instances[name], losses, rtol=2e-3, atol=1e-6)
    means = [float(instances[f"train_{name}loss"].mean()) for name in ("", "fgsm_", "pgd_")]
    assert means[0] < min(means[1:])
    without = trainer(config)
    without.run_epoch(config.stage(0))
    pairs = zip(*(each.net.module.state_dict().values() for each in (ready, without)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_entropy_of_predictions_is_recorded_on_request(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=ROBUST, epochs=1)
    with_it, without = (
        trainer(config, **more).run_epoch(config.stage(0)).instances for more in ({"entropy": True}, {})
    )
    assert with_it.keys() - without.keys() == {"entropy"} and without.keys() <= with_it.keys()
    assert with_it["entropy"].dtype == np.float16 and 0 < with_it["entropy"].min() < with_it["entropy"].max() < 2.31
    assert all(np.array_equal(with_it[name], without[name]) for name in without)


def test_gradient_norms_are_recorded_on_request_of_methods_that_take_a_step(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=ROBUST, epochs=1)
    with_it, without = (
        trainer(config, **more).run_epoch(config.stage(0)).instances for more in ({"gradient_norm": True}, {})
    )
    assert with_it.keys() - without.keys() == {"gradient_norm"} and without.keys() <= with_it.keys()
    assert with_it["gradient_norm"].dtype == np.float32 and (with_it["gradient_norm"] > 0).all()
    assert all(np.array_equal(with_it[name], without[name]) for name in without)
    plain = tiny(method="standard", epochs=1)
    assert "gradient_norm" not in trainer(plain, gradient_norm=True).run_epoch(plain.stage(0)).instances


def test_training_examples_are_measured_as_they_are_on_request(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=ROBUST, epochs=3, subset={"name": "random", "size": 40, "seed": 1})
    ready, without = trainer(config, every=2, train=True), trainer(config, every=2)
    epochs = [ready.run_epoch(config.stage(epoch)) for epoch in range(3)]
    assert ["train_pgd_acc" in epoch.row for epoch in epochs] == [False, True, True]
    row, withstood = epochs[-1].row, epochs[-1].instances["withstood"]
    used = ready.selected(config.stage(2)).numpy()
    assert np.flatnonzero(withstood != UNSEEN).tolist() == used.tolist() and withstood.shape == (60,)
    own = Split(ready.data.train.x[used], ready.data.train.y[used])
    seed = derived(config.seed, 2, "evaluate")
    assert (
        row["train_pgd_acc"] == withstood[used].mean() == measure_accuracy(ready.net, own, ready.evaluation.pgd(), seed)
    )
    assert 0 < row["train_pgd_acc"] < 1
    for epoch in range(3):
        without.run_epoch(config.stage(epoch))
    pairs = zip(*(each.net.module.state_dict().values() for each in (ready, without)), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_the_smallest_perturbation_is_measured_on_request(tiny: Tiny, trainer: Make) -> None:
    config = tiny(method=ROBUST)
    ready = trainer(config, min_perturbation={"step": 0.05, "limit": 0.5})
    for epoch in range(config.epochs):
        ready.run_epoch(config.stage(epoch))
    _, _, arrays = ready.final()
    assert arrays["min_perturbation"].shape == (60,) and (arrays["min_perturbation"] >= 0).all()
    assert "min_perturbation" not in trainer_without(trainer, config)


def trainer_without(trainer: Make, config: TrialConfig) -> dict[str, np.ndarray]:
    ready = trainer(config)
    for epoch in range(config.epochs):
        ready.run_epoch(config.stage(epoch))
    return ready.final()[2]


# Batches


@given(examples=st.integers(1, 400), size=st.integers(1, 60))
def test_batches_hold_every_example_and_join_a_rest_below_half_a_batch(examples: int, size: int) -> None:
    keep, join = (compute_batch_sizes(examples, size, last) for last in ("keep", "join"))
    assert sum(keep) == sum(join) == examples
    assert keep == [min(size, examples - at) for at in range(0, examples, size)]
    left = examples % size
    if examples > size and 0 < left < size / 2:
        assert join == [*keep[:-2], size + left]
    else:
        assert join == keep


def test_last_examples_join_the_batch_before(tiny: Tiny, trainer: Make) -> None:
    data = {"name": "digits", "train": 97, "val": 60, "test": 60}
    sizes = {}
    for last in ("keep", "join"):
        config = tiny(data=data, batch_size=32, last_batch=last)
        stage = config.stage(0)
        ready = trainer(config)
        batches = ready.examples.draw_batches(stage, ready.selected(stage), ready._rng("order", "cpu"))
        sizes[last] = [len(rows) for rows in batches]
        assert sorted(torch.cat(batches).tolist()) == list(range(97))
    assert sizes == {"keep": [32, 32, 32, 1], "join": [32, 32, 33]}


@pytest.mark.parametrize(("model", "two"), [("resnet10", True), ("digits_cnn", False), ("mlp", False)])
def test_networks_that_need_two_images_are_known_beforehand(model: str, two: bool) -> None:
    """As a real batch of one finds out: BatchNorm on maps of one pixel has no variance."""
    build = MODELS[model]
    assert needs_two_examples(build, 1, 8, 10) is two
    network, alone = build.build(1, 8, 10).train(), torch.rand(1, 1, 8, 8)
    if two:
        with pytest.raises(ValueError, match="more than 1 value"):
            network(alone)
    else:
        network(alone)


@pytest.mark.parametrize(("batch_size", "remedy"), [(59, "last_batch: join"), (1, "take a larger batch_size")])
def test_untrainable_batch_of_one_is_reported(tiny: Tiny, trainer: Make, batch_size: int, remedy: str) -> None:
    config = tiny(model={"name": "resnet10"}, batch_size=batch_size, method="standard")
    with pytest.raises(ValueError, match=f"batch_size: with {batch_size}.*{remedy}"):
        trainer(config).run_epoch(config.stage(0))


@pytest.mark.long
def test_joined_batches_train(tiny: Tiny, trained: Make) -> None:
    config = tiny(model={"name": "resnet10"}, batch_size=59, method="standard", last_batch="join", epochs=1)
    assert trained(config).last["updates"] == 1


@pytest.mark.parametrize(
    ("subset", "n"),
    [
        ({"name": "ranked", "size": 33}, 33),
        ({"name": "ranked", "side": "hardest", "size": "50%", "balance": "per_class"}, 30),
        ({"name": "ranked", "side": "band", "band": [0.2, 0.75]}, 33),
        ({"name": "ranked", "size": 20, "plus": {"classes": [0, 3], "size": 2}}, 24),
    ],
)
def test_the_size_of_a_ranked_subset_is_known_before_its_ranking(subset: dict[str, Any], n: int) -> None:
    ranked, y = TypeAdapter(Subset).validate_python(subset), np.arange(60) % 10
    assert isinstance(ranked, Ranked)
    assert ranked.count_examples(y) == n
    for seed in range(5):
        ranking = {f"rank_{ranked.needs}": np.random.default_rng(seed).permutation(60) / 60}
        assert ranked.select(y, ranking, 0).sum() == n
