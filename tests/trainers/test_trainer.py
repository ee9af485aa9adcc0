"""The trainer: what an epoch does, costs, records and keeps."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import numpy as np
import pytest
import torch

import trainers.trainer
from trainers.accuracy import find_correct, measure_accuracy
from trainers.best import selected_by
from trainers.config import TrialConfig
from trainers.data import Split
from trainers.methods import METHODS
from trainers.record_io import canonical
from trainers.recording import Log, peak_memory, subset_summary
from trainers.trainer import Diverged, Trainer, derived

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]

TEST = ("test_clean_acc", "test_pgd_acc")
ROBUST: dict[str, Any] = {"method": {"attack": {"epsilon": 0.1, "steps": 3}}}


def rows_of(trainer: Trainer, config: TrialConfig) -> list[dict[str, Any]]:
    return [trainer.run_epoch(config.stage(epoch)).row for epoch in range(config.epochs)]


def test_a_loss_that_is_not_finite_ends_the_trial_and_says_where(tiny: Tiny, trainer: Make) -> None:
    lr = {"name": "piecewise", "values": [0.01, 1e30], "drops": [1]}
    config = tiny(epochs=3, optimizer={"name": "sgd", "lr": lr})
    ready = trainer(config)
    ready.run_epoch(config.stage(0))
    with pytest.raises(Diverged, match=r"epoch 1: loss is (nan|inf) at update 1") as caught:
        ready.run_epoch(config.stage(1))
    assert caught.value.epoch == 1 and "update 1" in caught.value.why


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_stage_out_of_order_is_refused(tiny: Tiny, trainer: Make, epoch: int) -> None:
    config = tiny(epochs=3)
    ready = trainer(config)
    ready.run_epoch(config.stage(0))
    before = [tensor.clone() for tensor in ready.net.module.state_dict().values()]
    with pytest.raises(ValueError, match=f"that of epoch 1; got that of epoch {epoch}"):
        ready.run_epoch(config.stage(epoch))
    assert all(map(torch.equal, before, ready.net.module.state_dict().values()))


PASSES = {  # forwards and backwards an example and update, once no burn-in holds a method back; K = 10
    "standard": (1, 1), "fgsm-at": (2, 2), "fast-at": (2, 2), "free-at": (1, 1), "pgd-at": (11, 11),
    "pgd-at-l2": (11, 11), "gairat": (11, 11), "targeted": (11, 11), "finetune-reweight": (11, 11),
    "trades": (13, 11), "gair-trades": (13, 11), "self-adaptive": (13, 11),  # clean logits once an attack, once a loss
    "mart": (12, 11), "gair-mart": (12, 11), "gair-mart-kl": (12, 11),
    "finetune-kl": (12, 11), "finetune-reweight-kl": (12, 11),
    "gair-rst": (24, 21),  # kappa is counted on the KL attack's way, for which the authors' code attacks once more
    "mma": (22, 11),  # K for the direction, 10 halvings, two for the loss
    "iat": (34, 31),
    "atta": (2, 2), "atta-reweight": (2, 2), "atta-adaptive": (2, 2), "atta-reweight-adaptive": (2, 2),
    "n-fgsm": (2, 2),
    "gat": (208 / 60, 2), "nuat": (208 / 60, 2),  # the second batch, of 28, is guided, which takes a look at the image
    "fgsm-pgi": (3, 2),  # one look more at the start, for the loss
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_passes_per_batch(tiny: Tiny, trainer: Make, method: str) -> None:
    """Neither the measurement on clean images nor the evaluation counts."""
    acting = METHODS[method].at(98, 100).model_dump()
    config = tiny(method=acting)
    for row in rows_of(trainer(config, every=2), config):
        passes = row["forwards"] / row["examples"], row["backwards"] / row["examples"]
        if method in PASSES:
            assert passes == PASSES[method]
        else:  # an attack that stops early does what its surviving examples cost
            assert method in ("fat", "gair-fat") and 1 < passes[0] == passes[1] <= 11
        assert row["updates"] == (16 if method == "free-at" else 2)


@pytest.mark.parametrize(
    ("method", "forwards"),
    [({"base": "pgd-at"}, 1), ({"base": "trades"}, 2), ({"base": "pgd-at", "target": {"name": "smoothed"}}, 1)],
)
def test_training_on_noise_costs_what_its_loss_costs(
    tiny: Tiny, trainer: Make, method: dict[str, Any], forwards: int
) -> None:
    """The control steps: 0; nothing is counted, so nothing is said of kappa."""
    config = tiny(method=method | {"attack": {"steps": 0, "epsilon": 0.1}})
    ready = trainer(config)
    row, instances, _ = ready.run_epoch(config.stage(0))
    assert (row["forwards"], row["backwards"]) == (forwards * 60, 60)
    assert not [key for key in (*row, *instances) if "kappa" in key]
    assert row["train_robust_acc"] == instances["correct"].mean()


def test_the_row_of_an_epoch(tiny: Tiny, trainer: Make) -> None:
    config = tiny(epochs=3, batch_size=25, **ROBUST)
    rows = rows_of(trainer(config, every=2), config)
    always = {"epoch", "lr", "examples", "updates", "forwards", "backwards"}
    always |= {"train_loss", "train_robust_acc", "kappa_mean", "kappa_median"}
    measured = {"train_clean_acc", "val_clean_acc", "val_pgd_acc", "test_clean_acc", "test_pgd_acc"}
    assert [set(row) for row in rows] == [always, always | measured, always | measured]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert [row["lr"] for row in rows] == [0.1, 0.1, 0.01]  # drops at 1.5 of 3 epochs
    assert all((row["examples"], row["updates"]) == (60, 3) for row in rows)
    assert all(canonical(row) for row in rows)
    standard = tiny(epochs=1, method="standard")
    assert not {"train_robust_acc", "kappa_mean"} & set(rows_of(trainer(standard), standard)[0])


def test_the_row_sums_up_the_instances(tiny: Tiny, trainer: Make) -> None:
    config = tiny(batch_size=25, **ROBUST)
    row, instances, _ = trainer(config).run_epoch(config.stage(0))
    assert row["train_loss"] == pytest.approx(instances["loss"].mean(), rel=1e-5)
    assert row["train_robust_acc"] == instances["correct"].mean()
    assert row["kappa_mean"] == instances["kappa"].mean()
    assert row["kappa_median"] == np.sort(instances["kappa"])[29]  # the lower of the two in the middle


def test_clean_accuracy_is_that_of_the_weights_before_each_step(tiny: Tiny, trainer: Make) -> None:
    config = tiny(batch_size=60, method="standard")
    ready = trainer(config)
    before = measure_accuracy(ready.net, ready.data.train, None, 0)
    row, instances, _ = ready.run_epoch(config.stage(0))
    assert row["train_clean_acc"] == before == instances["correct"].mean()


def test_instances_have_small_types_and_blanks_outside_the_subset(tiny: Tiny, trainer: Make) -> None:
    config = tiny(subset={"name": "random", "size": 23}, **ROBUST)
    ready = trainer(config)
    row, instances, _ = ready.run_epoch(config.stage(0))
    assert {name: str(array.dtype) for name, array in instances.items()} == {
        "loss": "float32", "correct": "uint8", "p_y": "float16", "feature_norm": "float16", "kappa": "uint8"
    }  # fmt: skip
    inside = np.zeros(60, bool)
    inside[ready.selected(config.stage(0)).numpy()] = True
    assert (row["examples"], row["updates"]) == (23, 1) and inside.sum() == 23
    for name in ("loss", "p_y", "feature_norm"):
        assert np.isfinite(instances[name][inside]).all() and np.isnan(instances[name][~inside]).all()
    assert set(instances["correct"][inside]) <= {0, 1} and (instances["correct"][~inside] == 255).all()
    assert (instances["kappa"][inside] <= 3).all() and (instances["kappa"][~inside] == 255).all()


def test_records_stand_at_the_example_s_place(tiny: Tiny, trainer: Make) -> None:
    """Batches are shuffled; a record is not: of one batch it is what the network says of each example."""
    config = tiny(batch_size=60, method="standard")
    ready = trainer(config)
    with torch.no_grad():
        logits = ready.net(ready.data.train.x / 255)
        loss = torch.nn.functional.cross_entropy(logits, ready.data.train.y, reduction="none")
    _, instances, _ = ready.run_epoch(config.stage(0))
    np.testing.assert_allclose(instances["loss"], loss, rtol=1e-4)
    assert len(set(instances["loss"])) > 50


def test_log_holds_no_value_of_an_absent_example() -> None:
    log = Log(6)
    rows = torch.tensor([1, 3, 4])
    log.add(rows, {"loss": torch.ones(3), "correct": torch.tensor([True] * 3), "kappa": torch.tensor([0, 300, 2])})
    log.add_clean(rows, torch.tensor([True, False, True]))
    arrays = log.gathered().arrays(4)  # 4 belongs to a pool of extra data
    assert np.isnan(arrays["loss"]).tolist() == [True, False, True, False]
    assert arrays["correct"].tolist() == [255, 1, 255, 1]
    assert arrays["kappa"].tolist() == [255, 0, 255, 254]
    summary = log.gathered().summary(4, adversarial=True)
    assert summary == {"train_clean_acc": 0.5, "train_robust_acc": 1.0, "kappa_mean": 150.0, "kappa_median": 0.0}


def test_log_has_the_last_visit_of_each_example() -> None:
    log = Log(4)
    for rows, loss in (([0, 2, 2], [1.0, 2.0, 3.0]), ([1, 0], [4.0, 5.0])):  # a pool repeats examples, even in a batch
        log.add(torch.tensor(rows), {"loss": torch.tensor(loss)})
        log.add_clean(torch.tensor(rows), torch.tensor(loss) > 3)
    observed = log.gathered()
    assert observed.visited.tolist() == [True, True, True, False]
    assert observed.arrays(3)["loss"].tolist() == [5.0, 4.0, 3.0]
    assert observed.clean is not None and observed.clean[:3].tolist() == [True, True, False]


# The best checkpoint


def test_the_best_checkpoint_is_that_of_highest_robust_validation_accuracy(tiny: Tiny, trainer: Make) -> None:
    lr = {"name": "piecewise", "values": [0.1, 30.0], "drops": [5]}  # the last epoch wrecks what was learned
    config = tiny(epochs=6, optimizer={"name": "sgd", "lr": lr}, **ROBUST)
    ready = trainer(config, final={"wide": {"name": "pgd", "steps": 2, "epsilon": 0.05}})
    rows = rows_of(ready, config)
    heights = [row["val_pgd_acc"] for row in rows]
    best = heights.index(max(heights))
    assert best < 5 and heights[5] < heights[best]
    assert ready.best is not None and ready.best["row"] == rows[best]

    last = [tensor.clone() for tensor in ready.net.module.state_dict().values()]
    metrics, classes, arrays = ready.final()
    p_y = arrays["best_clean_p_y"]
    assert all(map(torch.equal, last, ready.net.module.state_dict().values()))  # put back
    sizes = ready.data.test.y.bincount().numpy()
    for name, by_class in classes.items():
        for kind in ("clean", "pgd", "wide"):
            assert len(by_class[kind]) == 10
            whole = np.average(by_class[kind], weights=sizes)
            if kind == "pgd":  # from another random start than the curve's
                assert whole == pytest.approx(metrics[name]["test_pgd_acc"], abs=0.1)
            else:
                assert whole == pytest.approx(metrics[name][f"test_{kind}_acc"], abs=1e-6)
    for name, epoch in (("best", best), ("last", 5)):
        assert metrics[name].items() >= {k: rows[epoch][k] for k in ("epoch", "val_pgd_acc", "test_clean_acc")}.items()
        assert set(metrics[name]) - {"constant"} == {"epoch", "val_clean_acc", "val_pgd_acc", *TEST, "test_wide_acc"}
    assert "constant" not in metrics["best"]

    ready.net.module.load_state_dict(ready.best["model"])
    seed = derived(config.seed, best, "evaluate")
    assert measure_accuracy(ready.net, ready.splits["val"], ready.evaluation.pgd(), seed) == heights[best]
    assert measure_accuracy(ready.net, ready.splits["test"], None, 0) == metrics["best"]["test_clean_acc"]
    with torch.no_grad():
        chances = ready.net(ready.data.train.x / 255).softmax(1)[torch.arange(60), ready.data.train.y]
    assert p_y.dtype == np.float16 and np.abs(p_y - chances.numpy()).max() < 1e-3


def test_the_gap_of_autoattack_is_to_pgd_on_the_examples_that_it_looked_at(tiny: Tiny, trained: Make) -> None:
    aa = {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"], "images": 30}
    pgd = {"name": "pgd", "steps": 2, "start": "none", "images": 30}  # as the curve's
    ready = trained(tiny(epochs=4, **ROBUST), final={"aa": aa, "twin": pgd}, start="none")
    metrics, classes, _ = ready.final()
    last, by_class = metrics["last"], classes["last"]
    assert last["test_aa_gap"] == pytest.approx(last["test_twin_acc"] - last["test_aa_acc"]) and last["test_aa_gap"] > 0
    assert by_class["aa_gap"] == pytest.approx([a - b for a, b in zip(by_class["twin"], by_class["aa"], strict=True)])


def sorted_by_class(ready: Trainer) -> Trainer:
    """Return the same trainer with its test split as an image folder has it: class after class."""
    test = ready.splits["test"]
    order = torch.argsort(test.y, stable=True)
    ready.splits["test"] = Split(test.x[order], test.y[order])
    return ready


def test_an_attack_on_some_images_sees_every_class_and_says_what_is_right_there_without_it(
    tiny: Tiny, trained: Make
) -> None:
    few = {"name": "pgd", "steps": 1, "images": 30}
    ready = sorted_by_class(trained(tiny(epochs=4, **ROBUST), final={"few": few, "also": few | {"steps": 3}}))
    metrics, classes, arrays = ready.final()
    test, at = ready.splits["test"], arrays["test_images_30"]
    assert [name for name in arrays if name.startswith("test_images")] == ["test_images_30"]  # the same of both attacks
    sizes, chosen = test.y.bincount(minlength=10), test.y[at.tolist()].bincount(minlength=10)
    assert int(chosen.sum()) == 30 and (chosen - sizes / 2).abs().max() < 1  # 30 of 60, by largest remainders
    right = find_correct(ready.net, test, None, 0)[at.tolist()]
    assert metrics["last"]["test_few_clean_acc"] == pytest.approx(float(right.double().mean()))
    by_class = zip(classes["last"]["few"], chosen.tolist(), strict=True)
    assert sum(share * n for share, n in by_class) / 30 == pytest.approx(metrics["last"]["test_few_acc"])


def test_the_images_of_an_attack_are_those_of_every_seed_and_checkpoint(tiny: Tiny, trained: Make) -> None:
    final = {"few": {"name": "pgd", "steps": 1, "images": 12}}
    found = [trained(tiny(epochs=2, seed=seed), final=final).final()[2]["test_images_12"] for seed in (0, 1)]
    assert np.array_equal(*found) and found[0].tolist() != list(range(12))


def test_without_a_best_the_images_of_an_attack_are_named_too(tiny: Tiny, trained: Make) -> None:
    blind = {"name": "digits", "train": 60, "val": 0, "test": 60}
    metrics, _, arrays = trained(tiny(data=blind), final={"few": {"name": "pgd", "steps": 1, "images": 12}}).final()
    assert metrics.keys() == {"last"} and len(arrays["test_images_12"]) == 12


def test_as_many_images_as_there_are_or_more_are_all(tiny: Tiny, trained: Make) -> None:
    final = {name: {"name": "pgd", "steps": 2, "images": n} for name, n in (("all", None), ("even", 60), ("more", 99))}
    metrics, classes, arrays = trained(tiny(epochs=2, **ROBUST), final=final).final()
    last = metrics["last"]
    assert last["test_even_acc"] == last["test_more_acc"] == last["test_all_acc"]
    assert last["test_even_clean_acc"] == last["test_clean_acc"] and "test_all_clean_acc" not in last
    assert classes["last"]["more"] == classes["last"]["all"]
    assert not [name for name in arrays if name.startswith("test_images")]


def test_a_class_that_no_attacked_example_is_of_has_no_accuracy(tiny: Tiny, trained: Make) -> None:
    ready = trained(tiny(epochs=1, **ROBUST), final={"few": {"name": "pgd", "steps": 1, "images": 3}})
    metrics, classes, arrays = ready.final()
    seen = ready.data.test.y[arrays["test_images_3"].tolist()].tolist()
    few = classes["last"]["few"]
    assert len(few) == 10 and {label for label, accuracy in enumerate(few) if accuracy is not None} == {*seen}
    assert np.mean([few[label] for label in seen]) == pytest.approx(metrics["last"]["test_few_acc"])


def test_a_network_that_names_one_class_is_recorded_as_constant(tiny: Tiny, trained: Make) -> None:
    ready = trained(tiny(epochs=2, **ROBUST))
    assert all("constant" not in row for row in ready.final()[0].values())
    ready.net.module.head.weight.data.zero_()
    ready.net.module.head.bias.data[:] = torch.arange(10) == 7
    metrics, classes, _ = ready.final()
    assert metrics["last"]["constant"] == 7
    assert classes["last"]["clean"] == [float(label == 7) for label in range(10)]


def test_a_network_whose_predictions_are_no_numbers_has_diverged(tiny: Tiny, trainer: Make) -> None:
    """Its weights are, and so was the loss before its one update, after which the hidden layers overflow."""
    config = tiny(
        epochs=1, batch_size=60, optimizer={"name": "sgd", "lr": 1e30}, model={"name": "mlp", "hidden": [8, 8]}
    )
    ready = trainer(config, epsilon=0.1)
    with pytest.raises(Diverged, match=r"epoch 0: predictions are not finite on [1-9][0-9]* of 60 val images"):
        ready.run_epoch(config.stage(0))
    assert all(bool(weight.isfinite().all()) for weight in ready.net.module.parameters())


def test_training_without_attacks_is_selected_by_clean_accuracy(tiny: Tiny, trainer: Make) -> None:
    """It withstands most in its first epochs, when it knows least."""
    config = tiny(epochs=12, method="standard", optimizer={"name": "sgd", "lr": 0.1})
    ready = trainer(config, epsilon=0.3)
    rows = rows_of(ready, config)
    clean, robust = ([row[f"val_{name}_acc"] for row in rows] for name in ("clean", "pgd"))
    assert clean.index(max(clean)) != robust.index(max(robust))
    assert ready.best is not None and ready.best["row"] == rows[clean.index(max(clean))]
    assert {selected_by(row) for row in rows} == {"val_clean_acc"}
    attacked = tiny(epochs=2, **ROBUST)
    assert {selected_by(row) for row in rows_of(trainer(attacked), attacked)} == {"val_pgd_acc"}


def test_of_equals_the_first_is_best(tiny: Tiny, trainer: Make) -> None:
    config = tiny(epochs=3, optimizer={"name": "sgd", "lr": 0.0})
    ready = trainer(config, epsilon=1e-6)
    assert len({row["val_pgd_acc"] for row in rows_of(ready, config)}) == 1
    assert ready.best is not None and ready.best["row"]["epoch"] == 0


def test_a_best_checkpoint_that_is_the_last_is_attacked_once(tiny: Tiny, trainer: Make) -> None:
    config = tiny(epochs=1, **ROBUST)
    ready = trainer(config, final={"wide": {"name": "pgd", "epsilon": 0.05}})
    rows_of(ready, config)
    metrics, _, _ = ready.final()
    assert metrics["best"] == metrics["last"] and "test_wide_acc" in metrics["last"]


def test_epochs_that_are_not_measured_cannot_be_best(tiny: Tiny, trainer: Make) -> None:
    config = tiny(epochs=4, **ROBUST)
    ready = trainer(config, every=3)
    rows_of(ready, config)
    assert ready.best is not None and ready.best["row"]["epoch"] in (2, 3)


# Randomness


def test_randomness_is_of_seed_and_epoch_alone(tiny: Tiny, trainer: Make) -> None:
    """What the process drew before, between epochs or elsewhere does not matter."""
    config = tiny(**ROBUST)
    calm, disturbed = trainer(config), trainer(config)
    rows = rows_of(calm, config)
    for epoch in range(2):
        torch.seed()
        np.random.default_rng()
        assert disturbed.run_epoch(config.stage(epoch)).row == rows[epoch]
    states = (each.net.module.state_dict().values() for each in (calm, disturbed))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": {"attack": {"epsilon": 0.3, "steps": 0}}},  # the start
        {"method": "standard", "data": {"name": "digits", "train": 60, "val": 60, "test": 60, "crop": 2}},
    ],
    ids=["attack", "augment"],
)
def test_every_epoch_draws_anew(tiny: Tiny, trainer: Make, changes: dict[str, Any]) -> None:
    config = tiny(optimizer={"name": "sgd", "lr": 0.0}, **changes)
    ready = trainer(config)
    first, second = (ready.run_epoch(config.stage(epoch)).instances["loss"] for epoch in range(2))
    assert (first != second).mean() > 0.9


def test_every_epoch_is_shuffled_anew(tiny: Tiny, trainer: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tiny(method="standard")
    ready = trainer(config)
    orders: list[list[int]] = []
    make = ready.examples.load_batch
    monkeypatch.setattr(
        ready.examples, "load_batch", lambda rows, rng: (orders.append(rows.tolist()), make(rows, rng))[1]
    )
    rows_of(ready, config)
    first, second = orders[0] + orders[1], orders[2] + orders[3]
    assert sorted(first) == sorted(second) == list(range(60))
    assert first != second and first != sorted(first)


def test_trials_of_one_seed_start_from_the_same_weights(tiny: Tiny, trainer: Make) -> None:
    """So that a comparison of methods at equal seeds is paired."""
    states = [trainer(tiny(**changes)).net.module.state_dict() for changes in ({}, {"method": "trades"}, {"seed": 1})]
    same = [all(map(torch.equal, states[0].values(), other.values())) for other in states[1:]]
    assert same == [True, False]


def test_derived_seeds_are_stable_and_distinct() -> None:
    assert derived(0, 0, "order") == 33315469380805266
    seeds = [derived(s, e, p) for s in range(10) for e in range(10) for p in ("order", "augment", "attack")]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**56 for seed in seeds)


def test_the_normalisation_is_that_of_the_training_split(tiny: Tiny, trainer: Make) -> None:
    ready = trainer(tiny())
    x = ready.data.train.x / 255
    assert ready.net.module.mean.item() == pytest.approx(x.mean().item(), rel=1e-5)
    assert ready.net.module.std.item() == pytest.approx(x.std(correction=0).item(), rel=1e-5)


# Subsets


def test_a_subset_that_does_not_fit_is_refused_by_name(tiny: Tiny, trainer: Make) -> None:
    config = tiny(subset={"name": "random", "size": 61})
    with pytest.raises(ValueError, match=r"subset\.size: asked for 61, that is 61 of 60"):
        trainer(config).run_epoch(config.stage(0))


@pytest.mark.parametrize("size", ["50%", 7, 60])
def test_every_example_of_the_subset_is_used_once_an_epoch(tiny: Tiny, trainer: Make, size: Any) -> None:
    config = tiny(subset={"name": "random", "size": size}, batch_size=8, method="standard")
    ready = trainer(config)
    chosen = ready.selected(config.stage(0))
    for epoch in range(2):
        row, instances, _ = ready.run_epoch(config.stage(epoch))
        assert np.flatnonzero(instances["correct"] != 255).tolist() == chosen.tolist()
        assert (row["examples"], row["updates"]) == (len(chosen), ceil(len(chosen) / 8))


def test_result_says_what_a_subset_holds(tiny: Tiny, digits: Any) -> None:
    data = digits(tiny(data={"name": "digits", "train": 60, "val": 60, "test": 60, "label_noise": 0.1}))
    mask = np.arange(60) % 2 == 0
    summary = subset_summary(mask, data)
    assert summary["size"] == sum(summary["class_counts"]) == 30 and len(summary["class_counts"]) == 10
    assert summary["flipped_in"] == int(data.flipped[::2].sum())
    assert summary["flipped_in"] + summary["flipped_out"] == 6
    assert summary["hash"] == subset_summary(mask.copy(), data)["hash"] != subset_summary(~mask, data)["hash"]


def test_cost_is_kept_apart_from_the_row(tiny: Tiny, trainer: Make) -> None:
    config = tiny(**ROBUST)
    row, _, cost = trainer(config).run_epoch(config.stage(0))
    assert set(cost) == {"epoch", "seconds", "evaluate_seconds", "images_per_s", "peak_memory"}
    assert cost["images_per_s"] == pytest.approx(60 / cost["seconds"]) and cost["peak_memory"] > 0
    assert not set(cost) & set(row) - {"epoch"}


class Allocator:
    """The counters of a GPU's memory, as torch keeps them for a process."""

    held = peak = 0

    def hold(self, size: int) -> None:
        self.held, self.peak = size, max(self.peak, size)

    def reset_peak_memory_stats(self, device: torch.device) -> None:
        self.peak = self.held

    def max_memory_allocated(self, device: torch.device) -> int:
        return self.peak


def test_peak_memory_on_a_gpu_is_that_of_the_trial_alone(
    tiny: Tiny, trainer: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    allocator, gpu = Allocator(), torch.device("cuda")
    for name in ("reset_peak_memory_stats", "max_memory_allocated"):
        monkeypatch.setattr(torch.cuda, name, getattr(allocator, name))
    reset = trainers.trainer.reset_peak_memory
    monkeypatch.setattr(trainers.trainer, "reset_peak_memory", lambda device: reset(gpu))
    for size in (800, 100):  # one trial after the other in the same process
        trainer(tiny())
        allocator.hold(size)
        assert peak_memory(gpu) == size
        allocator.hold(0)


def test_without_validation_there_is_no_best_checkpoint(tiny: Any, trained: Any) -> None:
    data = {"name": "digits", "train": 60, "val": 0, "test": 60}
    ready = trained(tiny(data=data), final={"pgd3": {"name": "pgd", "steps": 3}})
    metrics, classes, arrays = ready.final()
    assert ready.best is None and set(metrics) == set(classes) == {"last"} and arrays == {}
    assert {"test_clean_acc", "test_pgd_acc", "test_pgd3_acc"} < set(metrics["last"])
    assert not any(key.startswith("val_") for key in ready.last)
