"""CUDA graphs, as far as a CPU shows: what a replay overwrites is copied, or no longer needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.trainers.compiling import announced, images, network
from trainers import compiled
from trainers.step import Net


@pytest.fixture
def begun_steps(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each step that a CUDA graph was told to begin."""
    found: list[None] = []
    monkeypatch.setattr(torch.compiler, "cudagraph_mark_step_begin", lambda: found.append(None))
    return found


@pytest.fixture
def replays(begun_steps: list[None], monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What a CUDA graph does to its outputs: each run overwrites those of the run before. And how it was asked for."""
    asked: list[str | None] = []

    def compile_(run: Callable[..., Any], mode: str | None, **how: object) -> Callable[..., Any]:
        asked.append(mode)
        outputs: list[Tensor] = []

        def replay(x: Tensor) -> tuple[Tensor, ...]:
            found = run(x)
            for before, now in zip(outputs, found, strict=False):
                before.data.copy_(now)
            outputs[:] = found
            return tuple(found)

        return replay

    monkeypatch.setattr(torch, "compile", compile_)
    monkeypatch.setattr(compiled, "_KEPT", compiled._Kept())
    return asked


def test_outputs_of_a_cuda_graph_survive_its_next_replay(replays: list[str | None]) -> None:
    module = network()
    passes = announced(module, 4, replayed=True)
    first, second = passes(images(4)), passes(images(4, seed=1))
    assert replays == ["reduce-overhead"]
    for found, x in ((first, images(4)), (second, images(4, seed=1))):
        assert all(torch.equal(a, b) for a, b in zip(found, module.features_and_logits(x), strict=True))


def test_a_replay_begins_a_step_unless_a_backward_needs_the_ones_before(
    replays: list[str | None], begun_steps: list[None]
) -> None:
    passes = announced(network(), 4, replayed=True)
    steps = []

    def look(seed: int = 0) -> Tensor:
        logits = passes(images(4, seed).requires_grad_())[1]
        steps.append(len(begun_steps))
        return logits

    with torch.no_grad():
        look()
    for _ in range(2):  # an attack goes back through each look at once
        look().sum().backward()
    assert steps == [1, 2, 3]
    clean, robust = look(), look(1)  # TRADES goes back through both
    (clean - robust).sum().backward()
    assert steps[3:] == [4, 4]
    loss = look().sum()  # MMA attacks between a look and the backward through it
    for _ in range(2):
        look().sum().backward()
    loss.backward()
    assert steps[5:] == [5, 5, 5]
    look()  # whose backward is never made
    look()
    assert steps[8:] == [6, 7]


def test_gradients_go_through_the_copies(replays: list[str | None]) -> None:
    module = network().double()
    passes = announced(module, 4, replayed=True)
    x = images(4).double().requires_grad_()
    for outputs in (slice(0, 1), slice(1, 2), slice(0, 2)):  # features, logits, both
        losses = (
            sum(output.square().sum() for output in run(x)[outputs]) for run in (passes, module.features_and_logits)
        )
        found, expected = (torch.autograd.grad(loss, (x, *module.body.parameters())) for loss in losses)
        torch.testing.assert_close(found, expected)


def test_a_network_on_the_cpu_is_not_replayed(replays: list[str | None], begun_steps: list[None]) -> None:
    Net(network(), compiled=True)(images(4))
    assert replays == [None] and not begun_steps


def test_graphs_of_many_networks_are_dropped_where_cuda_graphs_are_recorded(
    replays: list[str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    announced(network(), 8, replayed=True)
    resets: list[None] = []
    monkeypatch.setattr("torch._dynamo.reset", lambda: resets.append(None))
    for seed in range(1, compiled.MOST_NETWORKS):
        announced(network(seed), 8)
        announced(network(seed), 8, replayed=True)
    assert not resets
    announced(network(), 8, replayed=True)
    assert resets == [None]
