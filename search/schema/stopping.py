"""The `stopping:` block of a search: none, or a rule that knows robust training.

On the 200-epoch CIFAR-10 trainings published with Rice et al. 2020 (arXiv:2002.11569) ranks before the first drop of
the learning rate anti-correlate with the final ones, and robust accuracy peaks and then falls: ASHA, which ranks early,
kept less of their front than as many trainings drawn at random. Hence only clear duds end within the first phase;
after the last drop a training ends that has no new best; what lies near a front is finished after all. The rule itself
is search/stopping/robust_rule.py; search/stopping/controller.py carries its decisions to a sweep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from trainers.knobs import Duration, Knobs, Share, to_epochs


class NoStopping(Knobs):
    """Every training goes to its last epoch: what a table to compare with needs."""

    name: Literal["none"] = "none"


class RobustStopping(Knobs):
    """Numbers of epochs are counts or shares of a trial's own."""

    name: Literal["robust"] = "robust"
    margin: Share = 0.10  # by which a dud is beaten in every objective; at least three times the spread over seeds
    dominators: PositiveInt = 2  # so many must beat it
    rungs: Annotated[tuple[Duration, ...], Field(strict=False)] = ("6%", "15%", "30%")  # where duds are looked for
    patience: Duration = "10%"  # without a new best, counted anew from each drop of the learning rate
    finish: Share = 0.02  # what was stopped so close to a front is finished when the search ends
    skip_later_drops: bool = False  # do not wait for drops that are still to come

    def heights(self, epochs: int, measured: Sequence[int]) -> tuple[int, ...]:
        """After how many epochs the rungs stand: each at a measurement, none at the end, none twice."""
        least = (max(1, to_epochs(rung, epochs)) for rung in self.rungs)
        found = (next((epoch + 1 for epoch in measured if epoch + 1 >= n), epochs) for n in least)
        return tuple(sorted({n for n in found if n < epochs}))

    def patient(self, epochs: int) -> int:
        """For how many epochs a training may go without a new best."""
        return max(1, to_epochs(self.patience, epochs))


def _named(value: Any) -> Any:
    """`stopping: none` is short for its mapping; knobs without a name are those of the rule."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict | Knobs):
        raise ValueError(f"is none, robust, or knobs of robust such as {{patience: 10%}}; got {value!r}")
    return {"name": "robust"} | value if isinstance(value, dict) else value


Stopping = Annotated[NoStopping | RobustStopping, Field(discriminator="name"), BeforeValidator(_named)]
