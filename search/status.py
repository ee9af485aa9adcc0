"""python -m search.status RUN: where a sweep stands, from its records alone; works while it runs and after."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from rich.console import Console
from rich.table import Table

from search.jobs import status_of
from search.progress import duration
from search.remote import Remote, Unreachable, place, reach
from search.store import Store
from trainers.records import Place, Row, read_json, read_rows


def main(arguments: list[str] | None = None) -> int:
    """Print the state of one sweep. Exit codes: 0 all ended, 1 not (yet), 2 no such sweep."""
    options = argparse.ArgumentParser(prog="python -m search.status", description=__doc__)
    options.add_argument("run", type=place, help="a sweep's folder, such as results/friendly_k, or its URL")
    folder: Place = options.parse_args(arguments).run
    try:
        reach(folder)
    except Unreachable as error:
        Console(stderr=True).print(f"error: {error}", markup=False, soft_wrap=True)
        return 2
    plan = read_json(folder / "plan.json")
    if not isinstance(plan, dict):
        Console(stderr=True).print(
            f"error: {folder}: no sweep is stored there (no plan.json)", markup=False, soft_wrap=True
        )
        return 2
    store, console = Store(folder), Console(highlight=False)
    states = {row["id"]: status_of(store, row["id"], row["chain"]) for row in plan["trials"]}
    running = store.running()
    if not running:
        states = {name: "begun" if state == "running" else state for name, state in states.items()}
    counts = Counter(states.values())
    console.print(f"{plan['study']}: " + ", ".join(f"{n} {state}" for state, n in counts.most_common()))
    console.print(f"{'running now' if running else 'not running now'}; {_stored(store)} stored")
    _print_open(
        console, store, [row for row in plan["trials"] if states[row["id"]] in ("running", "begun", "failed")], states
    )
    _print_costs(console, store, plan["trials"])
    return 0 if set(states.values()) <= {"completed", "diverged"} else 1


def _print_open(console: Console, store: Store, rows: list[Row], states: dict[str, str]) -> None:
    if not rows:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("begun", "state", "epoch", "val clean", "val PGD", "last heard of"):
        table.add_column(name, overflow="fold")
    for row in rows:
        folder = store.trial(row["id"])
        epochs = read_rows(folder / "epochs.jsonl")
        measured = next((epoch for epoch in reversed(epochs) if "val_pgd_acc" in epoch), {})
        values = [f"{measured[key]:.1%}" if measured else "" for key in ("val_clean_acc", "val_pgd_acc")]
        age = time.time() - max((changed for _, changed in _files(folder)), default=time.time())
        done = f"{len(epochs)}/{row['epochs']}"
        table.add_row(row["id"], states[row["id"]], done, *values, f"{duration(max(age, 0))} ago")
    console.print(table)


def _print_costs(console: Console, store: Store, rows: list[Row]) -> None:
    train = evaluate = 0.0
    for row in rows:
        for cost in read_rows(store.trial(row["id"]) / "cost.jsonl"):
            train += cost.get("seconds", 0.0)
            evaluate += cost.get("evaluate_seconds", 0.0) + cost.get("final_seconds", 0.0)
    console.print(f"spent: {duration(train)} of training, {duration(evaluate)} of evaluation, summed over processes")


def _stored(store: Store) -> str:
    return f"{sum(size for size, _ in _files(store.folder)) / 2**20:.1f} MB"


def _files(folder: Place) -> Iterator[tuple[int, float]]:
    """Size and time of change of all files; some vanish meanwhile where a sweep runs."""
    if isinstance(folder, Remote):
        yield from ((entry.size, entry.changed) for entry in folder.files())
        return
    for parent, _, names in os.walk(str(folder)):  # passes over folders that vanish
        for name in names:
            with suppress(FileNotFoundError):
                found = os.stat(os.path.join(parent, name))
                yield found.st_size, found.st_mtime


if __name__ == "__main__":
    sys.exit(main())
