"""The stopping rule for adversarial training: clear duds early, exhausted trainings after the last drop.

On the 200-epoch CIFAR-10 trainings published with Rice et al. 2020 (arXiv:2002.11569) ranks before the first drop of
the learning rate anti-correlate with the final ones, and robust accuracy peaks and then falls: ASHA, which ranks
early, kept less of their front than as many trainings drawn at random. Hence only clear duds stop within the first
phase. After the last drop a training stops that has no new best. A stopped training near a front is finished after all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, PositiveInt

from search.pareto import least_leads
from search.stopping.base import StoppingRule, rungs_at_measurements
from search.stopping.curves import NEAR_CHANCE, Candidate, Curve
from search.stopping.decisions import Action, Decision, DecisionState, Values, format_values
from trainers.knobs import Duration, Share, to_epochs

SPREADS = 3.0  # standard deviations over the seeds by which two means must differ at least
RUIN = 0.1  # of the best: what catastrophic overfitting leaves of the robust accuracy


class RobustStopping(StoppingRule):
    """Stops clear duds at rungs, and a training whose own curve is past its best. Epochs are counts or shares."""

    name: Literal["robust"] = "robust"
    margin: Share = 0.10  # by which a dud is beaten in every objective; at least three times the spread over seeds
    dominators: PositiveInt = 2  # so many must beat it
    rungs: Annotated[tuple[Duration, ...], Field(strict=False)] = ("6%", "15%", "30%")  # where duds are looked for
    patience: Duration = "10%"  # without a new best, counted anew from each drop of the learning rate
    finish: Share = 0.02  # what was stopped so close to a front is finished when the search ends
    skip_later_drops: bool = False  # do not wait for drops that are still to come

    def rung_epochs(self, epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
        """Return the rungs; a candidate is compared at those within its first phase only."""
        return rungs_at_measurements(self.rungs, epochs, measured)

    def decide(self, group: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Judge the rungs that all have reached, and stop what is past its best by its own curve.

        A rung is decided in one go when all candidates that are compared there have arrived. A further seed goes as
        far as the earlier seeds of its configuration went.
        """
        candidates = sorted(group, key=lambda candidate: candidate.name)
        whole = {candidate.name for candidate in candidates if (candidate.name, candidate.epochs) in past.passed}
        own = {c.name: stop for c in candidates if c.name not in whole and (stop := self.own_stop(c))}
        stops = {name: stop.epochs for name, stop in own.items()} | past.stops
        new: list[Decision] = []
        for place, n in enumerate(self._rungs_of(candidates[0]) if candidates else ()):
            sound = (c for c in candidates if c.diverged is None or c.diverged >= n)
            field = [c for c in sound if _is_compared(c, n) and stops.get(c.name, c.epochs) > n]
            if not all(candidate.arrived(n) for candidate in field):
                break
            undecided = [i for i, candidate in enumerate(field) if (candidate.name, n) not in past.passed]
            if not undecided:
                continue
            rung = Rung(field, n, self)
            fresh = [rung.verdict(i, place == 0) for i in undecided]
            new += fresh
            stops |= {decision.configuration: n for decision in fresh if decision.action == "stop"}
        known = past.stops.keys() | {decision.configuration for decision in new if decision.action == "stop"}
        new += [stop for name, stop in own.items() if name not in known]
        ended = (c for c in candidates if c.name not in stops.keys() | whole and c.arrived(c.epochs))
        return new + [_pass_whole(candidate) for candidate in ended]

    def limit(self, candidate: Candidate, past: DecisionState) -> int:
        """Return the next rung of the first phase without a decision, or where the own curve may stop it if sooner."""
        rungs = (n for n in self._rungs_of(candidate) if _is_compared(candidate, n))
        undecided = (n for n in rungs if (candidate.name, n) not in past.passed)
        return min(next(undecided, candidate.epochs), self.own_limit(candidate))

    def resume_stopped(self, rivals: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Finish the stopped candidates that no rival beats by more than `finish` in every objective.

        They are compared by their best checkpoints and by their latest measurements. A configuration with a diverged
        seed is on no front.
        """
        reached = {candidate.name: past.reached(candidate.name, candidate.epochs) for candidate in rivals}
        ordered = sorted(rivals, key=lambda candidate: candidate.name)
        sound = [candidate for candidate in ordered if _is_sound(candidate.cut(reached[candidate.name]))]
        found: dict[str, Decision] = {}
        for what in ("best", "latest"):
            points = np.array([_point(candidate, reached[candidate.name], what) for candidate in sound])
            for i, candidate in enumerate(sound):
                name, n = candidate.name, reached[candidate.name]
                leads = least_leads(points, i)
                first = int(leads.argmax())
                if n < candidate.epochs and name not in found and leads[first] <= self.finish + 1e-9:
                    rival = {sound[first].name: sound[first].recorded(points[first])} if leads[first] > 0 else {}
                    values = candidate.recorded(points[i])
                    found[name] = _finish(candidate, n, what, values, rival, float(leads[first]))
        return list(found.values())

    def own_stop(self, candidate: Candidate) -> Decision | None:
        """Return the earliest stop by the candidate's own curve; none at its last epoch, where nothing is saved.

        One diverged seed stops all seeds: a configuration with one is on no front, as the seeds that survive would
        flatter it.
        """
        return candidate.remember((self, "own stop"), lambda: self._find_own_stop(candidate))

    def own_limit(self, candidate: Candidate) -> int:
        """Return how many epochs any seed may train before the others must have followed: where it may stop next."""
        return candidate.remember((self, "own limit"), lambda: self._find_own_limit(candidate))

    def _rungs_of(self, candidate: Candidate) -> tuple[int, ...]:
        def find() -> tuple[int, ...]:
            return self.rung_epochs(candidate.epochs, candidate.measured)

        return candidate.remember((self, "rungs"), find)

    def _find_own_stop(self, candidate: Candidate) -> Decision | None:
        means, measured, best, first = candidate.chosen, candidate.measured[:-1], 0, candidate.phases.selects
        by = candidate.chosen_by
        for i, (epoch, mean) in enumerate(zip(measured, means, strict=False)):
            best = i if mean > means[best] or measured[best] < first <= epoch else best
            if candidate.adversarial and _has_collapsed(means[: i + 1], max(means[: i + 1]), candidate.chance):
                fall = f"{by} fell from {means[i - 2]:.1%} to {means[i - 1]:.1%} and is {mean:.1%}"
                return _own_stop(candidate, "collapsed", epoch + 1, fall)
            if self._is_exhausted(candidate, epoch, measured[best]):
                highest = f"{by} was highest after {measured[best] + 1} epochs, {means[best]:.1%}"
                phase = f"the last phase began after {candidate.phases.since(epoch)}"
                return _own_stop(candidate, "no new best", epoch + 1, f"{highest}, and is {mean:.1%}; {phase}")
        n = next((epoch + 1 for epoch in measured[len(means) :]), None)  # which some seed has not, or not yet
        if n is None or candidate.diverged is None or candidate.diverged >= n or not candidate.arrived(n):
            return None
        diverged = sum(curve.diverged is not None for curve in candidate.cut(n).curves)
        why = f"{diverged} of {len(candidate.curves)} seeds diverged, the first in epoch {candidate.diverged}"
        return _own_stop(candidate, "diverged", n, why)

    def _find_own_limit(self, candidate: Candidate) -> int:
        means, first, diverged = candidate.chosen, candidate.phases.selects, candidate.diverged
        within = [(mean, -epoch) for epoch, mean in zip(candidate.measured, means, strict=False) if epoch >= first]
        best = -max(within)[1] if within else -1  # the first of the highest
        for epoch in candidate.measured[len(means) :]:
            if (diverged is not None and diverged <= epoch) or self._is_exhausted(candidate, epoch, best):
                return epoch + 1
        return candidate.epochs

    def _is_exhausted(self, candidate: Candidate, epoch: int, best: int) -> bool:
        """Return whether patience is at its end.

        The last drop is past, or not waited for, and the best epoch is far behind.
        """
        phases = candidate.phases
        if not phases.drops:
            return False  # the learning rate is constant: nothing says that the best is past
        awaited = phases.drops[:1] if self.skip_later_drops else phases.drops
        since = max(best, phases.since(epoch), phases.selects)
        begun = epoch >= max(*awaited, *phases.switches, phases.selects)
        return begun and epoch - since >= max(1, to_epochs(self.patience, phases.epochs))


class Rung:
    """The candidates that are compared after `n` epochs; all have as many epochs in the end, and have arrived."""

    def __init__(self, field: Sequence[Candidate], n: int, rule: RobustStopping) -> None:
        self.field, self.n, self.rule = field, n, rule
        best = [candidate.at_best(n) for candidate in field]
        most = [candidate.at_most(n) for candidate in field]
        self._best = np.array([values.mean(axis=0) for values in best])  # (field, objectives)
        self._most = np.array([values.mean(axis=0) for values in most])
        self._spread = np.array([np.maximum(_spread(a), _spread(b)) for a, b in zip(best, most, strict=True)])

    def verdict(self, i: int, early: bool) -> Decision:
        """Pass or stop a candidate; at the first rung it is too early to say that a training does not learn."""
        candidate, better = self.field[i], self._better(i)
        if len(better) >= self.rule.dominators:
            by_lead = sorted(better, key=lambda j: (-(self._best[j] - self._most[i]).min(), self.field[j].name))
            first = by_lead[: self.rule.dominators]
            others = {self.field[j].name: self.field[j].recorded(self._best[j]) for j in first}
            named = "; ".join(f"{name} ({format_values(values)})" for name, values in others.items())
            why = f"{len(better)} are better in all by {self.rule.margin:.1%} or more, such as {named}"
            return self._decide("stop", "dominated", i, why, others)
        if not early and bool((self._most[i] <= candidate.chance + NEAR_CHANCE).all()):
            return self._decide("stop", "chance", i, f"no better than guessing ({candidate.chance:.1%})", {})
        return self._decide("pass", "rung", i, f"no clear dud among {len(self.field)}", {})

    def _better(self, i: int) -> list[int]:
        """Return who clearly beats a candidate; those that share all epochs so far are one training and count once."""
        margin = np.maximum(self.rule.margin, SPREADS * np.maximum(self._spread, self._spread[i]))
        clear = (self._best - self._most[i] >= margin - 1e-9).all(axis=1)
        distinct: dict[tuple[Curve, ...], int] = {}
        for j in map(int, np.flatnonzero(clear)):
            distinct.setdefault(self.field[j].cut(self.n).curves, j)
        return list(distinct.values())

    def _decide(self, action: Action, rule: str, i: int, why: str, others: dict[str, Values]) -> Decision:
        candidate, values = self.field[i], self.field[i].recorded(self._most[i])
        reason = f"after {self.n} of {candidate.epochs} epochs at most {format_values(values)}: {why}"
        return Decision(
            action=action, rule=rule, configuration=candidate.name, epochs=self.n, values=values, comparators=others,
            reason=reason,
        )  # fmt: skip


def _is_compared(candidate: Candidate, n: int) -> bool:
    """Return whether a candidate is judged, and others by it, after n epochs: only within its first phase."""
    return n <= candidate.phases.first


def _spread(values: np.ndarray) -> np.ndarray:
    """Return the standard deviation over the seeds, (seeds, objectives) -> (objectives,); one seed shows none."""
    spread: np.ndarray = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros(values.shape[1])
    return spread


def _has_collapsed(means: Sequence[float], highest: float, chance: float) -> bool:
    """Return whether there is catastrophic overfitting.

    Hardly anything is left within one measurement, and none returns.
    """
    if len(means) < 3 or highest <= chance + NEAR_CHANCE:
        return False
    return means[-3] >= highest / 2 and max(means[-2:]) <= RUIN * highest


def _is_sound(candidate: Candidate) -> bool:
    return candidate.diverged is None and all(curve.points for curve in candidate.curves)


def _point(candidate: Candidate, n: int, what: str) -> np.ndarray:
    mean: np.ndarray = (candidate.at_best(n) if what == "best" else candidate.at_end(n)).mean(axis=0)
    return mean


def _own_stop(candidate: Candidate, rule: str, n: int, why: str) -> Decision:
    values = {} if rule == "diverged" else candidate.recorded(candidate.at_best(n).mean(axis=0))
    reason = f"after {n} of {candidate.epochs} epochs {why}"
    return Decision(action="stop", rule=rule, configuration=candidate.name, epochs=n, values=values, reason=reason)


def _pass_whole(candidate: Candidate) -> Decision:
    """Decide that a configuration had its last epoch, so that further seeds have all epochs too."""
    n = candidate.epochs
    reason = f"it had all of its {n} epochs"
    return Decision(action="pass", rule="last epoch", configuration=candidate.name, epochs=n, values={}, reason=reason)


def _finish(candidate: Candidate, n: int, what: str, values: Values, rival: dict[str, Values], lead: float) -> Decision:
    """Decide to finish a candidate; `lead` is that of the rival, in the objective where it leads least."""
    begin = f"stopped after {n} of {candidate.epochs} epochs, its {what}, {format_values(values)}, is"
    near = "".join(
        f"near the front: {name} ({format_values(leading)}) leads by {lead:.1%} or more"
        for name, leading in rival.items()
    )
    return Decision(
        action="finish", rule="near a front", configuration=candidate.name, epochs=n, values=values, comparators=rival,
        reason=f"{begin} {near or 'on the front'}",
    )  # fmt: skip
