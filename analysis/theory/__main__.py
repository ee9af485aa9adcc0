"""Compare the theorems of Liu et al. 2021 with direct computations, in tables and figures."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich.table import Table

from analysis.charts.saving import WIDTH, parse_width
from analysis.cli import report_errors
from analysis.theory.charts import specify_figures
from analysis.theory.lipschitz import count_examples
from analysis.theory.settings import (
    DELTA,
    EPSILONS,
    EXAMPLES,
    POINTS,
    RESNET,
    SETS,
    SIZES,
    GapCurve,
    bound_resnet,
    compare_errors,
    count_failures,
    describe_size,
    run_descents,
    tabulate_bounds,
    tabulate_label_variance,
    tabulate_toy,
    trace_gaps,
)
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.tables import print_table

SHOWN = (100, 1_000, 10_000)  # steps of gradient descent in the table
GAMMAS = (0.25, 0.5, 1.0, 2.0)
SUFFIXES = (".png", ".svg", ".pdf")


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Print a table for each theorem and, if a folder is named, draw the figures."""
    options = _build_parser().parse_args(arguments)
    console, folder = Console(), options.output
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    descents, errors = run_descents(options.seed), compare_errors(options.seed, options.points)
    toy, gaps = tabulate_toy(), trace_gaps(options.seed)
    shown = _show_gaps(gaps, count_failures(*SIZES[0], options.seed))
    for table, note in (*_show_descents(descents), *_show_errors(toy, errors), *shown, *_show_bounds()):
        print_table(console, table)
        console.print(note, "", sep="\n")
    if folder is None:
        console.print("-o FOLDER draws the figures.")
        return 0
    tables = (descents, toy, errors, gaps, tabulate_bounds(), tabulate_label_variance())
    for spec in specify_figures(*tables, options.width):
        spec.chart.save(*(folder / f"{spec.slug}{suffix}" for suffix in SUFFIXES))
        console.print(f"{folder / spec.slug}.png, .svg, .pdf: {spec.title}. {spec.caption}", soft_wrap=True)
    return 0


def _show_descents(found: pd.DataFrame) -> Iterator[tuple[Table, str]]:
    for (n, m, normalized), rows in found.groupby(["examples", "dimensions", "normalized"], sort=False):
        wide = rows.pivot(index="ratio", columns="step")
        kind = "normalized" if normalized else "plain"
        title = f"Theorem 1: gradient descent, {n} examples in {m} dimensions, {kind} steps"
        heads = [f"cosine, {step:,} steps" for step in SHOWN] + [f"‖w‖, {step:,}" for step in SHOWN[1:]]
        table = _create_table(title, "ε / margin", *heads)
        for ratio, row in wide.iterrows():
            cells = [f"{row['cosine', step]:.5f}" for step in SHOWN] + [
                f"{row['norm', step]:.2f}" for step in SHOWN[1:]
            ]
            table.add_row(f"{ratio:g}", *map(_sign, cells))
        margin = rows["margin"].iloc[0]
        yield (
            table,
            f"The margin is {margin:.3f}. Cosine: to the max-margin vector. Above the margin ‖w‖ stays bounded.",
        )


def _show_errors(toy: pd.DataFrame, found: pd.DataFrame) -> Iterator[tuple[Table, str]]:
    title = "Theorem 2: the example without randomness, 2 examples in 6 dimensions"
    table = _create_table(title, "r", "g", "margin", *(f"R, ε = {epsilon:g}" for epsilon in EPSILONS))
    for row in toy.to_dict("records"):
        numbers = [f"{row[name]:.12f}" for name in ("alignment", "margin")]
        table.add_row(f"{row['r']:g}", *numbers, *(f"{row[f'error_{epsilon:g}']:.6f}" for epsilon in EPSILONS))
    yield table, f"g and margin differ from those of the computed ŵ by at most {_compare_columns(toy):.0e}."
    title = f"Theorem 2: robust test error (%), by formula and by attacks on {found['n'].iloc[0]:,} random test points"
    heads = [f"ε = {epsilon:g}: {how}" for epsilon in EPSILONS for how in ("formula", "attacks")]
    table = _create_table(title, "n", "m", "r", *heads)
    for (n, m, r), rows in found.groupby(["examples", "dimensions", "r"]):
        cells = [
            cell
            for row in rows.to_dict("records")
            for cell in (f"{100 * row['exact']:.2f}", f"{100 * row['error']:.1f}±{100 * row['se']:.1f}")
        ]
        table.add_row(str(n), f"{m:,}", f"{r:g}", *cells)
    far = ((found["error"] - found["exact"]).abs() / found["se"]).max()
    yield (
        table,
        f"±: binomial standard error; no difference exceeds {far:.1f} of them. g and margin differ from those of the "
        f"computed ŵ by at most {_compare_columns(found):.0e}; ŵ is "
        f"{'' if found['max_margin'].all() else 'not always '}the max-margin vector.",
    )


