"""The measurements of a network: after an epoch, and at the end of training."""

from __future__ import annotations

from collections.abc import Set
from typing import cast

import numpy as np
import torch
from torch import Generator, Tensor

from trainers.accuracy import (
    BROKEN,
    craft,
    evaluation_mode,
    find_correct,
    find_margins,
    measure_accuracy,
    predict_split,
)
from trainers.attack_runs import AutoAttackRun, Measured, NamedAttack
from trainers.attack_warnings import collect_warnings
from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.evaluate import Evaluation
from trainers.losses import cross_entropy
from trainers.record_io import Row
from trainers.recording import Arrays
from trainers.records import ByClass, CheckpointRecord, EpochRecord, OrderRecord
from trainers.sampling import draw_images, take_images
from trainers.scores import UNSEEN
from trainers.step import Batch, Net, Precision
from trainers.verdict_log import VerdictLog

DRAWN = "test_images_"  # in instances.npz, followed by the number of images
OF_CLASS = "class_"  # in instances.npz, followed by clean or an attack
Verdicts = dict[str, tuple[Tensor, Tensor]]  # clean, or an attack -> which examples are right, and labels, (N,) each


class NotFinite(ArithmeticError):
    """Outputs of a network are NaN or infinite where it is measured."""


def evaluate_epoch(
    net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int
) -> tuple[EpochRecord, Verdicts]:
    """Measure clean accuracy and accuracy under the attack of training curves, on validation (if any) and on test.

    Also return which test examples are right, under `clean` and `pgd`. Raises NotFinite if outputs of the network are
    not finite, although its weights may be.
    """
    attack, accuracies, verdicts = evaluation.pgd(), dict[str, float](), Verdicts()
    for name in (name for name in ("val", "test") if name in splits):
        split = splits[name]
        labels = predict_split(net, split, seed)
        if none := int((labels < 0).sum()):
            raise NotFinite(f"predictions are not finite on {none} of {len(split)} {name} images")
        withstood = find_correct(net, split, attack, seed, precision=evaluation.crafting)
        right = {"clean": labels == split.y, "pgd": withstood}
        accuracies |= {f"{name}_{kind}_acc": int(hits.sum()) / len(split) for kind, hits in right.items()}
        verdicts = {kind: (hits, split.y) for kind, hits in right.items()}
    return cast(EpochRecord, accuracies), verdicts  # test comes last


def evaluate_further(
    net: Net, evaluation: Evaluation, test: Split, attacks: dict[str, NamedAttack], seed: int
) -> tuple[EpochRecord, Verdicts]:
    """Measure accuracy on test under further attacks.

    For an attack on some of the images, also measure clean accuracy on these. Also return which of the examples
    withstand each attack.
    """
    verdicts = Verdicts()
    for name, attack in attacks.items():
        seen = take_images(test, draw_images(test.y, attack.images))
        withstood = attack.find_robust(net, seen, evaluation.epsilon, evaluation.norm, seed, evaluation.crafting)
        verdicts[name] = withstood, seen.y
        if attack.images is not None:
            verdicts[f"{name}_clean"] = find_correct(net, seen, None, seed), seen.y
    accuracies = {f"test_{name}_acc": int(right.sum()) / len(right) for name, (right, _) in verdicts.items()}
    return cast(EpochRecord, accuracies), verdicts


def accuracy_by_class(verdicts: Verdicts, classes: int) -> Arrays:
    """Return the accuracy on each class as `class_<kind>`, (classes,) float32; NaN for a class without examples."""
    shares = {kind: _by_class(right.cpu().double(), y.cpu(), classes) for kind, (right, y) in verdicts.items()}
    return {f"{OF_CLASS}{kind}": np.array(values, float).astype(np.float32) for kind, values in shares.items()}


def mean_accuracy_by_class(arrays: Arrays) -> ByClass:
    """Return the mean over measured epochs of the arrays of `accuracy_by_class`, given as (epochs, classes) each."""
    means: ByClass = {}
    for name, values in arrays.items():
        if name.startswith(OF_CLASS):
            known = values[np.isfinite(values).any(axis=1)].astype(float).mean(axis=0)
            means[name.removeprefix(OF_CLASS)] = [float(mean) if np.isfinite(mean) else None for mean in known]
    return means


def evaluate_training(net: Net, evaluation: Evaluation, train: Split, seen: np.ndarray, seed: int) -> np.ndarray:
    """Return which of the examples `seen`, (N,) bool, withstand the attack of training curves: (N,) uint8, else UNSEEN.

    The network is in eval mode and images are not augmented, as for validation and test. A method's own adversaries
    are neither.
    """
    active = torch.from_numpy(seen).to(train.y.device)
    withstood = np.full(len(seen), UNSEEN, np.uint8)
    split = Split(train.x[active], train.y[active])
    right = find_correct(net, split, evaluation.pgd(), seed, precision=evaluation.crafting)
    withstood[seen] = right.cpu().numpy()
    return withstood


