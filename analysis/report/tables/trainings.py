"""The tables of trainings other than those compared: what trials start from, and what did not complete."""

from __future__ import annotations

from markupsafe import Markup

from analysis.measures.stats import estimate
from analysis.report import html
from analysis.report.data import ReportData
from analysis.report.tables.cells import format_number
from analysis.results.metrics import (
    CHECKPOINTS,
    EPOCH_METRIC,
    parse_attack,
    shorten_attack,
)
from analysis.results.page_cut import cut_end
from analysis.results.trial_table import COMPLETED, STOPPED
from trainers.record_reader import read_with

KINDS = {"pretrain": "pretraining, which trials start from", "profile": "profiling, which ranks the examples"}


def render_upstream(found: ReportData) -> list[Markup]:
    """Render the trainings that trials start from or are ranked by, such as the pretraining that is their control."""
    trials = found.results.trials
    made = trials[(trials["kind"] != "trial") & (trials["status"] == COMPLETED)]
    if made.empty:
        return []
    robust = found.robust if found.robust and f"last_{found.robust}" in made else EPOCH_METRIC
    columns = [f"{c}_{metric}" for c in CHECKPOINTS for metric in ("test_clean_acc", robust)]
    rows: list[tuple[str, ...]] = []
    for kind, trainings in made.groupby("kind", sort=False):
        rows.append((KINDS.get(str(kind), str(kind)),))
        for name, group in trainings.groupby("configuration", sort=False):
            rows.append((str(name), str(len(group)), *(estimate(group.get(column, [])).text() for column in columns)))
    short = shorten_attack(parse_attack(robust) or "", found.results.attacks)
    ends = [f"{name} %, {'last' if c == 'last' else 'selected'}" for c in CHECKPOINTS for name in ("clean", short)]
    caption = (
        "Test accuracy of the trainings that trials start from or are ranked by, mean ± standard error over seeds."
    )
    cut = cut_end(len(rows))
    caption = f"{cut.describe('rows', 'the first', 'trials')} {caption}".lstrip()
    return [html.render_table(("training", "seeds", *ends), [rows[place] for place in cut.rows], caption)]


def render_unfinished(found: ReportData) -> list[Markup]:
    """Render a table of trials that diverged, were stopped, failed or still wait, with the reason."""
    trials = found.results.trials
    others = trials[trials["status"] != COMPLETED]
    if others.empty:
        return []
    rows, errors = [], {}
    for row in others.to_dict("records"):
        outcome = found.results.outcomes.get(row["id"], {})
        why = outcome.get("diverged", {}).get("why", "") or outcome.get("stopped", {}).get("reason", "")
        error = found.results.folder / "trials" / row["id"] / "error.txt"
        if row["status"] == "failed":
            text = read_with(error, lambda content: content.decode(errors="replace"), found.results.damage) or ""
            text = text.strip()
            why = text.splitlines()[-1] if text else "no traceback was saved"
            errors[row["id"]] = html.render_details(row["id"], text)
        done = f"{row['epochs_done']} of {format_number(row['epochs_planned'])}"
        rows.append((row["id"], row["status"], done, why))
    caption = "A diverged trial counts as an outcome and is never on a front." + (
        " A stopped trial is censored: its last epochs and its test accuracies were not measured and are not imputed."
        if STOPPED in set(others["status"])
        else ""
    )
    cut = cut_end(len(rows))
    caption = f"{cut.describe('trials', 'the first', 'trials')} {caption}".lstrip()
    rows = [rows[place] for place in cut.rows]
    table = html.render_table(("trial", "status", "epochs", "why"), rows, caption, (0, 1, 3))
    return [table, *(errors[row[0]] for row in rows if row[0] in errors)]
