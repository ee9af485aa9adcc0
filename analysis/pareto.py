"""Compare the Pareto fronts of sweeps in one figure: `python -m analysis.pareto RUN [RUN …] -o FILE`.

With several sweeps, or with groups of a sweep, it also prints how often the seeds of one attain what those of another
do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.charts.front import plot_front
from analysis.charts.front_difference import plot_front_difference
from analysis.charts.saving import WIDTH, parse_image, parse_width
from analysis.charts.styles import build_register
from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.measures.front import FrontPanel, compute_fronts
from analysis.measures.front_difference import FrontDifference, compare_fronts
from analysis.report.summary import (
    build_curve_tables,
    build_difference_tables,
    build_front_tables,
    explain_certainty,
    explain_columns,
)
from analysis.results.sweep import open_sweeps
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.tables import print_table

MAX_COMPARED = 8  # fronts that are compared two by two
MAX_DIFFERENCES = 6  # panels of a figure


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Draw the fronts of some sweeps in one figure and print their members."""
    options = _build_parser().parse_args(arguments)
    with open_sweeps(options.run) as sweeps:
        found = compute_fronts(sweeps, options.x, options.y, options.checkpoint, options.by)
        differences = list(compare_fronts(found)) if len(found.curves) <= MAX_COMPARED else []
        register = build_register([sweep.study_trials for sweep in sweeps], found.sweeps)
        chart = plot_front(found, register, options.width, options.log)
        chart.save(options.output)
        if options.difference:
            _draw_difference(differences, options.width, options.difference)
    console = Console()
    for panel, table in zip(found.panels, build_front_tables(found), strict=True):
        print_table(console, table)
        if certainty := explain_certainty(found, panel):
            console.print(certainty)
        console.print(f"{panel.note} {panel.missing}".strip(), "", sep="\n")
    if found.remark:
        console.print(found.remark, "", sep="\n")
    console.print(explain_columns(found).strip(), "", sep="\n")
    for table in [*build_curve_tables(found), *build_difference_tables(differences)]:
        print_table(console, table)
        console.print()
    if len(found.curves) > MAX_COMPARED:
        console.print(
            f"{len(found.curves)} fronts are not compared two by two: more than {MAX_COMPARED}.", "", sep="\n"
        )
    console.print(f"{chart.note} Figure: {options.output}".strip(), soft_wrap=True)
    return 0


def _draw_difference(differences: Sequence[tuple[FrontPanel, FrontDifference]], width: float, path: Path) -> None:
    """Draw the differences. Raises SweepError if there are none, or too many for a page."""
    if not differences or len(differences) > MAX_DIFFERENCES:
        raise SweepError(
            f"--difference: there are {len(differences)} pairs of fronts on the same terms, and a figure has 1 to "
            f"{MAX_DIFFERENCES}; give two runs with the same data, attack and images, or one run and fewer groups"
        )
    plot_front_difference(differences, width).save(path)


def _build_parser() -> Parser:
    parser = Parser(prog="python -m analysis.pareto", description="Compare the Pareto fronts of sweeps in one figure.")
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/friendly_k")
    parser.add_argument("-o", "--output", type=parse_image, required=True, help="file to write: .png, .svg or .pdf")
    parser.add_argument("--x", help="horizontal metric (default: clean test accuracy on the images of --y)")
    parser.add_argument(
        "--y", help="vertical metric (default: accuracy under the strongest attack that all trials have)"
    )
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figure in inches (default: %(default)s)"
    )
    parser.add_argument(
        "--by",
        action="append",
        default=[],
        metavar="PATH",
        help="draw a front for each value of an axis or part of a trial, such as method or subset.size; repeatable",
    )
    parser.add_argument("--log", action="store_true", help="draw logarithmic axes")
    parser.add_argument(
        "--difference",
        type=parse_image,
        metavar="FILE",
        help="also draw where the seeds of one front attain more often what those of another do",
    )
    parser.add_argument(
        "--checkpoint",
        choices=("best", "last"),
        help="epoch that is compared; best: the one that validation selects (default: best if there is one, else last)",
    )
    return parser


if __name__ == "__main__":
    run_and_exit(main)