def _compare_columns(found: pd.DataFrame) -> float:
    """Return the largest difference between formula and computation."""
    pairs = [(found[name] - found[f"{name}_direct"]).abs().max() for name in ("alignment", "margin")]
    return max(map(float, pairs))


def _show_gaps(curves: Sequence[GapCurve], failures: int) -> Iterator[tuple[Table, str]]:
    title = "Corollary 1: robust test error after training on the hardest less on the easiest component (points)"
    table = _create_table(
        title, "training set", *(f"ε = {e:g}" for e in EPSILONS), "rises to ε", "falls from ε", "margin"
    )
    notes = []
    for curve in curves:
        gaps = [f"{100 * gap:.2f}" for gap in curve.compute(EPSILONS)]
        ends = [*curve.turn, curve.margin]
        table.add_row(curve.name, *gaps, *(f"{end:.3f}" for end in ends))
        if (found := curve.counterexample) is not None:
            pairs = zip(found.epsilons, found.gaps, strict=True)
            first, second = (f"{100 * gap:.1f} points at ε = {epsilon:.2f}" for epsilon, gap in pairs)
            notes.append(f"Counter-example to the corollary, {curve.name}: {first}, {second}.")
    n, m = SIZES[0]
    sufficient = "Up to the first ε the gap certainly rises, from the second on it certainly falls."
    often = (
        f"Of {SETS} random training sets of {describe_size(n, m)} it falls somewhere below the margin in {failures}."
    )
    yield table, " ".join([sufficient, *notes, often])


def _show_bounds() -> Iterator[tuple[Table, str]]:
    title = f"Theorem 3: lower bound of Lip(f), ResNet-18 ({RESNET.parameters:,} parameters), δ = {DELTA:g}"
    table = _create_table(title, "γ", "least n", *(f"n = {n:,}" for n in EXAMPLES))
    for gamma in GAMMAS:
        least = count_examples(gamma, DELTA)
        bounds = [f"{bound_resnet(gamma, n):.4f}" if n >= least else "–" for n in EXAMPLES]
        table.add_row(f"{gamma:g}", f"{least:,}", *bounds)
    yield table, "–: the condition on δ fails."


def _create_table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="left" if column == "training set" else "right", overflow="fold")
    return table


def _sign(text: str) -> str:
    return text.replace("-", "−")


def _build_parser() -> Parser:
    parser = Parser(prog="python -m analysis.theory", description=__doc__)
    parser.add_argument("-o", "--output", type=_parse_folder, help="folder for the figures, as .png, .svg and .pdf")
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figures in inches (default: %(default)s)"
    )
    parser.add_argument("--seed", type=_parse_count, default=0, help="seed of the random data (default: %(default)s)")
    points = "random test points to attack (default: %(default)s)"
    parser.add_argument("--points", type=_parse_points, default=POINTS, help=points)
    return parser


def _parse_folder(text: str) -> Path:
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a file; name a folder")
    return path


def _parse_count(text: str, least: int = 0) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of at least {least}")
    return int(text)


def _parse_points(text: str) -> int:
    return _parse_count(text, 1)


if __name__ == "__main__":
    run_and_exit(main)
