"""Values corrected for selection: selecting the best of many is biased upwards, and other seeds give less.

Two normal distributions are fitted to the true means of all configurations, given the noise of each measured mean
(extreme deconvolution: Bovy, Hogg and Roweis 2011), and each mean is replaced by its expectation under them. Where
all configurations are alike it moves far, where they differ by more than their noise it hardly moves.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trainers.certificate.samples import Samples

COMPONENTS = 2
FEWEST = 8  # configurations for two components; with fewer there is one
FEWEST_FOR_ONE = 4  # configurations for one component; with fewer there is no correction
STEPS = 60  # of expectation maximisation
PRIOR = 0.05  # points², added to the sum of each component's scatter, which then counts one configuration more


class Posterior(NamedTuple):
    """What is known of the true means: for each configuration a mixture of normal distributions.

    Arrays are (..., configurations, components, …) of the configurations given.
    """

    weights: np.ndarray
    means: np.ndarray  # (..., objectives)
    covariances: np.ndarray  # (..., objectives, objectives)

    @property
    def corrected(self) -> np.ndarray:
        """The expected true means, (..., configurations, objectives)."""
        expected: np.ndarray = (self.weights[..., None] * self.means).sum(axis=-2)
        return expected


def correct_means(samples: Samples) -> Posterior | None:
    """Return what the seeds of all configurations tell of each one's true mean; None if there is too little.

    That takes four configurations, each with a seed left, and one of them with two. The noise of one seed is the pooled
    residual covariance, with the correlation of the objectives.
    """
    if samples.means.shape[-2] < FEWEST_FOR_ONE or not np.isfinite(samples.means).all():
        return None
    noise = _pool_covariance(samples)
    if not np.isfinite(noise).all() or not (np.linalg.eigvalsh(noise) > 0).all():
        return None
    return _deconvolve(samples.means, noise[..., None, :, :] / samples.kept[..., None, None])


def _pool_covariance(samples: Samples) -> np.ndarray:
    """Return the residual covariance of one seed, (..., objectives, objectives); NaN without two seeds anywhere."""
    residuals = np.nan_to_num(samples.values - samples.means[..., None, :])
    freedom = np.maximum(samples.kept - 1, 0).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled: np.ndarray = np.einsum("...isd,...ise->...de", residuals, residuals) / freedom[..., None, None]
    return pooled


def _deconvolve(means: np.ndarray, noise: np.ndarray) -> Posterior:
    """Fit the mixture by expectation maximisation; (..., configurations, objectives) and their covariances."""
    count, dimensions = means.shape[-2:]
    parts = COMPONENTS if count >= FEWEST else 1
    rank = means.sum(axis=-1).argsort(axis=-1, kind="stable").argsort(axis=-1)
    shares = np.stack([rank * parts // count == k for k in range(parts)], axis=-1).astype(float)
    centres = _average(shares, means[..., None, :])
    centred = means - means.mean(axis=-2, keepdims=True)
    scatter = np.einsum("...id,...ie->...de", centred, centred) / (count - 1) / parts
    spreads = np.repeat(scatter[..., None, :, :], parts, axis=-3)
    fractions = np.full((*means.shape[:-2], parts), 1 / parts)
    for _ in range(STEPS):
        found = _expect(means, noise, fractions, centres, spreads)
        total = found.weights.sum(axis=-2)
        fractions, centres = total / count, _average(found.weights, found.means)
        off = found.means - centres[..., None, :, :]
        scatter = off[..., :, None] * off[..., None, :] + found.covariances
        spreads = (found.weights[..., None, None] * scatter).sum(axis=-4) + PRIOR * np.eye(dimensions)
        spreads = spreads / (total + 1)[..., None, None]
    return _expect(means, noise, fractions, centres, spreads)


def _average(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the weighted mean over configurations for each component, (..., components, objectives)."""
    total = np.maximum(weights.sum(axis=-2), 1e-12)
    mean: np.ndarray = (weights[..., None] * values).sum(axis=-3) / total[..., None]
    return mean


def _expect(
    means: np.ndarray, noise: np.ndarray, fractions: np.ndarray, centres: np.ndarray, spreads: np.ndarray
) -> Posterior:
    """Return each configuration's mixture under the fitted distributions: Bovy et al. 2011, equation 16."""
    within = spreads[..., None, :, :, :] + noise[..., :, None, :, :]
    inverse = np.linalg.inv(within)
    off = means[..., :, None, :] - centres[..., None, :, :]
    distance = np.einsum("...d,...de,...e->...", off, inverse, off)
    logs = np.log(np.maximum(fractions, 1e-300))[..., None, :] - 0.5 * (distance + np.linalg.slogdet(within)[1])
    likely = np.exp(logs - logs.max(axis=-1, keepdims=True))
    gain = spreads[..., None, :, :, :] @ inverse
    return Posterior(
        likely / likely.sum(axis=-1, keepdims=True),
        centres[..., None, :, :] + np.einsum("...de,...e->...d", gain, off),
        spreads[..., None, :, :, :] - gain @ spreads[..., None, :, :, :],
    )
