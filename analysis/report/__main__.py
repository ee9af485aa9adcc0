"""The report of a sweep, drawn from its records alone: `python -m analysis.report results/friendly_k`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from analysis.charts.saving import WIDTH, parse_width
from analysis.exceptions import SweepError
from analysis.report.data import collect_report_data
from analysis.report.page import STEPS, write_report
from analysis.report.summary import plain_text, print_summary
from analysis.results.remote_copy import open_records, send_folder
from analysis.results.sweep import load_sweep, print_damage
from trainers.terminal.console import Console, error_console
from trainers.terminal.progress import show_progress
from trainers.terminal.showing import run_and_exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report, print a summary and print the path of the report."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report", description="Draw the report of a sweep from its records."
    )
    parser.add_argument("folder", help="a sweep's folder, such as results/friendly_k, or its URL")
    parser.add_argument(
        "--width", type=parse_width, default=WIDTH, help="width of the figures in inches (default: %(default)s)"
    )
    options = parser.parse_args(arguments)
    where = options.folder
    try:
        with open_records(where) as folder:
            with show_progress("drawing the report, steps", 1 + STEPS) as progress:
                data = collect_report_data(load_sweep(folder, where))
                progress.advance()
                written = str(write_report(data, options.width, progress.advance))
            if "://" in where:
                written = f"{send_folder(folder / 'report', where)}/index.html"
    except (SweepError, OSError) as error:
        error_console().print(f"error: {error}")
        return 2
    console = Console()
    print_summary(data, console)
    console.print(plain_text(f"Report: {written}"), soft_wrap=True)
    print_damage([data.results])
    return 0


if __name__ == "__main__":
    run_and_exit(main)
