"""Trainings that several sweeps hold: wherever sweeps are joined, each counts once.

A training is identified by its chain, the name of its last state (`trainers.state_chain`). Copies of a folder, sweeps
that reuse stages of another, and a sweep run again by the same code have equal chains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations

import pandas as pd

from analysis.exceptions import SweepError
from analysis.results.sweep import Sweep
from analysis.results.trial_table import COMPLETED
from trainers.formatting import format_count

Name = str | int  # of a sweep, or its place
IDENTITY = ["sweep", "configuration"]  # columns that identify a configuration where sweeps are joined
Home = tuple[Name, str]  # a sweep and a configuration of it


def refuse_copies(results: Sequence[Sweep]) -> None:
    """Raise SweepError if a sweep is given twice, or all of its trainings are also another's."""
    for one, other in combinations(results, 2):
        if one.folder.resolve() == other.folder.resolve():
            raise SweepError(f"{other.folder.resolve()}: given twice; name each sweep once")
        first, second = _list_chains(one), _list_chains(other)
        (less, fewer), (more, _) = sorted(((other, second), (one, first)), key=lambda pair: len(pair[1]))
        if fewer and fewer == first & second:
            same = " (it is the same sweep)" if first == second else ""
            raise SweepError(
                f"{less.where}: {more.where} has all of its {format_count(len(fewer), 'training')} too{same}; "
                "there is nothing to compare: give one of the two"
            )


def join_trials(sweeps: Sequence[Sweep], tables: Iterable[pd.DataFrame], names: Sequence[Name]) -> pd.DataFrame:
    """Join tables of trials, one a sweep, into one with the columns `sweep`, its name or place, and `chain`."""
    found = []
    for sweep, table, name in zip(sweeps, tables, names, strict=True):
        chains = {row["id"]: str(row.get("chain") or "") for row in sweep.plan["trials"]}
        found.append(table.assign(sweep=name, chain=table["id"].map(chains)))
    return pd.concat(found, ignore_index=True)


def share_trainings(trials: pd.DataFrame) -> pd.DataFrame:
    """Give each configuration that several sweeps hold to the first of them, and mark the copies of its trainings.

    `trials` are of `join_trials`, and all measured on the same terms. `sweep` and `configuration` become those of the
    first sweep that holds a training of the configuration; `holder` is the sweep that a row is of. `counts` is False
    for a copy: of equal trainings the first that completed counts.
    """
    homes = _find_homes(trials)
    keys = [homes[key] for key in zip(trials["sweep"], trials["configuration"], strict=True)]
    found = trials.assign(
        holder=trials["sweep"], sweep=[sweep for sweep, _ in keys], configuration=[name for _, name in keys]
    )
    first = found.assign(missing=found["status"] != COMPLETED).sort_values("missing", kind="stable")
    copies = first.duplicated(["sweep", "configuration", "chain"]) & (first["chain"] != "")
    return found.assign(counts=~copies)


def _find_homes(trials: pd.DataFrame) -> dict[Home, Home]:
    """Return for each configuration the first that has a training in common; of each sweep at most one has a home."""
    homes: dict[Home, Home] = {}
    first: dict[str, Home] = {}  # chain -> the home of its configuration
    taken: set[tuple[Name, Home]] = set()
    chains: dict[Home, list[str]] = {}
    for sweep, configuration, chain in zip(trials["sweep"], trials["configuration"], trials["chain"], strict=True):
        chains.setdefault((sweep, configuration), []).append(chain)
    for own, found in chains.items():
        known = (first[chain] for chain in found if chain in first)
        homes[own] = next((home for home in known if (own[0], home) not in taken), own)
        taken.add((own[0], homes[own]))
        for chain in filter(None, found):
            first.setdefault(chain, homes[own])
    return homes


def describe_shared_trainings(trials: pd.DataFrame) -> str:
    """Say which sweeps hold the same trainings, of `share_trainings`, and how often these count; empty if none do."""
    holders: dict[tuple[Home, str], dict[str, None]] = {}
    columns = ["sweep", "configuration", "chain", "holder"]
    for sweep, configuration, chain, holder in trials.loc[trials["chain"] != "", columns].itertuples(index=False):
        holders.setdefault(((sweep, configuration), chain), {})[holder] = None
    counts = Counter(tuple(names) for names in holders.values() if len(names) > 1)
    return " ".join(
        f"{' and '.join(names)} hold the same {format_count(count, 'training')}; "
        f"{'each' if count > 1 else 'it'} counts once, under {names[0]}."
        for names, count in counts.items()
    )


def _list_chains(results: Sweep) -> set[str]:
    return {row["chain"] for row in results.plan["trials"] if row["kind"] == "trial" and row.get("chain")}
