"""A compiled training has a graph for each batch size, made once in a process, whatever came before."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.trainers.compiling import announced, images, network
from trainers import compiled
from trainers.config import TrialConfig
from trainers.step import Net

Shapes = list[tuple[int, ...]]  # of the images that each graph was made for


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shapes]:
    """The graphs that torch.compile makes; a backend that needs no C++ compiler runs them."""
    shapes: Shapes = []
    compile_ = torch.compile

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Callable[..., Any]:
        (x,) = (each for each in inputs if each.ndim == 4 and not isinstance(each, torch.nn.Parameter))
        shapes.append(tuple(x.shape))
        return graph.forward  # type: ignore[no-any-return]

    def compile_with_it(run: Callable[..., Any], dynamic: bool, **how: object) -> Any:
        return compile_(run, dynamic=dynamic, backend=backend)

    monkeypatch.setattr(torch, "compile", compile_with_it)
    torch._dynamo.reset()
    yield shapes
    torch._dynamo.reset()


def training(tiny: Callable[..., TrialConfig], **changes: object) -> TrialConfig:
    """Return a CNN with BatchNorm on 84 digits: two batches of 32 and one of 20 an epoch."""
    data = {"name": "digits", "train": 84, "val": 60, "test": 60}
    return tiny(**{"data": data, "model": {"name": "digits_cnn"}, "compute": {"compile": True}} | changes)


@pytest.mark.long
@pytest.mark.parametrize(
    ("changes", "made"),
    [
        ({"method": "pgd-at"}, {32: 3, 24: 2, 20: 1}),  # the look before training, the attack, and the update
        ({"method": "trades"}, {32: 3, 24: 2, 20: 1}),
        ({"method": {"base": "gairat", "weight": {"burn_in": 1}}}, {32: 3, 24: 2, 20: 1}),
        ({"method": {"base": "fat", "attack": {"tau": 0}}}, {32: 3, 24: 2, 20: 1, 16: 1, 8: 1}),
        ({"method": {"base": "pgd-at", "awp": {}}}, {32: 3, 24: 2, 20: 1}),
        ({"average": {"name": "ema"}}, {32: 3, 24: 2, 20: 1}),
        ({"method": "free-at"}, {32: 2, 24: 1, 20: 1}),
        ({"method": {"base": "fat", "attack": {"bn": "train", "tau": 0}}}, {32: 3, 24: 1, 20: 2}),
    ],
    ids=["pgd-at", "trades", "gairat", "fat", "awp", "ema", "free-at", "fat in train mode"],
)
def test_training_makes_these_graphs_and_the_next_one_none(
    graphs: Shapes, tiny: Any, trained: Any, changes: dict[str, object], made: dict[int, int]
) -> None:
    trained(training(tiny, **changes))
    assert {size: sum(shape[0] == size for shape in graphs) for size in made} == made
    assert len(graphs) == sum(made.values())
    gc.collect()  # the graphs outlive the network that they were made for
    trained(training(tiny, seed=1, **changes))
    assert len(graphs) == sum(made.values())


@pytest.mark.long
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_graphs_of_another_training_give_the_bits_of_ones_own(
    graphs: Shapes, tiny: Any, bits: Any, precision: str
) -> None:
    compute = {"compile": True, "precision": precision}
    config = training(tiny, method="fat", compute=compute)
    own = bits(config)
    torch._dynamo.reset()
    bits(training(tiny, method="trades", seed=1, compute=compute))
    assert all(torch.equal(a, b) for a, b in zip(bits(config), own, strict=True))


@pytest.mark.long
def test_fewer_examples_than_a_batch_are_filled_up_in_eval_mode(graphs: Shapes) -> None:
    module = network(cnn=True).double().eval()
    passes = announced(module, 12, 12, 4)
    for count, filled in ((1, 3), (3, 3), (4, 6), (7, 9), (10, 12), (12, 12)):
        graphs.clear()
        torch._dynamo.reset()
        x = images(count).double().requires_grad_()
        features, logits = passes(x)
        assert graphs == [(filled, 1, 8, 8)]
        for found, expected in zip((features, logits), module.features_and_logits(x), strict=True):
            torch.testing.assert_close(found, expected)
        reference, own = (torch.autograd.grad(output.logsumexp(1).sum(), x)[0] for output in (logits, module(x)))
        torch.testing.assert_close(reference, own)


@pytest.mark.long
def test_an_epoch_of_one_joined_batch_fills_up_to_it(graphs: Shapes) -> None:
    passes = announced(network().eval(), 8, 8, 11)
    for count in (8, 9, 11):
        passes(images(count))
    assert [shape[0] for shape in graphs] == [8, 11]


@pytest.mark.long
def test_batchnorm_in_train_mode_sees_no_other_examples(graphs: Shapes) -> None:
    """Sizes of the epoch have graphs; an attack that goes on with fewer examples runs without."""
    own, plain = (network(cnn=True).train() for _ in range(2))
    passes = announced(own, 8, 8, 5)
    for count in (8, 3, 5, 7):
        passes(images(count))
        plain(images(count))
    assert [shape[0] for shape in graphs] == [8, 5]
    assert all(torch.equal(a, b) for a, b in zip(own.buffers(), plain.buffers(), strict=True))


@pytest.fixture
def resets(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    found: list[None] = []
    monkeypatch.setattr("torch._dynamo.reset", lambda: found.append(None))
    return found


@pytest.mark.parametrize(
    ("width", "batch", "precision", "dropped"),
    [(16, 8, "fp32", False), (17, 8, "fp32", True), (16, 9, "fp32", True), (16, 8, "bf16", True)],
)
def test_graphs_are_dropped_if_network_or_batch_or_precision_differ(
    graphs: Shapes, resets: list[None], width: int, batch: int, precision: str, dropped: bool
) -> None:
    announced(network(), 8, 8, 5)
    resets.clear()
    announced(network(seed=1, width=width), batch, batch, 3, precision=precision)
    assert bool(resets) is dropped


def test_graphs_of_many_last_batches_are_dropped(graphs: Shapes, resets: list[None]) -> None:
    """As in a sweep of subset sizes, whose trainings follow one another in a process."""
    module = network()
    announced(module, 100, 99)
    resets.clear()
    for last in range(98, 98 - compiled.MOST_SIZES + 2, -1):
        announced(module, 100, last)
    assert not resets
    announced(module, 100, 1)
    assert resets


@pytest.mark.long
def test_more_graphs_than_are_kept_are_an_error_that_says_what_varied(
    graphs: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "MOST_GRAPHS", 2)
    net = Net(network(width=13), compiled=True)
    net(images(5))
    net(images(6))
    net(images(5))
    with pytest.raises(RuntimeError, match=r"2 graphs.*batch size 5, 6, 7;.*train mode True;.*compile: false"):
        net(images(7))
