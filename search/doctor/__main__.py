"""python -m search.doctor: check whether this machine keeps the promises of a sweep, and say what to set.

Exit codes: 0 all checks that were made passed, 1 some failed, 2 wrong arguments.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from datetime import date
from pathlib import Path

from search.cli import exit_with
from search.doctor.check import Conditions, skipped
from search.doctor.report import build_report, format_verdict, list_failures, print_section
from search.doctor.section_process import SectionResult, print_checks, run_section
from search.doctor.sections import COMMAND, SECTIONS, TOTAL, Section
from search.store.remote import parse_path
from trainers.formatting import did_you_mean
from trainers.record_io import Place
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console

DEFAULT_WIDTH = 120  # columns without a terminal and without COLUMNS
RunSection = Callable[[str, Place, Path, float], SectionResult]


def main(arguments: list[str] | None = None) -> int:
    """Run the command with these arguments. Return the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    for name in options.section:
        if name not in SECTIONS:
            parser.error(f"--section {name}: there is no such section{did_you_mean(name, SECTIONS)} "
                         f"(there are {', '.join(SECTIONS)})")  # fmt: skip
    results = Path(os.path.abspath(options.results)) if isinstance(options.results, Path) else options.results
    if options.here:
        return check_here(options.section, results)
    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = DEFAULT_WIDTH
    began, found = time.monotonic(), []
    scratch = Path(tempfile.mkdtemp(prefix="doctor-"))
    try:
        for result in run_sections(options.section, results, scratch, None if options.json else console):
            found.append(result)
            if not options.json:
                print_section(console, SECTIONS[result.section].does, result)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    seconds = time.monotonic() - began
    if options.json:
        print(json.dumps(build_report(found, date.today().isoformat(), seconds), indent=1, ensure_ascii=False))
    else:
        console.print(format_verdict(found, seconds))
    return int(bool(list_failures(found)))


def build_parser() -> Parser:
    """Return the parser of the command's arguments."""
    parser = Parser(prog="python -m search.doctor", description=__doc__)
    parser.add_argument("--results", type=parse_path, default=Path("results"), metavar="DIR",
                        help="where sweeps will be stored: a folder or a URL (default: results)")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the report as JSON when all is done")
    listed = "; ".join(f"{section.name}: {section.does}" for section in SECTIONS.values())
    parser.add_argument("--section", nargs="+", action="extend", default=[], metavar="NAME",
                        help=f"check these sections alone (default: all that suit this machine). {listed}")  # fmt: skip
    parser.add_argument("--here", action="store_true", help="check in this process, and print a JSON line for each")
    return parser


def check_here(names: Sequence[str], results: Place) -> int:
    """Run sections in this process, and print a JSON line for each check. Return the exit code."""
    import torch  # late: the process that only starts others needs none

    device = "cuda" if torch.cuda.is_available() else "cpu"
    with tempfile.TemporaryDirectory(prefix="doctor-") as scratch:
        for name in names:
            print_checks(SECTIONS[name].load()(Conditions(results, Path(scratch), device)))
    return 0


def run_sections(
    asked: Sequence[str], results: Place, scratch: Path, console: Console | None, run: RunSection = run_section
) -> Iterator[SectionResult]:
    """Run the sections that were asked for, or all, one after another. On a terminal, show which one is running.

    All together end within the time that their device allows; sections that were asked for have longer limits instead.
    """
    began, device = time.monotonic(), None
    for section in [SECTIONS[name] for name in dict.fromkeys(asked)] or SECTIONS.values():
        left = float("inf") if asked else TOTAL[device or "cuda"] - (time.monotonic() - began)
        if reason := section.find_reason_to_skip(device, bool(asked), left):
            command = f"{COMMAND} {section.name}"
            yield SectionResult(section.name, 0.0, [skipped("the section", reason, command)])
            continue
        limit = min(section.find_limit(device, bool(asked)), left)
        with console.status(_format_progress(section, limit), spinner="line") if console else nullcontext():
            result = run(section.name, results, scratch, limit)
        device = device or _find_device(result)
        yield result


def _format_progress(section: Section, limit: float) -> str:
    return f"{section.name}: {section.does}, at most {limit:.0f} s"


def _find_device(result: SectionResult) -> str | None:
    """Return the device that the section on software found."""
    return next((check.values["device"] for check in result.checks if "device" in check.values), None)


if __name__ == "__main__":
    exit_with(main, shows=True)
