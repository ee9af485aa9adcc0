"""The table of verdicts on claims of the papers that name the study."""

from __future__ import annotations

from markupsafe import Markup

from analysis.claims.judging import judge_claims
from analysis.claims.reading import read_paper_claims
from analysis.claims.tables import HEADER, METHOD, lay_out, list_remedies
from analysis.report import html
from analysis.report.data import ReportData


def render_claims(found: ReportData) -> list[Markup]:
    """Render the verdicts on the papers' claims that the study has the data for; nothing without any."""
    judged, _ = judge_claims(read_paper_claims(), [found.results])
    rows: list[tuple[str, ...]] = []
    for judgement in judged:
        claim = lay_out(judgement)
        rows.append((f"{claim.head}: {claim.verdict} ({claim.place})",))
        for check in claim.checks:
            words = f"{check.words}: {check.lack}" if check.lack else check.words
            rows.append((words, *check.row))
            rows += [(f"– under {check.attack}", *check.second)] if check.second else []
    if not rows:
        return []
    caption = " ".join([METHOD, *list_remedies(judged)])
    return [html.render_table(("claim", *HEADER), rows, caption, texts=(0, 3, 5), is_wordy=True)]
