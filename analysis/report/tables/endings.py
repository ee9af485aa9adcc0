"""The table of how trainings ended before their last epoch, and what that saved."""

from __future__ import annotations

from markupsafe import Markup

from analysis.report import html
from analysis.report.data import ReportData
from analysis.results.trial_table import COMPLETED


def render_endings(found: ReportData) -> list[Markup]:
    """Render a row for each way to end early: how many trainings, after which epoch, and the epochs not trained."""
    trials = found.results.study_trials
    early = trials[(trials["status"] != COMPLETED) & (trials["epochs_done"] > 0)]
    if early.empty:
        return []
    rows = []
    for status, group in early.groupby("status", sort=False):
        planned = group["epochs_planned"].astype(float)
        saved = float((planned - group["epochs_done"]).sum())
        middle = f"{group['epochs_done'].median():.0f} of {planned.median():.0f}"
        rows.append((str(status), str(len(group)), middle, f"{saved:,.0f}"))
    header = ("ended", "trainings", "median epoch", "epochs not trained")
    return [html.render_table(header, rows, "Trainings that did not reach their last epoch.")]
