"""Attacks: from a batch to its adversary. One projected gradient ascent whose dialects are knobs.

Madry et al. 2018, arXiv:1706.06083: x <- project(x + step_size * ascent(gradient)), first on the epsilon-ball,
then on [0, 1]. Which start, which loss is climbed, which BN mode and which point is returned differ between
papers and change their numbers; therefore they are fields.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator
from torch import Generator, Tensor

from trainers.balls import Ball, Norm, ascent_direction, check_units, draw_normal
from trainers.knobs import KnobError, Knobs, Real, StepSize, step_length
from trainers.losses import Distance, apart, cross_entropy, kl, margin, predict_class, schedule_value
from trainers.passes import Passes
from trainers.schedules import Curve, Schedule
from trainers.starts import Previous, Start, draw_start
from trainers.step import Adversary, Batch, Net

Ascend = Literal["ce", "kl", "margin"]  # the loss that is climbed, by the names of trainers.losses


def check_ascent(ascend: Ascend, start: object) -> None:
    """Raise KnobError if the first step has no gradient to follow."""
    if ascend == "kl" and start == "none":
        raise KnobError({("ascend",): "kl has no gradient at the image itself; take start: normal or uniform"})


class NoAttack(Knobs):
    """Standard training: the adversary is the clean image."""

    name: Literal["none"] = "none"

    def passes(self) -> Passes:
        """Return no passes."""
        return Passes()

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        return Adversary(batch.x)


class Toward(Knobs):
    """The c-c' attack of Dong et al. 2021, app. H: examples move toward `label`, those of that class toward `instead`.

    In the authors' code `instead` is class 9 (truck), whatever the pair.
    """

    label: NonNegativeInt
    instead: NonNegativeInt

    @model_validator(mode="after")
    def _differ(self) -> Toward:
        if self.label == self.instead:
            raise ValueError(f"examples of class {self.label} need another class to move to; got instead {self.label}")
        return self

    def goals(self, y: Tensor) -> Tensor:
        """Return the class that each example moves toward, (B,) -> (B,)."""
        return torch.where(y == self.label, self.instead, self.label)


class Guide(Knobs):
    """A term beside the CE that is climbed: beta times how far the prediction is from that on the image.

    It is the term of the loss `guided`, in GAT (Sriramanan et al. 2020, arXiv:2011.14969) and NuAT. alternate: each
    second batch of an epoch alone is guided, as in their code; on the others CE is climbed.
    """

    distance: Distance = "l2"
    beta: Schedule = 10.0
    alternate: bool = True

    def acts(self, batch: Batch) -> bool:
        """Return whether the attack on a batch is guided."""
        return not self.alternate or batch.number % 2 == 1

    def height(self, logits: Tensor, clean: Tensor) -> Tensor:
        """Return the term of each example, (B, C), (B, C) -> (B,)."""
        return schedule_value(self.beta) * apart(self.distance, clean, logits)


class _Scene(NamedTuple):
    """Constants of a climb: the ball around the images, and the labels or logits that it climbs away from."""

    ball: Ball
    y: Tensor  # (B,)
    clean: Tensor | None  # (B, C) logits on the images, if the climb compares with them
    length: float | Tensor  # a Tensor is (B, 1, 1, 1)

    def of(self, rows: Tensor) -> _Scene:
        """Return the scene of some of the examples."""
        clean = None if self.clean is None else self.clean[rows]
        length = self.length[rows] if isinstance(self.length, Tensor) else self.length
        return _Scene(self.ball.of(rows), self.y[rows], clean, length)


# An adversary, its climbed loss, (B,) (zeros if the attack does not compare), and the gradient of the last step, (B,
# channels, H, W), until the network's next pass
_Climb = tuple[Adversary, Tensor, Tensor | None]


class PGD(Knobs):
    """K steps of projected gradient ascent within epsilon; FGSM is one step of size epsilon from the image itself.

    kappa counts, over the K points from which a step was taken (the first is the start), those still classified
    correctly: Algorithm 1 of Zhang et al. 2021 (arXiv:2010.01736) and their code. Their text says "least number of
    steps to fool" (geometry: first_failure), which agrees unless a prediction flips back. The last point is never
    inspected, so kappa = K does not imply robustness. With restarts kappa is the least over them. image_first counts
    likewise, and is 0 if the image itself is misclassified, as in their text.

    tau, of Zhang et al. 2020 (arXiv:2002.11242, Alg. 1): an example rests once it was misclassified at tau + 1 points.
    The attack goes on with the other examples alone, and the batch is not reordered. tau = K is PGD.

    steps 0 is the start itself, without a pass through the network and without a kappa. Training on it is the control
    for random noise of this size, which is what FGSM was in the code of Liu et al. 2021.

    project: false clips points to [0, 1] alone, and epsilon only scales the start and the step: N-FGSM (de Jorge et al.
    2022, arXiv:2202.01181).
    """

    name: Literal["pgd"] = "pgd"
    epsilon: Schedule = 8 / 255
    step_size: StepSize = "epsilon/4"
    steps: NonNegativeInt = 10
    norm: Norm = "linf"
    start: Start = "uniform"
    ascend: Ascend = "ce"
    toward: Toward | None = None
    guide: Annotated[Guide | None, Field(exclude_if=lambda guide: guide is None)] = None
    project: Annotated[bool, Field(exclude_if=lambda project: project)] = True
    bn: Literal["eval", "train"] = "eval"
    keep: Literal["last", "worst"] = "last"
    restarts: PositiveInt = 1
    tau: Schedule | None = None
    jitter: Annotated[Real, Field(ge=0)] = 0.0  # times N(0, 1), added at each step: 0.001 in the code of FAT
    geometry: Literal["count", "first_failure", "image_first"] = "count"

    @model_validator(mode="after")
    def _consistent(self) -> PGD:
        if self.tau is not None and self.steps < 2:
            raise ValueError("tau rests examples between steps; an attack of one step has none: take steps >= 2")
        if self.tau is not None and (self.restarts > 1 or self.keep == "worst"):
            raise ValueError("tau stops a climb early, restarts and keep: worst look further; drop one of them")
        if isinstance(self.start, Previous) and self.restarts > 1:
            raise ValueError("restarts from the previous perturbation are all the same; take restarts: 1")
        if self.steps:
            check_ascent(self.ascend, self.start)
        check_units(self.norm, {("epsilon",): _largest(self.epsilon), ("step_size",): self.step_size})
        if getattr(self.start, "momentum", None) is not None and (self.steps, self.keep) != (1, "last"):
            raise ValueError("momentum goes by the gradient of the only step; take steps: 1 and keep: last")
        if self.guide is not None and (self.ascend != "ce" or self.toward is not None or self.start == "none"):
            raise ValueError("guide adds to the cross-entropy away from the image; take ascend: ce, a start, no toward")
        if self.toward is not None and self.ascend != "ce":
            raise ValueError(f"toward descends the cross-entropy to a class; got ascend: {self.ascend}")
        return self

    def passes(self) -> Passes:
        """Return what the attack costs, as it acts in one epoch: tau is a number."""
        looks = Passes(forwards=self.steps, backwards=self.steps)
        if self.tau is not None:  # an example rests after at least tau + 1 looks
            fewer = max(0, self.steps - round(float(self.tau)) - 1)  # type: ignore[arg-type]
            looks += Passes(fewer_forwards=fewer, fewer_backwards=fewer)
        climb = looks + Passes(forwards=self._compares)
        once = self._needs_clean + (self.geometry == "image_first" and self.steps > 0)
        fewer = self.guide is not None and self._needs_clean and self.guide.alternate  # in a batch that is not guided
        return climb * self.restarts + Passes(forwards=once, fewer_forwards=fewer)

    def __call__(self, net: Net, batch: Batch, rng: Generator) -> Adversary:
        """Return the adversary of a batch; of several restarts, each example's point of the highest climbed loss."""
        epsilon = float(self.epsilon)  # type: ignore[arg-type]
        return self.perturb(net, batch, rng, epsilon, step_length(self.step_size, epsilon))

    def perturb(
        self, net: Net, batch: Batch, rng: Generator, epsilon: float | Tensor, length: float | Tensor
    ) -> Adversary:
        """Return the adversary within a budget and by a step that may differ between examples, (B, 1, 1, 1)."""
        with net.attacked(self.bn):
            clean = None
            if self._needs_clean and (self.guide is None or self.guide.acts(batch)):
                with (
                    torch.no_grad(),
                    net.computing_finer("fp32"),
                ):  # in TF32, as the start, KL is up to .2 points weaker
                    clean = net(batch.x)  # once: the network does not change while the attack runs
            ball = Ball.around(batch.x, epsilon if self.project else torch.inf, self.norm)
            scene = _Scene(ball, batch.y, clean, length)
            climb = self._climb if self.tau is None else self._climb_until_wrong
            start = self._started(batch, ball, epsilon, rng)
            best, top, gradient = climb(net, scene, start, rng)
            best = best._replace(start=start)
            for _ in range(self.restarts - 1):
                other, height, _ = climb(net, scene, self._started(batch, ball, epsilon, rng), rng)
                best, top = _pick(best, top, other, height)
            if isinstance(self.start, Previous):
                end = best.x
                if self.start.momentum is not None and gradient is not None:
                    end = self._moved(scene, start, self.start.accumulate(batch, gradient), rng)
                self.start.keep(batch, end - batch.x)
            if not self.steps:
                best = best._replace(kappa=None)  # nothing was counted
            elif self.geometry == "image_first" and best.kappa is not None:
                with torch.no_grad():
                    best = best._replace(kappa=best.kappa * (net(batch.x).argmax(1) == batch.y))
        return best

    @property
    def _needs_clean(self) -> bool:
        """Return whether the climbed loss compares with the logits on the image."""
        return (self.ascend == "kl" or self.guide is not None) and (self.steps > 0 or self._compares)

    @property
    def _compares(self) -> bool:
        """Return whether the attack compares points by the climbed loss."""
        return self.keep == "worst" or self.restarts > 1

    def _started(self, batch: Batch, ball: Ball, epsilon: float | Tensor, rng: Generator) -> Tensor:
        return ball.project(batch.x + draw_start(self.start, batch, epsilon, self.norm, rng))

    def _climb(self, net: Net, scene: _Scene, x: Tensor, rng: Generator) -> _Climb:
        """Climb once from a start."""
        every_point = self.keep == "worst"
        best, top = x, torch.full(scene.y.shape, -torch.inf, device=x.device)
        looks: list[Tensor] = []
        gradient = steepness = None
        for _ in range(self.steps):
            logits, value, gradient = self._look(net, scene, x, at_start=not looks)
            steepness = _lengths(gradient) if steepness is None else steepness
            looks.append(logits)
            if every_point:
                best, top = _higher(best, top, x, value)
            x = self._moved(scene, x, gradient, rng)
        kappa, first = self._count(looks, scene.y), looks[0] if looks else None
        seen = Adversary(x, kappa, steps=self.steps, logits=first, gradient_norm=steepness)
        if not self._compares:
            return seen, torch.zeros_like(top), gradient
        with torch.no_grad():
            logits = net(x)
            value = self._height(logits, scene)
        survived = (kappa == self.steps) & (predict_class(logits) == scene.y)
        best, top = _higher(best, top, x, value) if every_point else (x, value)
        return seen._replace(x=best, survived=survived), top, gradient

    def _climb_until_wrong(self, net: Net, scene: _Scene, x: Tensor, rng: Generator) -> _Climb:
        """Climb likewise; an example rests once its patience tau is used up. The point after step K is not checked."""
        rows = torch.arange(len(x), device=x.device)  # that still move, as have the five below
        kappa = torch.zeros_like(scene.y)
        patience = torch.full_like(scene.y, round(float(self.tau)))  # type: ignore[arg-type]  # a number in a stage
        resting: list[tuple[Tensor, Tensor, Tensor]] = []  # rows, points and kappas
        first = steepness = None
        for step in range(self.steps):
            logits, _, gradient = self._look(net, scene, x, at_start=first is None)
            if first is None:
                first, steepness = logits, _lengths(gradient)
            correct = logits.argmax(1) == scene.y
            kappa = kappa + (correct & (kappa == step) if self.geometry == "first_failure" else correct)
            goes = correct | (patience > 0)
            patience = patience - (~correct).long()
            if (count := int(goes.sum())) < len(rows):  # the one value of a step that a GPU's host has to wait for
                go, stay = (~goes).byte().argsort(stable=True).tensor_split([count])
                resting.append((rows[stay], x[stay], kappa[stay]))
                rows, x, kappa, patience, gradient = (part[go] for part in (rows, x, kappa, patience, gradient))
                scene = scene.of(go)
            if not count:
                break
            x = self._moved(scene, x, gradient, rng)
        rows, x, kappa = (torch.cat(parts) for parts in zip(*resting, (rows, x, kappa), strict=True))
        order = rows.argsort()
        end = Adversary(x[order], kappa[order], steps=self.steps, logits=first, gradient_norm=steepness)
        return end, torch.zeros(len(x), device=x.device), None

    def _look(self, net: Net, scene: _Scene, x: Tensor, at_start: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return the logits, the climbed loss and its gradient at a point.

        At the start the gradient of KL is that of a difference of logits which bf16 hardly resolves: the first step
        would follow rounding errors, and later steps stay on the side of the image that the first one took.
        """
        x = x.detach().requires_grad_()  # a leaf of its own: the caller keeps the point
        with net.computing_finer("tf32") if at_start and self.ascend == "kl" else nullcontext():
            logits = net(x)
            value = self._height(logits, scene)
            return logits.detach(), value.detach(), net.input_gradient(value, x)

    def _moved(self, scene: _Scene, x: Tensor, gradient: Tensor, rng: Generator) -> Tensor:
        point = x + scene.length * ascent_direction(gradient, self.norm)
        if self.jitter:
            point = point + self.jitter * draw_normal(point, rng)
        return scene.ball.project(point)

    def _count(self, looks: list[Tensor], y: Tensor) -> Tensor:
        """Return kappa of each example, (B,), given the logits at the K points before the steps, (B, C) each."""
        if not looks:
            return torch.zeros_like(y)
        logits = torch.stack(looks)  # counted at once, as each operation costs a launch
        correct = (predict_class(logits) if self.keep == "worst" else logits.argmax(2)) == y
        return (correct.cumprod(0) if self.geometry == "first_failure" else correct).sum(0)

    def _height(self, logits: Tensor, scene: _Scene) -> Tensor:
        """Return the climbed loss of each example, (B, C) -> (B,)."""
        if self.ascend == "kl" and scene.clean is not None:
            return kl(scene.clean, logits)
        if self.guide is not None and scene.clean is not None:
            return cross_entropy(logits, scene.y) + self.guide.height(logits, scene.clean)
        if self.toward is not None:
            return -cross_entropy(logits, self.toward.goals(scene.y))
        return cross_entropy(logits, scene.y) if self.ascend == "ce" else margin(logits, scene.y)


def _largest(schedule: Any) -> float:
    return schedule.highest() if isinstance(schedule, Curve) else float(schedule)


def _lengths(gradient: Tensor) -> Tensor:
    """Return the l2 length of each example's gradient, (B, channels, H, W) -> (B,), in one operation in any layout."""
    return torch.linalg.vector_norm(gradient, dim=(1, 2, 3))


def _higher(best: Tensor, top: Tensor, x: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Return the point of higher value for each example; NaN counts as highest, as it is no prediction."""
    better = (value > top) | (value.isnan() & ~top.isnan())
    return torch.where(better.view(-1, 1, 1, 1), x, best), torch.where(better, value, top)


def _pick(one: Adversary, top: Tensor, other: Adversary, height: Tensor) -> tuple[Adversary, Tensor]:
    """Merge two restarts: the higher point, the lower kappa, and survival of both."""
    x, top = _higher(one.x, top, other.x, height)
    if one.kappa is None or other.kappa is None or one.survived is None or other.survived is None:
        raise TypeError("restarts are compared on points that were looked at")
    kappa, survived = torch.minimum(one.kappa, other.kappa), one.survived & other.survived
    return one._replace(x=x, kappa=kappa, survived=survived), top
