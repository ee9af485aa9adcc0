"""The numbers that `python -m analysis.theory` shows, as tables: every function draws its data from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.results.axes import SEPARATOR
from analysis.theory.gap import Counterexample, Turn, bound_turn, compute_gap, find_counterexample
from analysis.theory.interpolation import (
    Mixture,
    NoiseTerms,
    build_mixture,
    compute_alignment,
    compute_margin,
    compute_robust_error,
    interpolate,
    measure_noise,
    place_training_set,
    simulate_robust_error,
)
from analysis.theory.lipschitz import Network, bound_lipschitz, compute_label_variance, count_examples
from analysis.theory.max_margin import descend, find_max_margin

RATIOS = (0.0, 0.25, 0.5, 0.75, 1.1, 1.5)  # of ε to the margin of the data
STEPS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)
DESCENTS = ((10, 400, 1.0, False), (20, 5, 4.0, True))  # examples, dimensions, r, whether steps are normalized

TOY_NOISE = np.array([[0.5, 1, 0, 2, -1, 0], [-0.25, 0, 1.5, 0.5, 1, -2]])  # (n, m) = (2, 6)
TOY_LABELS = np.array([1.0, -1.0])
TOY = build_mixture((0.3, 0.3, 0.4), (1, 2, 4))

SIZES = ((20, 2_000), (40, 4_000), (80, 8_000))  # examples, dimensions
DRAWN = build_mixture((0.3, 0.3, 0.4), (1, 3, 6))
EPSILONS = (0.0, 0.5, 1.0, 2.0)
POINTS = 10_000
SETS = 100  # random training sets for which Corollary 1 is judged

EXAMPLES = (5_000, 50_000, 500_000)
GAMMAS = np.geomspace(0.1, 2, 200)
RESNET = Network(parameters=11_200_000, diameter=100.0, smoothness=100.0)  # of about the size of a ResNet-18
DIMENSIONS, ISOPERIMETRY, DELTA = 3_072, 1.0, 0.05


def run_descents(seed: int = 0) -> pd.DataFrame:
    """Run gradient descent at several ε on two data sets (Theorem 1).

    Return `examples`, `dimensions`, `normalized` and `margin` of a data set, `ratio` of ε to the margin, `epsilon`,
    `step`, `cosine` to the max-margin vector and `norm` of the weights.
    """
    generator, found = np.random.default_rng(seed), []
    for n, m, r, normalized in DESCENTS:
        noise, labels, direction = draw_training_set(n, m, generator)
        inputs = place_training_set(r, noise, labels, direction)
        margin = find_max_margin(inputs, labels).margin
        radii = margin * np.array(RATIOS)
        table = descend(inputs, labels, radii.tolist(), STEPS, normalized=normalized)
        ratio = np.repeat(RATIOS, len(STEPS))
        found.append(table.assign(examples=n, dimensions=m, normalized=normalized, margin=margin, ratio=ratio))
    return pd.concat(found, ignore_index=True)


def draw_training_set(n: int, m: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw noise (n, m), labels (n,) that alternate, and a direction (m,) of length 1."""
    direction = generator.standard_normal(m)
    labels = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    return generator.standard_normal((n, m)), labels, direction / np.linalg.norm(direction)


def measure_toy() -> NoiseTerms:
    """Measure the noise of the small example, whose direction is the first axis."""
    return measure_noise(TOY_NOISE, TOY_LABELS, np.eye(6)[0])


def tabulate_toy() -> pd.DataFrame:
    """Tabulate Theorem 2 for the small example without randomness.

    Return a row for each training component `r`: `alignment` g and `margin` by the formula, the same by computing ŵ
    (`_direct`), `s`, `t` and `v` of the noise, and the robust test error `error_<ε>` at each ε of EPSILONS.
    """
    terms, rows = measure_toy(), []
    for r in TOY.distances:
        errors = compute_robust_error(TOY, compute_alignment(terms, r), EPSILONS)
        row = _compare_directly(terms, r, TOY_NOISE, TOY_LABELS, np.eye(6)[0])[0]
        rows.append(row | {f"error_{e:g}": error for e, error in zip(EPSILONS, errors, strict=True)})
    return pd.DataFrame(rows)


