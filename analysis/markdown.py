"""Sweeps as Markdown tables with a row per configuration: both checkpoints under every final attack.

A table for a README or an issue, with all that a reader needs to interpret it: seeds, attacks, versions, date.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

import pandas as pd

from analysis.exceptions import SweepError
from analysis.measures.stats import Estimate, estimate, format_seeds
from analysis.results.gaps import describe_window
from analysis.results.measurement_terms import read_terms
from analysis.results.metrics import (
    CLEAN,
    EPOCH_METRIC,
    describe_images,
    describe_metric,
    find_clean_metric,
    is_comparable,
    parse_attack,
    shorten_attack,
)
from analysis.results.sweep import Sweep, load_sweep, print_damage
from analysis.results.trial_table import COMPLETED, DIVERGED, STOPPED
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.text import escape_controls

CHECKPOINTS = ("best", "last")
PGD, AUTOATTACK = "test_pgd20_acc", "test_aa_acc"
MASKING = (
    "The difference between PGD and AutoAttack is taken at the last epoch. Dong et al. 2021 take the difference "
    "between PGD-10 and custom AutoAttack at the best checkpoint. In the report's trials.csv, "
    "`best_gradient_masking_gap` is also taken at the best checkpoint, between the attack of the learning curves and "
    "AutoAttack."
)


def render_pages(sweeps: Sequence[Sweep]) -> list[str]:
    """Render one table with captions for all sweeps that were measured on the same terms, and return all pages.

    Raises SweepError if no metric can be shown.
    """
    finals = {f"test_{attack}_acc" for sweep in sweeps for attack in sweep.attacks}
    terms = [set(read_terms(sweep, *sorted(finals | {CLEAN}))) for sweep in sweeps]
    groups = [
        [sweep for sweep, other in zip(sweeps, terms, strict=True) if other == shared]
        for place, shared in enumerate(terms)
        if terms.index(shared) == place
    ]
    return [
        "\n\n".join([render_table(group), *map(render_caption, group), *[MASKING] * _has_gap(group)])
        for group in groups
    ]


def render_table(sweeps: Sequence[Sweep]) -> str:
    """Render a line per configuration, in the order of the plans: means over seeds ± standard errors, in percent."""
    metrics, gap = _list_metrics(sweeps), _has_gap(sweeps)
    if not metrics:
        raise SweepError("no metric that every completed trial has; wait for the sweeps to finish")
    several = len(sweeps) > 1
    head = ["sweep"] * several + ["configuration"]
    rule = ["---"] * len(head)
    checkpoints = CHECKPOINTS if any(sweep.selects for sweep in sweeps) else CHECKPOINTS[1:]
    head += [f"{which}: {_column_title(name, sweeps)}" for which in checkpoints for name in metrics]
    head += [f"last: {_column_title(PGD, sweeps)} − {_column_title(AUTOATTACK, sweeps)}"] * gap
    curves = _column_title(EPOCH_METRIC, sweeps)
    head += [f"{curves}: best on test", f"{curves}: last", f"{curves}: best on test − last"]
    lines = [head, [*rule, *["--:"] * (len(head) - len(rule))]]
    for sweep in sweeps:
        for _, trials in sweep.study_trials.groupby("configuration", sort=False):
            names = [_format_code(sweep.study)] * several + [
                f"{_format_code(trials['name'].iloc[0])}{_describe_endings(trials)}"
            ]
            lines.append([*names, *_format_cells(trials, checkpoints, metrics, gap)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _list_metrics(sweeps: Sequence[Sweep]) -> list[str]:
    """List the final metrics that all sweeps have, in the order of the columns."""
    shared = [set(sweep.final_metrics()) for sweep in sweeps]
    return [name for name in _order_metrics(sweeps) if all(name in known for known in shared)]


def _has_gap(sweeps: Sequence[Sweep]) -> bool:
    """Return whether the table shows the difference between PGD and AutoAttack at the last epoch."""
    return {PGD, AUTOATTACK} <= set(_list_metrics(sweeps)) and all(map(_has_same_images, sweeps))


def _format_cells(trials: pd.DataFrame, checkpoints: Sequence[str], metrics: list[str], gap: bool) -> list[str]:
    """Format the numbers of a configuration; each difference follows its two operands."""
    done = trials[trials["status"] == COMPLETED]

    def of(column: str) -> Estimate:
        return estimate(done.get(column, []))

    numbers = [of(f"{which}_{name}").text() for which in checkpoints for name in metrics]
    if gap:
        numbers.append(estimate(done[f"last_{PGD}"] - done[f"last_{AUTOATTACK}"]).text(signed=True))
    if "robust_overfitting" in done:
        done = done[done["robust_overfitting"].notna()]  # without its curve a trial has a last epoch, but no best epoch
    peak, last = of(f"peak_{EPOCH_METRIC}"), of(f"last_{EPOCH_METRIC}")
    return [*numbers, peak.text(), last.text(), of("robust_overfitting").text(signed=True)]


def _format_code(name: str) -> str:
    """Format a name as code, in which no character is markup except the bar, which would still end a cell."""
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    pad = " " if "`" in name else ""
    return f"{fence}{pad}{escape_controls(name)}{pad}{fence}".replace("|", r"\|")


def _order_metrics(sweeps: Sequence[Sweep]) -> list[str]:
    """Order metrics: clean accuracy, then the attacks as in the first sweep; clean on a subset precedes its attack."""
    found = {"clean": CLEAN}  # by title: attacks on the same number of images share one clean accuracy
    for metric in (f"test_{name}_acc" for name in sweeps[0].attacks if name != "pgd"):
        beside = {find_clean_metric(metric, sweep.attacks, sweep.test_examples) for sweep in sweeps}
        for clean in sorted(beside - {CLEAN}):
            found.setdefault(_clean_title(clean, sweeps), clean)
        found[metric] = metric
    return list(found.values())


def _clean_title(metric: str, sweeps: Sequence[Sweep]) -> str:
    """Return "clean", or "clean on 300 images"."""
    return describe_metric(metric, sweeps[0].attacks).replace(" test accuracy", "")


def _column_title(metric: str, sweeps: Sequence[Sweep]) -> str:
    """Return the attack in words, or the name of the metric if the sweeps measured different attacks under it."""
    attack = parse_attack(metric)
    if attack is None:
        return _clean_title(metric, sweeps)
    titles = {shorten_attack(attack, sweep.attacks) + describe_images(metric, sweep.attacks) for sweep in sweeps}
    name = titles.pop() if len(titles) == 1 else attack
    return re.sub(r"^AutoAttack( standard| custom)?", "AA", name) if metric == AUTOATTACK else name


def _has_same_images(sweep: Sweep) -> bool:
    """Return whether PGD and AutoAttack had the same budget and images; otherwise their gap is not comparable."""
    pgd, aa = (sweep.attacks.get(parse_attack(metric) or "", "") for metric in (PGD, AUTOATTACK))
    return is_comparable(pgd, aa, float(sweep.study_trials["test_examples"].max()))


def _describe_endings(trials: pd.DataFrame) -> str:
    """Describe how many seeds of a configuration diverged, were stopped or are missing, if any."""
    counts = [(int((trials["status"] == status).sum()), status) for status in (DIVERGED, STOPPED)]
    missing = int((~trials["status"].isin([COMPLETED, DIVERGED, STOPPED])).sum())
    parts = [f"{n} {ending}" for n, ending in (*counts, (missing, "without a result")) if n]
    return f" ({', '.join(parts)})" if parts else ""


def render_caption(sweep: Sweep) -> str:
    """Render the conditions of the measurements: seeds, images, attacks, selection, date and versions."""
    run = sweep.runs[-1] if sweep.runs else {}
    known = run.get("versions", {})
    versions = ", ".join(f"{name} {known[name]}" for name in ("torch", "pyautoattack") if name in known)
    attacks = "; ".join(text for name, text in sweep.attacks.items() if name != "pgd")
    n = sweep.study_trials.groupby("configuration").size().max()
    examples = sweep.study_trials["test_examples"].dropna()
    images = f" on {int(examples.iloc[0])} test images" if len(examples) else ""
    begins = describe_window(sweep.study_trials)
    best = f"best: selected by validation{f' {begins}' * bool(begins)}; " if sweep.selects else ""
    peak = f"best on test: the highest of {'the same' if begins else 'all'} epochs"
    return (
        f"{_format_code(sweep.study)}: {format_seeds(int(n))}, mean ± one standard error, percent{images}. {attacks}. "
        f"{best}{peak}, {sweep.attacks.get('pgd', 'the attack of the curves')}. "
        f"{str(run.get('started', ''))[:10]}{', ' if versions else ''}{versions}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of some sweeps with their captions."""
    parser = argparse.ArgumentParser(prog="python -m analysis.markdown", description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="+", help="a sweep's folder, such as results/methods")
    options = parser.parse_args(arguments)
    try:
        sweeps = [load_sweep(run) for run in options.run]
        print_damage(sweeps)
        Console(soft_wrap=True).print(*render_pages(sweeps), sep="\n\n")
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    run_and_exit(main)
