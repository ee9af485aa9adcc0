"""What a trainer measures of its network: along training, and at the end."""

from __future__ import annotations

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.accuracy import evaluation_mode, find_correct, measure_accuracy, predict_split
from trainers.attack_runs import AutoAttackRun, NamedAttack
from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.evaluate import Evaluation
from trainers.losses import cross_entropy
from trainers.recording import Arrays
from trainers.records import Row
from trainers.sampling import draw_images, take_images
from trainers.scores import UNSEEN
from trainers.step import Batch, Net

DRAWN = "test_images_"  # in instances.npz, and then how many
OF_CLASS = "class_"  # in instances.npz, and then clean or an attack
ByClass = dict[str, list[float | None]]  # clean, or an attack -> the accuracy on each class
Verdicts = dict[str, tuple[Tensor, Tensor]]  # clean, or an attack -> who is right, and the labels, (N,) each


class NotFinite(ArithmeticError):
    """A network's outputs are NaN or infinite where it is measured."""


def along(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> tuple[Row, Verdicts]:
    """Clean accuracy and that under the attack of training curves, on validation, if there is one, and on test.

    Also who of the test examples is right, by `clean` and `pgd`. Raises NotFinite where the network's outputs are no
    numbers: its weights may well be.
    """
    attack, row, verdicts = evaluation.pgd(), Row(), Verdicts()
    for name in (name for name in ("val", "test") if name in splits):
        split = splits[name]
        said = predict_split(net, split, seed)
        if none := int((said < 0).sum()):
            raise NotFinite(f"predictions are not finite on {none} of {len(split)} {name} images")
        right = {"clean": said == split.y, "pgd": find_correct(net, split, attack, seed)}
        row |= {f"{name}_{kind}_acc": int(its.sum()) / len(split) for kind, its in right.items()}
        verdicts = {kind: (its, split.y) for kind, its in right.items()}
    return row, verdicts  # test comes last


def further(
    net: Net, evaluation: Evaluation, test: Split, attacks: dict[str, NamedAttack], seed: int
) -> tuple[Row, Verdicts]:
    """Accuracy on test under further attacks; of one that looks at some of the images also the clean one on these.

    Also who of the examples looked at withstands each.
    """
    row, verdicts = Row(), Verdicts()
    for name, it in attacks.items():
        seen = take_images(test, draw_images(test.y, it.images))
        withstood = it.find_robust(net, seen, evaluation.epsilon, evaluation.norm, seed)
        verdicts[name] = withstood, seen.y
        if it.images is not None:
            verdicts[f"{name}_clean"] = find_correct(net, seen, None, seed), seen.y
    return row | {f"test_{name}_acc": int(right.sum()) / len(right) for name, (right, _) in verdicts.items()}, verdicts


def each_class(verdicts: Verdicts, classes: int) -> Arrays:
    """Each class's share of right examples, as `class_<kind>`, (classes,) float32; NaN of a class without any."""
    shares = {kind: _by_class(right.cpu().double(), y.cpu(), classes) for kind, (right, y) in verdicts.items()}
    return {f"{OF_CLASS}{kind}": np.array(its, float).astype(np.float32) for kind, its in shares.items()}


def mean_by_class(arrays: Arrays) -> ByClass:
    """The mean over the epochs measured of what `each_class` gave for each, (epochs, classes) each."""
    found: ByClass = {}
    for name, values in arrays.items():
        if name.startswith(OF_CLASS):
            known = values[np.isfinite(values).any(axis=1)].astype(float).mean(axis=0)
            found[name.removeprefix(OF_CLASS)] = [float(it) if np.isfinite(it) else None for it in known]
    return found


def on_training(net: Net, evaluation: Evaluation, train: Split, seen: np.ndarray, seed: int) -> np.ndarray:
    """Who of the examples `seen`, (N,) bool, withstands the attack of training curves: (N,) uint8, else UNSEEN.

    In eval mode and not augmented, as validation and test are measured, and as no method's own adversary is.
    """
    active = torch.from_numpy(seen).to(train.y.device)
    withstood = np.full(len(seen), UNSEEN, np.uint8)
    withstood[seen] = find_correct(net, Split(train.x[active], train.y[active]), evaluation.pgd(), seed).cpu().numpy()
    return withstood


def final(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> tuple[Row, ByClass]:
    """What the test split withstands at the end, and how much of each class.

    Accuracy under the final attacks, and of its corrupted versions without one; by class also clean and under the PGD
    of training curves. Of an attack on some of the images also the clean accuracy on these. Of AutoAttack moreover its
    `gap`: PGD's accuracy less its own, on the examples that it looked at, which shows how far gradients are masked.
    `constant`, of a network that names one class for every image of validation (if there is one) and test: that class.
    """
    test, attacks = splits["test"], evaluation.final
    at = {name: draw_images(test.y, it.images) for name, it in attacks.items()}  # of each attack's images; None: all
    said = predict_split(net, test, seed)
    found = {"clean": said == test.y, "pgd": find_correct(net, test, evaluation.pgd(), seed)}
    for name, it in attacks.items():
        found[name] = it.find_robust(net, take_images(test, at[name]), evaluation.epsilon, evaluation.norm, seed)
    each = {name: right.cpu().double() for name, right in found.items()}
    row: Row = {f"test_{name}_acc": float(each[name].mean()) for name in attacks}
    for name in (name for name, it in attacks.items() if it.images is not None):
        clean = f"{name}_clean"
        each[clean], at[clean] = _at(each["clean"], at[name]), at[name]
        row[f"test_{clean}_acc"] = float(each[clean].mean())
    budget = (None, evaluation.epsilon)
    for name in (name for name, it in attacks.items() if isinstance(it, AutoAttackRun) and it.epsilon in budget):
        gap = f"{name}_gap"
        each[gap], at[gap] = _at(each["pgd"], at[name]) - each[name], at[name]
        row[f"test_{gap}"] = float(each[gap].mean())
    y, width = test.y.cpu(), net.module.head.out_features
    classes = {name: _by_class(values, _at(y, at.get(name)), width) for name, values in each.items()}
    row |= {
        f"{name}_acc": measure_accuracy(net, it, None, seed)
        for name, it in splits.items()
        if name not in ("val", "test")
    }
    everywhere = torch.cat([said, *(predict_split(net, splits[name], seed) for name in ("val",) if name in splits)])
    if len(everywhere.unique()) == 1 < len(y.unique()):
        row["constant"] = int(said[0])
    return row, classes


def images_looked_at(evaluation: Evaluation, test: Split) -> Arrays:
    """Name the test images that attacks on some of them look at, as positions in the test split, (images,) int32."""
    at = {it.images: draw_images(test.y, it.images) for it in evaluation.named().values()}
    return {f"{DRAWN}{n}": its.numpy().astype(np.int32) for n, its in at.items() if its is not None}


def _at(values: Tensor, positions: Tensor | None) -> Tensor:
    return values if positions is None else values[positions]


def _by_class(values: Tensor, y: Tensor, classes: int) -> list[float | None]:
    """The mean over each class, (N,), (N,) -> (classes,); None of a class without an example."""
    sizes, sums = (y.bincount(weights, minlength=classes).tolist() for weights in (None, values))
    return [total / size if size else None for total, size in zip(sums, sizes, strict=True)]


def each_loss(net: Net, evaluation: Evaluation, splits: dict[str, Split], train: Split, seed: int) -> Arrays:
    """The cross-entropy of every example that `evaluation` asks for, (N,) each: what its difficulty goes by.

    Test examples on their images, their corrupted versions, and under attack; training examples on their images and
    under attack. The attacks are that of training curves, as `pgd`, and those of `loss_attacks`.
    """
    asked = {name: split for name, split in splits.items() if name != "val"} if evaluation.test_losses else {}
    asked |= {"train": train} if evaluation.train_losses else {}
    found = {f"{name}_loss": _losses(net, split, None, seed) for name, split in asked.items()}
    for name in (name for name in ("test", "train") if name in asked):
        for attack, climb in evaluation.for_losses().items():
            found[f"{name}_{attack}_loss"] = _losses(net, asked[name], climb, seed)
    return found


def _losses(net: Net, split: Split, attack: PGD | None, seed: int) -> np.ndarray:
    parts = []
    with evaluation_mode(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        for images, y in zip(split.x.split(512), split.y.split(512), strict=True):
            x = to_pixels(images)
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
    with evaluation_mode(net, 0):
        parts = [
            net(to_pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
            for x, y in zip(split.x.split(512), split.y.split(512), strict=True)
        ]
    return torch.cat(parts).cpu().numpy().astype(np.float16)
