"""Choose what fits a data set: a network, an epsilon for l-infinity attacks, and sizes of batches and of training."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from trainers.arrays import Source
from trainers.models import MODELS

SUGGESTED = ("mlp", "digits_cnn", "small_cnn", "preact_resnet18", "wrn_28_10")
NATURAL, DRAWN = 8, 26  # of 255: the usual epsilon on photographs, and about 0.1 on drawings such as digits
FAINT, BRIGHT = 26, 229  # pixels beyond them are nearly black or white
COMPARED = 3e8  # pixels that are compared to find the distance of classes
UPDATES = 2_000  # of the weights in a first training
MOST_ATTACKED = 500  # test images under AutoAttack in a first study


class Choices(NamedTuple):
    """The choices for a data set."""

    model: str
    other_models: list[str]  # that take these images too, small ones first
    epsilon: int  # of 255
    distance: int | None  # of 255: l-infinity, between the closest images of two classes in a sample; None: no sample
    batch_size: int
    epochs: int
    every: int  # epochs between measurements
    attacks: list[str]  # of AutoAttack


def choose(source: Source, train: int, on_gpu: bool) -> Choices:
    """Return the choices for a data set of which `train` images are trained on."""
    channels, size = source.x_train.shape[3], source.x_train.shape[1]
    fitting = list_fitting_models(channels, size, source.classes)
    model = choose_model(size, channels, on_gpu, fitting)
    distance = measure_class_distance(source.x_train, source.y_train)
    batch_size = max((batch for batch in (128, 64, 32) if 10 * batch <= train), default=16)
    epochs = int(np.clip(round(UPDATES * batch_size / train), 10, 40))
    return Choices(
        model,
        [name for name in fitting if name != model],
        choose_epsilon(source.x_train, distance),
        distance,
        batch_size,
        epochs,
        every=2,
        attacks=["apgd-ce", "apgd-t"] if source.classes >= 4 else ["apgd-ce", "fab", "square"],
    )


def list_fitting_models(channels: int, size: int, classes: int) -> list[str]:
    """Return the names of the suggested networks that take such images, small ones first."""
    fitting = []
    for name in SUGGESTED:
        try:
            with torch.device("meta"):
                MODELS[name].build(channels, size, classes)(torch.empty(2, channels, size, size))
        except ValueError:  # the images are too small to be halved so often
            continue
        fitting.append(name)
    return fitting


def choose_model(size: int, channels: int, on_gpu: bool, fitting: list[str]) -> str:
    """Return the name of a network that trains in reasonable time: a ResNet on a GPU, else a small one."""
    if size < 12:
        return "mlp"
    wanted = ("preact_resnet18" if channels == 3 and size >= 24 else "small_cnn") if on_gpu else "digits_cnn"
    return wanted if wanted in fitting else "mlp"


def choose_epsilon(x: np.ndarray, distance: int | None) -> int:
    """Return the epsilon of the study, of 255: the usual one for such images, yet below half the distance of classes.

    Beyond half the distance two images of different classes can be moved to the same point, and no network is right
    on both.
    """
    extreme = ((x < FAINT) | (x > BRIGHT)).mean()
    usual = DRAWN if extreme > 0.5 else NATURAL
    return usual if not distance else max(1, min(usual, (distance - 1) // 2))


def measure_class_distance(x: np.ndarray, y: np.ndarray) -> int | None:
    """Return the least l-infinity distance, of 255, of images of two classes, in a sample drawn with a fixed seed.

    x: (N, H, W, channels) uint8. Returns None if the sample has one class only.
    """
    n = int(np.clip(np.sqrt(COMPARED / x[0].size), 20, 400))
    drawn = np.random.default_rng(0).permutation(len(x))[:n]
    flat, labels = x[drawn].reshape(len(drawn), -1).astype(np.int16), y[drawn]
    distances = [
        int(np.abs(flat[other] - flat[i]).max(1).min())
        for i in range(len(flat))
        if len(other := np.flatnonzero(labels != labels[i]))
    ]
    return min(distances, default=None)
