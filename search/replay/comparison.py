"""The work of `python -m search.replay` once its arguments are parsed. Importing this module imports torch."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from rich.table import Table
from rich.text import Text

from search.exceptions import NotReplayable, Unreachable
from search.replay.finished_sweep import FinishedSweep, read_sweep
from search.replay.policies import Policy, RulePolicy, build_policies
from search.replay.scoring import Score, Scorer
from search.stopping.base import StoppingRule
from search.store.remote import check_reachable
from trainers.record_io import Place
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import track_progress
from trainers.terminal.tables import print_table

DRAWS = 40  # of a policy that depends on chance
COLUMNS = (  # of a Score: heading, format, which of several draws is the worst
    ("epochs", "{:.1%}", max),
    ("selected volume", "{:.1%}", min),
    ("selected kept", "{:.0%}", min),
    ("robust lost", "{:.2%}", max),
    ("last volume", "{:.1%}", min),
    ("last kept", "{:.0%}", min),
    ("near kept", "{:.0%}", min),
    ("without last", "{:.0f}", max),
)


def replay_sweeps(options: argparse.Namespace, rules: Mapping[str, StoppingRule | None]) -> int:
    """Print a table for each sweep, with the rules that find_rules returns. Return the exit code."""
    console, errors = Console(), error_console()
    compared = build_policies(rules, options.workers)
    try:
        for folder in options.run:
            check_reachable(folder)
        sweeps = list(track_progress(map(read_sweep, options.run), "reading sweeps", len(options.run)))
    except (NotReplayable, Unreachable) as error:
        errors.print(f"error: {error}")
        return 2
    for sweep, title in zip(sweeps, _titles(sweeps, options.run), strict=True):
        console.print(Text(title, style="italic"), soft_wrap=True)
        print_table(console, _build_table(sweep, compared))
        for name, policy in compared.items():
            if isinstance(policy, RulePolicy) and policy.rule.stops:
                console.print(f"{name}: {_count_stops(policy, sweep)}")
    seeds = sorted({n for sweep in sweeps for n in sweep.seeds})
    shown = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f"{seeds[0]} seed{'s' * (seeds[0] > 1)}"
    console.print("\n" + NOTE.format(seeds=shown, draws=DRAWS))
    return 0


def _titles(sweeps: Sequence[FinishedSweep], folders: Sequence[Place]) -> list[str]:
    """Return the sweeps' names, or the folders as they were given where two sweeps share a name."""
    count = Counter(sweep.name for sweep in sweeps)
    pairs = zip(sweeps, folders, strict=True)
    return [sweep.name if count[sweep.name] == 1 else str(folder) for sweep, folder in pairs]


def _build_table(sweep: FinishedSweep, compared: dict[str, Policy]) -> Table:
    scorer = Scorer(sweep)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule", no_wrap=True)
    for heading, _, _ in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, policy in track_progress(compared.items(), f"replaying rules on {sweep.name}", len(compared)):
        draws = [scorer.score(policy.reached(sweep, generator(0, i))) for i in range(DRAWS if policy.random else 1)]
        _add_row(table, name, draws)
        cost = float(np.mean([draw.compute for draw in draws]))
        if cost < 1:
            drawn = (scorer.draw_whole(generator(1, i), cost) for i in range(DRAWS))
            _add_row(table, "  at random", [scorer.score(reached) for reached in drawn])
    return table


def generator(purpose: int, draw: int) -> np.random.Generator:
    """Return the random generator of a draw; policies (0) and random configurations (1) have different ones."""
    return np.random.default_rng([purpose, draw])


def _add_row(table: Table, name: str, scores: list[Score]) -> None:
    """Add the mean of several draws, and below it the worst of each column."""
    values = np.array(scores)
    rows = {name: values.mean(axis=0)}
    if len(values) > 1:
        more = [worse is max for _, _, worse in COLUMNS]
        rows["    worst"] = np.where(more, values.max(axis=0), values.min(axis=0))
    for label, row in rows.items():
        cells = [form.format(value) for value, (_, form, _) in zip(row, COLUMNS, strict=True)]
        table.add_row(label, *cells, style="dim" if label.startswith(" ") else None)


def _count_stops(policy: RulePolicy, sweep: FinishedSweep) -> str:
    """Return how many configurations each part of the rule stopped, in words."""
    decisions = policy.decisions(sweep)
    counts = Counter(decision.rule for decision in decisions if decision.action == "stop")
    finished = sum(decision.action == "finish" for decision in decisions)
    stopped = ", ".join(f"{n} {why}" for why, n in counts.most_common()) or "none"
    return f"of {len(sweep.candidates)} configurations stopped: {stopped}; of these finished after all: {finished}"


NOTE = (
    "Validation accuracies, means over {seeds} of each configuration. epochs: share of the planned epochs that is "
    "trained; epochs that trials share count once, and those of rankings and pretraining, which never stop, do not "
    "count. selected: the epoch of each trial that validation selects so far. last: its last epoch, which a stopped "
    "trial lacks; without last: how many trials do. volume: hypervolume above guessing and 0. kept: members of the "
    "whole sweep's front that have the same point. robust lost: of the top robust accuracy of a selected epoch. near "
    "kept: configurations within two points of the front of selected epochs that have a last epoch. Rows that depend "
    "on chance have the mean and the worst of {draws} draws. at random: configurations drawn at random and trained "
    "whole, at that cost or the next above it.\n"
    "These are the very sweeps that the rules are judged on. The keys of robust were set on published curves of "
    "CIFAR-10, not on these sweeps; its cost in other sweeps may differ."
)
