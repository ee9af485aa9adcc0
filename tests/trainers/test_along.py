"""Further attacks along training: recorded at their epochs, as they measure the network then, and never selected by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from trainers.accuracy import measure_accuracy
from trainers.attack_runs import FGSM, AutoAttackRun
from trainers.config import Compute, TrialConfig
from trainers.evaluate import Evaluation
from trainers.measure import DRAWN, mean_accuracy_by_class
from trainers.sampling import draw_images, take_images
from trainers.state_chain import Chain, Surroundings, chain
from trainers.trainer import Trainer, derived

ALONG: dict[str, Any] = {
    "fgsm": {"name": "fgsm"},
    "aa": {"name": "autoattack", "version": "custom", "attacks": ["apgd-ce"], "images": 30, "every": 4},
}
CURVES = {f"{split}_{kind}_acc" for split in ("val", "test") for kind in ("clean", "pgd")}


class Told:
    """A training of 7 epochs, measured every other one, and what its rows say of further attacks."""

    def __init__(self, ready: Trainer) -> None:
        self.trainer = ready
        config, self.seconds = ready.config, []
        self.rows, self.expected = [], []
        for epoch in range(config.epochs):
            told = ready.run_epoch(config.stage(epoch))
            self.rows.append(told.row)
            self.seconds.append(told.cost["evaluate_seconds"])
            self.expected.append(self._measured(epoch))

    def _measured(self, epoch: int) -> dict[str, float]:
        """Measure by hand, on the network as it is after an epoch."""
        net, test = self.trainer.net, self.trainer.splits["test"]
        seed, few = derived(0, epoch, "evaluate"), take_images(test, draw_images(test.y, 30))
        run = AutoAttackRun(version="custom", attacks=("apgd-ce",))
        return {
            "test_fgsm_acc": float(FGSM().find_robust(net, test, 0.1, "linf", seed).double().mean()),
            "test_aa_acc": float(run.find_robust(net, few, 0.1, "linf", seed).double().mean()),
            "test_aa_clean_acc": measure_accuracy(net, few, None, seed),
        }


@pytest.fixture(scope="module")
def config(tiny: Callable[..., TrialConfig]) -> TrialConfig:
    """Of 7 epochs."""
    return tiny(epochs=7, optimizer={"name": "sgd", "lr": 0.1}, method={"attack": {"epsilon": 0.1, "steps": 2}})


@pytest.fixture(scope="module")
def told(config: TrialConfig, trainer: Callable[..., Trainer]) -> Told:
    return Told(trainer(config, every=2, along=ALONG))


@pytest.mark.long
def test_attacks_along_training_are_recorded_at_their_epochs_and_at_the_last(told: Told) -> None:
    found = [{name for name in row if name.startswith(("val_", "test_"))} for row in told.rows]
    fgsm, aa = {"test_fgsm_acc"}, {"test_aa_acc", "test_aa_clean_acc"}
    nothing: set[str] = set()
    assert found == [nothing, CURVES | fgsm, nothing, CURVES | fgsm | aa, nothing, CURVES | fgsm, CURVES | fgsm | aa]


@pytest.mark.long
def test_attacks_along_training_measure_the_network_of_their_epoch(told: Told) -> None:
    for row, expected in zip(told.rows, told.expected, strict=True):
        for name, value in expected.items():
            assert row.get(name, value) == value
    assert 0 < told.rows[-1]["test_aa_acc"] < told.rows[-1]["test_aa_clean_acc"]
    assert len({row["test_fgsm_acc"] for row in told.rows if "test_fgsm_acc" in row}) > 1


def test_attacks_along_training_change_no_weight_no_curve_and_not_the_best_checkpoint(
    told: Told, config: TrialConfig, trained: Callable[..., Trainer]
) -> None:
    plain, with_them = trained(config, every=2), told.trainer
    states = (trained.net.module.state_dict().values() for trained in (plain, with_them))
    assert all(torch.equal(a, b) for a, b in zip(*states, strict=True))
    assert plain.best is not None and with_them.best is not None
    assert {k: with_them.best["row"][k] for k in plain.best["row"]} == plain.best["row"]
    (with_metrics, _, arrays), (plain_metrics, _, others) = with_them.final(), plain.final()
    assert with_metrics == plain_metrics, "what is recorded of checkpoints is what every measured epoch has"
    assert set(arrays) - set(others) == {f"{DRAWN}30"}
    test = with_them.splits["test"]
    assert np.array_equal(arrays[f"{DRAWN}30"], draw_images(test.y, 30).numpy())  # type: ignore[union-attr]


def test_time_of_attacks_along_training_counts_as_measuring(
    told: Told, config: TrialConfig, trainer: Callable[..., Trainer]
) -> None:
    plain = trainer(config, every=2)
    without = [plain.run_epoch(config.stage(epoch)).cost["evaluate_seconds"] for epoch in range(4)]
    assert told.seconds[3] > 2 * without[3] > 0


def links(evaluation: dict[str, Any], epochs: int = 8) -> Chain:
    config = TrialConfig.model_validate({"optimizer": {"name": "sgd", "lr": 0.1}, "epochs": epochs})
    around = Surroundings(data="d", compute=Compute().resolved(False), threads=1, torch="t", code="c")
    return chain(config, Evaluation.model_validate(evaluation), around, None)


def test_attacks_along_training_are_part_of_the_name_of_a_state() -> None:
    bare, fgsm = links({}), links({"along": {"fgsm": {"name": "fgsm"}}})
    assert list(links({"along": {}})) == list(bare) and not set(bare) & set(fgsm)
    for change in ({"every": 2}, {"images": 20}, {"epsilon": 0.1}):
        assert not set(links({"along": {"fgsm": {"name": "fgsm"} | change}})) & set(fgsm)


def test_shorter_training_measures_more_at_its_last_epoch() -> None:
    """Its sixth epoch was measured under all attacks, as that of a longer one was not."""
    rare = {"along": {"fgsm": {"name": "fgsm", "every": 4}}}
    short, long = list(links(rare, 6)), list(links(rare, 8))
    assert short[:6] == long[:6] and short[6] != long[6]
    assert links({}, 6)[6] == links({}, 8)[6]
    assert links(rare, 4)[4] == links(rare, 8)[4]


def test_by_class_each_measurement_is_kept_and_its_mean_is_that_over_epochs(
    config: TrialConfig, trainer: Callable[..., Trainer], told: Told
) -> None:
    """Of clean images, the attack of the curves and the further ones; the classes together are what the rows have."""
    ready = trainer(config, every=2, along=ALONG, by_class=True)
    found = [ready.run_epoch(config.stage(epoch)) for epoch in range(config.epochs)]
    assert [attack.row for attack in found] == told.rows
    test = ready.splits["test"]
    sizes = {n: take_images(test, draw_images(test.y, n)).y.bincount(minlength=10).numpy() for n in (None, 30)}
    kinds = {"clean": None, "pgd": None, "fgsm": None, "aa": 30, "aa_clean": 30}
    arrays: dict[str, list[np.ndarray]] = {}
    for epoch, (row, instances, _) in enumerate(found):
        recorded = {
            name.removeprefix("class_"): values for name, values in instances.items() if name.startswith("class_")
        }
        assert recorded.keys() == {kind for kind in kinds if f"test_{kind}_acc" in row}, epoch
        for kind, values in recorded.items():
            share = np.nansum(values * sizes[kinds[kind]]) / sizes[kinds[kind]].sum()
            assert share == pytest.approx(row[f"test_{kind}_acc"], abs=1e-6)
            arrays.setdefault(f"class_{kind}", []).append(values)
    unmeasured = np.full(10, np.nan, np.float32)
    means = mean_accuracy_by_class({name: np.stack([unmeasured, *values]) for name, values in arrays.items()})
    assert means.keys() == kinds.keys()
    for kind, shares in means.items():
        expected = np.mean(arrays[f"class_{kind}"], axis=0)
        assert np.array(shares, float) == pytest.approx(expected, abs=1e-6, nan_ok=True)
