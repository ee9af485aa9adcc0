"""Logits and penultimate activations of training images: those of the network as it is, row for row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from trainers.attacks import PGD
from trainers.config import TrialConfig
from trainers.data import to_pixels
from trainers.diagnostics.moments import Subject
from trainers.diagnostics.outputs import Features, Logits
from trainers.sampling import draw_images
from trainers.step import Batch
from trainers.trainer import Trainer, derived

from .helpers import seeded

BOTH: dict[str, Any] = {"logits": {"images": 20}, "features": {"images": None}}


@pytest.fixture(scope="module")
def ready(tiny: Callable[..., TrialConfig], trained: Callable[..., Trainer]) -> Trainer:
    """A network with label noise, after two epochs of augmented images."""
    return trained(
        tiny(data={"name": "digits", "train": 60, "val": 60, "test": 60, "label_noise": 0.2}), diagnostics=BOTH
    )


def test_logits_are_those_of_the_rows_named_in_eval_mode(ready: Trainer) -> None:
    found, rows = ready.diagnose(), ready.list_diagnosed_examples()["logits_rows"]
    train = ready.examples.training_split
    assert rows.tolist() == draw_images(train.y, 20).tolist()  # type: ignore[union-attr]
    ready.net.module.eval()
    with torch.no_grad():
        expected = ready.net.module(to_pixels(train.x[rows.tolist()]))
    assert found["logits_values"].shape == (1, 20, 10)
    assert np.allclose(found["logits_values"][0], expected.numpy(), atol=1e-6)
    assert found["logits_forwards"].tolist() == [20] and found["logits_backwards"].tolist() == [0]


def test_features_are_absolute_activations_at_the_point_of_the_attack_of_the_curves(ready: Trainer) -> None:
    found, train = ready.diagnose(), ready.examples.training_split
    assert ready.list_diagnosed_examples()["features_rows"].tolist() == [*range(60)]
    rng = seeded(derived(0, 1, "diagnostics"))
    point = ready.evaluation.pgd()(ready.net, Batch(to_pixels(train.x), train.y), rng).x
    with torch.no_grad():
        expected = ready.net.module.features(point).abs().numpy()
    values = found["features_values"][0]
    assert values.shape == (60, 16) and values.dtype == np.float16
    assert np.abs(values - expected).max() < 1e-2 * expected.max()
    with torch.no_grad():
        clean = ready.net.module.features(to_pixels(train.x)).abs().numpy()
    assert np.abs(values - clean).max() > 5e-2 * expected.max()
    assert found["features_forwards"].tolist() == [60 * 3] and found["features_backwards"].tolist() == [60 * 2]


def test_both_look_at_few_images_at_once(ready: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    train, seen, look = ready.examples.training_split, [], ready.net.features_and_logits
    scene = Subject(ready.net, train, train, 0.1, "linf", PGD(steps=1, start="none"), seed=0)
    whole = [kind(images=None).measure(scene)["values"] for kind in (Logits, Features)]
    monkeypatch.setattr(ready.net, "measured_at_once", 32)
    monkeypatch.setattr(ready.net, "features_and_logits", lambda x: seen.append(len(x)) or look(x))
    parts = [kind(images=None).measure(scene)["values"] for kind in (Logits, Features)]
    assert seen == [32, 28]
    assert all(np.allclose(a, b, atol=1e-2) for a, b in zip(whole, parts, strict=True))
