"""How many images a sweep may wrongly count as robust where AutoAttack went by growing margin (`order: margin`).

Of the R images of a training that the order leaves out, a random sample of at least f R is attacked. With H hits in
the samples of all trainings, the images that AutoAttack would break among those left out number at most U, the largest
M for which P(Binomial(M, f) <= H) > 5 %: the number of hits is a Poisson binomial variable with a mean of at least f M,
whose lower tail is at most the binomial's (Hoeffding 1956). A training with a hit is attacked whole, which finds F
images, so that at most U - F are wrongly counted as robust. Nothing is assumed of the order, of the margins, or of how
alike the trainings are: the bound is in images of the sweep, and needs no factor for the number of trainings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from analysis.measures.stats import CONFIDENCE, POINTS
from analysis.results.metrics import count_images, shorten_attack
from analysis.results.sweep import Sweep
from trainers.audit import bound_broken
from trainers.formatting import format_count
from trainers.record_io import Row


class Audit(NamedTuple):
    """The orders of all trainings of a sweep together, under one attack at one checkpoint."""

    trainings: int
    images: int  # that the attack looks at in a training
    survivors: int  # of cheaper attacks, over all trainings
    attacked: int  # by growing margin
    audited: int
    hits: int
    found: int  # broken among those left out, in trainings that were attacked whole
    whole: int  # trainings that were
    masked: int  # trainings whose gradients look masked
    share: float  # that is drawn

    @property
    def missed(self) -> int:
        """The bound: at most so many images of the sweep are wrongly counted as robust."""
        return max(0, bound_broken(self.hits, self.share) - self.found)

    @property
    def average(self) -> float:
        """The bound as a fraction of the images of all trainings."""
        return self.missed / (self.trainings * self.images)

    @property
    def worst(self) -> float:
        """The bound as a fraction of the images of one training, as if all of them were in that one."""
        return min(1.0, self.missed / self.images)


def collect_audit(sweep: Sweep, attack: str, checkpoint: str) -> Audit | None:
    """Sum up the orders of a sweep's trainings, each once; None if the attack went in no order."""
    done = {sweep.outcomes[trial]["chain"]: sweep.outcomes[trial] for trial in sweep.completed["id"]}
    found = [
        (outcome, order)
        for outcome in done.values()
        if (order := (outcome.get(checkpoint) or {}).get("margin_order", {}).get(attack))
    ]
    if not found:
        return None
    orders = [order for _, order in found]
    test = max(float(outcome.get("data", {}).get("test", 0)) for outcome, _ in found)
    return Audit(
        trainings=len(orders),
        images=int(count_images(sweep.attacks.get(attack, ""), test)),
        **{name: _sum(orders, name) for name in ("survivors", "attacked", "audited", "hits", "found")},
        whole=sum(order["hits"] > 0 for order in orders),
        masked=sum(order["masked"] for order in orders),
        share=min(order["audit"] for order in orders),
    )


def _sum(orders: Sequence[Mapping[str, Row]], name: str) -> int:
    return sum(order[name] for order in orders)  # type: ignore[misc]


def describe_audits(sweep: Sweep) -> Iterator[str]:
    """Say of each attack that went by growing margin how many images may be wrongly counted as robust."""
    for name in sweep.attacks:
        if (found := collect_audit(sweep, name, sweep.checkpoint)) is not None:
            yield f"{shorten_attack(name, sweep.attacks)}: {describe_audit(found)}"


def describe_audit(found: Audit) -> str:
    """Describe how far the orders went, and the bound in images, on average and in the worst case."""
    share = f"{POINTS * found.attacked / found.survivors:.0f} %" if found.survivors else "none"
    broken = f"{found.hits} broken"
    if found.whole:
        broken += f": {format_count(found.whole, 'training')} attacked whole, which broke {found.found}"
    of = format_count(found.trainings, "training")
    text = (
        f"attacked by growing margin, {share} of survivors and a random {POINTS * found.share:g} % of the rest "
        f"({format_count(found.audited, 'image')}, {broken}): at most {format_count(found.missed, 'image')} of {of} "
        f"{'is' if found.missed == 1 else 'are'} wrongly counted as robust ({CONFIDENCE:.0%}): "
        f"{POINTS * found.average:.2g} points on average, {POINTS * found.worst:.2g} if all were in one training."
    )
    masked = f" Gradients look masked in {format_count(found.masked, 'training')}." if found.masked else ""
    return text + masked
