"""What a trainer measures of its network: along training, and at the end."""

from __future__ import annotations

import numpy as np
import torch

from trainers.data import Split, pixels
from trainers.evaluate import Evaluation, accuracy, undisturbed
from trainers.records import Row
from trainers.step import Net


def along(net: Net, evaluation: Evaluation, splits: dict[str, Split], seed: int) -> Row:
    """Clean accuracy and that under the attack of training curves, on every split."""
    attack = evaluation.along()
    return {
        f"{name}_{kind}_acc": accuracy(net, split, attacked, seed)
        for name, split in splits.items()
        for kind, attacked in (("clean", None), ("pgd", attack))
    }


def final(net: Net, evaluation: Evaluation, test: Split, seed: int) -> Row:
    """Accuracy on the test split under the final attacks."""
    return {
        f"test_{name}_acc": attack.measure(net, test, evaluation.epsilon, evaluation.norm, seed)
        for name, attack in evaluation.final.items()
    }


@torch.no_grad()
def clean_p_y(net: Net, split: Split) -> np.ndarray:
    """The probability of the given label on the images, (N,)."""
    with undisturbed(net, 0):
        parts = [
            net(pixels(x)).softmax(1).gather(1, y[:, None]).squeeze(1)
            for x, y in zip(split.x.split(512), split.y.split(512), strict=True)
        ]
    return torch.cat(parts).cpu().numpy().astype(np.float16)
