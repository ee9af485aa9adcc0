"""Trainings that stand in several sweeps: on one front they would count twice.

A training is known by its chain, the name of its last state (`trainers.chain`): of copies of a folder, of sweeps that
took stages over from another, and of one sweep run again by the same code, it is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from analysis.exceptions import SweepError
from analysis.results import Results
from analysis.stats import format_count


def refuse_copies(results: Sequence[Results]) -> None:
    """Raise SweepError where a sweep is given twice, or all of its trainings are another's too."""
    for one, other in combinations(results, 2):
        if one.folder.resolve() == other.folder.resolve():
            raise SweepError(f"{other.folder.resolve()}: given twice; a front compares different sweeps")
        mine, its = _trainings(one), _trainings(other)
        (less, fewer), (more, _) = sorted(((other, its), (one, mine)), key=lambda pair: len(pair[1]))
        if fewer and fewer == mine & its:
            which = f"it is the same sweep as {more.where}" if mine == its else f"{more.where} has them too"
            raise SweepError(
                f"{less.where}: of its {format_count(len(fewer), 'training')} none is its own, {which}; a front would "
                "count them twice: give one of the two"
            )


def describe_shared_trainings(results: Sequence[Results], names: Sequence[str]) -> str:
    """Say of which pairs of sweeps some trainings are the same; empty where all are different."""
    known = [*zip(names, map(_trainings, results), strict=True)]
    shared = {f"{one} and {other}": len(mine & its) for (one, mine), (other, its) in combinations(known, 2)}
    return " ".join(
        f"{pair} have {format_count(n, 'training')} in common, which count for both." for pair, n in shared.items() if n
    )


def _trainings(results: Results) -> set[str]:
    return {row["chain"] for row in results.plan["trials"] if row["kind"] == "trial" and row.get("chain")}
