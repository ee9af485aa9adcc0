"""Verdicts, corrections and collapses in sentences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trainers.certificate.assessment import Assessment
from trainers.certificate.collapse import GAP_DEVIATIONS
from trainers.certificate.looks import FIRST
from trainers.certificate.verdicts import Certificate
from trainers.formatting import format_count

COUNTS = {1: "its only accuracy", 2: "both accuracies"}


def describe_assessment(found: Assessment) -> list[str]:
    """Return the sentences below a front; none if no configuration has two seeds.

    `explain_assessments` says what holds of all fronts of a page.
    """
    if found.samples.seeds.max(initial=0) < 2:
        return []
    return [line for line in (describe_verdicts(found), describe_chance(found)) if line]


def explain_assessments(fronts: Sequence[Assessment], asks: bool = False) -> list[str]:
    """Return the sentences on the verdicts of some fronts: with what error they hold, and about what; none without any.

    `asks`: whether the sweep gives seeds until verdicts are sure, so that this need not be suggested.
    """
    fronts = [found for found in fronts if found.samples.seeds.max(initial=0) >= 2]
    lines = []
    if any(found.samples.collapsed.any() for found in fronts):
        lines.append(
            "A training counts as collapsed if it diverged, if its network names one class for every image, or if it "
            f"lies more than {fronts[0].family.gap:g} points and {GAP_DEVIATIONS:g} typical standard deviations below "
            "the next better seed of its configuration."
        )
    if judged := [found for found in fronts if found.certificate is not None]:
        family = judged[0].family
        accuracies = COUNTS.get(len(family.tolerance), "all accuracies")
        lines.append(
            f"All verdicts together are wrong with probability at most {100 * family.error:g} %, over all "
            f"configurations, {accuracies} and all looks; they are about these images and about trainings that do not "
            "collapse."
        )
    if not asks and any(found.certificate is None or found.certificate.open.any() for found in fronts):
        lines.append(
            "What is open takes more seeds, as few hardly tell how far a configuration scatters; "
            "`replicates: {until: certified}` gives them where they decide."
        )
    return lines


def describe_fronts(fronts: Sequence[tuple[str, Assessment]], asks: bool = False, complete: bool = False) -> list[str]:
    """Return the sentences below several fronts, each behind the title of its front, and then what holds of all.

    `asks`: whether the sweep gives seeds until verdicts are sure. `complete`: whether all its trainings have results,
    so that the last sentence says how such a sweep has ended.
    """
    lines = [f"{title}: {line}" if title else line for title, found in fronts for line in describe_assessment(found)]
    lines += explain_assessments([found for _, found in fronts], asks)
    end = describe_end([found for _, found in fronts]) if asks and complete else ""
    return [*lines, end] if end else lines


def describe_end(fronts: Sequence[Assessment]) -> str:
    """Return how a sweep that gives seeds until verdicts are sure has ended; empty if it would give further seeds."""
    found = [(one.family.most, one.certificate) for one in fronts if one.certificate is not None]
    undecided = [(most, one.samples.seeds.max()) for most, one in found if one.open.any()]
    if len(found) < len(fronts) or any(seeds < most for most, seeds in undecided):
        return ""
    configurations = format_count(sum(len(one.open) for _, one in found), "configuration")
    if undecided:
        most, still_open = undecided[0][0], sum(int(one.open.sum()) for _, one in found)
        return (
            f"Ended at max: {most} seeds without certifying {still_open} of {configurations}; "
            "a larger search.replicates.max carries on."
        )
    tolerance = format_tolerance(fronts[0].family.tolerance)
    if silent := sum(int((~one.judged).sum()) for _, one in found):
        return (
            f"Ended: {silent} of {configurations} without a verdict, as their seeds collapsed or are equal; the others "
            f"are certified to {tolerance}."
        )
    return f"Certified to {tolerance}: {configurations}, none of them open."


def describe_verdicts(found: Assessment) -> str:
    """Return how many configurations are surely on and off the front, and how many trainings collapsed."""
    certificate, seeds = found.certificate, found.samples.seeds
    if certificate is None:
        return f"Nothing is sure: verdicts need {FIRST} seeds of two configurations at least."
    unmeasured = int((seeds == 0).sum())
    among = f"the {len(seeds) - unmeasured} measured" if unmeasured else f"{len(seeds)}"
    counts = [
        f"{certificate.on.sum()} of {among} surely on",
        f"{certificate.off.sum()} surely off",
        f"{certificate.within.sum()} within {format_tolerance(found.family.tolerance)}",
        f"{certificate.open.sum()} open",
    ]
    equal = _find_equal(certificate)
    if short := int(((seeds > 0) & (seeds < FIRST)).sum()):
        counts.append(f"{short} with fewer than {FIRST} seeds")
    if few := int((~certificate.judged & ~equal & (seeds >= FIRST)).sum()):
        counts.append(f"{few} with too few seeds that did not collapse")
    if equal.any():
        counts.append(f"{equal.sum()} without a verdict, as all seeds are equal in an accuracy")
    if unmeasured:
        counts.append(f"{unmeasured} not measured")
    used = certificate.samples.seeds
    collapsed = f"{found.samples.collapsed.sum()} of {seeds.sum()} trainings collapsed"
    return f"{', '.join(counts)}, at {format_range(used[used > 0])}; {collapsed}."


def _find_equal(certificate: Certificate) -> np.ndarray:
    """Return the configurations with seeds enough, all equal in an accuracy, so that no variance is known."""
    samples = certificate.samples
    return np.asarray(~certificate.judged & (samples.kept >= FIRST) & (samples.freedom <= 0).any(axis=-1))


def describe_chance(found: Assessment) -> str:
    """Return how likely the drawn front is the true one, and how much it flatters; empty if too little is known."""
    if found.chance is None:
        return ""
    members = int(found.front.sum())
    which = "this one is" if members == 1 else f"these {members} are"
    text = f"Probability that exactly {which} the front: {found.chance.step}. Expected overlap with the true front "
    text += f"{found.chance.overlap:.1f}."
    if found.optimism is not None:
        text += f" {describe_optimism(found.optimism.tolist(), found.family.objectives)}"
    return text


def describe_optimism(points: Sequence[float], objectives: Sequence[str]) -> str:
    """Say how much lower the front reads if corrected for selection, or that it is less than the digits show."""
    if all(round(drop, 1) == 0 for drop in points):
        return "Corrected for being chosen, the front reads the same within 0.05 points."
    return f"Corrected for being chosen, the front reads {format_drop(points, objectives)}."


def describe_verdict(found: Assessment, i: int) -> str:
    """Return the verdict on one configuration in words; empty if none is stated."""
    certificate = found.certificate
    collapsed = int(found.samples.collapsed[i])
    if certificate is None or not certificate.judged[i]:
        return f"{collapsed} of {found.samples.seeds[i]} seeds collapsed" if collapsed else ""
    where = f" where it does not collapse ({collapsed} of {found.samples.seeds[i]} seeds did)" if collapsed else ""
    if certificate.off[i]:
        return f"surely off{where}"
    if certificate.on[i]:
        return f"surely on{where}"
    if certificate.within[i]:
        return f"at most {certificate.distance[i]:.1f} points from the front{where}"
    seeds = found.seeds_wanted[i]
    return f"open: would take about {seeds:.0f} seeds{where}" if np.isfinite(seeds) else f"open{where}"


def shorten_verdict(found: Assessment, i: int) -> str:
    """Return the verdict on one configuration for a column: on, off, ≤ 1.4 (points from the front), or open."""
    certificate = found.certificate
    if certificate is None or not certificate.judged[i]:
        return "–"
    word = "on" if certificate.on[i] else "off" if certificate.off[i] else "open"
    text = f"≤ {certificate.distance[i]:.1f}" if certificate.within[i] else word
    collapsed = int(found.samples.collapsed[i])
    return f"{text}, {collapsed}/{found.samples.seeds[i]} collapsed" if collapsed else text


def format_drop(points: Sequence[float], objectives: Sequence[str]) -> str:
    """Return "clean 0.1 points lower and robust 0.4 points higher"."""
    sides = ["higher" if round(drop, 1) < 0 else "lower" for drop in points]
    return " and ".join(
        f"{name} {abs(drop):.1f} points {side}" for name, drop, side in zip(objectives, points, sides, strict=True)
    )


def format_tolerance(tolerance: Sequence[float]) -> str:
    """Return "2 points", or "0.5 and 2 points" where the objectives differ."""
    written = " and ".join(f"{points:g}" for points in dict.fromkeys(tolerance))
    return f"{written} point{'' if written == '1' else 's'}"


def format_range(seeds: np.ndarray) -> str:
    """Return "3 seeds", or "3 to 20 seeds (4.5 on average)"."""
    low, high = int(seeds.min(initial=10**9)), int(seeds.max(initial=0))
    return f"{high} seeds" if low >= high else f"{low} to {high} seeds ({seeds.mean():.1f} on average)"
