"""Measure what AutoAttack by growing margin saves and misses: small networks of every family, attacked in full.

Each network is attacked by growing margin after PGD-20, with its audit, and then on all other images. As the draws of
an image are its own, the verdicts are those of `order: all`, and each image is attacked once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from trainers.accuracy import BROKEN, evaluation_mode, find_margins
from trainers.attacks import PGD
from trainers.audit import bound_broken
from trainers.autoattack import AutoAttack
from trainers.bench_attacks import EPSILON, trained
from trainers.margin_order import Attacked
from trainers.step import Net
from trainers.terminal.arguments import Parser
from trainers.terminal.showing import run_and_exit
from trainers.verdict_log import Costs, VerdictLog, Verdicts, identify_verdicts

WIDE = 0.3  # an epsilon at which one step of training masks gradients
FAMILIES = {  # the method and its epsilon
    "pgd-at": ("pgd-at", EPSILON),
    "trades": ("trades", EPSILON),
    "mart": ("mart", EPSILON),
    "fat": ("fat", EPSILON),
    "self-adaptive": ("self-adaptive", EPSILON),
    "fgsm": ("fgsm-at", EPSILON),
    "fgsm-wide": ("fgsm-at", WIDE),
    "gairat": ("gairat", EPSILON),
    "gair-trades": ("gair-trades", EPSILON),
}
NAMES = ("apgd-ce", "apgd-t")
AUDIT = 0.1


class Tried(NamedTuple):
    """One network."""

    name: str
    went: Attacked
    missed: int  # counted as robust, and broken
    broken: int  # by AutoAttack, of the survivors of PGD-20
    order: Costs
    whole: Costs


def try_network(family: str, model: str, seed: int, label_noise: float, device: str) -> Tried:
    """Train a small network on digits, and attack it by growing margin and in full."""
    method, epsilon = FAMILIES[family]
    module, test = trained(model, method, seed, device, epsilon, label_noise)
    net = Net(module)
    margins = find_margins(net, test, PGD(epsilon=epsilon, steps=20), seed)
    key = identify_verdicts(module.state_dict(), {"epsilon": epsilon, "seed": seed})
    verdicts = Verdicts(VerdictLog(), key, len(test))
    with evaluation_mode(net, seed):
        attack = AutoAttack(net, NAMES, epsilon, "linf", 1, seed, test.x.device)
        robust, went = attack.attack_in_order(test, margins, AUDIT, verdicts)
        order = verdicts.costs
        whole = attack.attack_all(test, verdicts)
    alive = margins.cpu() > BROKEN
    missed, broken = int((robust & ~whole).sum()), int((alive & ~whole).sum())
    labels = f"{label_noise:.0%} flips" if label_noise else "clean labels"
    return Tried(f"{family}, {labels}, seed {seed}", went, missed, broken, order, verdicts.costs)


def render(tried: Sequence[Tried]) -> str:
    """Return a line for each network, and the sums over those whose gradients look masked and over the others."""
    head = ["network", "survivors", "attacked", "audited", "hits", "broken", "missed", "passes", "masked"]
    lines = [f"{head[0]:34}" + "".join(f"{name:>10}" for name in head[1:])]
    lines += [_render_network(row) for row in tried]
    for masked in (False, True):
        if rows := [row for row in tried if row.went.masked == masked]:
            shares = [row.went.attacked / row.went.survivors for row in rows if row.went.survivors]
            what = "look masked" if masked else "do not look masked"
            missed = sum(row.missed for row in rows)
            lines.append(
                f"{len(rows)} networks {what}: share attacked by margin {sum(shares) / len(shares):.2f} "
                f"(most {max(shares):.2f}), passes {_ratio(rows):.2f} of the whole, missed {missed}"
            )
    hits, found = sum(row.went.hits for row in tried), sum(row.went.found for row in tried)
    bound = max(0, bound_broken(hits, AUDIT) - found)
    lines.append(f"missed {sum(row.missed for row in tried)} images in all; the audit's bound (95 %) is {bound}")
    return "\n".join(lines)


def _render_network(row: Tried) -> str:
    went = row.went
    share = f"{went.attacked / max(1, went.survivors):.2f}"
    numbers = (went.survivors, share, went.audited, went.hits, row.broken, row.missed, f"{_ratio([row]):.2f}")
    return f"{row.name:34}" + "".join(f"{number:>10}" for number in numbers) + f"{'yes' * went.masked:>10}"


def _ratio(rows: Iterable[Tried]) -> float:
    """Return the passes of the orders, forwards and backwards, over those of attacking all images."""
    rows = list(rows)
    return sum(sum(row.order) for row in rows) / sum(sum(row.whole) for row in rows)


def main(arguments: Sequence[str]) -> int:
    reader = Parser(prog="python -m trainers.bench_order", description=__doc__.partition("\n")[0])
    reader.add_argument(
        "--families", nargs="+", choices=FAMILIES, default=list(FAMILIES), metavar="NAME", help=", ".join(FAMILIES)
    )
    reader.add_argument("--seeds", type=int, choices=range(1, 101), default=2, metavar="N", help="of each training")
    reader.add_argument("--model", default="mlp", choices=("mlp", "digits_cnn"))
    reader.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    options = reader.parse_args(arguments)
    if options.device == "cuda" and not torch.cuda.is_available():
        reader.error("--device cuda: torch sees no GPU here; take cpu")
    tried = []
    for family in options.families:
        for label_noise in (0.0, 0.1):
            for seed in range(options.seeds):
                tried.append(try_network(family, options.model, seed, label_noise, options.device))
                print(_render_network(tried[-1]), file=sys.stderr, flush=True)
    print(render(tried))
    return 0


if __name__ == "__main__":
    run_and_exit(lambda: main(sys.argv[1:]))
