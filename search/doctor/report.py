"""The report of all sections: tables for a terminal, JSON, and a row for the table of verified machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from search.doctor.check import Check
from search.doctor.section_process import SectionResult
from trainers.formatting import format_count, format_duration
from trainers.record_io import Row
from trainers.terminal.console import Console

FORMAT = 1  # of the JSON
MARKS = {"passed": ("✓", "green"), "failed": ("✗", "bold red"), "skipped": ("-", "dim")}
NAME_WIDTH = 26  # columns: the names of all checks are aligned over all sections
COLUMNS = ("checked", "device", "software", "equal bits", "small network", "PreAct ResNet-18", "peak", "`gpus: auto`")
UNKNOWN = "–"


def print_section(console: Console, does: str, result: SectionResult) -> None:
    """Print a section as a table: a mark, the name of the check, and what was found, with the remedy below it."""
    console.print(Text(f"{result.section}: {does}", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=1)
    table.add_column(width=NAME_WIDTH)
    table.add_column(overflow="fold")
    for check in result.checks:
        mark, style = MARKS[check.state]
        table.add_row(Text(mark, style=style), check.name, "\n".join(_list_lines(check)))
    console.print(table)
    console.print()


def _list_lines(check: Check) -> Iterator[str]:
    yield check.found
    if check.needed:
        yield f"needed: {check.needed}"
    if check.remedy:
        yield f"{'to do' if check.state == 'failed' else 'run'}: {check.remedy}"


def format_verdict(results: Sequence[SectionResult], seconds: float) -> str:
    """Return the last lines: how many checks passed, and the names of those that failed."""
    counted: Counter[str] = Counter(check.state for result in results for check in result.checks)
    parts = [f"{format_count(counted['passed'], 'check')} passed"]
    parts += [
        f"{counted[state]} {word}" for state, word in (("failed", "failed"), ("skipped", "not made")) if counted[state]
    ]
    lines = [f"{', '.join(parts)}, in {format_duration(seconds)}."]
    if failures := list_failures(results):
        lines.append(f"Failed: {', '.join(failures)}. What to do is said above.")
    return "\n".join(lines)


def list_failures(results: Sequence[SectionResult]) -> list[str]:
    """Return the names of the checks that failed, with their sections."""
    return [
        f"{result.section}/{check.name}" for result in results for check in result.checks if check.state == "failed"
    ]


def build_report(results: Sequence[SectionResult], date: str, seconds: float) -> Row:
    """Return the report as JSON values; search/README.md documents them."""
    report: Row = {
        "format": FORMAT,
        "date": date,
        "passed": not list_failures(results),
        "seconds": round(seconds, 1),
        "sections": [asdict(result) | {"seconds": round(result.seconds, 1)} for result in results],
    }
    return report | {"row": format_row(report)}


def format_row(report: Row) -> str:
    """Return the row of a report in the table of verified machines, in Markdown."""
    found = {
        (section["section"], check["name"]): check
        for section in report["sections"]
        for check in section["checks"]
        if check["state"] != "skipped"
    }
    cells = (
        report["date"],
        _format_device(found),
        _format_software(found),
        _format_bits(found),
        _format_speed(found, "small network"),
        _format_speed(found, "PreAct ResNet-18"),
        _format_peak(found),
        _format_packing(found),
    )
    return f"| {' | '.join(cells)} |"


Found = dict[tuple[str, str], Row]


def _values(found: Found, section: str, name: str) -> Row:
    values: Row = found.get((section, name), {}).get("values", {})
    return values


def _format_device(found: Found) -> str:
    device = _values(found, "software", "device")
    if not device:
        return UNKNOWN
    cores = format_count(device["cores"], "core")
    return f"{device['gpus']} x {device['model']}, {cores}" if device.get("gpus") else f"{device['model']}, {cores}"


def _format_software(found: Found) -> str:
    versions, device = _values(found, "software", "Python and torch"), _values(found, "software", "device")
    if not versions:
        return UNKNOWN
    driver = f", driver {device['driver']}" if device.get("driver") else ""
    return f"Python {versions['python']}, torch {versions['torch']}{driver}"


def _format_bits(found: Found) -> str:
    """Say whether all comparisons of bits passed, eager and compiled."""
    parts = []
    for section, how in (("promises", "eager"), ("compiled", "compiled")):
        checks = [check for (where, _), check in found.items() if where == section and "compared" in check["values"]]
        states = [check["state"] for check in checks]
        if states:
            parts.append(f"{how} {'✗' if 'failed' in states else '✓'}")
    return ", ".join(parts) or UNKNOWN


def _format_speed(found: Found, network: str) -> str:
    parts = []
    for suffix in ("", ", compiled"):
        step = _values(found, "speed", f"{network}{suffix}")
        if step:
            how = f"{step['precision']}{suffix}"
            parts.append(f"{step['images_per_s']:.3g} images/s ({how}, {step['share']:.0%} of the peak)")
    return "; ".join(parts) or UNKNOWN


def _format_peak(found: Found) -> str:
    peaks = _values(found, "speed", "measured peak")
    return (
        ", ".join(f"{name} {peak['flops'] / 1e12:.3g}" for name, peak in peaks.items()) + " TFLOP/s"
        if peaks
        else UNKNOWN
    )


def _format_packing(found: Found) -> str:
    packed = _values(found, "packing", "copies").get("packed")
    return str(packed) if packed else UNKNOWN
