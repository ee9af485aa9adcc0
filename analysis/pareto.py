"""Compare the Pareto fronts of sweeps in one figure: `python -m analysis.pareto RUN [RUN …] -o FILE`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from analysis.charts.front import draw_front, size_front
from analysis.charts.front_keys import assign_keys
from analysis.charts.saving import WIDTH, parse_width, save_figure
from analysis.charts.styles import build_register
from analysis.exceptions import SweepError
from analysis.measures.front import compute_fronts
from analysis.report.summary import build_front_tables
from analysis.results.sweep import load_sweep, print_damage
from trainers.terminal.console import Console, error_console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.tables import print_table


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the fronts of some sweeps in one figure and print their members."""
    options = _build_parser().parse_args(arguments)
    try:
        sweeps = [load_sweep(run) for run in options.run]
        print_damage(sweeps)
        found = compute_fronts(sweeps, options.x, options.y, options.checkpoint)
        keys = assign_keys(found, build_register([sweep.study_trials for sweep in sweeps], found.sweeps))
        save_figure(lambda figure: draw_front(figure, found, keys), size_front(found, options.width), [options.output])
    except (SweepError, OSError) as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    for panel, table in zip(found.panels, build_front_tables(found), strict=True):
        print_table(console, table)
        console.print(f"{panel.note} {panel.missing}".strip(), "", sep="\n")
    console.print(f"{keys.words} Figure: {options.output}".strip(), soft_wrap=True)
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m analysis.pareto", description="Compare the Pareto fronts of sweeps in one figure."
    )
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/friendly_k")
    parser.add_argument("-o", "--output", type=_parse_image, required=True, help="file to write: .png, .svg or .pdf")
    parser.add_argument("--x", help="horizontal metric (default: clean test accuracy on the images of --y)")
    parser.add_argument(
        "--y", help="vertical metric (default: accuracy under the strongest attack that all trials have)"
    )
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figure in inches (default: %(default)s)"
    )
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last"),
        help="best is selected on validation (default: best if there is one, else last)",
    )
    return parser


def _parse_image(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise argparse.ArgumentTypeError(f"{text}: expected a name ending in .png, .svg or .pdf")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file")
    return path


if __name__ == "__main__":
    run_and_exit(main)
