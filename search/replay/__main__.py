"""python -m search.replay RUN [RUN ...]: what rules of stopping would have saved and lost in sweeps that are finished.

Each rule is played on the recorded curves by the functions that a running sweep uses, beside configurations drawn at
random at the same cost. Only records are read; Ray is not needed.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import TypeAdapter, ValidationError
from rich.table import Table
from rich.text import Text

from search.cli import exit_with
from search.exceptions import NotReplayable, Unreachable
from search.replay.finished_sweep import Study, read
from search.replay.rules import Everything, Robust, Rule, rules
from search.replay.scoring import Outcome, Replay
from search.schema.messages import describe_errors, suggest_allowed
from search.schema.stopping import RobustStopping, Stopping
from search.schema.yaml_tree import parse_or_keep
from search.store.remote import check_reachable, parse_path
from trainers.record_io import Place
from trainers.terminal.console import Console, error_console

DRAWS = 40  # of what depends on chance
COLUMNS = (  # of an Outcome: heading, how it is written, which of several draws is the worst
    ("\n\nepochs", "{:.1%}", max),
    ("best:\nvol-\nume", "{:.1%}", min),
    ("\n\nkept", "{:.0%}", min),
    ("top\nrobust\nlost", "{:.2%}", max),
    ("last:\nvol-\nume", "{:.1%}", min),
    ("\n\nkept", "{:.0%}", min),
    ("\nnear\nkept", "{:.0%}", min),
    ("\ncen-\nsored", "{:.0f}", max),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table a sweep. Exit codes: 0 done, 2 a sweep cannot be replayed or a rule is none."""
    options = _parser().parse_args(arguments)
    console, errors = Console(), error_console()
    try:
        played = _chosen(options.rule, options.workers)
        for folder in options.run:
            check_reachable(folder)
        studies = [read(folder) for folder in options.run]
    except (NotReplayable, Unreachable) as error:
        errors.print(f"error: {error}")
        return 2
    for study, title in zip(studies, _titles(studies, options.run), strict=True):
        console.print(Text(title, style="italic"), soft_wrap=True)
        console.print(_table(study, played))
        for name, rule in played.items():
            if isinstance(rule, Robust):
                console.print(f"{name}: {_counts(rule, study)}")
    seeds = sorted({n for study in studies for n in study.seeds})
    shown = f"{seeds[0]} to {seeds[-1]} seeds" if len(seeds) > 1 else f"{seeds[0]} seed{'s' * (seeds[0] > 1)}"
    console.print("\n" + NOTE.format(seeds=shown, draws=DRAWS))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m search.replay", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "run", nargs="+", type=parse_path, help="the folder of a finished sweep, such as results/friendly_k"
    )
    parser.add_argument(
        "--rule",
        action="append",
        default=[],
        metavar="RULE",
        help="a row of the table by its name, or knobs as under search.stopping, such as '{patience: 5%%}'; may be "
        "repeated (default: all rows)",
    )
    parser.add_argument(
        "--workers", type=_count, default=4, help="configurations that run at once, for ASHA (default: %(default)s)"
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of at least 1")
    return int(text)


def _chosen(texts: list[str], workers: int) -> dict[str, Rule]:
    """The rules asked for. Raises NotReplayable."""
    known = rules(workers)
    return {text: known[text] if text in known else _rule(text, list(known)) for text in texts} or known


def _rule(text: str, known: list[str]) -> Rule:
    tree = parse_or_keep(text)
    if not isinstance(tree, dict):
        raise NotReplayable(
            f"--rule {text}: no such rule{suggest_allowed(text, known)}; or knobs in braces, as under search.stopping"
        )
    try:
        stopping: Stopping = TypeAdapter(Stopping).validate_python(tree)
    except ValidationError as error:
        found = [f"{'.'.join(path)}: {message}" for path, message in describe_errors(error, RobustStopping, tree)]
        raise NotReplayable(f"--rule {text}: {'; '.join(found)}") from None
    return Robust(stopping) if isinstance(stopping, RobustStopping) else Everything()


def _titles(studies: Sequence[Study], folders: Sequence[Place]) -> list[str]:
    """The sweeps' names; folders, as they were given, where two sweeps share one."""
    count = Counter(study.name for study in studies)
    pairs = zip(studies, folders, strict=True)
    return [study.name if count[study.name] == 1 else str(folder) for study, folder in pairs]


def _table(study: Study, played: dict[str, Rule]) -> Table:
    replay = Replay(study)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule", no_wrap=True)
    for heading, _, _ in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, rule in played.items():
        fixed = isinstance(rule, Everything | Robust)
        draws = [replay.outcome(rule.reached(study, generator(0, i))) for i in range(1 if fixed else DRAWS)]
        _add(table, name, draws)
        cost = float(np.mean([draw.compute for draw in draws]))
        if cost < 1:
            _add(table, "  at random", [replay.outcome(replay.drawn(generator(1, i), cost)) for i in range(DRAWS)])
    return table


def generator(purpose: int, draw: int) -> np.random.Generator:
    return np.random.default_rng([purpose, draw])


def _add(table: Table, name: str, outcomes: list[Outcome]) -> None:
    """The mean of several draws, and below it the worst of each column."""
    values = np.array(outcomes)
    rows = {name: values.mean(axis=0)}
    if len(values) > 1:
        more = [worse is max for _, _, worse in COLUMNS]
        rows["    worst"] = np.where(more, values.max(axis=0), values.min(axis=0))
    for label, row in rows.items():
        cells = [form.format(value) for value, (_, form, _) in zip(row, COLUMNS, strict=True)]
        table.add_row(label, *cells, style="dim" if label.startswith(" ") else None)


def _counts(rule: Robust, study: Study) -> str:
    """How many configurations each part of the rule took."""
    counts = Counter(decision.rule for decision in rule.decisions(study))
    finished = counts.pop("near a front", 0)
    stopped = ", ".join(f"{n} {why}" for why, n in counts.most_common()) or "none"
    return f"of {len(study.contestants)} configurations stopped: {stopped}; of these finished after all: {finished}"


NOTE = (
    "Validation accuracies, means over {seeds} of each configuration. epochs: trained, of those asked, shared ones "
    "once; rankings and pretraining are not stopped and not counted. best: the best checkpoint of each trial so far; "
    "last: its last epoch, which a stopped trial has not (censored). volume: hypervolume above guessing and 0. kept: "
    "members of the whole sweep's front whose point is the same; near kept: those within two points of the front of "
    "best checkpoints that have a last epoch. What depends on chance: the mean and the worst of {draws} draws; at "
    "random: configurations trained whole, at that cost or the next above it.\n"
    "These are the very sweeps that the rules are judged on. robust was set on published curves of CIFAR-10, not on "
    "these; what it costs in other sweeps they do not say."
)


if __name__ == "__main__":
    exit_with(main, shows=True)
