"""Partial early stopping: who is dropped or spared is who was wrong under attack in the epoch before, judged once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from trainers.config import TrialConfig
from trainers.methods import METHODS
from trainers.plain_subsets import All
from trainers.step import Batch, Net
from trainers.subsets import UNLEARNED, DropUnlearned
from trainers.trainer import Trainer

from .helpers import labelled, seeded, steep

Tiny = Callable[..., TrialConfig]
Make = Callable[..., Trainer]
ROBUST = {"attack": {"epsilon": 0.05, "steps": 3}}
WHEN = 2


@pytest.fixture
def config(tiny: Tiny) -> Callable[..., TrialConfig]:
    """Five epochs in batches so small that two of them learn some, judged at the third."""

    def make(instead: str = "nothing", **changes: Any) -> TrialConfig:
        subset = {"name": "drop-unlearned", "epoch": WHEN, "instead": instead}
        return tiny(**{"method": ROBUST, "subset": subset, "batch_size": 4, "epochs": 5} | changes)

    return make


def run(trainer: Trainer, config: TrialConfig) -> list[Any]:
    return [trainer.run_epoch(config.stage(epoch)) for epoch in range(trainer.epoch, config.epochs)]


@pytest.mark.parametrize("instead", ["nothing", "clean"])
def test_unlearned_examples_were_wrong_in_the_epoch_before(config: Any, trainer: Make, instead: str) -> None:
    trial = config(instead)
    ready = trainer(trial)
    epochs = run(ready, trial)
    wrong = epochs[WHEN - 1].instances["correct"] == 0
    assert 5 < wrong.sum() < 55
    assert np.array_equal(ready.examples.state.columns[UNLEARNED].numpy(), wrong)
    visits = [np.flatnonzero(~np.isnan(epoch.instances["loss"])) for epoch in epochs]
    left = np.flatnonzero(~wrong) if instead == "nothing" else np.arange(60)
    assert [len(each) for each in visits[:WHEN]] == [60, 60]
    assert all(np.array_equal(each, left) for each in visits[WHEN:])
    assert [epoch.row["examples"] for epoch in epochs] == [60, 60] + 3 * [len(left)]


@pytest.mark.parametrize("instead", ["nothing", "clean"])
def test_unlearned_examples_are_chosen_once(config: Any, trainer: Make, instead: str) -> None:
    trial = config(instead)
    ready = trainer(trial)
    judged = []
    for epoch in range(5):
        wrong = ready.run_epoch(trial.stage(epoch)).instances["correct"] == 0
        if epoch >= WHEN:
            judged.append(ready.examples.state.columns[UNLEARNED].clone())
            assert (wrong & ~judged[-1].numpy()).any()  # others are wrong by now
    assert torch.equal(judged[0], judged[1]) and torch.equal(judged[0], judged[2])


@pytest.mark.parametrize("instead", ["nothing", "clean"])
def test_reading_the_trained_examples_does_not_choose_again(config: Any, trainer: Make, instead: str) -> None:
    """As a sweep does for its records once training has ended, here with the very epoch of judgement."""
    trial = config(instead, epochs=WHEN + 1)
    ready = trainer(trial)
    last = run(ready, trial)[-1]
    state = ready.examples.state.columns[UNLEARNED].clone()
    selected = ready.selected(trial.stage(WHEN)).numpy()
    assert np.array_equal(selected, np.flatnonzero(~np.isnan(last.instances["loss"])))
    assert torch.equal(ready.examples.state.columns[UNLEARNED], state)


def test_spared_examples_are_trained_on_clean(config: Any, trainer: Make) -> None:
    """Of the others the adversaries are those of a training without a drop: the same noise for the same batch."""
    trial, plain = config("clean"), config(subset={"name": "all"})
    spared, attacked = trainer(trial), trainer(plain)
    for epoch in range(WHEN):
        spared.run_epoch(trial.stage(epoch))
        attacked.run_epoch(plain.stage(epoch))
    seen: dict[str, list[Tensor]] = {"spared": [], "attacked": []}
    for name, each, stage in (("spared", spared, trial.stage(WHEN)), ("attacked", attacked, plain.stage(WHEN))):
        each.examples.draw_batches(stage, each.selected(stage), seeded())
        batch = each.examples.load_batch(torch.arange(60), seeded())
        seen[name] = trained_on(METHODS["pgd-at"], each.net, batch)
        assert (batch.spared is None) == (name == "attacked")
    unlearned = spared.examples.state.columns[UNLEARNED]
    assert torch.equal(seen["spared"][0][unlearned], batch.x[unlearned])
    assert torch.equal(seen["spared"][0][~unlearned], seen["attacked"][0][~unlearned])
    assert not torch.equal(seen["attacked"][0][unlearned], batch.x[unlearned])


def trained_on(method: Any, net: Net, batch: Batch) -> list[Tensor]:
    """Return the points whose losses reach the weights."""
    seen, features_and_logits = [], net.features_and_logits

    def listening(x: Tensor) -> tuple[Tensor, Tensor]:
        if all(p.requires_grad for p in net.module.parameters()):
            seen.append(x.detach().clone())
        return features_and_logits(x)

    net.features_and_logits = listening  # type: ignore[method-assign]
    for loss, _ in method.losses(net, batch, seeded()):
        loss.backward()
    net.features_and_logits = features_and_logits  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("name", METHODS)
def test_every_method_leaves_spared_examples_clean(name: str) -> None:
    method, half = METHODS[name].at(99, 100), torch.arange(12) % 2 == 0
    net = steep(classes=10)
    batch = labelled(net)
    points = trained_on(method, net, batch._replace(spared=half))
    assert all(torch.equal(x[half], batch.x[half]) for x in points)
    if name != "standard":
        assert any(not torch.equal(x[~half], batch.x[~half]) for x in points)


@pytest.mark.parametrize(
    ("trial", "complaint"),
    [
        ({"data": {"name": "digits", "extra": {"name": "rest"}}}, "data.extra leaves some out"),
        ({"method": {"base": "gairat"}}, "weights by kappa need an attack"),
    ],
)
def test_sparing_without_a_judgement_or_an_attack_is_refused(trial: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TrialConfig.model_validate(trial | {"subset": {"name": "drop-unlearned", "instead": "clean"}})


# When


@pytest.mark.parametrize(("epoch", "first"), [("50%", 80), (80, 80), ("12.5%", 20), (1, 1)])
def test_the_epoch_of_judgement(epoch: Any, first: int) -> None:
    stages = [DropUnlearned(epoch=epoch).at(e, 160) for e in range(160)]
    assert stages[:first] == [All()] * first
    assert stages[first].epoch == 0
    assert {stage.epoch for stage in stages[first + 1 :]} == {None}


def test_a_share_of_less_than_an_epoch_is_one() -> None:
    """Before the first epoch nobody is learned, and all would be dropped."""
    stages = [DropUnlearned(epoch="50%").at(epoch, 1) for epoch in range(1)]
    assert stages == [All()]
    assert DropUnlearned(epoch="1%").at(0, 10) == All() and DropUnlearned(epoch="1%").at(1, 10).epoch == 0


def test_before_the_first_epoch_is_refused() -> None:
    for epoch in (0, "0%", None):
        with pytest.raises(ValidationError, match="take an epoch of at least 1"):
            DropUnlearned(epoch=epoch)


def test_drop_unlearned_reports_that_no_example_is_learned(tiny: Tiny, trainer: Make) -> None:
    subset = {"name": "drop-unlearned", "epoch": 1}
    trial = tiny(method={"attack": {"epsilon": 1.0, "steps": 5}}, subset=subset)
    ready = trainer(trial)
    ready.run_epoch(trial.stage(0))
    with pytest.raises(ValueError, match="no example was learned before epoch 1, so none would be left; judge later"):
        ready.run_epoch(trial.stage(1))


@pytest.mark.long
@pytest.mark.parametrize("instead", ["nothing", "clean"])
def test_drop_unlearned_drops_the_same_examples_after_a_resume(
    config: Any, trainer: Make, tmp_path: Any, instead: str
) -> None:
    trial = config(instead)
    whole = trainer(trial)
    rows = [epoch.row for epoch in run(whole, trial)]
    for stop in (WHEN, WHEN + 1, WHEN + 2):
        before, after = trainer(trial), trainer(trial)
        for epoch in range(stop):
            before.run_epoch(trial.stage(epoch))
        torch.save(before.state_dict(), tmp_path / "state.pt")
        after.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
        assert [epoch.row for epoch in run(after, trial)] == rows[stop:]
