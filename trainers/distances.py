"""How far each example lies from a change of the prediction: the least l-infinity perturbation that is found.

Dong et al. 2021, 'Data profiling for adversarial training', Fig. 7b: I-FGSM (Kurakin et al. 2017, arXiv:1607.02533)
in steps of 1/255 "as in ART". No code of theirs measures it, and ART's minimal perturbation is another: it lengthens
the sign of one gradient. Both are here. Neither finds the true least radius; each bounds it from above.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from trainers.balls import check_units
from trainers.data import Split, pixels
from trainers.knobs import Knobs, Real
from trainers.losses import cross_entropy, named
from trainers.step import Net

Radius = Annotated[Real, Field(gt=0)]


class MinimumPerturbation(Knobs):
    """The radius max|x' - x| of the first point that is not classified as x is, on a path of steps that raise CE.

    iterative: each step along the sign of the gradient at the point reached, as the paper says. single: each along
    that at x, as ART does. No ball confines either path, only [0, 1].
    label predicted: the radius that changes the prediction, right or wrong, as the paper and ART have it, so that
    misclassified examples have one too. given: the radius of the first point that is not classified as y, 0 where x
    itself is misclassified, so that such examples come out hardest.
    limit + step where no point of the path is found: more than any radius, so that these examples come out
    friendliest, tied; and finite, so that radii can be averaged and drawn.
    """

    step: Radius = 1 / 255
    limit: Radius = 32 / 255  # of the path: four times the usual 8/255, twice the largest budget the paper trains with
    variant: Literal["iterative", "single"] = "iterative"
    label: Literal["predicted", "given"] = "predicted"  # the class that is to be left; records without it: given

    @model_validator(mode="after")
    def _goes_somewhere(self) -> MinimumPerturbation:
        check_units("linf", {("step",): self.step, ("limit",): self.limit})
        if self.step > self.limit:
            raise ValueError(f"`step` is at most `limit`; got step {self.step:.4g} and limit {self.limit:.4g}")
        return self

    def measure(self, net: Net, split: Split, batch_size: int = 512) -> np.ndarray:
        """The radius of each example of a split in eval mode, (N,) float32."""
        with net.exact(), net.attacked("eval"):
            batches = zip(split.x.split(batch_size), split.y.split(batch_size), strict=True)
            return torch.cat([self._radii(net, pixels(x), y) for x, y in batches]).cpu().numpy()

    def _radii(self, net: Net, x: Tensor, y: Tensor) -> Tensor:
        """(B, channels, H, W), (B,) -> (B,); only those go on that are still classified as they were, or as y says."""
        if self.label == "predicted":
            with torch.no_grad():
                y = net(x).argmax(1)
        radii = torch.full(y.shape, self.limit + self.step, device=x.device)
        point, sign, left = x, None, torch.arange(len(y), device=x.device)
        for _ in range(1 + int(self.limit / self.step + 1e-6)):
            logits, sign = self._look(net, point, y[left], sign)
            kept = named(logits) == y[left]
            reached = (point - x[left]).abs().flatten(1).amax(1)
            radii[left[~kept]] = self._rounded(reached[~kept])
            point, sign, left = point[kept], sign[kept], left[kept]
            if not len(left):
                break
            point = (point + self.step * sign).clamp_(0, 1)
        return radii

    def _look(self, net: Net, point: Tensor, y: Tensor, sign: Tensor | None) -> tuple[Tensor, Tensor]:
        """The logits at a point, and the sign of the gradient to go on by."""
        if sign is not None and self.variant == "single":
            with torch.no_grad():
                return net(point), sign
        point = point.detach().requires_grad_()
        logits = net(point)
        return logits.detach(), net.input_gradient(cross_entropy(logits, y), point).sign()

    def _rounded(self, radii: Tensor) -> Tensor:
        """To a thousandth of a step: equal numbers of steps are ties, whatever the rounding of their sums."""
        return (radii / self.step).round(decimals=3) * self.step
