"""The report of a sweep, drawn from its records alone: `python -m analysis.report results/friendly_k`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from analysis.charts.saving import WIDTH, parse_width
from analysis.cli import report_errors
from analysis.report.data import ReportData, collect_report_data
from analysis.report.page import STEPS, name_folders, write_comparison, write_report
from analysis.report.summary import plain_text, print_summary
from analysis.report.watch import may_change, watch_records
from analysis.results.remote_copy import open_records, send_folder
from analysis.results.sweep import load_sweep, print_damage
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_progress
from trainers.terminal.showing import run_and_exit

INTERVAL = 30.0  # seconds between two looks at the records, and between two loads of a page


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report of a sweep, or one page of several, print a summary and the path of the page."""
    parser = _build_parser()
    options = parser.parse_args(arguments)
    if len(options.folder) > 1 and options.output is None:
        parser.error("several sweeps need -o PAGE, such as -o comparison.html")
    if options.watch and any("://" in where for where in options.folder):
        parser.error("--watch needs folders; a sweep behind a URL is copied, so draw its report again instead")
    if options.watch:
        write = partial(_write_again, options)
        folders = [Path(where) for where in options.folder]
        watch_records(folders, write, options.interval, say=error_console().print)
    else:
        _write(options)
    return 0


def _build_parser() -> Parser:
    parser = Parser(
        prog="python -m analysis.report", description="Draw the report of a sweep, or of several, from their records."
    )
    parser.add_argument("folder", nargs="+", help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument(
        "-o", "--output", type=_parse_page, metavar="PAGE",
        help="page to write, .html; tables and figures lie beside it (default: report/index.html of the sweep)",
    )  # fmt: skip
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figures in inches (default: %(default)s)"
    )
    parser.add_argument("--quiet", action="store_true", help="print no summary, only the path of the page")
    parser.add_argument("--watch", action="store_true", help="write it again when records change, until all have ended")
    parser.add_argument(
        "--interval", type=_parse_interval, default=INTERVAL, metavar="SECONDS",
        help="between two updates of --watch (default: %(default)g)",
    )  # fmt: skip
    return parser


def _parse_page(text: str) -> Path:
    path = Path(text)
    if path.suffix not in (".html", ".htm"):
        raise argparse.ArgumentTypeError(f"{text}: expected a name ending in .html")
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a folder; name a file")
    return path


def _parse_interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text}: expected seconds from 1 to 86400")
    return seconds


def _write_again(options: argparse.Namespace) -> bool:
    """Write the page of --watch, and return whether more records may come."""
    reports = _write(options)
    return may_change(reports)


def _write(options: argparse.Namespace) -> list[ReportData]:
    """Write the page and print where it is, after the summary of a single sweep unless --quiet is given."""
    with ExitStack() as stack:
        folders = [stack.enter_context(open_records(where)) for where in options.folder]
        alone = len(folders) == 1
        with show_progress("drawing the report, steps", 1 + STEPS if alone else 2, is_even=False) as progress:
            reports = [
                collect_report_data(load_sweep(folder, where))
                for folder, where in zip(folders, options.folder, strict=True)
            ]
            progress.advance()
            reload = options.interval if options.watch and may_change(reports) else None
            if alone:
                written = str(write_report(reports[0], options.width, progress.advance, options.output, reload))
            else:
                written = str(write_comparison(reports, options.output, options.width, reload))
                progress.advance()
        if alone and options.output is None and "://" in options.folder[0]:
            written = f"{send_folder(folders[0] / 'report', options.folder[0])}/index.html"
    console = Console()
    if alone and not options.quiet:
        print_summary(reports[0], console)
    beside = f", with {'/ and '.join(name_folders(options.output))}/ beside it" if options.output else ""
    console.print(plain_text(f"Report: {written}{beside}"), soft_wrap=True)
    print_damage([report.results for report in reports])
    return reports


if __name__ == "__main__":
    run_and_exit(main)
