"""The cost of a method in passes through the network, as each piece of a method states it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Passes:
    """Passes through the network for one visit of a training example: attack, loss and update together.

    `forwards` and `backwards` are counted as records count them (trainers.step.Net): a backward pass is one whatever
    number of forwards it goes back through. If the number depends on the example, as in friendly adversarial training,
    they are upper bounds, and `fewer_forwards` and `fewer_backwards` say how far below them a visit may stay.
    """

    forwards: float = 0.0
    backwards: float = 0.0
    updates: float = 0.0  # updates of the weights in which the example takes part
    fewer_forwards: float = 0.0
    fewer_backwards: float = 0.0

    @property
    def exact(self) -> bool:
        """Return whether every visit costs the same."""
        return not self.fewer_forwards and not self.fewer_backwards

    def __add__(self, other: Passes) -> Passes:
        return Passes(*(a + b for a, b in zip(self._values(), other._values(), strict=True)))

    def __mul__(self, factor: float) -> Passes:
        return Passes(*(factor * value for value in self._values()))

    def __truediv__(self, divisor: float) -> Passes:
        return Passes(*(value / divisor for value in self._values()))

    def _values(self) -> tuple[float, ...]:
        return self.forwards, self.backwards, self.updates, self.fewer_forwards, self.fewer_backwards


UPDATE = Passes(forwards=1, backwards=1, updates=1)  # of the weights on one image, which is standard training
