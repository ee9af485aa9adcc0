"""Measure the speed of training steps: images a second, useful FLOPs, and their share of the device's measured peak.

The benchmark times the trainer's own epoch on random images, without measurements: augmentation, attack, loss,
backward, optimiser, records. --plain times the plain loop of the literature beside it, round by round. Where
torch.compile is on, the graphs that it makes and the wait for them are reported too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from difflib import get_close_matches
from statistics import median
from typing import Any

import torch

from trainers.allocator import ALLOCATOR  # what a sweep gives its workers
from trainers.bench_compile import FirstSteps, time_first_steps
from trainers.bench_cost import AUTHORS, Clock, Flops, Peak, counted, measured_peak
from trainers.bench_ops import counted_ops, ops_table
from trainers.bench_plain import agreement
from trainers.bench_time import Case, Timing, timed
from trainers.compiled import count_graphs
from trainers.config import Compute
from trainers.hardware import name_device
from trainers.methods import METHODS
from trainers.models import MODELS
from trainers.terminal.arguments import Parser
from trainers.terminal.showing import run_and_exit

LEGEND = """
Each method is timed as it acts late in training, past its burn-in, at K = 10. forwards, backwards: passes of an example
for each update, attack and update together; an attack that stops early makes as many as its examples need, here on
random labels. authors': the same in the papers' code, at most; TRADES' code recomputes clean logits at each step, and
that of Rice et al. (pgd-at) looks twice more. x standard: time of an image over that of standard training in this
run."""

UNBROKEN = 1000  # columns of what is no terminal


def main(arguments: Sequence[str]) -> int:
    reader = parser()
    options = reader.parse_args(arguments)
    try:
        print(report(options))
    except ValueError as error:
        reader.error(str(error))  # exits with 2
    return 0


def parser() -> Parser:
    reader = Parser(prog="python -m trainers.bench", description=__doc__.partition("\n")[0])
    reader.add_argument("--method", type=_one_of("method", METHODS), default="pgd-at", help=", ".join(METHODS))
    reader.add_argument("--model", type=_one_of("model", MODELS), default="preact_resnet18", help=", ".join(MODELS))
    for name, default, what in (
        ("batch", 128, "images a step"),
        ("threads", 1, "of the CPU"),
        ("size", 32, "pixels a side"),
        ("channels", 3, "of the images"),
        ("rounds", 5, "timed rounds"),
    ):
        reader.add_argument(
            f"--{name}", type=_positive, default=default, metavar="N", help=f"{what}; {default} if not given"
        )
    reader.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    reader.add_argument("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="auto: fp32 on a CPU")
    reader.add_argument("--compile", action="store_true", help="torch.compile on a CPU too")
    either = reader.add_mutually_exclusive_group()
    either.add_argument("--all", action="store_true", help="every method")
    either.add_argument("--plain", action="store_true", help="compare with the plain loop of the literature")
    reader.add_argument("--ops", action="store_true", help="count the operations of a step instead of timing it")
    return reader


def report(options: argparse.Namespace) -> str:
    """Return the text to print. Raises ValueError if the options contradict each other."""
    if options.device == "cuda" and not torch.cuda.is_available():
        raise ValueError("--device cuda: torch sees no GPU here; take cpu")
    compute = Compute(device=options.device, precision=options.precision, compile=options.compile or "auto")
    compute = compute.resolved(torch.cuda.is_available())
    case = Case(MODELS[options.model], options.batch, options.channels, options.size, compute, options.threads)
    methods = list(METHODS) if options.all else [options.method]
    if options.ops and (options.plain or options.compile):
        raise ValueError("--ops counts the operations of our own eager step; drop --plain and --compile")
    if options.ops:
        return f"{conditions(options.model, case)}\n\n{ops_table(counted_ops(case, methods))}"
    flops = counted(case.model, case.channels, case.size)
    torch.set_num_threads(case.threads)
    clock = Clock(torch.device(str(compute.device)), case.threads)
    bf16 = compute.precision == "bf16"
    before = measured_peak(clock, bf16)
    firsts = [time_first_steps(case, method) for method in methods] if compute.compile else []
    made = count_graphs()
    timings = timed(case, methods, options.rounds, options.plain, flops, clock)
    recompiled = count_graphs() - made
    peak = max(before, measured_peak(clock, bf16))  # measured twice, as a shared machine has slow moments
    parts = [header(options.model, case, peak, flops, clock, options.rounds), table(timings, peak)]
    if firsts:
        parts.append(compiling(firsts, recompiled))
    if options.all:
        parts.append(LEGEND)
    return "\n".join([*parts, verdict(case, *timings)] if options.plain else parts)


def table(timings: Sequence[Timing], peak: Peak) -> str:
    """Return a line for each timing, with aligned columns; in several blocks on a terminal that is too narrow."""
    head = ["step", "images/s", "", "s/step", "x standard", "forwards", "backwards", "authors'"]
    head += ["MFLOP/image", "GFLOP/s", "of peak"]
    lines = [head]
    standard = next((median(t.seconds) / t.images for t in timings if t.name == "standard"), None)
    for name, row, flops, images, seconds in timings:
        middle, steps = median(seconds), row["updates"]
        speed = flops * images / middle
        passes = [f"{row[key] / row['examples']:.3g}" for key in ("forwards", "backwards")]
        lines.append([
            name, f"{images / middle:.4g}", _range([images / s for s in seconds]), f"{middle / steps:.4g}",
            f"{middle / images / standard:.3g}" if standard else "", *passes,
            "{} {}".format(*AUTHORS[name]) if name in AUTHORS else "",
            f"{flops / 1e6:.5g}", f"{speed / 1e9:.4g}", f"{speed / peak.flops:.0%}",
        ])  # fmt: skip
    return "\n\n".join(_lay_out(lines, shutil.get_terminal_size((UNBROKEN, 0)).columns))


def _lay_out(lines: Sequence[Sequence[str]], width: int) -> Iterator[str]:
    """Yield blocks of aligned columns, as many columns as fit; each block begins with the first one."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    blocks = [[0]]
    for i in range(1, len(widths)):
        if len(blocks[-1]) > 1 and sum(widths[j] + 2 for j in blocks[-1]) + widths[i] > width:
            blocks.append([0])
        blocks[-1].append(i)
    for block in blocks:
        yield "\n".join(
            "  ".join(line[i].rjust(widths[i]) if i else line[i].ljust(widths[i]) for i in block) for line in lines
        )


