"""Sweeps as Markdown tables, configuration by configuration: both checkpoints under every final attack.

What a README or an issue shows of a study, with all that the numbers need to be read: seeds, attacks, versions, date.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from itertools import groupby

import pandas as pd

from analysis.exceptions import SweepError
from analysis.gaps import describe_window
from analysis.metrics import (
    CLEAN,
    EPOCH_METRIC,
    describe_images,
    describe_metric,
    find_clean_metric,
    is_comparable,
    parse_attack,
    shorten_attack,
)
from analysis.results import Results, load, print_damage
from analysis.stats import Estimate, estimate, format_seeds
from analysis.terms import terms
from analysis.trial_table import COMPLETED, DIVERGED, STOPPED
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import show_with
from trainers.terminal.text import visible

CHECKPOINTS = ("best", "last")
PGD, AUTOATTACK = "test_pgd20_acc", "test_aa_acc"
MASKING = (
    "The difference between PGD and AutoAttack is of the last epoch. Dong et al. 2021 take that between PGD-10 and "
    "custom AutoAttack at the best checkpoint. In the report's trials.csv, `best_gradient_masking_gap` is taken at the "
    "best checkpoint too, between the attack of the curves and AutoAttack."
)


def pages(sweeps: Sequence[Results]) -> list[str]:
    """A table and what stands behind it, one for all sweeps that were measured on the same terms.

    Raises SweepError where no metric can be shown.
    """
    finals = {f"test_{attack}_acc" for sweep in sweeps for attack in sweep.attacks}
    on = [set(terms(sweep, *sorted(finals | {CLEAN}))) for sweep in sweeps]
    alike = sorted(range(len(sweeps)), key=lambda place: on.index(on[place]))
    together = [[sweeps[place] for place in its] for _, its in groupby(alike, key=lambda place: on.index(on[place]))]
    return ["\n\n".join([table(group), *map(caption, group), *[MASKING] * _has_gap(group)]) for group in together]


def table(sweeps: Sequence[Results]) -> str:
    """One line a configuration, in the order of the plans; means over seeds, ± standard errors, in percent."""
    metrics, gap = _metrics(sweeps), _has_gap(sweeps)
    if not metrics:
        raise SweepError("no metric that every completed trial has; wait for the sweeps to finish")
    several = len(sweeps) > 1
    head = ["sweep"] * several + ["configuration"]
    rule = ["---"] * len(head)
    checkpoints = CHECKPOINTS if any(sweep.selects for sweep in sweeps) else CHECKPOINTS[1:]
    head += [f"{which}: {_short(name, sweeps)}" for which in checkpoints for name in metrics]
    head += [f"last: {_short(PGD, sweeps)} − {_short(AUTOATTACK, sweeps)}"] * gap
    curves = _short(EPOCH_METRIC, sweeps)
    head += [f"{curves}: best on test", f"{curves}: last", f"{curves}: best on test − last"]
    lines = [head, [*rule, *["--:"] * (len(head) - len(rule))]]
    for sweep in sweeps:
        for _, trials in sweep.sweep.groupby("configuration", sort=False):
            names = [_code(sweep.study)] * several + [f"{_code(trials['name'].iloc[0])}{_endings(trials)}"]
            lines.append([*names, *_cells(trials, checkpoints, metrics, gap)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _metrics(sweeps: Sequence[Results]) -> list[str]:
    """The final metrics that all sweeps have, in the order of the columns."""
    shared = [set(sweep.final_metrics()) for sweep in sweeps]
    return [name for name in _ordered(sweeps) if all(name in known for known in shared)]


def _has_gap(sweeps: Sequence[Results]) -> bool:
    """Whether the table shows what PGD leaves and AutoAttack does not, at the last epoch."""
    return {PGD, AUTOATTACK} <= set(_metrics(sweeps)) and all(map(_same_images, sweeps))


def _cells(trials: pd.DataFrame, checkpoints: Sequence[str], metrics: list[str], gap: bool) -> list[str]:
    """Numbers as text; each difference behind the two that it is the difference of."""
    done = trials[trials["status"] == COMPLETED]

    def of(column: str) -> Estimate:
        return estimate(done.get(column, []))

    numbers = [of(f"{which}_{name}").text() for which in checkpoints for name in metrics]
    if gap:
        numbers.append(estimate(done[f"last_{PGD}"] - done[f"last_{AUTOATTACK}"]).text(signed=True))
    if "robust_overfitting" in done:
        done = done[done["robust_overfitting"].notna()]  # a curve that is lost has a last epoch, and no best one
    peak, last = of(f"peak_{EPOCH_METRIC}"), of(f"last_{EPOCH_METRIC}")
    return [*numbers, peak.text(), last.text(), of("robust_overfitting").text(signed=True)]


def _code(name: str) -> str:
    """A user's name as code, in which nothing is markup but the bar, which also there would end a cell."""
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    pad = " " if "`" in name else ""
    return f"{fence}{pad}{visible(name)}{pad}{fence}".replace("|", r"\|")


