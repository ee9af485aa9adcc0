"""Measure how much weaker attacks are in bf16: adversaries crafted in several precisions, all judged in fp32.

The networks are trained on digits, each by TRADES, PGD-AT and GAIRAT. For TRADES' attack the table also shows what was
tried: which of the image, the start and the other steps have to be looked at in a finer precision.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from datetime import date
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from trainers.attacks import PGD, Toward
from trainers.config import TrialConfig
from trainers.data import Split, prepare_data, to_pixels
from trainers.evaluate import Evaluation
from trainers.losses import cross_entropy, kl, margin
from trainers.models import Network
from trainers.step import Batch, Net, Precision
from trainers.terminal.arguments import Parser
from trainers.terminal.showing import run_and_exit
from trainers.trainer import Trainer

MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"name": "mlp"},
    "digits_cnn": {"name": "digits_cnn"},
    "resnet10": {"name": "resnet10", "width": 8},
    "preact_resnet18": {"name": "preact_resnet18", "width": 8},
    "wrn_16": {"name": "wrn", "depth": 16, "width": 1},
}
METHODS = ("trades", "pgd-at", "gairat")
EPSILON, STEP = 0.1, 0.025
ATTACKS = {
    "CE from uniform noise (PGD-10)": PGD(epsilon=EPSILON, step_size=STEP),
    "CE from 0.001 N(0, 1) (MART)": PGD(epsilon=EPSILON, step_size=STEP, start="normal"),
    "CE, one step (FGSM)": PGD(epsilon=EPSILON, step_size="epsilon", steps=1, start="none"),
    "CE in l2": PGD(epsilon=1.0, step_size=0.25, norm="l2"),
    "CE toward a class": PGD(epsilon=EPSILON, step_size=STEP, toward=Toward(label=0, instead=9)),
    "margin": PGD(epsilon=EPSILON, step_size=STEP, ascend="margin"),
    "KL from 0.001 N(0, 1) (TRADES)": PGD(epsilon=EPSILON, step_size=STEP, start="normal", ascend="kl"),
}
TRADES = "KL from 0.001 N(0, 1) (TRADES)"


class Way(NamedTuple):
    """The precision of each pass of an attack: of the first ones, and of all others."""

    first: tuple[Precision, ...]
    rest: Precision


SHIPPED = "bf16, as in a training"
WAYS = {
    "bf16 in all passes": Way((), "bf16"),
    "tf32 in all passes": Way((), "tf32"),
}
WAYS_OF_KL = {  # whose first pass is on the image and the second one on the start
    "start in fp32, image in bf16": Way(("bf16", "fp32"), "bf16"),
    "image in fp32, start in bf16": Way(("fp32",), "bf16"),
    "image and start in fp32": Way(("fp32", "fp32"), "bf16"),
    "image and start in tf32": Way(("tf32", "tf32"), "bf16"),
    "image in fp32, start in tf32": Way(("fp32", "tf32"), "bf16"),
    "last five steps in fp32": Way(("bf16",) * 6, "fp32"),
}


class Comparison(NamedTuple):
    """An attack in some precision beside the same attack in fp32, on one network."""

    alike: float  # share of pixels that the first step moves alike
    rise: float  # of the climbed loss, relative to its rise in fp32, less 1
    accuracy: float  # under the attack, less that in fp32: positive where the attack is weaker


class PassByPass(Net):
    """A network whose precision is fixed for each pass, whatever an attack asks for."""

    def __init__(self, module: Network, way: Way) -> None:
        super().__init__(module)
        self.way, self.done = way, 0
        on_gpu = next(module.parameters()).is_cuda
        self.rounding = None if on_gpu else _round_to_tf32(module)  # a CPU has no TF32

    def features_and_logits(self, x: Tensor) -> tuple[Tensor, Tensor]:
        precision = self.way.first[self.done] if self.done < len(self.way.first) else self.way.rest
        self.done += 1
        if precision == "tf32" and self.rounding is not None:
            return self.rounding.features_and_logits(x)
        with super().computing(precision):
            return super().features_and_logits(x)

    def __call__(self, x: Tensor) -> Tensor:
        return self.features_and_logits(x)[1]

    @contextmanager
    def computing(self, precision: Precision) -> Iterator[None]:
        yield


def compare(module: Network, split: Split, attack: PGD, ways: dict[str, Way | None]) -> dict[str, Comparison]:
    """Compare an attack in several ways with itself in fp32; None is what a training in bf16 does."""
    batch, exact = Batch(to_pixels(split.x), split.y), Net(module)

    def craft(way: Way | None) -> tuple[Tensor, Tensor]:
        """Return the points after one step and after all."""
        once = attack.model_copy(update={"steps": 1})
        nets = (Net(module, "bf16") if way is None else PassByPass(module, way) for _ in range(2))
        seeded = (Generator(batch.x.device).manual_seed(0) for _ in range(2))
        first, last = (each(net, batch, rng).x for each, net, rng in zip((once, attack), nets, seeded, strict=True))
        return first, last

    def judge(x: Tensor) -> tuple[float, float]:
        """Return the climbed loss and the accuracy at a point."""
        with exact.attacked("eval"), torch.no_grad():
            clean, logits = exact(batch.x), exact(x)
        right = logits.argmax(1) == batch.y
        return float(_climbed(attack, clean, logits, batch.y).mean()), float(right.double().mean())

    first, last = craft(Way((), "fp32"))
    (low, _), (high, accuracy) = judge(batch.x), judge(last)
    found = {}
    for name, way in ways.items():
        one, end = craft(way)
        alike = float(((one - first).abs() < 1e-3).double().mean())
        height, right = judge(end)
        found[name] = Comparison(alike, (height - low) / (high - low) - 1, right - accuracy)
    return found


def _climbed(attack: PGD, clean: Tensor, logits: Tensor, y: Tensor) -> Tensor:
    """Return the loss that an attack climbs, (B,)."""
    if attack.toward is not None:
        return -cross_entropy(logits, attack.toward.goals(y))
    losses = {"kl": lambda: kl(clean, logits), "margin": lambda: margin(logits, y)}
    return losses.get(attack.ascend, lambda: cross_entropy(logits, y))()


def trained(
    model: str, method: str, seed: int, device: str, epsilon: float = EPSILON, label_noise: float = 0.0
) -> tuple[Network, Split]:
    """Train a network on 600 digits in fp32; return it in eval mode, and the test split of 1100 images."""
    steps = {} if method == "fgsm-at" else {"step_size": epsilon / 4}
    knobs: dict[str, Any] = {"base": method, "attack": {"epsilon": epsilon} | steps}
    if method.startswith("gair"):
        knobs["weight"] = {"burn_in": "50%"}
    compute = {"device": device, "precision": "fp32", "compile": False}
    splits = {"name": "digits", "train": 600, "val": 0, "test": 1100, "label_noise": label_noise}
    config = TrialConfig.model_validate({
        "data": splits, "model": MODELS[model], "method": knobs,
        "optimizer": {"name": "sgd", "lr": 0.05}, "epochs": 15, "seed": seed, "compute": compute,
    })  # fmt: skip
    data = prepare_data(config.data.load(), config.data)
    trainer = Trainer(config, Evaluation(epsilon=epsilon, every=config.epochs, steps=1), data, None)
    for epoch in range(config.epochs):
        trainer.run_epoch(config.stage(epoch))
    return trainer.net.module.eval(), trainer.splits["test"]


def compare_all(
    networks: Sequence[tuple[Network, Split]], attacks: Sequence[str] = tuple(ATTACKS), tried: bool = True
) -> dict[tuple[str, str], list[Comparison]]:
    """Compare each attack in each way on all networks; keys are the attack and the way.

    Without `tried` the only way is what a training in bf16 does.
    """
    found: dict[tuple[str, str], list[Comparison]] = {}
    for attack in attacks:
        further = WAYS | (WAYS_OF_KL if attack == TRADES else {}) if tried else {}
        for module, split in networks:
            for way, comparison in compare(module, split, ATTACKS[attack], {SHIPPED: None} | further).items():
                found.setdefault((attack, way), []).append(comparison)
    return found


def table(found: dict[tuple[str, str], list[Comparison]]) -> str:
    """Return a line for each attack and way: means over the networks, accuracies with their standard errors."""
    lines = [f"{'attack':32}{'passes':32}{'first step':>10}{'rise':>9}{'accuracy, points':>19}{'least..most':>16}"]
    for (attack, way), rows in found.items():
        alike, rise, accuracy = (torch.tensor(column, dtype=torch.float64) for column in zip(*rows, strict=True))
        points = 100 * accuracy
        error = float(points.std()) / len(rows) ** 0.5 if len(rows) > 1 else float("nan")
        lines.append(
            f"{attack:32}{way:32}{float(alike.mean()):>10.1%}{float(rise.mean()):>+9.2%}"
            f"{float(points.mean()):>+11.2f} ± {error:.2f} {float(points.min()):>+9.2f}..{float(points.max()):+.2f}"
        )
    return "\n".join(lines)


class _Rounded(torch.autograd.Function):
    """TF32's rounding of a factor: to 10 bits after the leading one, on the way there or on the way back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: bool) -> Tensor:
        ctx.there = there
        return _rounded(x) if there else x.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient if ctx.there else _rounded(gradient), None