def compare_errors(seed: int = 0, points: int = POINTS) -> pd.DataFrame:
    """Compare Theorem 2 with a computation of ŵ and with attacks on `points` random test points.

    Return a row for each size, training component `r` and ε: `examples`, `dimensions`, `alignment` and `margin` with
    their `_direct` values, `s`, `t` and `v` of the noise, `max_margin` (whether ŵ is the max-margin vector), `exact`
    error, simulated `error`, its standard error `se`, and `n` points. All rows of a size see the same points.
    """
    generator, found = np.random.default_rng(seed), []
    for n, m in SIZES:
        noise, labels, direction = draw_training_set(n, m, generator)
        terms = measure_noise(noise, labels, direction)
        fitted = [_compare_directly(terms, r, noise, labels, direction) for r in DRAWN.distances]
        known = pd.DataFrame([row for row, _ in fitted]).assign(examples=n, dimensions=m)
        weights = np.array([vector for _, vector in fitted])
        attacked = simulate_robust_error(DRAWN, weights, direction, EPSILONS, points, generator)
        found.append(known.merge(attacked, left_index=True, right_on="row").drop(columns="row"))
    table = pd.concat(found, ignore_index=True)
    return table.assign(exact=compute_robust_error(DRAWN, table["alignment"], table["epsilon"]))


def _compare_directly(
    terms: NoiseTerms, r: float, noise: np.ndarray, labels: np.ndarray, direction: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """Return alignment and margin, by the formula and from ŵ, and ŵ."""
    weights, max_margin = interpolate(place_training_set(r, noise, labels, direction), labels)
    norm = float(np.linalg.norm(weights))
    row = {
        "r": r,
        "alignment": float(compute_alignment(terms, r)),
        "alignment_direct": float(weights @ direction) / norm,
        "margin": float(compute_margin(terms, r)),
        "margin_direct": 1 / norm,
        "max_margin": max_margin,
        **terms._asdict(),
    }
    return row, weights


class GapCurve(NamedTuple):
    """The gap between training on the hardest and the easiest component of a mixture, along ε up to the margin."""

    name: str
    mixture: Mixture
    terms: NoiseTerms
    turn: Turn
    margin: float  # the smaller one of the two training sets
    counterexample: Counterexample | None

    def compute(self, epsilons: npt.ArrayLike) -> np.ndarray:
        """Return the gap at each ε, a difference of fractions. Raises ValueError if one is not below the margin."""
        hard, easy = self.mixture.distances[[0, -1]]
        return compute_gap(self.mixture, self.terms, hard, easy, epsilons)


def trace_gaps(seed: int = 0) -> list[GapCurve]:
    """Trace the gap of Corollary 1 for the small example and for a training set of the first of SIZES."""
    n, m = SIZES[0]
    drawn = measure_noise(*draw_training_set(n, m, np.random.default_rng(seed)))
    return [_trace_gap(2, 6, measure_toy()), _trace_gap(n, m, drawn)]


def _trace_gap(n: int, m: int, terms: NoiseTerms) -> GapCurve:
    hard, easy = TOY.distances[[0, -1]]
    margin = float(compute_margin(terms, [hard, easy]).min())
    turn, found = bound_turn(TOY, terms, hard, easy), find_counterexample(TOY, terms, hard, easy)
    return GapCurve(describe_size(n, m), TOY, terms, turn, margin, found)


def count_failures(n: int, m: int, seed: int = 0) -> int:
    """Count in how many of SETS random training sets of a size the gap falls somewhere below the margin."""
    generator, (hard, easy) = np.random.default_rng(seed), TOY.distances[[0, -1]]
    terms = (measure_noise(*draw_training_set(n, m, generator)) for _ in range(SETS))
    return sum(find_counterexample(TOY, one, hard, easy) is not None for one in terms)


def describe_size(n: int, m: int) -> str:
    """Return the size of a training set in words."""
    return f"{n} examples{SEPARATOR}{m:,} dimensions"


def tabulate_bounds() -> pd.DataFrame:
    """Tabulate the bound of Theorem 3 for a ResNet-18 on images of CIFAR's size.

    Return `examples`, `gamma` and `bound`, which is NaN where the condition on δ fails.
    """
    rows = []
    for n in EXAMPLES:
        for gamma in GAMMAS:
            bound = np.nan
            if n >= count_examples(gamma, DELTA):
                bound = bound_resnet(gamma, n)
            rows.append((n, gamma, bound))
    return pd.DataFrame(rows, columns=["examples", "gamma", "bound"])


def bound_resnet(gamma: float, examples: int) -> float:
    """Return the bound of Theorem 3 for that network; raises ValueError where the condition on δ fails."""
    return bound_lipschitz(
        gamma, RESNET, examples=examples, dimensions=DIMENSIONS, isoperimetry=ISOPERIMETRY, delta=DELTA
    )


def tabulate_label_variance() -> pd.DataFrame:
    """Tabulate the variance σ² of the label given the input along the distance `r` of a component."""
    distances = np.linspace(0, 4, 81)
    return pd.DataFrame({"r": distances, "variance": [compute_label_variance(r) for r in distances]})
