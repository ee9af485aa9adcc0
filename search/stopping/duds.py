"""Clear duds: who stands at a rung of the first phase and can be on no front any more.

A configuration is measured by the most that it had so far of each objective, were it at different epochs; those that
beat it, by a checkpoint that they have. What is doubtful is no dud.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from search.schema.stopping import RobustStopping
from search.stopping.curves import NEAR_CHANCE, Contestant, Curve, Objectives, plain
from search.stopping.decisions import Action, Decision, Rule, Values, shown

SPREADS = 3.0  # standard deviations over the seeds by which two means must differ at least


class Rung:
    """Those that stand at a rung, `n` of as many epochs each, and have all arrived."""

    def __init__(self, field: Sequence[Contestant], n: int, knobs: RobustStopping, objectives: Objectives) -> None:
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
        self, action: Action, rule: Rule, each: Contestant, values: Values, why: str, others: dict[str, Values]
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
