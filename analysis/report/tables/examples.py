"""The tables of training examples: classes of each subset, correlations between scores."""

from __future__ import annotations

from markupsafe import Markup

from analysis.measures.difficulty import correlate_scores
from analysis.report import html
from analysis.report.data import ReportData
from analysis.report.tables.cells import format_number
from analysis.results.page_cut import cut_end

MAX_CLASSES = 12  # columns of classes that fit on paper


def render_counts(found: ReportData) -> list[Markup]:
    """Render the classes of each subset; many classes are split into several tables that fit on paper."""
    if found.counts.empty:
        return []
    classes = [column for column in found.counts if str(column).startswith("class ")]
    parts, cut = [], cut_end(len(found.counts))
    for start in range(0, len(classes), MAX_CLASSES):
        shown, first = classes[start : start + MAX_CLASSES], start == 0
        rows: list[tuple[str, ...]] = []
        for setting, group in found.counts.iloc[cut.rows].groupby("setting", sort=False):
            rows += [(str(setting),)] if setting else []
            for row in group.to_dict("records"):
                facts = ("size", "flipped_in", "flipped_out") if first else ()
                rows.append((row["subset"], *(format_number(row[name]) for name in (*facts, *shown))))
        names = (str(name).removeprefix("class ") for name in shown)
        header = ("subset", *("size", "flipped in", "flipped out") * first, *names)
        caption = (
            "Examples of each class in each subset, and flipped labels that it has and leaves out; means over seeds."
        )
        if len(classes) > MAX_CLASSES:
            caption += f" Classes {start} to {start + len(shown) - 1}."
        caption = f"{cut.describe('rows', 'the first', 'class_counts')} {caption}".lstrip()
        parts.append(html.render_table(header, rows, caption))
    return parts


def render_agreements(found: ReportData) -> list[Markup]:
    """Render the rank correlations between the scores of each ranking."""
    parts = []
    for ranking in found.rankings:
        table = correlate_scores(ranking)
        if len(table) > 1:
            rows = [(str(name), *(f"{value:.3f}" for value in line)) for name, line in table.iterrows()]
            caption = f"Spearman correlation between the ranks of the examples by each pair of scores, {ranking.title}."
            parts.append(html.render_table(("", *map(str, table.columns)), rows, caption))
    return parts
