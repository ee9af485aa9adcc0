"""Worlds: the true means of configurations, and the noise of seeds around them, in percentage points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

DEVIATIONS = (0.8, 1.25)  # of a seed, clean and robust: near those of tables of 3 seeds on digits
CORRELATION = 0.3
APART = 5.0  # points between groups that are told apart at once
COLLAPSES = 0.03  # share of seeds
FALL = (10.0, 60.0)  # points by which they fall


@dataclass(frozen=True)
class World:
    """True means, (configurations, 2), and the deviations of a seed, in the same shape or for each study."""

    name: str
    means: np.ndarray
    deviations: np.ndarray
    collapses: float = 0.0  # share of seeds
    correlation: float = CORRELATION

    def draw(self, studies: int, seeds: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the seeds of some studies, (studies, configurations, seeds, 2)."""
        shape = (studies, len(self.means), seeds)
        noise = rng.standard_normal((*shape, 2))
        noise[..., 1] = self.correlation * noise[..., 0] + np.sqrt(1 - self.correlation**2) * noise[..., 1]
        values = self.means[:, None] + self.deviations[..., None, :] * noise
        if self.collapses:
            falls = np.where(rng.random(shape) < self.collapses, rng.uniform(*FALL, shape), 0.0)
            values = values - falls[..., None]
        return np.asarray(values)


def make_stair(count: int) -> np.ndarray:
    """Put all on the front, all but tied in one objective and far apart in the other: the worst case for "off"."""
    steps = np.arange(count)
    return np.stack([90 - 1e-3 * steps, APART * steps], axis=1)


def make_twins(count: int, tolerance: float) -> np.ndarray:
    """Make pairs far apart, one of each exactly the tolerance behind in both: the worst case for "within"."""
    pair, behind = np.divmod(np.arange(count), 2)
    return np.stack([-APART * pair, APART * pair], axis=1) - tolerance * behind[:, None]


def make_clear(count: int) -> np.ndarray:
    """Make a front of some configurations far apart, with the others far behind."""
    members = max(2, count // 4)
    front = np.stack([np.linspace(95, 80, members), np.linspace(35, 50, members)], axis=1)
    return np.concatenate([front, np.tile([70.0, 30.0], (count - members, 1))])


def make_ties(count: int) -> np.ndarray:
    """Make groups of three equal configurations, the groups far apart on a front."""
    group = np.arange(count) // 3
    return np.stack([-APART * group, APART * group], axis=1)


def make_cloud(count: int) -> np.ndarray:
    """Scatter configurations over a few points: the better the one accuracy, the worse the other."""
    rng = np.random.default_rng(count)
    return rng.multivariate_normal([90, 50], [[2.0, -1.0], [-1.0, 4.0]], count)


def make_curve(count: int) -> np.ndarray:
    """Make a smooth front, with as many configurations a point or two behind it."""
    along = np.linspace(0, np.pi / 2, count)
    back = np.where(np.arange(count) % 2 == 0, 0.0, 1.5)
    return np.stack([80 + 10 * np.sin(along) - back, 40 + 10 * np.cos(along) - back], axis=1)


def make_equal(count: int) -> np.ndarray:
    """Make configurations that do not differ at all."""
    return np.tile([90.0, 50.0], (count, 1))


WORST: dict[str, Callable[[int, float], np.ndarray]] = {
    "stair": lambda count, _: make_stair(count),
    "twins": make_twins,
}
ORDINARY: dict[str, Callable[[int], np.ndarray]] = {
    "clear": make_clear, "cloud": make_cloud, "curve": make_curve, "ties": make_ties, "equal": make_equal,
}  # fmt: skip
NOISES = ("equal", "3 x sd", "inverse chi²", "collapses")


def add_noise(name: str, means: np.ndarray, noise: str, rng: np.random.Generator, studies: int) -> World:
    """Return a world with a kind of noise, drawn for each study by itself.

    "equal": the same deviations for all. "3 x sd": three times as much for a tenth of the configurations. "inverse
    chi²": variances times a factor for each configuration, inverse chi² with 2 degrees of freedom, that scatters by
    orders of magnitude. "collapses": a few seeds fall far.
    """
    shape = (studies, len(means), 1)
    factors = np.ones(shape)
    if noise == "3 x sd":
        chosen = rng.random(shape).argsort(axis=1).argsort(axis=1) < max(1, round(len(means) / 10))
        factors = np.where(chosen, 3.0, 1.0)
    elif noise == "inverse chi²":
        factors = np.sqrt(2 / rng.chisquare(2, shape))
    return World(name, means, factors * DEVIATIONS, COLLAPSES if noise == "collapses" else 0.0)