def _rounded(x: Tensor) -> Tensor:
    return ((x.contiguous().view(torch.int32) + (1 << 12)) & ~((1 << 13) - 1)).view(torch.float32)


def _round_to_tf32(module: Network) -> Network:
    """Return a copy whose convolutions and products round their factors as TF32 does, in both directions."""
    copy = deepcopy(module)
    for layer in copy.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.weight = nn.Parameter(_rounded(layer.weight.detach()), requires_grad=False)
            layer.register_forward_pre_hook(lambda _, given: (_Rounded.apply(given[0], True),))
            layer.register_forward_hook(lambda *given: _Rounded.apply(given[-1], False))
    return copy.requires_grad_(False)


def main(arguments: Sequence[str]) -> int:
    reader = Parser(prog="python -m trainers.bench_attacks", description=__doc__.partition("\n")[0])
    reader.add_argument(
        "--models", nargs="+", choices=MODELS, default=list(MODELS), metavar="MODEL", help=", ".join(MODELS)
    )
    reader.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, metavar="METHOD", help="that train")
    reader.add_argument("--seeds", type=int, choices=range(1, 101), default=1, metavar="N", help="of each training")
    reader.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    reader.add_argument("--brief", action="store_true", help="leave out what was only tried")
    options = reader.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        reader.error("--device cuda: torch sees no GPU here; take cpu")
    networks = [
        trained(model, method, seed, options.device)
        for model in options.models
        for method in options.methods
        for seed in range(options.seeds)
    ]
    where = torch.cuda.get_device_name() if options.device == "cuda" else f"{platform.machine()}, TF32 simulated"
    print(f"torch {torch.__version__}, {where}, {date.today().isoformat()}; {len(networks)} networks")
    print(table(compare_all(networks, tried=not options.brief)))
    return 0


if __name__ == "__main__":
    run_and_exit(lambda: main(sys.argv[1:]))
