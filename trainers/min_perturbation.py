"""Minimum perturbation: an upper bound of the least l-infinity radius that changes the prediction of an example.

Dong et al. 2021, 'Data profiling for adversarial training', Fig. 7b, measure it by I-FGSM (Kurakin et al. 2017,
arXiv:1607.02533) in steps of 1/255 "as in ART". Their code does not contain it, and ART's minimal perturbation differs:
it lengthens the sign of one gradient. Both variants are here. Neither finds the true least radius.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from trainers.balls import check_units
from trainers.data import Split, to_pixels
from trainers.knobs import Knobs, Real
from trainers.losses import cross_entropy, predict_class
from trainers.step import Net

Radius = Annotated[Real, Field(gt=0)]


class MinimumPerturbation(Knobs):
    """The radius max|x' - x| of the first point x' that is classified unlike x, on a path of steps that raise CE.

    variant iterative: each step follows the sign of the gradient at the point reached, as the paper says. single: each
    step follows the sign of the gradient at x, as ART does. Neither path is confined to a ball, only to [0, 1].

    label predicted: the radius at which the prediction changes, right or wrong, as in the paper and ART, so that
    misclassified examples have a radius too. given: the radius of the first point that is not classified as y, and 0 if
    x itself is misclassified, so that such examples rank hardest.

    The radius is limit + step if no point of the path is classified unlike x. It exceeds every other radius, so that
    these examples rank friendliest, tied; and it is finite, so that radii can be averaged and plotted.
    """

    step: Radius = 1 / 255
    limit: Radius = 32 / 255  # of the path: four times the usual 8/255, twice the largest budget the paper trains with
    variant: Literal["iterative", "single"] = "iterative"
    label: Literal["predicted", "given"] = "predicted"  # the class to move away from; older records without it: given

    @model_validator(mode="after")
    def _goes_somewhere(self) -> MinimumPerturbation:
        check_units("linf", {("step",): self.step, ("limit",): self.limit})
        if self.step > self.limit:
            raise ValueError(f"`step` is at most `limit`; got step {self.step:.4g} and limit {self.limit:.4g}")
        return self

    def measure(self, net: Net, split: Split, batch_size: int | None = None) -> np.ndarray:
        """Return the radius of each example of a split in eval mode, in pixels of [0, 1], (N,) float32."""
        size = batch_size or net.measured_at_once
        with net.computing("fp32"), net.attacked("eval"):
            batches = zip(split.x.split(size), split.y.split(size), strict=True)
            return torch.cat([self._radii(net, to_pixels(x), y) for x, y in batches]).cpu().numpy()

    def _radii(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        """Return the radii of a batch, (B, channels, H, W), (B,) -> (B,).

        Only examples that are still classified as before, or as y says, take a further step.
        """
        if self.label == "predicted":
            with torch.no_grad():
                y = net(x).argmax(1)
        radii = torch.full(y.shape, self.limit + self.step, device=x.device)
        point, sign, left = x, None, torch.arange(len(y), device=x.device)
        for _ in range(1 + int(self.limit / self.step + 1e-6)):
            logits, sign = self._look(net, point, y[left], sign)
            kept = predict_class(logits) == y[left]
            reached = (point - x[left]).abs().flatten(1).amax(1)
            radii[left[~kept]] = self._rounded(reached[~kept])
            point, sign, left = point[kept], sign[kept], left[kept]
            if not len(left):
                break
            point = (point + self.step * sign).clamp_(0, 1)
        return radii

    def _look(self, net: Net, point: Tensor, y: Tensor, sign: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the logits at a point, and the sign of the gradient for the next step."""
        if sign is not None and self.variant == "single":
            with torch.no_grad():
                return net(point), sign
        point = point.detach().requires_grad_()
        logits = net(point)
        return logits.detach(), net.input_gradient(cross_entropy(logits, y), point).sign()

    def _rounded(self, radii: Tensor) -> Tensor:
        """Round radii to a thousandth of a step, so that radii of equally many steps are equal."""
        return (radii / self.step).round(decimals=3) * self.step
