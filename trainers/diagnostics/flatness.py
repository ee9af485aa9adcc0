"""Loss flatness: the length of the input gradient of the loss at friendly and at most adversarial points.

Zhang et al. 2021 (arXiv:2010.01736), Figure 4, show the mean over test examples of ||grad_x' CE(f(x'), y)|| at the
points of PGD-20 stopped at the first misclassified one (PGD-20-0 of Zhang et al. 2020) and at those of PGD-20. They
name no norm; here it is l2.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch import Generator, Tensor

from trainers.accuracy import evaluation_mode
from trainers.attack_runs import format_epsilon, format_images, format_step
from trainers.attacks import PGD
from trainers.balls import Noise
from trainers.data import to_pixels
from trainers.diagnostics.moments import Diagnostic, Subject
from trainers.knobs import Real, StepSize
from trainers.losses import cross_entropy
from trainers.npz import Arrays
from trainers.sampling import draw_images, take_images
from trainers.step import Batch, Net


class Flatness(Diagnostic):
    """Gradient lengths at two points of each test example, in eval mode and fp32.

    friendly: the first point of PGD that is misclassified, or the last if none is. adversarial: the last point. The
    loss of each example is taken by itself, not divided by the size of a batch.
    """

    images: PositiveInt | None = 1000  # of the test split, drawn by class; None: all
    steps: Annotated[int, Field(ge=2)] = 20
    step_size: StepSize = "epsilon/4"
    start: Noise = "uniform"
    epsilon: Annotated[Real, Field(gt=0)] | None = None  # None: the study's epsilon

    def measure(self, subject: Subject) -> Arrays:
        """Return the l2 length of the gradient at both points of each image, (n,) float32 each."""
        net, seen = subject.net, take_images(subject.test, draw_images(subject.test.y, self.images))
        found: Arrays = {}
        for name, tau in (("friendly", 0), ("adversarial", None)):
            attack = PGD(
                epsilon=self.epsilon or subject.epsilon, norm=subject.norm, steps=self.steps,
                step_size=self.step_size, start=self.start, tau=tau,
            )  # fmt: skip
            with evaluation_mode(net, subject.seed):
                rng = Generator(seen.x.device).manual_seed(subject.seed)
                batches = zip(seen.x.split(net.measured_at_once), seen.y.split(net.measured_at_once), strict=True)
                lengths = [_gradient_lengths(net, Batch(to_pixels(x), y), attack, rng) for x, y in batches]
            found[name] = torch.cat(lengths).cpu().numpy().astype(np.float32)
        return found

    def list_examples(self, subject: Subject) -> Arrays:
        """Return the positions of the images in the test split, (n,) int32."""
        drawn = draw_images(subject.test.y, self.images)
        positions = torch.arange(len(subject.test)) if drawn is None else drawn
        return {"images": positions.numpy().astype(np.int32)}

    def describe(self, epsilon: float, norm: str) -> str:
        """Return the diagnostic in words, with the passes through the network that it takes of each image."""
        attack = f"PGD-{self.steps}, {norm}, epsilon {format_epsilon(self.epsilon or epsilon)}"
        passes = f"at most {2 * self.steps + 2} forward and as many backward passes an image"
        where = f"at friendly and most adversarial points of {attack}, step {format_step(self.step_size)}"
        return f"{where}{format_images(self.images)}; {passes}"


def _gradient_lengths(net: Net, batch: Batch, attack: PGD, rng: Generator) -> Tensor:
    """Return the length of each example's input gradient at the attack's point, (B,)."""
    point = attack(net, batch, rng).x.detach().requires_grad_()
    return net.input_gradient(cross_entropy(net(point), batch.y), point).flatten(1).norm(dim=1)