def evaluate_final(
    net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int, log: VerdictLog | None = None,
    postponed: Set[str] = frozenset(),
) -> tuple[CheckpointRecord, ByClass]:  # fmt: skip
    """Measure the test split under the final attacks, which compute in fp32, and each class of it.

    The record has the accuracy under each attack, and clean accuracy on each corrupted version of the split. By class
    there are also clean accuracy and that under the PGD of training curves. Five more keys depend on the study:
    an attack on some of the images has the clean accuracy on these; AutoAttack has its `gap`, PGD's accuracy less its
    own on the examples that it looks at, which shows how far gradients are masked; a network that predicts one class
    for every image of validation (if any) and test has that class as `constant`; where AutoAttack warns of its own
    numbers, `warnings` has the texts by attack; `margin_order` has how far an order of the margin went; and `bounds`
    has the share of survivors of cheaper attacks where only the front is attacked. Verdicts of AutoAttack that `log`
    has are not found again. `postponed`: attacks for the front that do not run, so that only their bounds are recorded.
    """
    test, attacks = splits["test"], evaluation.final
    at = {name: draw_images(test.y, attack.images) for name, attack in attacks.items()}  # None: all images
    labels = predict_split(net, test, seed)
    margins = _cheap_margins(net, evaluation, test, seed)
    withstood, notes = _run_autoattacks(
        net, evaluation, test, margins, seed, VerdictLog() if log is None else log, postponed
    )
    found = {name: left > BROKEN for name, left in margins.items()} | withstood | {"clean": labels == test.y}
    right = {name: found[name] for name in ("clean", "pgd", *attacks) if name in found}  # those postponed are not
    values = {name: hits.cpu().double() for name, hits in right.items()}
    record: Row = {f"test_{name}_acc": float(values[name].mean()) for name in attacks if name in values}
    for name in (name for name, attack in attacks.items() if attack.images is not None):
        clean = f"{name}_clean"
        values[clean], at[clean] = _at(values["clean"], at[name]), at[name]
        record[f"test_{clean}_acc"] = float(values[clean].mean())
    budgets = (None, evaluation.epsilon)
    for name, attack in attacks.items():
        if isinstance(attack, AutoAttackRun) and attack.epsilon in budgets and name in right:
            gap = f"{name}_gap"
            values[gap], at[gap] = _at(values["pgd"], at[name]) - values[name], at[name]
            record[f"test_{gap}"] = float(values[gap].mean())
    y, width = test.y.cpu(), net.module.head.out_features
    classes = {name: _by_class(hits, _at(y, at.get(name)), width) for name, hits in values.items()}
    corrupted = {name: split for name, split in splits.items() if name not in ("val", "test")}
    for name, split in corrupted.items():
        record[f"{name}_acc"] = measure_accuracy(net, split.to(test.x.device), None, seed)
    everywhere = torch.cat([labels, *(predict_split(net, splits[name], seed) for name in ("val",) if name in splits)])
    if len(everywhere.unique()) == 1 < len(y.unique()):
        record["constant"] = int(labels[0])
    record |= {key: noted for key, noted in notes.items() if noted}
    return cast(CheckpointRecord, record), classes


def _run_autoattacks(
    net: Net, evaluation: Evaluation, test: Split, margins: dict[str, Tensor], seed: int, log: VerdictLog,
    postponed: Set[str],
) -> tuple[dict[str, Tensor], Row]:  # fmt: skip
    """Run the AutoAttacks of a study but those postponed, and return which images withstand each, and what they note.

    The notes are `warnings`, `margin_order` and `bounds` of the record, each by attack.
    """
    withstood: dict[str, Tensor] = {}
    warnings: dict[str, list[str]] = {}
    orders: dict[str, OrderRecord] = {}
    bounds: dict[str, float] = {}
    for name, attack in evaluation.final.items():
        if not isinstance(attack, AutoAttackRun):
            continue
        least = _least_margins(evaluation, attack, margins, test.y) if attack.needs_margins else None
        images = draw_images(test.y, attack.images)
        seen, known = take_images(test, images), None if least is None else _at(least, images)
        if known is not None and attack.scope == "front":
            bounds[name] = float((known > BROKEN).double().mean())
        if name in postponed:
            continue
        with collect_warnings() as heard:
            found = attack.measure(net, seen, evaluation.epsilon, evaluation.norm, seed, known, log)
        withstood[name] = found.robust
        if heard:
            warnings[name] = heard
        if found.went is not None:
            orders[name] = _record_order(found, attack.audit)
    return withstood, {"warnings": warnings, "margin_order": orders, "bounds": bounds}