def _range(values: Sequence[float]) -> str:
    return f"[{min(values):.4g}..{max(values):.4g}]"


def header(model: str, case: Case, peak: Peak, flops: Flops, clock: Clock, rounds: int) -> str:
    return (
        f"{conditions(model, case)}\n"
        f"{flops.forward / 1e6:.4g} MFLOP forward an image; "
        f"peak {peak.flops / 1e9:.4g} GFLOP/s ({peak.by}); {clock.name}, median of {rounds} rounds [least..most]\n"
    )


def conditions(model: str, case: Case) -> str:
    compute = case.compute
    return (
        f"torch {torch.__version__}, {name_device(torch.device(str(compute.device)))}, "
        f"{case.threads} thread{'s'[: case.threads > 1]}, "
        f"{compute.precision}, {'compiled' if compute.compile else 'eager'}, {date.today().isoformat()}\n"
        f"{model} on {case.channels}x{case.size}x{case.size}, batch {case.batch}"
    )


def compiling(firsts: Sequence[FirstSteps], recompiled: int) -> str:
    """Return what compiling costs each method; `recompiled` graphs were made in the steps after the first."""
    lines = "".join(f"\n  {first.describe()}" for first in firsts)
    return f"\ncompiled:{lines}\n  graphs made by later steps: {recompiled}"


def verdict(case: Case, ours: Timing, plain: Timing) -> str:
    ratios = [other / own for own, other in zip(ours.seconds, plain.seconds, strict=True)]
    fp32, fp64 = (agreement(case.trainer(ours.name, 1), dtype) for dtype in (torch.float32, torch.float64))
    return (
        f"\nours / plain: {median(ratios):.3g} times the images/s {_range(ratios)}, round by round\n"
        "one step on the same 8 images from the same noise, eager:\n"
        f"  in fp64 {fp64.moved:.2%} of the adversaries' pixels differ, the parameter updates by {fp64.update:.0e}\n"
        f"  in fp32 {fp32.moved:.2%} (by at most {fp32.furthest:.2g}), the parameter updates by {fp32.update:.0e}\n"
        "of their length; where a gradient is near 0, rounding decides its sign and so the pixel's step"
    )


def _one_of(what: str, table: Iterable[str]) -> Any:
    def known(word: str) -> str:
        if word in table:
            return word
        near = get_close_matches(word, table, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise argparse.ArgumentTypeError(f"no {what} is called {word!r}{hint} (there are {', '.join(table)})")

    return known


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1; got {text!r}")
    return int(text)


if __name__ == "__main__":
    if any(os.environ.get(key) != value for key, value in ALLOCATOR.items()):
        os.execve(sys.executable, sys.orig_argv, os.environ | ALLOCATOR)  # read when a process starts
    run_and_exit(lambda: main(sys.argv[1:]))
