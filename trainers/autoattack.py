"""AutoAttack of Croce & Hein 2020, arXiv:2003.01690, by the packaged original, with draws that are each image's own.

The packaged attacks seed torch's generator for each batch and draw for the batch as a whole, so that the verdict on an
image depends on the images beside it: another order of 1,079 images changes about one verdict. Here the starting
noise of APGD is drawn from the seed, the attack, the run of it and the image itself. Square draws for an iteration
what all images share, from the seed and the number of the draw. FAB with one restart draws nothing. So images may be
attacked in any order and in any parts. On a CPU the verdicts are then equal, as the network never sees a batch of fewer
than LEAST images; on a GPU kernels differ between sizes of a batch, and verdicts may differ by their rounding.

Importing this module imports the package, which only this attack needs.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from pyautoattack import AutoAttack as Packaged
from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
from pyautoattack.checks import check_square_sr
from pyautoattack.square import SquareAttack
from torch import Generator, Tensor, nn

from trainers.accuracy import BROKEN
from trainers.attack_warnings import LOGGER, collect_warnings
from trainers.balls import Norm
from trainers.data import Split, to_pixels
from trainers.losses import predict_class
from trainers.margin_order import Attacked, attack_by_margin
from trainers.step import Net
from trainers.verdict_log import UNSEEN, Costs, Verdicts

STANDARD = ("apgd-ce", "apgd-t", "fab-t", "square")
AT_ONCE = 250  # images, as the package has it
LEAST = 32  # images: the products of smaller batches use other kernels, whose last bits differ
WITHSTOOD, MISCLASSIFIED = -1, -2  # in place of the attack that breaks an image
CHUNK = 4 * AT_ONCE  # images between two writes of the verdicts, if all are attacked


class AutoAttack:
    """The attacks of one AutoAttack on one network, in eval mode, to be used within `evaluation_mode`."""

    def __init__(
        self, net: Net, names: Sequence[str], epsilon: float, norm: Norm, restarts: int, seed: int, device: torch.device
    ) -> None:
        """`restarts` are those of apgd-ce and apgd-dlr; the other attacks have one."""
        self.net, self.names = net, tuple(names)
        self._logits = _Logits(net)
        self._at_once = min(AT_ONCE, net.measured_at_once)
        self._classes = net.module.head.out_features
        how: dict[str, Any] = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": epsilon, "seed": seed}
        packaged = Packaged(self._logits, version="custom", device=device, attacks=list(names), **how)
        how |= {"device": device, "logger": packaged.logger}
        packaged.apgd = _APGD(self._logits, n_restarts=restarts, **how)
        targets = min(9, self._classes - 1)
        packaged.apgd_targeted = _TargetedAPGD(self._logits, n_target_classes=targets, **how)
        packaged.fab.n_restarts, packaged.fab.n_target_classes = 1, targets
        del how["logger"]
        packaged.square = _Square(self._logits, n_queries=5000, resc_schedule=False, **how)
        self._packaged = packaged

    def attack(self, x: Tensor, y: Tensor) -> Tensor:
        """Attack images, (B, channels, H, W) in [0, 1] with labels (B,), with each attack those that are left.

        Return the position in `names` of the attack that breaks each image, (B,) int64; WITHSTOOD if none does, and
        MISCLASSIFIED if the image needs no attack. What an attack ends in is judged in fp32.
        """
        by = torch.where(self._find_right(x, y), WITHSTOOD, MISCLASSIFIED)
        for position, name in enumerate(self.names):
            left = (by == WITHSTOOD).nonzero().squeeze(1)
            if len(left):
                broken = self._find_broken(name, x[left].contiguous(), y[left])  # the package calls view()
                by[left[broken]] = position
        return by

    def _find_broken(self, name: str, x: Tensor, y: Tensor) -> Tensor:
        """Return which images an attack breaks, (B,) bool; all of them are classified correctly as they are."""
        self._packaged.attacks_to_run, self._logits.nonfinite = [name], False
        broken = self._run(x, y)
        # AutoAttack takes NaN logits for class 0: attack once more where a wrong class replaces them
        for label in y.unique().tolist() if self._logits.nonfinite else ():
            self._logits.replacement, members = (label + 1) % self._classes, y == label
            broken[members] |= self._run(x[members], y[members])
        self._logits.replacement = None
        return broken

    def _run(self, x: Tensor, y: Tensor) -> Tensor:
        adversaries, _ = self._packaged.run_standard_evaluation(x, y, batch_size=self._at_once)
        return ~self._find_right(adversaries, y)

    @torch.no_grad()
    def _find_right(self, x: Tensor, y: Tensor) -> Tensor:
        replacement, self._logits.replacement = self._logits.replacement, None
        found = torch.cat([predict_class(self._logits(part)) for part in x.split(self._at_once)]) == y
        self._logits.replacement = replacement
        return found

    def attack_all(self, split: Split, verdicts: Verdicts, alive: Tensor | None = None) -> Tensor:
        """Attack all images of a split, and return which withstand it, (N,) bool.

        alive: the images that cheaper attacks left, (N,) bool, which alone are attacked and may withstand; None: all.
        """
        chosen = torch.ones(len(split), dtype=torch.bool) if alive is None else alive.cpu()
        for part in chosen.nonzero().squeeze(1).split(CHUNK):
            self._attack_part(split, part, verdicts)
        by = torch.where(chosen, verdicts.by, MISCLASSIFIED)
        self._warn(verdicts, by)
        return by == WITHSTOOD

    def attack_in_order(
        self, split: Split, margins: Tensor, audit: float, verdicts: Verdicts
    ) -> tuple[Tensor, Attacked]:
        """Attack the survivors of cheaper attacks by growing margin, (N,), BROKEN where an image did not survive.

        Return which images withstand all attacks, (N,) bool, and how far the order went. Images that were left out
        count as robust.
        """

        def attack(positions: Tensor) -> Tensor:
            return self._attack_part(split, positions, verdicts) != WITHSTOOD

        rng = Generator().manual_seed(int(verdicts.key[:14], 16))  # the weights stand for the training
        went = attack_by_margin(margins, attack, audit, rng)
        alive = margins.cpu() > BROKEN
        by = torch.where(verdicts.by == UNSEEN, WITHSTOOD, verdicts.by)
        self._warn(verdicts, torch.where(alive, by, MISCLASSIFIED))
        if went.masked:
            share = f"{went.attacked} of {went.survivors} survivors attacked by growing margin"
            more = f", and {went.hits} of {went.audited} others broken" if went.hits else ""
            logging.getLogger(LOGGER).warning(f"gradients look masked: {share}{more}")
        return alive & (by == WITHSTOOD), went

    def _attack_part(self, split: Split, positions: Tensor, verdicts: Verdicts) -> Tensor:
        """Attack the images that were not attacked so far, and return the verdicts on all of them."""
        new = verdicts.select_unseen(positions)
        if len(new):
            rows = new.to(split.x.device)
            forwards, backwards = self.net.forwards, self.net.backwards
            with collect_warnings() as warnings:
                by = self.attack(to_pixels(split.x[rows]), split.y[rows])
            costs = Costs(self.net.forwards - forwards, self.net.backwards - backwards)
            verdicts.record(new, by, warnings, costs)
        return verdicts.by[positions]

    def _warn(self, verdicts: Verdicts, by: Tensor) -> None:
        """Repeat what was warned of before a kill, and let the package judge what Square breaks."""
        for text in verdicts.warnings:
            logging.getLogger(LOGGER).warning(text)
        self._warn_of_square(by)

    def _warn_of_square(self, by: Tensor) -> None:
        """Let the package warn if Square breaks images that the attacks before it did not; `by` as of `attack`."""
        left = {"clean": by != MISCLASSIFIED}
        for position, name in enumerate(self.names):
            left[name] = (by == WITHSTOOD) | (by > position)
        accuracies = {name: float(right.double().mean()) for name, right in left.items()}
        check_square_sr(accuracies, logger=logging.getLogger(LOGGER))


class _Logits(nn.Module):
    """An adapter for the package, which expects an nn.Module that returns fp32 logits.

    It fills small batches up with black images. The network counts the passes of the others, forwards and backwards.
    """

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net
        self.nonfinite: Tensor | bool = False  # whether any logit so far was not finite
        self.replacement: int | None = None  # the class predicted where a logit is not finite; None: logits as they are
        self.eval()

    def forward(self, x: Tensor) -> Tensor:
        missing = max(0, LEAST - len(x))
        filled = torch.cat([x, x.new_zeros(missing, *x.shape[1:])]) if missing else x
        logits = self.net(filled)[: len(x)]
        self.net.forwards -= missing
        if logits.requires_grad:
            logits.register_hook(self._count_backward)
        finite = logits.isfinite().all(1, keepdim=True)
        self.nonfinite = self.nonfinite | ~finite.all()
        if self.replacement is None:
            return logits
        return torch.where(finite, logits, torch.eye(logits.shape[1], device=x.device)[self.replacement])

    def _count_backward(self, gradient: Tensor) -> None:
        self.net.backwards += len(gradient)


class _OwnStarts:
    """A start for each image, drawn from the seed, the loss, the number of the run and the image: a mixin of APGD."""

    _runs = 0  # so far of the current `perturb`; each image that is left takes part in every run

    def perturb(self, x: Tensor, y: Tensor, **more: Any) -> Tensor:
        self._runs = 0
        found: Tensor = super().perturb(x, y, **more)  # type: ignore[misc]
        return found

    def attack_single_run(self: Any, x: Tensor, y: Tensor) -> Any:
        noise = torch.stack([self._draw(image) for image in x.cpu().numpy()]).to(x.device)
        self._runs += 1
        return super().attack_single_run(x, y, x + self.eps * self.normalize(noise))  # type: ignore[misc]

    def _draw(self: Any, image: np.ndarray) -> Tensor:
        """Draw the noise of one image, (channels, H, W), uniform or normal as the package draws it for a batch."""
        key = sha256(f"{self.seed}|{self.loss}|{self._runs}|".encode() + image.tobytes())
        rng = Generator().manual_seed(int.from_bytes(key.digest()[:7]))
        if self.norm == "L2":
            return torch.randn(image.shape, generator=rng)
        return 2 * torch.rand(image.shape, generator=rng) - 1


class _APGD(_OwnStarts, APGDAttack):  # type: ignore[misc]
    """APGD on cross-entropy or on the DLR loss."""


class _TargetedAPGD(_OwnStarts, APGDAttack_targeted):  # type: ignore[misc]
    """APGD on the targeted DLR loss, one run for each target."""


class _Square(SquareAttack):  # type: ignore[misc]
    """Square, whose signs are drawn once for all images of a batch, as the package draws its windows."""

    def random_choice(self, shape: Sequence[int]) -> Tensor:
        if len(shape) < 4:
            found: Tensor = super().random_choice(shape)
            return found
        return super().random_choice([1, *shape[1:]]).expand(*shape)  # type: ignore[no-any-return]
