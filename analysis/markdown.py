"""Sweeps as one Markdown table, configuration by configuration: both checkpoints under every final attack.

What a README or an issue shows of a study, with all that the numbers need to be read: seeds, attacks, versions, date.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.metrics import attack_of, attack_title, comparable
from analysis.results import COMPLETED, DIVERGED, STOPPED, Results, SweepError, load
from analysis.stats import estimate, seeds
from terminal.console import Console, error_console
from terminal.showing import show_with

CHECKPOINTS = ("best", "last")
CLEAN, PGD, AUTOATTACK = "test_clean_acc", "test_pgd20_acc", "test_aa_acc"


def table(sweeps: Sequence[Results]) -> str:
    """One line a configuration, in the order of the plans; means over seeds, ± standard errors, in percent."""
    shared = [set(sweep.final_metrics()) for sweep in sweeps]
    metrics = [name for name in _ordered(sweeps) if all(name in known for known in shared)]
    if not metrics:
        raise SweepError("no metric that every completed trial has; wait for the sweeps to finish")
    gap = PGD in metrics and AUTOATTACK in metrics and all(map(_same_images, sweeps))
    checkpoints = CHECKPOINTS if any(sweep.selects for sweep in sweeps) else CHECKPOINTS[1:]
    head = ["configuration"] + [f"{which}: {_short(name, sweeps)}" for which in checkpoints for name in metrics]
    head += ([f"last: {_short(PGD, sweeps)} − {_short(AUTOATTACK, sweeps)}"] if gap else []) + ["best − last"]
    lines = [head, ["---", *["--:"] * (len(head) - 1)]]
    for sweep in sweeps:
        for _, trials in sweep.sweep.groupby("configuration", sort=False):
            name = trials["name"].iloc[0].replace("|", r"\|")  # also within code it would end the cell
            lines.append([f"`{name}`{_endings(trials)}", *_cells(trials, checkpoints, metrics, gap)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(trials: pd.DataFrame, checkpoints: Sequence[str], metrics: list[str], gap: bool) -> list[str]:
    done = trials[trials["status"] == COMPLETED]
    columns = [done[f"{which}_{name}"] for which in checkpoints for name in metrics]
    differences = [done[f"last_{PGD}"] - done[f"last_{AUTOATTACK}"]] if gap else []
    differences.append(done["robust_overfitting"])
    return [estimate(values).text() for values in columns] + [estimate(values).text(True) for values in differences]


def _ordered(sweeps: Sequence[Results]) -> list[str]:
    """Clean accuracy first, then the attacks as the first sweep names them."""
    return [CLEAN] + [f"test_{name}_acc" for name in sweeps[0].attacks if name != "pgd"]


def _short(metric: str, sweeps: Sequence[Results]) -> str:
    """What was measured, whatever the space calls it; the name where the sweeps measured different things under it."""
    if metric in (CLEAN, AUTOATTACK):
        return "clean" if metric == CLEAN else "AA"
    attack = attack_of(metric) or ""
    titles = {attack_title(attack, sweep.attacks) for sweep in sweeps}
    return titles.pop() if len(titles) == 1 else attack


def _same_images(sweep: Results) -> bool:
    """Whether PGD and AutoAttack had one budget and the same images: else their gap is also one between images."""
    pgd, aa = (sweep.attacks.get(attack_of(metric) or "", "") for metric in (PGD, AUTOATTACK))
    return comparable(pgd, aa, float(sweep.sweep["test_examples"].max()))


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
    best = "best: by validation; best − last" if sweep.selects else "best (of all epochs, on test) − last"
    return (
        f"{sweep.study}: {seeds(int(n))}, mean ± one standard error, percent{on}. {attacks}. "
        f"{best}: {sweep.attacks.get('pgd', 'the attack of the curves')}. "
        f"{str(run.get('started', ''))[:10]}{', ' if versions else ''}{versions}."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table of some sweeps and what stands behind it."""
    parser = argparse.ArgumentParser(prog="python -m analysis.markdown", description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/methods")
    options = parser.parse_args(arguments)
    try:
        sweeps = [load(run) for run in options.run]
        Console(soft_wrap=True).print(table(sweeps), "\n".join(map(caption, sweeps)), sep="\n\n")
    except SweepError as error:
        error_console().print(f"error: {error}")
        return 2
    return 0


if __name__ == "__main__":
    show_with(main)
