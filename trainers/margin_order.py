"""The order in which AutoAttack takes images: by growing margin, with a stop and a random audit of those left out.

Images that survive cheap attacks are attacked in chunks, those with the least margin first. The order ends after a run
of images without a success. All images up to the end of the current run have to be attacked in any case, so that they
are one chunk: an attack takes all its iterations on each chunk, and on a small network these take as long for 16 images
as for 100.

Nothing guarantees that the images left out withstand the attack, so a random sample of them, which is drawn before
anything is attacked, is attacked as well. If that finds any, the order has failed and all images are attacked.
analysis.measures.audit bounds the number of images of a sweep that are still wrongly counted as robust: it assumes
nothing but that samples are random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Generator, Tensor

LEAST_CHUNK = 32  # images
CHUNK, RUN = 50, 10  # a chunk is at least a 50th of the survivors; the order ends after a tenth of them without success
DEEP = 0.4  # of the survivors; gradients look masked if one so deep is broken: with the run after it, half are attacked


class Attacked(NamedTuple):
    """How far an order went, in images of one training at one checkpoint."""

    survivors: int  # of the cheap attacks
    attacked: int  # of them, in the order of the margin
    deepest: int  # of those, up to the last one that was broken
    audited: int  # of those left out
    hits: int  # of the audit
    found: int  # broken among those left out: hits, and what was found when all were attacked

    @property
    def rest(self) -> int:
        """Images that the order left out, audited or not."""
        return self.survivors - self.attacked

    @property
    def masked(self) -> bool:
        """Return whether gradients look masked: the order went deep, or the audit found what it had left out."""
        return self.hits > 0 or 0 < self.deepest >= DEEP * self.survivors


def measure_steps(survivors: int) -> tuple[int, int]:
    """Return the least images of a chunk, and those without a success after which the order ends."""
    chunk, run = (max(LEAST_CHUNK, -(-survivors // part)) for part in (CHUNK, RUN))
    return chunk, run


def attack_by_margin(margins: Tensor, attack: Callable[[Tensor], Tensor], audit: float, rng: Generator) -> Attacked:
    """Attack the survivors of cheap attacks by growing margin, and audit those that are left out.

    margins: (N,), -inf where an image did not survive. `attack` takes positions and returns which of these images it
    breaks, (n,) bool. `audit` is the fraction of those left out that is audited; `rng` draws them, on the CPU.
    """
    draw = torch.randperm(len(margins), generator=rng)  # of all images, so that it does not depend on verdicts
    alive = (margins > -torch.inf).nonzero().squeeze(1).cpu()
    order = alive[margins.cpu()[alive].argsort(stable=True)]  # ties by the position of the image
    chunk, run = measure_steps(len(order))
    done = last = 0  # images attacked, and those up to the last success
    while done < min(last + run, len(order)):
        part = order[done : max(done + chunk, last + run)]
        broken = attack(part).cpu().nonzero()
        last = done + int(broken.max()) + 1 if len(broken) else last
        done += len(part)
    rest = order[done:]
    place = torch.empty_like(draw)
    place[draw] = torch.arange(len(draw))
    audited, others = rest[place[rest].argsort()].tensor_split([math.ceil(audit * len(rest) - 1e-9)])
    hits = _count_broken(audited, attack, run)
    found = hits + _count_broken(others, attack, run) if hits else 0
    return Attacked(len(order), done, last, len(audited), hits, found)


def _count_broken(positions: Tensor, attack: Callable[[Tensor], Tensor], chunk: int) -> int:
    return sum(int(attack(part).sum()) for part in positions.split(chunk) if len(part))
