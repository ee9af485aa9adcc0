"""Who of comparable configurations ends where: the decisions at the rungs together with those by the own curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from search.schema.stopping import RobustStopping
from search.stopping.curves import NEAR_CHANCE, Candidate, Curve, Objectives, plain
from search.stopping.decisions import Action, Decision, DecisionState, Rule, Values, shown

Ends = Mapping[str, Decision | None]  # of each configuration, by its own curve


def ends(contest: Iterable[Candidate], knobs: RobustStopping, objectives: Objectives) -> Ends:
    return {each.name: own_curve_stop(each, knobs, objectives) for each in contest}


def decide(
    contest: Sequence[Candidate], ends: Ends, taken: DecisionState, knobs: RobustStopping, objectives: Objectives
) -> list[Decision]:
    """All decisions, beyond those taken, that the measurements allow of configurations of as many epochs each.

    A rung is decided when all that stand there have arrived, in one go. What was decided stands: who comes later, as
    a sweep is extended, is compared with all and judged alone, and a further seed goes as far as the others went.
    """
    whole = {each.name for each in contest if (each.name, each.epochs) in taken.passed}
    own = {name: end for name, end in sorted(ends.items()) if end and name not in whole}
    stops = {name: end.epochs for name, end in own.items()} | taken.stops
    new: list[Decision] = []
    for place, n in enumerate(heights(contest, knobs)):
        there = (each for each in contest if each.diverged is None or each.diverged >= n)
        field = [each for each in there if stands(each, n) and stops.get(each.name, each.epochs) > n]
        if not all(each.arrived(n) for each in field):
            break
        if all((each.name, n) in taken.passed for each in field):
            continue
        field.sort(key=lambda each: each.name)  # the order in which they are given decides nothing
        rung = Rung(field, n, knobs, objectives)
        fresh = [rung.verdict(i, place == 0) for i, each in enumerate(field) if (each.name, n) not in taken.passed]
        new += fresh
        stops |= {it.configuration: n for it in fresh if it.action == "stop"}
    known = taken.stops.keys() | {it.configuration for it in new if it.action == "stop"}
    new += [end for name, end in own.items() if name not in known]
    open_ = (each for each in contest if each.name not in stops.keys() | whole)
    return new + [_ended(each) for each in sorted(open_, key=lambda it: it.name) if each.arrived(each.epochs)]


def _ended(each: Candidate) -> Decision:
    reason = f"it had all of its {each.epochs} epochs"
    return Decision(
        action="pass", rule="last epoch", configuration=each.name, epochs=each.epochs, values={}, reason=reason
    )


def heights(contest: Sequence[Candidate], knobs: RobustStopping) -> tuple[int, ...]:
    """After how many epochs the rungs of a contest stand."""
    return knobs.heights(contest[0].epochs, contest[0].measured) if contest else ()


def stands(each: Candidate, n: int) -> bool:
    """Whether a configuration is judged, and others by it, after n epochs: only within its first phase."""
    return n <= each.phases.first


SPREADS = 3.0  # standard deviations over the seeds by which two means must differ at least


class Rung:
    """Those that stand at a rung, `n` of as many epochs each, and have all arrived."""

    def __init__(self, field: Sequence[Candidate], n: int, knobs: RobustStopping, objectives: Objectives) -> None:
        self.field, self.n, self.knobs, self.objectives = field, n, knobs, objectives
        best = [each.at_best(n) for each in field]
        most = [each.at_most(n) for each in field]
        self._best = np.array([it.mean(axis=0) for it in best])  # (field, objectives)
        self._most = np.array([it.mean(axis=0) for it in most])
        self._spread = np.array([np.maximum(_spread(a), _spread(b)) for a, b in zip(best, most, strict=True)])

    def verdict(self, i: int, early: bool) -> Decision:
        """Pass or stop; it is too early at the first rung to say that a training does not begin to learn."""
        each, values = self.field[i], plain(self._most[i], self.objectives)
        better = self._better(i)
        if len(better) >= self.knobs.dominators:
            by_lead = sorted(better, key=lambda j: (-(self._best[j] - self._most[i]).min(), self.field[j].name))
            first = by_lead[: self.knobs.dominators]
            others = {self.field[j].name: plain(self._best[j], self.objectives) for j in first}
            named = "; ".join(f"{name} ({shown(theirs)})" for name, theirs in others.items())
            why = f"{len(better)} are better in all by {self.knobs.margin:.1%} or more, such as {named}"
            return self._decided("stop", "dominated", each, values, why, others)
        if not early and bool((self._most[i] <= each.chance + NEAR_CHANCE).all()):
            return self._decided("stop", "chance", each, values, f"no better than guessing ({each.chance:.1%})", {})
        return self._decided("pass", "rung", each, values, f"no clear dud among {len(self.field)}", {})

    def _better(self, i: int) -> list[int]:
        """Who beats one clearly; those that share all their epochs so far are one training and count once."""
        margin = np.maximum(self.knobs.margin, SPREADS * np.maximum(self._spread, self._spread[i]))
        clear = (self._best - self._most[i] >= margin - 1e-9).all(axis=1)
        distinct: dict[tuple[Curve, ...], int] = {}
        for j in map(int, np.flatnonzero(clear)):
            distinct.setdefault(self.field[j].cut(self.n).curves, j)
        return list(distinct.values())

    def _decided(
        self, action: Action, rule: Rule, each: Candidate, values: Values, why: str, others: dict[str, Values]
    ) -> Decision:
        reason = f"after {self.n} of {each.epochs} epochs at most {shown(values)}: {why}"
        return Decision(
            action=action, rule=rule, configuration=each.name, epochs=self.n, values=values, comparators=others,
            reason=reason,
        )  # fmt: skip


def _spread(values: np.ndarray) -> np.ndarray:
    """The standard deviation over the seeds, (seeds, objectives) -> (objectives,); one seed shows none."""
    spread: np.ndarray = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
    return spread


RUIN = 0.1  # of its best: what catastrophic overfitting leaves of the robust accuracy


def own_curve_stop(each: Candidate, knobs: RobustStopping, objectives: Objectives) -> Decision | None:
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


def train_limit(each: Candidate, knobs: RobustStopping) -> int:
    """How many epochs any seed may train before the others must have followed: where a verdict may fall next."""
    means, first = each.chosen, each.phases.selects
    within = [(mean, -epoch) for epoch, mean in zip(each.measured, means, strict=False) if epoch >= first]
    best = -max(within)[1] if within else -1  # the first of the highest
    for epoch in each.measured[len(means) :]:
        if (each.diverged is not None and each.diverged <= epoch) or _spent(each, epoch, best, knobs):
            return epoch + 1
    return each.epochs


def _end(each: Candidate, rule: Rule, n: int, objectives: Objectives, why: str) -> Decision:
    values = {} if rule == "diverged" else plain(each.at_best(n).mean(axis=0), objectives)
    reason = f"after {n} of {each.epochs} epochs {why}"
    return Decision(action="stop", rule=rule, configuration=each.name, epochs=n, values=values, reason=reason)


def _spent(each: Candidate, epoch: int, best: int, knobs: RobustStopping) -> bool:
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


def near_front(
    rivals: Sequence[Candidate], taken: DecisionState, knobs: RobustStopping, objectives: Objectives
) -> list[Decision]:
    """Those stopped, among configurations that share their fronts, whom no one beats by more than `finish` in every
    objective: by their best checkpoints or by where they stand. A diverged seed keeps off all fronts.
    """
    reached = {each.name: taken.reached(each.name, each.epochs) for each in rivals}
    sound = [each for each in sorted(rivals, key=lambda it: it.name) if _sound(each.cut(reached[each.name]))]
    found: dict[str, Decision] = {}
    for what in ("best", "latest"):
        points = np.array([_point(each, reached[each.name], what) for each in sound])  # (sound, objectives)
        for i, each in enumerate(sound):
            leads = (points - points[i]).min(axis=1)  # of each, where it leads least
            first = int(leads.argmax())
            if reached[each.name] < each.epochs and each.name not in found and leads[first] <= knobs.finish + 1e-9:
                rival = {sound[first].name: plain(points[first], objectives)} if leads[first] > 0 else {}
                values, n = plain(points[i], objectives), reached[each.name]
                found[each.name] = _finish(each, n, what, values, rival, float(leads[first]))
    return list(found.values())


def _sound(each: Candidate) -> bool:
    return each.diverged is None and all(curve.points for curve in each.curves)


def _point(each: Candidate, n: int, what: str) -> np.ndarray:
    mean: np.ndarray = (each.at_best(n) if what == "best" else each.at_end(n)).mean(axis=0)
    return mean


def _finish(
    each: Candidate, n: int, what: str, values: dict[str, float], rival: dict[str, dict[str, float]], lead: float
) -> Decision:
    """The lead is that of the rival, in the objective where it is least."""
    place = f"stopped after {n} of {each.epochs} epochs, its {what}, {shown(values)}, is"
    near = "".join(f"near the front: {name} ({shown(it)}) leads by {lead:.1%} or more" for name, it in rival.items())
    return Decision(
        action="finish",
        rule="near a front",
        configuration=each.name,
        epochs=n,
        values=values,
        comparators=rival,
        reason=f"{place} {near or 'on the front'}",
    )
