"""What ends a configuration by its own curve: a seed that diverged, a collapse, or no new best after the last drop.

The curve is the mean over its seeds of the accuracy by which the trainer chooses its best checkpoint; a best before the
selection window is none. A verdict after n epochs is given once all seeds have arrived there, so it does not matter
which of them is ahead; one that went further is cut back to n, and `horizon` says how far each may go without that.
"""

from __future__ import annotations

from collections.abc import Sequence

from search.schema.stopping import RobustStopping
from search.stopping.curves import NEAR_CHANCE, Contestant, Objectives, plain
from search.stopping.decisions import Decision, Rule

RUIN = 0.1  # of its best: what catastrophic overfitting leaves of the robust accuracy


def exhausted(each: Contestant, knobs: RobustStopping, objectives: Objectives) -> Decision | None:
    """The earliest such end in what is known of a configuration; none at its last epoch, where nothing is saved.

    One diverged seed ends all: its configuration is on no front, as the seeds that survive would flatter it.
    """
    means, measured, best, first = each.chosen, each.measured[:-1], 0, each.phases.selects
    for i, (epoch, mean) in enumerate(zip(measured, means, strict=False)):
        best = i if mean > means[best] or measured[best] < first <= epoch else best
        if each.adversarial and _collapsed(means[: i + 1], max(means[: i + 1]), each.chance):
            fall = f"{each.chosen_by} fell from {means[i - 2]:.1%} to {means[i - 1]:.1%} and is {mean:.1%}"
            return _end(each, "collapsed", epoch + 1, objectives, fall)
        if _spent(each, epoch, measured[best], knobs):
            highest = f"{each.chosen_by} was highest after {measured[best] + 1} epochs, {means[best]:.1%}"
            phase = f"the last phase began after {each.phases.since(epoch)}"
            return _end(each, "no new best", epoch + 1, objectives, f"{highest}, and is {mean:.1%}; {phase}")
    n = next((epoch + 1 for epoch in measured[len(means) :]), None)  # which some seed has not, or not yet
    if n is None or each.diverged is None or each.diverged >= n or not each.arrived(n):
        return None
    bad = sum(curve.diverged is not None for curve in each.cut(n).curves)
    why = f"{bad} of {len(each.curves)} seeds diverged, the first in epoch {each.diverged}"
    return _end(each, "diverged", n, objectives, why)


def horizon(each: Contestant, knobs: RobustStopping) -> int:
    """How many epochs any seed may train before the others must have followed: where a verdict may fall next."""
    means, first = each.chosen, each.phases.selects
    within = [(mean, -epoch) for epoch, mean in zip(each.measured, means, strict=False) if epoch >= first]
    best = -max(within)[1] if within else -1  # the first of the highest
    for epoch in each.measured[len(means) :]:
        if (each.diverged is not None and each.diverged <= epoch) or _spent(each, epoch, best, knobs):
            return epoch + 1
    return each.epochs


def _end(each: Contestant, rule: Rule, n: int, objectives: Objectives, why: str) -> Decision:
    values = {} if rule == "diverged" else plain(each.at_best(n).mean(axis=0), objectives)
    reason = f"after {n} of {each.epochs} epochs {why}"
    return Decision(action="stop", rule=rule, configuration=each.name, epochs=n, values=values, reason=reason)


def _spent(each: Contestant, epoch: int, best: int, knobs: RobustStopping) -> bool:
    """Whether patience is at its end: the last drop is past, or not waited for, and the best one far behind."""
    phases = each.phases
    if not phases.drops:
        return False  # the learning rate stands still: nothing says that the best is past
    awaited = phases.drops[:1] if knobs.skip_later_drops else phases.drops
    since = max(best, phases.since(epoch), phases.selects)
    begun = epoch >= max(*awaited, *phases.switches, phases.selects)
    return begun and epoch - since >= knobs.patient(phases.epochs)


def _collapsed(means: Sequence[float], highest: float, chance: float) -> bool:
    """Catastrophic overfitting: from one measurement to the next hardly anything is left, and none comes back."""
    if len(means) < 3 or highest <= chance + NEAR_CHANCE:
        return False
    return means[-3] >= highest / 2 and max(means[-2:]) <= RUIN * highest
