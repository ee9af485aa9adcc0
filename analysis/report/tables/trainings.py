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
from trainers.formatting import format_count
from trainers.record_reader import read_with

MAX_NAMES = 4  # of trials that one traceback ended
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
    """Render a table of trials that diverged, were stopped, failed or still wait, with the reason.

    Below it stands each traceback once, with the trials that it ended.
    """
    trials = found.results.trials
    others = trials[trials["status"] != COMPLETED]
    if others.empty:
        return []
    rows: list[tuple[str, ...]] = []
    tracebacks: dict[str, list[str]] = {}  # the text, without the trial's own name -> the trials
    for row in others.to_dict("records"):
        outcome = found.results.outcomes.get(row["id"], {})
        why = outcome.get("diverged", {}).get("why", "") or outcome.get("stopped", {}).get("reason", "")
        if row["status"] == "failed":
            text = _read_traceback(found, row["id"])
            why = text.splitlines()[-1] if text else "no traceback was saved"
            tracebacks.setdefault(text.replace(row["id"], "<trial>"), []).append(row["id"])
        done = f"{row['epochs_done']} of {format_number(row['epochs_planned'])}"
        rows.append((row["id"], row["status"], done, why))
    caption = "A diverged trial counts as an outcome and is never on a front." + (
        " A stopped trial is censored: its last epochs and its test accuracies were not measured and are not imputed."
        if STOPPED in set(others["status"])
        else ""
    )
    cut = cut_end(len(rows))
    caption = f"{cut.describe('trials', 'the first', 'trials')} {caption}".lstrip()
    table = html.render_table(
        ("trial", "status", "epochs", "why"), [rows[place] for place in cut.rows], caption, (0, 1, 3)
    )
    return [table, *(_render_traceback(text, ids) for text, ids in tracebacks.items() if text)]


def _read_traceback(found: ReportData, trial: str) -> str:
    error = found.results.folder / "trials" / trial / "error.txt"
    text = read_with(error, lambda content: content.decode(errors="replace"), found.results.damage) or ""
    return text.strip()


def _render_traceback(text: str, trials: list[str]) -> Markup:
    more = f" and {len(trials) - MAX_NAMES} more" if len(trials) > MAX_NAMES else ""
    ended = f"{format_count(len(trials), 'trial')} ended so: {'; '.join(trials[:MAX_NAMES])}{more}"
    return html.render_details(ended, text)