def _cheap_margins(net: Net, evaluation: Evaluation, test: Split, seed: int) -> dict[str, Tensor]:
    """Return the margins on the images themselves (`clean`), and those that all attacks but AutoAttack leave, (n,).

    Those of an attack are on its own images.
    """
    cheap = {name: attack for name, attack in evaluation.final.items() if not isinstance(attack, AutoAttackRun)}
    found = {"clean": find_margins(net, test, None, seed), "pgd": find_margins(net, test, evaluation.pgd(), seed)}
    for name, attack in cheap.items():
        seen = take_images(test, draw_images(test.y, attack.images))
        found[name] = attack.find_margins(net, seen, evaluation.epsilon, evaluation.norm, seed)
    return found


def _least_margins(evaluation: Evaluation, attack: AutoAttackRun, margins: dict[str, Tensor], y: Tensor) -> Tensor:
    """Return the least margin of each test image under cheap attacks within the budget of AutoAttack, (N,)."""
    budget = attack.epsilon or evaluation.epsilon
    least = margins["clean"]
    for name, left in margins.items():
        cheap = evaluation.final.get(name)
        if name == "clean" or ((cheap and cheap.epsilon) or evaluation.epsilon) > budget:
            continue
        at = draw_images(y, cheap.images) if cheap else None
        if at is None:
            least = torch.minimum(least, left)
        else:
            least = least.index_copy(0, at.to(least.device), torch.minimum(_at(least, at), left))
    return least


def _record_order(found: Measured, audit: float) -> OrderRecord:
    if found.went is None:
        raise TypeError("all images were attacked, in no order")
    row: Row = found.went._asdict() | {"audit": audit, "masked": found.went.masked} | found.costs._asdict()
    return cast(OrderRecord, row)


def attacked_test_images(evaluation: Evaluation, test: Split) -> Arrays:
    """Return the images that attacks on some of the test split look at, as positions in it, (images,) int32."""
    at = {attack.images: draw_images(test.y, attack.images) for attack in evaluation.named().values()}
    return {f"{DRAWN}{n}": positions.numpy().astype(np.int32) for n, positions in at.items() if positions is not None}


def _at(values: Tensor, positions: Tensor | None) -> Tensor:
    return values if positions is None else values[positions]


def _by_class(values: Tensor, y: Tensor, classes: int) -> list[float | None]:
    """Return the mean over each class, (N,), (N,) -> (classes,); None for a class without examples."""
    sizes, sums = (y.bincount(weights, minlength=classes).tolist() for weights in (None, values))
    return [total / size if size else None for total, size in zip(sums, sizes, strict=True)]


def loss_by_example(net: Net, evaluation: Evaluation, splits: dict[str, Split], train: Split, seed: int) -> Arrays:
    """Return the fp32 cross-entropy of every example that `evaluation` asks for, (N,) each: the basis of difficulty.

    Test examples are measured on their images, their corrupted versions, and under attack; training examples on their
    images and under attack. The attacks are that of training curves, as `pgd`, and those of `loss_attacks`.
    """
    wanted = {name: split for name, split in splits.items() if name != "val"} if evaluation.test_losses else {}
    wanted |= {"train": train} if evaluation.train_losses else {}
    device = train.x.device
    losses = {f"{name}_loss": _losses(net, split.to(device), None, seed, "fp32") for name, split in wanted.items()}
    for name in (name for name in ("test", "train") if name in wanted):
        for attack, climb in evaluation.for_losses().items():
            losses[f"{name}_{attack}_loss"] = _losses(net, wanted[name], climb, seed, evaluation.crafting)
    return losses


def _losses(net: Net, split: Split, attack: PGD | None, seed: int, precision: Precision) -> np.ndarray:
    parts = []
    with evaluation_mode(net, seed):
        rng = Generator(split.x.device).manual_seed(seed)
        for images, y in zip(split.x.split(net.measured_at_once), split.y.split(net.measured_at_once), strict=True):
            x = to_pixels(images)
            x = x if attack is None else craft(net, Batch(x, y), attack, rng, precision)
            with torch.no_grad():
                parts.append(cross_entropy(net(x), y))
    return torch.cat(parts).cpu().numpy().astype(np.float16)


def arrays_at_best(net: Net, evaluation: Evaluation, train: Split) -> Arrays:
    """Measure each training example at the best checkpoint, (N,) an array."""
    arrays = {"best_clean_p_y": clean_p_y(net, train)}
    if evaluation.min_perturbation is not None:
        arrays["min_perturbation"] = evaluation.min_perturbation.measure(net, train)
    return arrays


@torch.no_grad()
def clean_p_y(net: Net, split: Split) -> np.ndarray:
    """Return the probability of the given label on the images, (N,)."""
    with evaluation_mode(net, 0):
        parts = [
            net(to_pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
            for x, y in zip(split.x.split(net.measured_at_once), split.y.split(net.measured_at_once), strict=True)
        ]
    return torch.cat(parts).cpu().numpy().astype(np.float16)
