"""How many images are measured at once: 512, or fewer where they would keep more memory than training does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from trainers.accuracy import find_correct, predict_split
from trainers.attack_runs import AutoAttackRun
from trainers.attacks import PGD
from trainers.balls import draw_noise
from trainers.config import TrialConfig
from trainers.data import Split
from trainers.evaluate import Evaluation
from trainers.measure import arrays_at_best, loss_by_example
from trainers.min_perturbation import MinimumPerturbation
from trainers.models import MLP, MODELS, build_network
from trainers.saved_bytes import choose_measured_batch, count_saved_bytes
from trainers.step import Net
from trainers.trainer import Trainer

GIB = 2**30


@pytest.mark.parametrize("hidden", [(), (16,), (16, 32)])
def test_saved_bytes_of_an_mlp(hidden: tuple[int, ...]) -> None:
    """The image, and what a ReLU makes: for its own backward, and for that of the layer after it."""
    assert count_saved_bytes(MLP(hidden=hidden), 1, 8, 10) == 4 * (64 + 2 * sum(hidden))


@pytest.mark.parametrize(
    ("model", "channels", "size", "trained", "images"),
    [
        ("mlp", 1, 8, 128, 512), ("digits_cnn", 1, 8, 32, 512), ("resnet10", 1, 8, 32, 512),  # little is kept
        ("preact_resnet18", 3, 32, 64, 128), ("preact_resnet18", 3, 32, 128, 128),  # 1 GiB is enough for 149
        ("preact_resnet18", 3, 32, 256, 256), ("preact_resnet18", 3, 32, 5000, 512),  # and training keeps more
        ("wrn_34_10", 3, 32, 64, 64), ("wrn_34_10", 3, 32, 16, 32),
    ],
)  # fmt: skip
def test_number_of_images_measured_at_once(model: str, channels: int, size: int, trained: int, images: int) -> None:
    per_image = count_saved_bytes(MODELS[model], channels, size, 10)
    assert choose_measured_batch(per_image, trained) == images
    assert images * per_image <= max(GIB, trained * per_image, 32 * per_image)


@pytest.mark.parametrize(
    ("precision", "method", "images"), [("fp32", "pgd-at", 128), ("bf16", "pgd-at", 64), ("bf16", "trades", 128)]
)
def test_trainer_measures_as_many_images_as_a_step_keeps(
    tiny: Callable[..., TrialConfig], trainer: Callable[..., Trainer], monkeypatch: pytest.MonkeyPatch,
    precision: str, method: str, images: int,
) -> None:  # fmt: skip
    """TRADES goes back through two forwards; in bf16 they keep half."""
    monkeypatch.setattr("trainers.saved_bytes.ENOUGH", 1)
    config = tiny(batch_size=128, method=method, compute={"precision": precision})
    assert trainer(config).net.measured_at_once == images
    assert trainer(tiny()).net.measured_at_once == 32


@pytest.fixture
def net() -> Net:
    """A network that is measured on at most 32 images at once, and notes in `sizes` how many each pass has."""
    module = build_network(MLP(hidden=(16,)), 1, 8, 4, (0.5,), (0.05,), seed=1).eval()
    noting, look = Net(module), module.features_and_logits
    noting.sizes, noting.measured_at_once = [], 32  # type: ignore[attr-defined]

    def noted(x: Tensor) -> tuple[Tensor, Tensor]:
        noting.sizes.append(len(x))  # type: ignore[attr-defined]
        return look(x)

    module.features_and_logits = noted  # type: ignore[method-assign]
    return noting


def split(count: int = 80) -> Split:
    rng = torch.Generator().manual_seed(0)
    x = torch.randint(256, (count, 1, 8, 8), generator=rng, dtype=torch.uint8)
    return Split(x, torch.randint(4, (count,), generator=rng))


@pytest.mark.parametrize(
    "measure",
    [
        lambda net, data: predict_split(net, data, 0),
        lambda net, data: find_correct(net, data, PGD(steps=2), 0),
        lambda net, data: find_correct(net, data, PGD(steps=2, keep="worst"), 0),
        lambda net, data: loss_by_example(net, Evaluation(test_losses=True), {"test": data}, data, 0),
        lambda net, data: arrays_at_best(net, Evaluation(min_perturbation=MinimumPerturbation()), data),
        lambda net, data: AutoAttackRun(version="custom", attacks=("apgd-ce",)).find_robust(net, data, 0.02, "linf", 0),
    ],
    ids=["clean", "pgd", "keep worst", "losses", "at the best", "autoattack"],
)
def test_no_measurement_looks_at_more_images_at_once(net: Net, measure: Callable[[Net, Split], Any]) -> None:
    measure(net, split())
    assert max(net.sizes) == 32  # type: ignore[attr-defined]


@pytest.mark.parametrize(("kind", "norm"), [("uniform", "linf"), ("normal", "linf"), ("normal", "l2")])
def test_starts_on_a_cpu_do_not_depend_on_the_number_of_images_at_once(kind: Any, norm: Any) -> None:
    images = torch.zeros(96, 3, 8, 8)

    def drawn(size: int) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        return torch.cat([draw_noise(kind, part, 0.1, norm, rng) for part in images.split(size)])

    assert torch.equal(drawn(32), drawn(512))
