"""The page of a report: its answer first, then figures and tables, in one file that needs no other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import pandas as pd

from analysis.charts.saving import WIDTH
from analysis.exceptions import SweepError
from analysis.report.block import assemble_block, build_block, collect_rows
from analysis.report.comparison import collect_comparison, collect_joint_frames, draw_comparison
from analysis.report.context import collect_context
from analysis.report.data import ReportData, collect_frames, collect_report_data
from analysis.report.drawings import PARTS, draw_figures
from analysis.report.rendering import render_page
from analysis.results.sweep import load_sweep
from analysis.results.table_files import write_table
from trainers.record_io import write_atomic

STEPS = 1 + len(PARTS) + 1  # of a report: its tables, its figures, and the page
FOLDERS = ("tables", "figures")  # beside the page


def redraw_report(folder: Path | str, width: float = WIDTH) -> Path:
    """Load a sweep, write its report anew and return the path of the page, such as from a notebook.

    `width` is the width of the figures in inches. Raises SweepError if the folder is no sweep, or a link would redirect
    the report.
    """
    return write_report(collect_report_data(load_sweep(folder)), width)


def write_report(
    found: ReportData,
    width: float = WIDTH,
    advance: Callable[[], None] = lambda: None,
    page: Path | None = None,
    reload_seconds: float | None = None,
) -> Path:
    """Write figures as SVG, PNG and PDF, tables as CSV and Parquet, and one page that embeds all it shows.

    `width` is the width of the figures in inches; `advance` is called after each of STEPS steps. The page is the
    report's own unless `page` names another. It loads itself again after `reload_seconds`, None for never. Raises
    SweepError if a link would redirect the report.
    """
    path = page or found.results.folder / "report" / "index.html"
    tables, drawn = _place_folders(path, own=page is None)
    links = _write_tables(collect_frames(found), tables)
    advance()
    figures = draw_figures(found, drawn, width, advance)
    block = build_block(found, reload_seconds=reload_seconds)
    write_atomic(path, render_page(block, **collect_context(found, block, figures, links)))
    advance()
    return path


def write_comparison(
    reports: Sequence[ReportData], page: Path, width: float = WIDTH, reload_seconds: float | None = None
) -> Path:
    """Write one page of several sweeps: their joint front, where one attains more, and what else differs.

    Raises SweepError if their fronts cannot be compared, or a link would redirect the page.
    """
    tables, drawn = _place_folders(page, own=False)
    rows = collect_rows(reports)
    links = _write_tables(collect_joint_frames(rows), tables)
    block = assemble_block(rows, reload_seconds)
    context = collect_comparison(rows, block, draw_comparison(rows, drawn, width), links)
    write_atomic(page, render_page(block, **context))
    return page


def name_folders(page: Path) -> list[str]:
    """Name the folders of tables and figures that lie beside a page that is not a report's own."""
    return [f"{page.stem}_{name}" for name in FOLDERS]


def _place_folders(page: Path, own: bool) -> list[Path]:
    """Return the folders of tables and figures: in a report's own folder, else beside the page and named after it.

    Raises SweepError if a link would redirect what is written: in a sweep from elsewhere one may lead anywhere.
    """
    folders = [page.parent / name for name in (FOLDERS if own else name_folders(page))]
    written = (page.parent,) if own else (page, *folders)
    for path in (path for place in written for path in (place, *place.rglob("*"))):
        if path.is_symlink():
            raise SweepError(f"{path}: is a link, and the report would be written to its target; remove the link")
    return folders


def _write_tables(frames: Mapping[str, pd.DataFrame], folder: Path) -> dict[str, str]:
    """Write tables, and return the links to them from the page."""
    for name, table in frames.items():
        write_table(table, folder, name)
    return {f"{name}.csv": f"{quote(folder.name)}/{name}.csv" for name in frames}
