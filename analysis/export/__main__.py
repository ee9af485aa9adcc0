"""Export sweeps as tables for other programs, as LaTeX, or as studies of Optuna."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.cli import report_errors
from analysis.exceptions import SweepError
from analysis.export.latex import render_document
from analysis.export.study import DATABASES, JOURNALS, write_studies
from analysis.report.configurations import tabulate_by_terms
from analysis.report.data import collect_frames, collect_report_data
from analysis.results.shared_trainings import refuse_copies
from analysis.results.sweep import Sweep, name_sweeps, open_sweeps
from analysis.results.table_files import write_table
from trainers.formatting import format_count
from trainers.record_io import write_atomic
from trainers.terminal.arguments import Parser
from trainers.terminal.console import Console
from trainers.terminal.showing import run_and_exit

ENDINGS = {"csv": (), "parquet": (), "latex": (".tex",), "optuna": (*DATABASES, *JOURNALS)}  # (): a folder


def export_tables(sweeps: Sequence[Sweep], folder: Path, kind: str) -> list[str]:
    """Write all tables of the report as CSV or Parquet; those of several sweeps into a folder each.

    Returns a line for each sweep. Raises SweepError if two sweeps would share a folder.
    """
    names = [sweep.study for sweep in sweeps]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SweepError(f"{', '.join(twice)}: several sweeps of that name would share a folder; export one at a time")
    lines = []
    for sweep in sweeps:
        place = folder / sweep.study if len(sweeps) > 1 else folder
        tables = collect_frames(collect_report_data(sweep))
        for name, table in tables.items():
            write_table(table, place, name, (kind,))
        lines.append(f"{sweep.study}: {', '.join(tables)} in {place}")
    return lines


def export_latex(sweeps: Sequence[Sweep], path: Path, _: str) -> list[str]:
    """Write a table per group of sweeps that were measured on the same terms. Raises SweepError without a metric."""
    tables = tabulate_by_terms(sweeps)
    write_atomic(path, render_document(tables))
    counts = [format_count(len(table.rows), "configuration") for table in tables]
    return [f"{path}: {format_count(len(tables), 'table')} of {', '.join(counts)}; it needs \\usepackage{{booktabs}}"]


def export_optuna(sweeps: Sequence[Sweep], path: Path, _: str) -> list[str]:
    """Write a study per sweep."""
    counts = write_studies(sweeps, path)
    known = dict(zip(name_sweeps(sweeps), sweeps, strict=True))
    lines = []
    for name, count in counts.items():
        missing = len(known[name].study_trials) - count
        text = f"; {format_count(missing, 'trial')} without a result left out" if missing else ""
        lines.append(f"{name}: a study of {format_count(count, 'trial')}{text}")
    opened = f"sqlite:///{path}" if path.suffix in DATABASES else str(path)
    return [*lines, f"To look at it: optuna-dashboard {opened}"]


EXPORTS: dict[str, Callable[[Sequence[Sweep], Path, str], list[str]]] = {
    "csv": export_tables,
    "parquet": export_tables,
    "latex": export_latex,
    "optuna": export_optuna,
}


@report_errors
def main(arguments: Sequence[str] | None = None) -> int:
    """Export some sweeps and say what was written."""
    options = _build_parser().parse_args(arguments)
    _check_output(options.output, options.format)
    with open_sweeps(options.run) as sweeps:
        refuse_copies(sweeps)
        lines = EXPORTS[options.format](sweeps, options.output, options.format)
    Console().print(*lines, sep="\n", soft_wrap=True)
    return 0


def _build_parser() -> Parser:
    parser = Parser(
        prog="python -m analysis.export", description="Export sweeps for other programs: CSV, Parquet, LaTeX, Optuna."
    )
    parser.add_argument("run", nargs="+", type=Path, help="a sweep's folder, such as results/friendly_k")
    parser.add_argument(
        "--format", choices=[*EXPORTS], required=True,
        help="csv, parquet: all tables of the report; latex: a table of all configurations; optuna: a study",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", type=Path, required=True,
        help=f"folder of csv and parquet; file of latex ({ENDINGS['latex'][0]}) and optuna ({', '.join(DATABASES)}: "
        f"SQLite; {', '.join(JOURNALS)}: journal)",
    )  # fmt: skip
    return parser


def _check_output(path: Path, kind: str) -> None:
    """Raise SweepError unless the output suits the format."""
    endings = ENDINGS[kind]
    if not endings and path.exists() and not path.is_dir():
        raise SweepError(f"{path}: is a file; --format {kind} writes several tables, so name a folder")
    if endings and path.is_dir():
        raise SweepError(f"{path}: is a folder; --format {kind} writes one file, so name a file")
    if endings and path.suffix not in endings:
        raise SweepError(f"{path}: --format {kind} takes a name that ends in {', '.join(endings)}")
    path.parent.mkdir(parents=True, exist_ok=True)


if __name__ == "__main__":
    run_and_exit(main)
