"""Trainings that several sweeps contain: on one front or in one table they would count twice.

A training is identified by its chain, the name of its last state (`trainers.state_chain`). Copies of a folder, sweeps
that reuse stages of another, and a sweep run again by the same code have equal chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from analysis.exceptions import SweepError
from analysis.results.sweep import Sweep
from trainers.formatting import format_count


def refuse_copies(results: Sequence[Sweep]) -> None:
    """Raise SweepError if a sweep is given twice, or all of its trainings are also another's."""
    for one, other in combinations(results, 2):
        if one.folder.resolve() == other.folder.resolve():
            raise SweepError(f"{other.folder.resolve()}: given twice; name each sweep once")
        first, second = _trainings(one), _trainings(other)
        (less, fewer), (more, _) = sorted(((other, second), (one, first)), key=lambda pair: len(pair[1]))
        if fewer and fewer == first & second:
            same = " (it is the same sweep)" if first == second else ""
            raise SweepError(
                f"{less.where}: {more.where} has all of its {format_count(len(fewer), 'training')} too{same}; "
                "they would count twice: give one of the two"
            )


def describe_shared_trainings(results: Sequence[Sweep], names: Sequence[str]) -> str:
    """Name the pairs of sweeps that have trainings in common; empty if all are different."""
    known = [*zip(names, map(_trainings, results), strict=True)]
    shared = {f"{one} and {other}": len(first & second) for (one, first), (other, second) in combinations(known, 2)}
    return " ".join(
        f"{pair} have {format_count(n, 'training')} in common, listed and counted for each of the two."
        for pair, n in shared.items()
        if n
    )


def _trainings(results: Sweep) -> set[str]:
    return {row["chain"] for row in results.plan["trials"] if row["kind"] == "trial" and row.get("chain")}
