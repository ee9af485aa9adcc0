"""The median stopping rule, for comparison (search/stopping/robust_rule.py is the rule for adversarial training)."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Annotated, Literal

from pydantic import Field

from search.stopping.base import StoppingRule, rungs_at_measurements
from search.stopping.curves import Candidate
from search.stopping.decisions import Action, Decision, DecisionState, format_values
from trainers.best import ROBUST
from trainers.knobs import Duration


class MedianStopping(StoppingRule):
    """Stops a configuration whose best robust accuracy so far is below the median of the others'.

    This is the median rule of Google Vizier (Golovin et al. 2017, 'Google Vizier: a service for black-box
    optimization', section 3.2.2), also known as MedianPruner in Optuna and MedianStoppingRule in Ray Tune and Syne
    Tune. They compare the best value of a trial with the running averages (Vizier, Ray Tune) or the values at that
    step (Optuna) of the trials that came before it. Here all values are the robust accuracies of the selected epochs
    so far, means over the seeds, and a rung is decided once all configurations of the group have arrived there, so
    that the order of arrival decides nothing. The first rung is the warm-up. A configuration with a diverged seed
    stops at the next rung.

    The rule is for comparison, not for use: in adversarial training the ranks before the first drop of the learning
    rate mislead (search/stopping/robust_rule.py).
    """

    name: Literal["median"] = "median"
    rungs: Annotated[tuple[Duration, ...], Field(strict=False)] = ("25%", "50%", "75%")  # where they are compared
    least: Annotated[int, Field(ge=2)] = 5  # no configuration stops at a rung that fewer have reached

    def rung_epochs(self, epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
        """Return the rungs."""
        return rungs_at_measurements(self.rungs, epochs, measured)

    def decide(self, group: Sequence[Candidate], past: DecisionState) -> list[Decision]:
        """Pass or stop each configuration at each rung that all others have reached or will never reach."""
        candidates = sorted(group, key=lambda candidate: candidate.name)
        stops, new = dict(past.stops), list[Decision]()
        for n in self.rung_epochs(candidates[0].epochs, candidates[0].measured) if candidates else ():
            present = [candidate for candidate in candidates if stops.get(candidate.name, n) >= n]
            if not all(candidate.arrived(n) for candidate in present):
                break
            sound = [candidate for candidate in present if candidate.diverged is None or candidate.diverged >= n]
            values = {candidate.name: candidate.robust_at_best(n) for candidate in sound}
            undecided = (c for c in present if c.name not in stops and (c.name, n) not in past.passed)
            fresh = [self._verdict(candidate, n, values) for candidate in undecided]
            stops |= {decision.configuration: n for decision in fresh if decision.action == "stop"}
            new += fresh
        return new

    def _verdict(self, candidate: Candidate, n: int, values: dict[str, float]) -> Decision:
        """Pass or stop one configuration by the values of all sound ones at a rung."""
        if candidate.name not in values:
            return _decision("stop", "diverged", candidate, n, {}, f"a seed diverged in epoch {candidate.diverged}")
        own = {ROBUST: values[candidate.name]}
        others = [value for name, value in values.items() if name != candidate.name]
        if len(values) < self.least:
            return _decision("pass", "rung", candidate, n, own, f"{len(values)} are compared, fewer than {self.least}")
        against = f"{100 * median(others):.1f} %, the median of {len(others)} others"
        if own[ROBUST] < median(others):
            return _decision("stop", "median", candidate, n, own, f"below {against}")
        return _decision("pass", "rung", candidate, n, own, f"not below {against}")


def _decision(action: Action, rule: str, candidate: Candidate, n: int, values: dict[str, float], why: str) -> Decision:
    shown = f" {format_values(values)}" if values else ""
    reason = f"after {n} of {candidate.epochs} epochs{shown}: {why}"
    return Decision(action=action, rule=rule, configuration=candidate.name, epochs=n, values=values, reason=reason)
