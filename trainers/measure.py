"""What a trainer measures of its network: along training, and at the end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator

from trainers.attacks import PGD
from trainers.data import Split, pixels
from trainers.evaluate import Evaluation, accuracy, correct, undisturbed
from trainers.losses import cross_entropy
from trainers.records import Row
from trainers.step import Batch, Net


def along(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> Row:
    """Clean accuracy and that under the attack of training curves, on validation and test."""
    attack = evaluation.along()
    return {
        f"{name}_{kind}_acc": accuracy(net, splits[name], attacked, seed)
        for name in ("val", "test")
        for kind, attacked in (("clean", None), ("pgd", attack))
    }


def final(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> Row:
    """Accuracy on the test split under the final attacks, and on its corrupted versions without one."""
    robust = {
        f"test_{name}_acc": attack.measure(net, splits["test"], evaluation.epsilon, evaluation.norm, seed)
        for name, attack in evaluation.final.items()
    }
    corrupted = [name for name in splits if name not in ("val", "test")]
    return robust | {f"{name}_acc": accuracy(net, splits[name], None, seed) for name in corrupted}


def by_class(net: Net, evaluation: Evaluation, test: Split, seed: int) -> dict[str, list[float]]:
    """Accuracy on the test examples of each class, clean and under the attack of training curves, C numbers each."""
    sizes = test.y.bincount().clamp_min(1)  # a class that the test split has none of is never right
    return {
        kind: (test.y[correct(net, test, attack, seed)].bincount(minlength=len(sizes)) / sizes).tolist()
        for kind, attack in (("clean", None), ("pgd", evaluation.along()))
    }


def each_loss(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> dict[str, np.ndarray]:
    """The cross-entropy of every example of the test split and its corrupted versions, clean, (N,) each.

    Of the test split also under the attack of training curves: what the difficulty of test examples goes by.
    """
    tests = {name: split for name, split in splits.items() if name != "val"}
    return {f"{name}_loss": _losses(net, split, None, seed) for name, split in tests.items()} | {
        "test_pgd_loss": _losses(net, splits["test"], evaluation.along(), seed)
    }


def _losses(net: Net, split: Split, attack: PGD | None, seed: int) -> np.ndarray:
    parts = []
    with undisturbed(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        for images, y in zip(split.x.split(512), split.y.split(512), strict=True):
            x = pixels(images)
            x = x if attack is None else attack(net, Batch(x, y), rng).x
            with torch.no_grad():
                parts.append(cross_entropy(net(x), y))
    return torch.cat(parts).cpu().numpy().astype(np.float16)


@torch.no_grad()
def clean_p_y(net: Net, split: Split) -> np.ndarray:
    """The probability of the given label on the images, (N,)."""
    with undisturbed(net, 0):
        parts = [
            net(pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
            for x, y in zip(split.x.split(512), split.y.split(512), strict=True)
        ]
    return torch.cat(parts).cpu().numpy().astype(np.float16)
