"""Loss flatness: gradient lengths at the two points of an attack, measured beside a training that it does not touch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.diagnostics.flatness import Flatness
from trainers.diagnostics.moments import Subject
from trainers.sampling import draw_images
from trainers.step import Batch, Net

from .helpers import seeded, steep

EPSILON = 0.06


def subject(net: Net, count: int = 60) -> Subject:
    """Return images under the labels that the network gives them, but for ten, so that attacks begin at right ones."""
    x = torch.randint(256, (count, 1, 8, 8), generator=seeded(1), dtype=torch.uint8)
    with torch.no_grad():
        y = net(to_pixels(x)).argmax(1)
    y[:10] = (y[:10] + 1) % 4
    return Subject(net, Split(x, y), Split(x, y), EPSILON, "linf", PGD(), seed=3)


def by_hand(net: Net, point: Tensor, label: int) -> float:
    """Return the length of the gradient of one example's loss, by central differences in double precision."""
    module = net.module.double()
    x, gradient = point.double()[None], torch.zeros(point.numel(), dtype=torch.float64)
    for i in range(point.numel()):
        shift = torch.zeros(point.numel(), dtype=torch.float64)
        shift[i] = 1e-6
        ends = [module(x + sign * shift.view_as(x)).log_softmax(1)[0, label].item() for sign in (1, -1)]
        gradient[i] = -(ends[0] - ends[1]) / 2e-6
    module.float()
    return float(gradient.norm())


@torch.no_grad()
def test_gradient_lengths_are_those_of_each_examples_own_loss_at_both_points() -> None:
    net = steep()
    scene, flatness = subject(net), Flatness(images=None, steps=5)
    with torch.enable_grad():
        found = flatness.measure(scene)
    batch = Batch(to_pixels(scene.test.x), scene.test.y)
    knobs: dict[str, Any] = {"epsilon": EPSILON, "steps": 5}
    with torch.enable_grad():
        points = {
            "adversarial": PGD(**knobs)(net, batch, seeded(3)).x,
            "friendly": PGD(tau=0, **knobs)(net, batch, seeded(3)).x,
        }
    for name, x in points.items():
        assert found[name].shape == (60,) and found[name].dtype == np.float32
        for i in (0, 20):
            assert found[name][i] == pytest.approx(by_hand(net, x[i], int(scene.test.y[i])), rel=1e-3)
    assert not np.allclose(found["friendly"], found["adversarial"])


def test_friendly_point_is_the_first_that_is_misclassified(linear: Callable[..., Net]) -> None:
    """On a linear network the gradient's length follows from the logits at the point."""
    weight = torch.zeros(2, 64)
    weight[0, 0], weight[1, 1] = 8.0, 8.0
    net = linear(weight)
    x = torch.full((8, 1, 8, 8), 100, dtype=torch.uint8)
    x[:, 0, 0, 0] = 110  # pixel 0 leads pixel 1 by 10/255, which is lost after five steps of 1/255
    y = torch.zeros(8, dtype=torch.long)
    scene = Subject(net, Split(x, y), Split(x, y), 20 / 255, "linf", PGD(), seed=0)
    found = Flatness(images=None, steps=20, step_size=1 / 255, start="none").measure(scene)
    for name, steps in (("friendly", 6), ("adversarial", 20)):  # a tie after five is decided for class 0
        wrong = 1 / (1 + np.exp(8 * (10 - 2 * steps) / 255))
        assert found[name] == pytest.approx(np.full(8, wrong * 8 * np.sqrt(2)), rel=1e-3)


def test_images_are_those_that_final_attacks_of_this_number_look_at() -> None:
    scene = subject(steep())
    few = Flatness(images=12, steps=2)
    assert few.list_examples(scene)["images"].tolist() == draw_images(scene.test.y, 12).tolist()  # type: ignore[union-attr]
    assert few.measure(scene)["friendly"].shape == (12,)
    assert Flatness(images=None).list_examples(scene)["images"].tolist() == [*range(60)]
