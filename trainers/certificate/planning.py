"""The number of seeds that an open verdict would take, by rules of thumb that simulations confirm."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from trainers.certificate.verdicts import Certificate, Family

ON_RESERVE = 1.5  # standard errors: half of all ties are behind by chance, which must be made up for too
OFF_RESERVE = 1.0


def count_for_tie(family: Family) -> float:
    """Return the seeds that a tie takes for each square of (deviation of a seed / tolerance): 54 for 27 configurations.

    It is the smaller of those of the objectives that counts.
    """
    return float(2 * (-ndtri(family.tail_on(0)) + ON_RESERVE) ** 2)


def expect_seeds(certificate: Certificate) -> np.ndarray:
    """Estimate the seeds that each open configuration would take, (configurations,); NaN for the others.

    Against each rival that keeps it open, the objective that is decided soonest counts, and of all rivals the one that
    takes most seeds. It may also be proved dominated sooner. For a single study.
    """
    family, samples = certificate.family, certificate.samples
    on = count_for_tie(family)
    off = 2 * (-ndtri(family.tail_off(0)) + OFF_RESERVE) ** 2
    means, variance = samples.means, samples.variance
    both = (variance[:, None] + variance[None, :]) / 2
    lead = means[:, None] - means[None, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        to_tie = (on * both / (np.array(family.tolerance) + np.maximum(lead, 0)) ** 2).min(axis=-1)
        to_beat = (off * both / lead**2).max(axis=-1)
    blocked = np.where(certificate.blocks, to_tie, 0.0).max(axis=1, initial=0.0)
    behind = (lead < 0).all(axis=-1) & certificate.judged[None, :]
    beaten = np.where(behind, to_beat, np.inf).min(axis=1, initial=np.inf)
    seeds = np.maximum(np.ceil(np.minimum(blocked, beaten)), samples.seeds + 1)
    return np.where(certificate.open, seeds, np.nan)
