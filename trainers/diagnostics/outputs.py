"""What a network makes of some training images: logits on the images, and penultimate activations under attack.

Zhang et al. 2021 (arXiv:2010.01736), Figures 7 and 8, project the logits of 1,000 images a class on two axes and colour
them by kappa. The code of Liu et al. 2021 takes the norm of the per-dimension median of |phi(x')| over a group of
examples as its feature norm, where the text has the mean norm. Groups differ between rankings, so that the activations
themselves are recorded; medians of any group follow from them.
"""

from __future__ import annotations

import numpy as np
import torch
from pydantic import PositiveInt
from torch import Generator

from trainers.accuracy import craft, evaluation_mode
from trainers.attack_runs import format_images
from trainers.data import Split, to_pixels
from trainers.diagnostics.moments import Diagnostic, Subject
from trainers.npz import Arrays
from trainers.sampling import draw_images, take_images
from trainers.step import Batch


class OnTraining(Diagnostic):
    """The base of diagnostics on images of the training split, not augmented, in eval mode and fp32."""

    images: PositiveInt | None = 1000  # of the training split, drawn by class; None: all

    def take(self, subject: Subject) -> Split:
        """Return the images that are looked at."""
        return take_images(subject.train, draw_images(subject.train.y, self.images))

    def list_examples(self, subject: Subject) -> Arrays:
        """Return the rows of the images in the training split, (n,) int32, as the arrays of instances.npz have them."""
        drawn = draw_images(subject.train.y, self.images)
        rows = torch.arange(len(subject.train)) if drawn is None else drawn
        return {"rows": rows.numpy().astype(np.int32)}


class Logits(OnTraining):
    """The logits on the images themselves; four bytes a class, image and epoch."""

    def measure(self, subject: Subject) -> Arrays:
        """Return the logits, (n, C) float32."""
        net, seen = subject.net, self.take(subject)
        with evaluation_mode(net, subject.seed), torch.no_grad():
            parts = [net(to_pixels(x)) for x in seen.x.split(net.measured_at_once)]
        return {"values": torch.cat(parts).cpu().numpy().astype(np.float32)}

    def describe(self, epsilon: float, norm: str) -> str:
        """Return the diagnostic in words, with the passes through the network that it takes of each image."""
        return f"clean logits{format_images(self.images)}; 1 forward pass an image"


class Features(OnTraining):
    """The absolute penultimate activations under the attack of training curves; two bytes a dimension, image and epoch.

    The norm of their median over a group, dimension by dimension, is the feature norm of the code of Liu et al. 2021.
    """

    def measure(self, subject: Subject) -> Arrays:
        """Return the absolute activations, (n, F) float16."""
        net, seen, parts = subject.net, self.take(subject), []
        with evaluation_mode(net, subject.seed):
            rng = Generator(seen.x.device).manual_seed(subject.seed)
            for x, y in zip(seen.x.split(net.measured_at_once), seen.y.split(net.measured_at_once), strict=True):
                point = craft(net, Batch(to_pixels(x), y), subject.curves, rng, "fp32")
                with torch.no_grad():
                    parts.append(net.features_and_logits(point)[0].abs())
        with np.errstate(over="ignore"):  # of a training that diverges
            return {"values": torch.cat(parts).cpu().numpy().astype(np.float16)}

    def describe(self, epsilon: float, norm: str) -> str:
        """Return the diagnostic in words, with the passes through the network that it takes of each image."""
        where = f"absolute penultimate activations under the attack of training curves{format_images(self.images)}"
        return f"{where}; the attack and 1 forward pass an image"
