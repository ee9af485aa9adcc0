"""Sweeps as Markdown tables with a row per configuration: both checkpoints under every final attack.

A table for a README or an issue, with all that a reader needs to interpret it: seeds, attacks, versions, date.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.measures.front import FrontPanel, compute_fronts
from analysis.measures.front_members import list_members
from analysis.report.configurations import ConfigurationTable, describe_conditions, tabulate_by_terms
from analysis.report.summary import format_corrected
from analysis.results.sweep import Sweep, open_sweeps
from trainers.certificate.words import describe_assessment, describe_verdict
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit
from trainers.terminal.text import escape_controls

MASKING = (
    "The difference between PGD and AutoAttack is taken at the last epoch. Dong et al. 2021 take the difference "
    "between PGD-10 and custom AutoAttack at the checkpoint that they select. In the report's trials.csv, "
    "`best_gradient_masking_gap` is taken at the epoch that validation selects, between the attack of the learning "
    "curves and AutoAttack."
)


def render_pages(sweeps: Sequence[Sweep]) -> list[str]:
    """Render one table with captions for all sweeps that were measured on the same terms, and return all pages.

    Raises SweepError if no metric can be shown.
    """
    return [
        "\n\n".join(
            [
                render_table(table),
                *map(render_caption, table.sweeps),
                *[MASKING] * table.has_masking_gap,
                *render_certainty(table.sweeps),
            ]
        )
        for table in tabulate_by_terms(sweeps)
    ]


def render_table(table: ConfigurationTable) -> str:
    """Render a line per configuration, in the order of the plans: means over seeds ± standard errors, in percent."""
    several = len(table.sweeps) > 1
    head = ["sweep"] * several + ["configuration"]
    rule = ["---"] * len(head) + ["--:"] * len(table.columns)
    lines = [[*head, *(f"{column.group}: {column.title}" for column in table.columns)], rule]
    for row in table.rows:
        names = [_format_code(row.study)] * several + [f"{_format_code(row.name)}{row.endings}"]
        lines.append([*names, *row.texts(table.columns)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _format_code(name: str) -> str:
    """Format a name as code, in which no character is markup except the bar, which would still end a cell."""
    fence = "`" * (1 + max(map(len, re.findall("`+", name)), default=0))
    pad = " " if "`" in name else ""
    return f"{fence}{pad}{escape_controls(name)}{pad}{fence}".replace("|", r"\|")


def render_caption(sweep: Sweep) -> str:
    """Render the conditions of the measurements: seeds, images, attacks, selection, date and versions."""
    return f"{_format_code(sweep.study)}: {describe_conditions(sweep)}"


def render_certainty(sweeps: Sequence[Sweep]) -> list[str]:
    """Render for each front its members, with values corrected for selection and verdicts, and what its seeds prove.

    Nothing for one seed, nor where no two accuracies make a front.
    """
    try:
        found = compute_fronts(sweeps)
    except SweepError:
        return []
    paragraphs = []
    for panel in found.panels:
        lines = describe_assessment(panel.assessment)
        if not lines:
            continue
        members = list_members(panel)
        rows = members[members["on_front"]].to_dict("records")
        listed = "; ".join(_render_member(panel, row) for row in rows)
        title = f"Front, {panel.title}" if panel.title else "Front"
        paragraphs.append(
            f"{title}: {panel.x_title} and {panel.y_title}, in brackets corrected for selection: {listed}. "
            + " ".join(lines)
        )
    shared = found.explain_verdicts()
    return paragraphs + [" ".join(shared)] * bool(shared)


def _render_member(panel: FrontPanel, row: Mapping[Hashable, Any]) -> str:
    values = " and ".join(format_corrected(panel, row, axis) for axis in ("x", "y"))
    verdict = describe_verdict(panel.assessment, row["place"])
    return f"{_format_code(row['choice'])} {values}{f', {verdict}' if verdict else ''}"


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of some sweeps with their captions."""
    parser = Parser(prog="python -m analysis.markdown", description=__doc__.partition("\n")[0])
    parser.add_argument("run", nargs="+", help="a sweep's folder, such as results/methods")
    options = parser.parse_args(arguments)
    with open_sweeps(options.run) as sweeps:
        Console(soft_wrap=True).print(*render_pages(sweeps), sep="\n\n")
    return 0


if __name__ == "__main__":
    run_and_exit(main)
