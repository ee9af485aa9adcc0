"""What a trainer measures of its network: along training, and at the end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.attacks import PGD
from trainers.data import Split, pixels
from trainers.evaluate import AutoAttackRun, Evaluation, accuracy, correct, undisturbed
from trainers.losses import cross_entropy
from trainers.recording import Arrays
from trainers.records import Row
from trainers.scores import UNSEEN
from trainers.step import Batch, Net

ByClass = dict[str, list[float | None]]  # clean, or an attack -> the accuracy on each class


def along(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> Row:
    """Clean accuracy and that under the attack of training curves, on validation, if there is one, and on test."""
    attack = evaluation.along()
    return {
        f"{name}_{kind}_acc": accuracy(net, splits[name], attacked, seed)
        for name in ("val", "test")
        if name in splits
        for kind, attacked in (("clean", None), ("pgd", attack))
    }


def on_training(net: Net, evaluation: Evaluation, train: Split, seen: np.ndarray, seed: int) -> np.ndarray:
    """Who of the examples `seen`, (N,) bool, withstands the attack of training curves: (N,) uint8, else UNSEEN.

    In eval mode and not augmented, as validation and test are measured, and as no method's own adversary is.
    """
    active = torch.from_numpy(seen).to(train.y.device)
    withstood = np.full(len(seen), UNSEEN, np.uint8)
    withstood[seen] = correct(net, Split(train.x[active], train.y[active]), evaluation.along(), seed).cpu().numpy()
    return withstood


def final(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> tuple[Row, ByClass]:
    """What the test split withstands at the end, and how much of each class.

    Accuracy under the final attacks, and of its corrupted versions without one; by class also clean and under the PGD
    of training curves. Of AutoAttack moreover its `gap`: PGD's accuracy less its own, on the examples that it looked
    at, which shows how far gradients are masked.
    """
    test, attacks = splits["test"], evaluation.final
    found = {
        "clean": correct(net, test, None, seed),
        "pgd": correct(net, test, evaluation.along(), seed),
        **{name: it.withstood(net, test, evaluation.epsilon, evaluation.norm, seed) for name, it in attacks.items()},
    }
    each = {name: right.cpu().double() for name, right in found.items()}
    row: Row = {f"test_{name}_acc": float(each[name].mean()) for name in attacks}
    budget = (None, evaluation.epsilon)
    for name in (name for name, it in attacks.items() if isinstance(it, AutoAttackRun) and it.epsilon in budget):
        each[f"{name}_gap"] = each["pgd"][: len(each[name])] - each[name]
        row[f"test_{name}_gap"] = float(each[f"{name}_gap"].mean())
    classes = {name: _by_class(values, test.y.cpu(), net.module.head.out_features) for name, values in each.items()}
    corrupted = [name for name in splits if name not in ("val", "test")]
    return row | {f"{name}_acc": accuracy(net, splits[name], None, seed) for name in corrupted}, classes


def _by_class(values: Tensor, y: Tensor, classes: int) -> list[float | None]:
    """The mean over each class of the first examples, those that have a value; None of a class without any."""
    seen = y[: len(values)]
    sizes, sums = (seen.bincount(weights, minlength=classes).tolist() for weights in (None, values))
    return [total / size if size else None for total, size in zip(sums, sizes, strict=True)]


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


def at_best(net: Net, evaluation: Evaluation, train: Split) -> Arrays:
    """What the best checkpoint leaves of each training example, (N,) each."""
    arrays = {"best_clean_p_y": clean_p_y(net, train)}
    if evaluation.min_perturbation is not None:
        arrays["min_perturbation"] = evaluation.min_perturbation.measure(net, train)
    return arrays


@torch.no_grad()
def clean_p_y(net: Net, split: Split) -> np.ndarray:
    """The probability of the given label on the images, (N,)."""
    with undisturbed(net, 0):
        parts = [
            net(pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
            for x, y in zip(split.x.split(512), split.y.split(512), strict=True)
        ]
    return torch.cat(parts).cpu().numpy().astype(np.float16)