def _ordered(sweeps: Sequence[Results]) -> list[str]:
    """Clean accuracy, then the attacks as the first sweep names them, before those on some images clean on these."""
    found = {"clean": CLEAN}  # by title: attacks on equally many images have their clean accuracy in common
    for metric in (f"test_{name}_acc" for name in sweeps[0].attacks if name != "pgd"):
        beside = {find_clean_metric(metric, it.attacks, it.test_examples) for it in sweeps}
        for clean in sorted(beside - {CLEAN}):
            found.setdefault(_clean(clean, sweeps), clean)
        found[metric] = metric
    return list(found.values())


def _clean(metric: str, sweeps: Sequence[Results]) -> str:
    """ "clean", or "clean on 300 images"."""
    return describe_metric(metric, sweeps[0].attacks).replace(" test accuracy", "")


def _short(metric: str, sweeps: Sequence[Results]) -> str:
    """What was measured, whatever the space calls it; the name where the sweeps measured different things under it."""
    attack = parse_attack(metric)
    if attack is None:
        return _clean(metric, sweeps)
    titles = {shorten_attack(attack, it.attacks) + describe_images(metric, it.attacks) for it in sweeps}
    name = titles.pop() if len(titles) == 1 else attack
    return re.sub(r"^AutoAttack( standard| custom)?", "AA", name) if metric == AUTOATTACK else name


def _same_images(sweep: Results) -> bool:
    """Whether PGD and AutoAttack had one budget and the same images: else their gap is also one between images."""
    pgd, aa = (sweep.attacks.get(parse_attack(metric) or "", "") for metric in (PGD, AUTOATTACK))
    return is_comparable(pgd, aa, float(sweep.sweep["test_examples"].max()))


def _endings(trials: pd.DataFrame) -> str:
    """How many of a configuration's seeds diverged, were stopped or are missing, if any."""
    counts = [(int((trials["status"] == status).sum()), status) for status in (DIVERGED, STOPPED)]
    missing = int((~trials["status"].isin([COMPLETED, DIVERGED, STOPPED])).sum())
    parts = [f"{n} {what}" for n, what in (*counts, (missing, "without a result")) if n]
    return f" ({', '.join(parts)})" if parts else ""


def caption(sweep: Results) -> str:
    """Under what the numbers were taken."""
    run = sweep.runs[-1] if sweep.runs else {}
    known = run.get("versions", {})
    versions = ", ".join(f"{name} {known[name]}" for name in ("torch", "pyautoattack") if name in known)
    attacks = "; ".join(text for name, text in sweep.attacks.items() if name != "pgd")
    n = sweep.sweep.groupby("configuration").size().max()
    examples = sweep.sweep["test_examples"].dropna()
    on = f" on {int(examples.iloc[0])} test images" if len(examples) else ""
    begins = describe_window(sweep.sweep)
    best = f"best: by validation{f' {begins}' * bool(begins)}; " if sweep.selects else ""
    peak = f"best on test: of {'the same' if begins else 'all'} epochs"
    return (
        f"{_code(sweep.study)}: {format_seeds(int(n))}, mean ± one standard error, percent{on}. {attacks}. "
        f"{best}{peak}, {sweep.attacks.get('pgd', 'the attack of the curves')}. "
        f"{str(run.get('started', ''))[:10]}{', ' if versions else ''}{versions}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of some sweeps and what stands behind it."""
    parser = argparse.ArgumentParser(prog="python -m analysis.markdown", description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="+", help="a sweep's folder, such as results/methods")
    options = parser.parse_args(arguments)
    try:
        sweeps = [load(run) for run in options.run]
        print_damage(sweeps)
        Console(soft_wrap=True).print(*pages(sweeps), sep="\n\n")
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    show_with(main)
