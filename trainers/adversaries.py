"""The adversaries of some images, and what a network predicts there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Generator

from trainers.accuracy import craft, evaluation_mode
from trainers.attacks import PGD
from trainers.data import Split, to_pixels
from trainers.losses import predict_class
from trainers.step import Batch, Net


class Adversaries(NamedTuple):
    """The last points of an attack, and what the network predicts there."""

    x: np.ndarray  # (n, H, W, channels) uint8, rounded
    predicted: np.ndarray  # (n,) int64, before rounding


def craft_adversaries(net: Net, images: Split, attack: PGD, seed: int) -> Adversaries:
    """Attack some images in eval mode and fp32; `seed` fixes the draws of the attack, and no other draw changes."""
    found, classes = [], []
    with evaluation_mode(net, seed):
        rng = Generator(images.x.device).manual_seed(seed)
        for x, y in zip(images.x.split(net.measured_at_once), images.y.split(net.measured_at_once), strict=True):
            points = craft(net, Batch(to_pixels(x), y), attack, rng, "fp32")
            with torch.no_grad():
                classes.append(predict_class(net(points)))
            found.append((255 * points).round().to(torch.uint8))
    return Adversaries(torch.cat(found).movedim(1, -1).cpu().numpy(), torch.cat(classes).cpu().numpy())
