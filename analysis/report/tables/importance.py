"""The table of the importance of knobs."""

from __future__ import annotations

import pandas as pd
from markupsafe import Markup

from analysis.measures.importance import EVALUATORS, Importance
from analysis.measures.stats import Estimate
from analysis.report import html
from analysis.report.data import ReportData
from analysis.results.page_cut import cut_end


def render_importance(found: ReportData) -> list[Markup]:
    """Render a row per knob with its importance for each objective, by both evaluators, in percent."""
    info = found.importance
    if info is None:
        return []
    header = ("knob", *(f"{title}: {evaluator}" for title in info.titles.values() for evaluator in EVALUATORS))
    rows: list[tuple[str, ...]] = []
    for setting, axes in info.table.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        rows += [
            (info.names[str(axis)], *_format_cells(info, cells)) for axis, cells in axes.groupby("axis", sort=False)
        ]
    caption = "Shares in percent ± one standard error over seeds, as in the figure."
    cut = cut_end(len(rows))
    caption = f"{cut.describe('rows', 'the first', 'importance')} {caption}".lstrip()
    return [html.render_table(header, [rows[place] for place in cut.rows], caption)]


def _format_cells(info: Importance, rows: pd.DataFrame) -> list[str]:
    known = {(row["objective"], row["evaluator"]): row for row in rows.to_dict("records")}
    cells = [known[objective, evaluator] for objective in info.titles for evaluator in EVALUATORS]
    return [Estimate(row["mean"], row["hi"] - row["mean"], row["n"]).text() for row in cells]
