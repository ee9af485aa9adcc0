"""Targets: label smoothing, and distributions that follow the model's own predictions from visit to visit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from trainers.attacks import PGD
from trainers.losses import TRADES, CrossEntropy
from trainers.method import Method
from trainers.methods import METHODS
from trainers.starts import Previous
from trainers.state import InstanceState
from trainers.step import Step
from trainers.targets import COLUMN, BurnInAverage, Given, RunningAverage, Smoothed
from trainers.weights import Confidence, Uniform

from .helpers import images, seeded, steep, step

P = torch.tensor([[0.7, 0.2, 0.1], [0.25, 0.25, 0.5]])
Q = torch.tensor([[0.1, 0.1, 0.8], [0.6, 0.3, 0.1]])
ONE_HOT = torch.eye(3)[[2, 0]]
LABELS = [2, 0]


def visited(state: InstanceState, p: Tensor, clean: Tensor | None = None, start: Tensor | None = None) -> Step:
    """Return a visit of both examples, whose adversaries are predicted with probabilities p."""
    at = step(p.log(), LABELS, None if clean is None else clean.log())
    logits = None if start is None else start.log()
    return at._replace(batch=at.batch._replace(state=state), adversary=at.adversary._replace(logits=logits))


@pytest.fixture
def state() -> InstanceState:
    return InstanceState(2, torch.device("cpu"))


# Smoothing


def test_smoothed_labels_of_ten_classes() -> None:
    target = Smoothed(share=0.1)(step(torch.zeros(2, 10), [3, 0]))
    assert target[0].tolist() == pytest.approx([0.01] * 3 + [0.91] + [0.01] * 6)
    assert target.sum(1).tolist() == pytest.approx([1, 1])
    assert Smoothed(share=1.0)(step(torch.zeros(1, 4), [3])).tolist() == [[0.25] * 4]


def test_no_smoothing_is_the_labels() -> None:
    assert Smoothed(share=0.0).at(3, 10) == Given()


# Running averages


def test_running_average_after_one_visit(state: InstanceState) -> None:
    """t = rho 1_y + (1 - rho) p, of which the loss fits beta 1_y + (1 - beta) t; Liu et al. 2021, Alg. 1."""
    target = RunningAverage(momentum=0.9, keep=0.1)(visited(state, P))
    t = 0.9 * ONE_HOT + 0.1 * P
    torch.testing.assert_close(state.columns["target"], t)
    torch.testing.assert_close(target, 0.1 * ONE_HOT + 0.9 * t)


def test_after_many_visits(state: InstanceState) -> None:
    """Unrolled: t_n = rho^n 1_y + (1 - rho) sum_i rho^(n-i) p_i."""
    piece = RunningAverage(momentum=0.8)
    for p in (P, Q, Q, P):
        target = piece(visited(state, p))
    expected = 0.8**4 * ONE_HOT + 0.2 * (0.8**3 * P + 0.8**2 * Q + 0.8 * Q + P)
    torch.testing.assert_close(target, expected)
    torch.testing.assert_close(state.columns["target"], expected)  # keep is 0


def test_running_average_keeps_a_target_of_each_example_by_its_row(state: InstanceState) -> None:
    piece = RunningAverage(momentum=0.5)
    first = piece(visited(state, P))
    at = visited(state, Q)
    turned = at._replace(robust=at.robust[[1]], batch=at.batch._replace(rows=torch.tensor([1]), y=torch.tensor([0])))
    second = piece(turned)
    torch.testing.assert_close(second, 0.5 * first[[1]] + 0.5 * Q[[1]])
    torch.testing.assert_close(state.columns["target"][0], first[0])  # who was not visited stays


def test_running_average_follows_the_given_prediction(state: InstanceState) -> None:
    def after(follow: Any) -> Tensor:
        fresh = InstanceState(2, torch.device("cpu"))
        return RunningAverage(momentum=0.0, follow=follow)(visited(fresh, P, clean=Q, start=ONE_HOT.clamp(1e-30)))

    torch.testing.assert_close(after("robust"), P)
    torch.testing.assert_close(after("clean"), Q)
    torch.testing.assert_close(after("start"), ONE_HOT)


@given(
    momentum=st.floats(0, 1),
    keep=st.floats(0, 1),
    visits=st.lists(st.lists(st.floats(-30, 30), min_size=3, max_size=3), min_size=1, max_size=6),
)
def test_targets_are_distributions(momentum: float, keep: float, visits: list[list[float]]) -> None:
    state = InstanceState(1, torch.device("cpu"))
    for logits in visits:
        at = step(torch.tensor([logits]), [1])
        target = RunningAverage(momentum=momentum, keep=keep)(at._replace(batch=at.batch._replace(state=state)))
        assert target.sum().item() == pytest.approx(1, abs=1e-5)
        assert (target >= 0).all() and target[0, 1] >= keep - 1e-6


def test_keeping_all_is_the_label_and_full_momentum_is_constant(state: InstanceState) -> None:
    assert torch.equal(RunningAverage(keep=1.0)(visited(state, P)), ONE_HOT)
    fresh = InstanceState(2, torch.device("cpu"))
    for p in (P, Q):
        assert torch.equal(RunningAverage(momentum=1.0)(visited(fresh, p)), ONE_HOT)


def test_no_gradient_flows_into_a_target(state: InstanceState) -> None:
    at = visited(state, P)
    at = at._replace(robust=at.robust.requires_grad_())
    target = RunningAverage(momentum=0.5)(at)
    assert not target.requires_grad and not state.columns["target"].requires_grad
    CrossEntropy()(at, target, None).sum().backward()
    torch.testing.assert_close(at.robust.grad, P - target)


# Whole steps


def test_two_steps_of_self_adaptive_training_by_hand() -> None:
    """sum w CE(f(x), t) / sum w + beta KL, t moved by the clean prediction before its loss; Huang et al. 2020."""
    net, batch = steep(), images()
    attack = PGD(epsilon=0.1, steps=2, start="normal", ascend="kl")
    target = RunningAverage(momentum=0.9, follow="clean", burn_in=0)
    method = Method(attack=attack, loss=TRADES(beta=6), weight=Confidence(), target=target)
    t = torch.eye(4)[batch.y]
    for seed in range(2):
        [(loss, _)] = list(method.losses(net, batch, seeded(seed)))
        clean, robust = net(batch.x), net(attack(net, batch, seeded(seed)).x)
        t = 0.9 * t + 0.1 * clean.detach().softmax(1)
        w = t.amax(1)
        risk = -(t * clean.log_softmax(1)).sum(1)
        divergence = functional.kl_div(robust.log_softmax(1), clean.softmax(1), reduction="batchmean")
        torch.testing.assert_close(loss, (w * risk).sum() / w.sum() + 6 * divergence)


def test_two_steps_of_reweighting_with_adaptive_targets_by_hand() -> None:
    """Liu et al. 2021, Alg. 1: one step from the last perturbation, w = p(x')_y, t of rho .9, beta .1."""
    net, batch = steep(), images()
    method: Method = METHODS["atta-reweight-adaptive"].at(6, 38)  # type: ignore[assignment]
    assert batch.state is not None
    delta = 0.04 * torch.rand(batch.x.shape, generator=seeded()) - 0.02
    batch.state.column("perturbation", (1, 8, 8))[:] = delta
    t, labels = torch.eye(4)[batch.y], torch.eye(4)[batch.y]
    for _ in range(2):
        [(loss, _)] = list(method.losses(net, batch, seeded()))
        x = (batch.x + delta).clamp(0, 1).requires_grad_()
        (upward,) = torch.autograd.grad(functional.cross_entropy(net(x), batch.y, reduction="sum"), x)
        delta = (x + 4 / 255 * upward.sign() - batch.x).clamp(-8 / 255, 8 / 255)
        delta = ((batch.x + delta).clamp(0, 1) - batch.x).detach()
        robust = net(batch.x + delta)
        p = robust.detach().softmax(1)
        t = 0.9 * t + 0.1 * p
        fitted = 0.1 * labels + 0.9 * t
        w = (p * labels).sum(1)
        risk = -(fitted * robust.log_softmax(1)).sum(1)
        torch.testing.assert_close(loss, (w * risk).sum() / w.sum())
        torch.testing.assert_close(batch.state.columns["perturbation"], delta)
    torch.testing.assert_close(batch.state.columns["target"], t)


# When they act


@pytest.mark.parametrize(("row", "epochs", "first"), [("atta-adaptive", 38, 5), ("self-adaptive", 100, 70)])
def test_targets_are_the_labels_until_burn_in_and_remember_nothing(row: str, epochs: int, first: int) -> None:
    stages = [METHODS[row].at(epoch, epochs) for epoch in range(epochs)]
    assert [stage.target == Given() for stage in stages] == [True] * first + [False] * (epochs - first)
    assert all(isinstance(stage.weight, Uniform) for stage in stages[:first])


@pytest.mark.parametrize("updates", ["after_burn_in", "always"])
@pytest.mark.parametrize("limit", [{"momentum": 1.0}, {"keep": 1.0}])
def test_a_target_that_never_moves_is_the_label(limit: dict[str, Any], updates: Any) -> None:
    assert {RunningAverage(updates=updates, **limit).at(epoch, 100) for epoch in (0, 50)} == {Given()}


@given(
    burn_in=st.integers(0, 6), momentum=st.floats(0, 0.99), keep=st.floats(0, 0.99), seed=st.integers(0, 99),
    updates=st.sampled_from(["after_burn_in", "always"]),
)  # fmt: skip
def test_loss_fits_the_labels_in_burn_in_while_targets_may_follow(
    burn_in: int, momentum: float, keep: float, seed: int, updates: Any
) -> None:
    """Algorithm 1 of Liu et al. 2021 updates t in its warm-up, their code does not: t_n counts other visits."""
    state, rng = InstanceState(2, torch.device("cpu")), seeded(seed)
    target = RunningAverage(burn_in=burn_in, momentum=momentum, keep=keep, updates=updates)
    t = ONE_HOT
    for epoch in range(6):
        p = torch.rand(2, 3, generator=rng).softmax(1)
        now = target.at(epoch, 6)
        fitted = now(visited(state, p))
        if updates == "always" or epoch >= burn_in:
            t = momentum * t + (1 - momentum) * p
        if epoch < burn_in:
            assert not now.soft and fitted.tolist() == LABELS
        else:
            assert now.soft
            torch.testing.assert_close(fitted, keep * ONE_HOT + (1 - keep) * t)
    assert (COLUMN in state.columns) == (updates == "always" or burn_in < 6)


def test_target_updates_begin_after_burn_in_by_default_and_are_then_no_part_of_a_configuration() -> None:
    assert "updates" not in RunningAverage().model_dump()
    told = RunningAverage(updates="always")
    assert told.model_dump()["updates"] == "always"
    assert {told.at(epoch, 100) for epoch in range(5, 100)} == {RunningAverage().at(5, 100)}  # one once it acts
    with pytest.raises(ValidationError, match="does not match any of the expected tags: 'given', 'smoothed'"):
        Method.model_validate({"target": told.at(0, 100).model_dump()})


def test_weights_by_confidence_wait_for_targets_that_are_fitted() -> None:
    target = RunningAverage(follow="clean", burn_in=3, updates="always")
    method = Method(loss=TRADES(), weight=Confidence(), target=target)
    stages = [method.at(epoch, 6) for epoch in range(6)]
    assert [isinstance(stage.weight, Uniform) for stage in stages] == [True] * 3 + [False] * 3
    assert [isinstance(stage.target, BurnInAverage) for stage in stages] == [True] * 3 + [False] * 3
    assert all(stage.target.needs_clean for stage in stages)


def test_running_average_of_a_stage_dumps_all_its_knobs(recwarn: pytest.WarningsRecorder) -> None:
    """A state's name is a hash of its stages: two that watch other averages are two, and keep is no part of it yet."""
    fast, slow, firm = (
        Method(target=RunningAverage(updates="always", **knobs)).at(0, 10).model_dump()
        for knobs in ({"momentum": 0.5}, {"momentum": 0.9}, {"momentum": 0.9, "keep": 0.5})
    )
    assert fast["target"]["average"]["momentum"] == 0.5 and fast != slow == firm
    assert not recwarn.list


# Refusals


def test_soft_targets_need_a_loss_that_takes_them() -> None:
    with pytest.raises(ValidationError, match="loss mart needs labels and target smoothed is a distribution"):
        Method.model_validate({"loss": {"name": "mart"}, "target": {"name": "smoothed"}})


@pytest.mark.parametrize("attack", [{"name": "none"}, {"name": "pgd", "steps": 0}, {"name": "pgd", "steps": 3}])
def test_following_the_start_needs_an_attack_that_evaluates_it(attack: dict[str, Any]) -> None:
    trial = {"attack": attack, "target": {"name": "running-average", "follow": "start"}}
    if attack.get("steps", 0):
        assert Method.model_validate(trial).target == RunningAverage(follow="start")
    else:
        with pytest.raises(ValidationError, match=r"follow: start .* takes no step"):
            Method.model_validate(trial)


def test_the_code_of_liu_et_al_is_a_row_with_two_changes() -> None:
    """Targets follow the prediction before the step, perturbations begin uniform and are never drawn anew."""
    row = METHODS["atta-adaptive"].model_dump()
    row["target"]["follow"] = "start"
    row["attack"]["start"] |= {"fill": "uniform", "reset_every": None}
    method = Method.model_validate(row)
    assert isinstance(method.attack, PGD) and method.attack.start == Previous(fill="uniform", reset_every=None)
