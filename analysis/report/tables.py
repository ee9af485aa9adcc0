"""The tables of a report: as data frames to export, and as HTML for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.cuts import take_in_turn
from analysis.measures.difficulty import correlate_scores
from analysis.measures.front import FrontPanel
from analysis.measures.front_members import list_members
from analysis.measures.stats import Estimate, estimate, format_count, format_seeds
from analysis.report import html
from analysis.report.data import ReportData
from analysis.results.axes import SEPARATOR
from analysis.results.gaps import describe_checkpoint
from analysis.results.metrics import (
    CHECKPOINTS,
    EPOCH_METRIC,
    describe_images,
    describe_metric,
    parse_attack,
    shorten_attack,
)
from analysis.results.trial_table import COMPLETED, STOPPED
from trainers.formatting import format_duration
from trainers.record_reader import read_with

MAX_ROWS = 60  # of a table on the page; the exported table has all rows
MAX_CLASSES = 12  # columns of classes that fit on paper
OFF_FRONT = " A dash marks a configuration that validation selects, but that is off the front."
KINDS = {"pretrain": "pretraining, which trials start from", "profile": "profiling, which ranks the examples"}


def collect_frames(found: ReportData) -> dict[str, pd.DataFrame]:
    """Collect all tables that the report computes, for export."""
    effects = {"subset_effects": found.subset_effects}
    if found.axis_effects:
        effects["axis_effects"] = pd.concat([table.assign(axis=path) for path, table in found.axis_effects.items()])
    front = found.front
    points = {} if front is None else {"front": pd.concat([panel.points for panel in front.panels])}
    tables = {
        "overfitting": found.gaps,
        "masking": found.masking,
        "classes": found.classes,
        "class_counts": found.counts,
        **effects,
        **points,
    }
    return {name: table for name, table in tables.items() if len(table)}


def render_members(found: ReportData) -> list[str]:
    """Render a table of the members of each front."""
    if found.front is None:
        return []
    front, parts = found.front, []
    for panel in front.panels:
        rows = []
        for row in list_members(panel).to_dict("records"):
            numbers = (str(row["n"]), _format_estimate(row, "x"), _format_estimate(row, "y"))
            rows.append((row["number"], row["choice"], *numbers, "yes" * row["selected"]))
        where = f"Members of the front, {panel.title}" if panel.title else "Members of the front"
        off = OFF_FRONT if (panel.points["selected"] & ~panel.points["on_front"]).any() else ""
        volume = f" Hypervolume with reference point (0, 0): {_format_volume(panel)}." if panel.volume else ""
        header = ("#", "configuration", "seeds", "clean %", f"{_robust_title(found)} %", "selected on validation")
        shown = len(header) if found.results.selects else -1
        when = describe_checkpoint(front.checkpoint, found.results.study_trials)
        caption = f"{where}{describe_images(front.y, found.results.attacks)}, {when}.{off}{volume}"
        parts.append(html.render_table(header[:shown], [row[:shown] for row in rows], caption, (1,)))
    return parts


def render_summary(found: ReportData) -> list[str]:
    """Render a table of all configurations at the validation-selected epoch, if there is one, and at the last."""
    if found.front is None:
        return []
    points = pd.concat([panel.points for panel in found.front.panels])
    order = np.argsort(-points["val_y"].fillna(-1.0).to_numpy(), kind="stable").tolist()
    shown = points.iloc[take_in_turn(points["setting"].tolist(), MAX_ROWS, order)]
    rows: list[tuple[str, ...]] = []
    marked = []
    costs = found.results.study_trials.groupby("configuration")[["seconds_alone", "seconds_billed"]].mean()
    masked = found.masking.set_index("configuration") if len(found.masking) else found.masking
    for setting, group in shown.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        for row in group.to_dict("records"):
            if row["on_front"]:
                marked.append(len(rows))
            last = (
                _format_estimate(row, "y_last") if found.front.checkpoint == "best" else ""
            )  # else y is at the last epoch
            numbers = (_format_estimate(row, "x"), _format_estimate(row, "y"), last)
            times = [format_duration(seconds) for seconds in costs.loc[row["configuration"]]]
            gap = (
                _format_estimate(masked.loc[row["configuration"]], "gap")
                if row["configuration"] in masked.index
                else ""
            )
            counts = (str(row["diverged"] or ""), str(row["constant"] or ""))
            rows.append((row["choice"], str(row["n"]), *numbers, gap, *counts, *times))
    robust = _robust_title(found)
    header = (
        "configuration", "seeds", "clean %", f"{robust} %", f"{robust} %, last epoch", _gap_title(found), "diverged",
        "constant",
        "time alone", "time billed",
    )  # fmt: skip
    images = describe_images(found.front.y, found.results.attacks)
    attack = found.front.panels[0].terms.y or robust
    when = describe_checkpoint(found.front.checkpoint, found.results.study_trials)
    caption = (
        f"All configurations, test set{images}, {when} "
        "unless a column says otherwise; mean ± standard error over seeds. The bar at the left marks the front. "
        f"Attack: {attack}. Times are means over trainings: alone counts all epochs, as if trained from scratch; "
        "billed omits the epochs taken from other trainings."
    )
    if len(masked):
        caption += f" {_gap_title(found)} is in points, on the same images."
    if len(points) > len(shown):
        which = f"{len(shown)} of {len(points)} configurations, the best of each problem on validation"
        caption = f"Shown are {which}; tables/front.csv has all. {caption}"
    return [html.render_table(*_drop_empty_columns(header, rows), caption, marked=marked)]


def _drop_empty_columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """Drop the columns of a table that have no text."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows if len(row) > 1)]
    return [header[i] for i in kept], [[row[i] for i in kept] if len(row) > 1 else [*row] for row in rows]


def render_subset_effects(found: ReportData) -> list[str]:
    """Render paired differences between subsets, in points."""
    return _render_effects(found, found.subset_effects, "subset")


def render_axis_effects(found: ReportData) -> list[str]:
    """Render paired differences along each other axis, in points."""
    tables = found.axis_effects.items()
    return [part for path, table in tables for part in _render_effects(found, table, path)]


def _render_effects(found: ReportData, table: pd.DataFrame, axis: str) -> list[str]:
    """Render the paired differences along an axis, and name the values without a comparison."""
    known = table[table["n"] > 0]
    alone = ", ".join(found.uncompared.get(axis, ()))
    alone = f" Not compared, as no other configuration is equal in all else: {alone}." if alone else ""
    if known.empty:
        return [html.render_paragraph(f"{axis}.{alone}", "caption")] if alone else []
    columns = list(dict.fromkeys(known["metric"]))
    settings: dict[str, dict[str, dict[str, Mapping[Any, Any]]]] = {}  # setting -> comparison -> metric -> row
    for row in known.to_dict("records"):
        name = SEPARATOR.join(filter(None, (f"{row['minuend']} − {row['subtrahend']}", row["family"])))
        settings.setdefault(row["setting"], {}).setdefault(name, {})[row["metric"]] = row
    rows: list[tuple[str, ...]] = []
    for setting, comparisons in settings.items():
        rows += [(setting,)] if setting else []
        for name, by in comparisons.items():
            cells = (_format_difference(by[column]) if column in by else "–" for column in columns)
            rows.append((name, str(max(int(row["n"]) for row in by.values())), *cells))
    header = (axis, "seeds", *(_column_title(column, found) for column in columns))
    caption = "Paired differences in points on the test set, mean ± standard error over seeds, everything else equal."
    caption += alone
    if len(rows) > MAX_ROWS:
        file = f"{'subset' if axis == 'subset' else 'axis'}_effects.csv"
        caption = f"The first {MAX_ROWS} of {len(rows)} rows; tables/{file} has all. {caption}"
    return [html.render_table(header, rows[:MAX_ROWS], caption)]


def render_gaps(found: ReportData) -> list[str]:
    """Render a table of the overfitting of each configuration."""
    known = found.gaps[found.gaps["robust_overfitting"].notna()]
    if known.empty:
        return []
    same = bool(known["generalization_gap"].notna().any())
    attack = shorten_attack("pgd", found.results.attacks)
    columns = ["peak", "selected", "last", "robust_overfitting", "robust_overfitting_val"]
    columns += ["generalization_gap"] * same
    rows: list[tuple[str, ...]] = []
    shown = known.iloc[take_in_turn(known["setting"].tolist(), MAX_ROWS)]
    for setting, group in shown.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        for row in group.to_dict("records"):
            cells = [_format_estimate(row, column) for column in columns]
            if not found.results.selects:
                cells[1] = cells[4] = ""
            rows.append((row["choice"], str(row["n"]), *cells[:4], _format_floor(row), *cells[4:]))
    header = ["configuration", "seeds", "best on test", "selected", "last"]
    header += [f"best − last, {attack}", "floor", f"selected − last, {attack}"]
    header += [f"train − test, last, {attack}"] * same
    caption = f"Robust accuracy in %, gaps in points; {found.results.attacks.get('pgd', 'PGD')}. The floor is the best "
    caption += "− last that a curve with the same scatter would show if it were flat after its climb"
    caption += "; * uses the scatter of all curves of the problem, as this curve has too few evaluations" * bool(
        known["floor_borrowed"].any()
    )
    caption += "."
    caption += (
        " The gap train − test uses the training examples under the same attack, in eval mode and without augmentation."
        if same
        else " The gap train − test is not shown, as training accuracy under this attack was not measured (evaluate: "
        "{train: true})."
    )
    if len(known) > MAX_ROWS:
        which = f"{len(shown)} of {len(known)} configurations, the first of each problem"
        caption = f"Shown are {which}; tables/overfitting.csv has all. {caption}"
    return [html.render_table(*_drop_empty_columns(header, rows), caption)]


def render_counts(found: ReportData) -> list[str]:
    """Render the classes of each subset; many classes are split into several tables that fit on paper."""
    if found.counts.empty:
        return []
    classes = [column for column in found.counts if str(column).startswith("class ")]
    parts = []
    for start in range(0, len(classes), MAX_CLASSES):
        shown, first = classes[start : start + MAX_CLASSES], start == 0
        rows: list[tuple[str, ...]] = []
        for setting, group in found.counts[:MAX_ROWS].groupby("setting", sort=False):
            rows += [(str(setting),)] if setting else []
            for row in group.to_dict("records"):
                facts = ("size", "flipped_in", "flipped_out") if first else ()
                rows.append((row["subset"], *(_format_count(row[name]) for name in (*facts, *shown))))
        names = (str(name).removeprefix("class ") for name in shown)
        header = ("subset", *("size", "flipped in", "flipped out") * first, *names)
        caption = (
            "Examples of each class in each subset, and flipped labels that it has and leaves out; means over seeds."
        )
        if len(classes) > MAX_CLASSES:
            caption += f" Classes {start} to {start + len(shown) - 1}."
        if len(found.counts) > MAX_ROWS:
            caption += f" The first {MAX_ROWS} of {len(found.counts)} rows; tables/class_counts.csv has all."
        parts.append(html.render_table(header, rows, caption))
    return parts


def render_upstream(found: ReportData) -> list[str]:
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
    if len(rows) > MAX_ROWS:
        caption += f" The first {MAX_ROWS} of {len(rows)} rows; tables/trials.csv has all."
    return [html.render_table(("training", "seeds", *ends), rows[:MAX_ROWS], caption)]


def render_agreements(found: ReportData) -> list[str]:
    """Render the rank correlations between the scores of each ranking."""
    parts = []
    for ranking in found.rankings:
        table = correlate_scores(ranking)
        if len(table) > 1:
            rows = [(str(name), *(f"{value:.3f}" for value in line)) for name, line in table.iterrows()]
            caption = f"Spearman correlation between the ranks of the examples by each pair of scores, {ranking.title}."
            parts.append(html.render_table(("", *map(str, table.columns)), rows, caption))
    return parts


def render_unfinished(found: ReportData) -> list[str]:
    """Render a table of trials that diverged, were stopped, failed or still wait, with the reason."""
    trials = found.results.trials
    others = trials[trials["status"] != COMPLETED]
    if others.empty:
        return []
    rows, errors = [], []
    for row in others.to_dict("records"):
        outcome = found.results.outcomes.get(row["id"], {})
        why = outcome.get("diverged", {}).get("why", "") or outcome.get("stopped", {}).get("reason", "")
        error = found.results.folder / "trials" / row["id"] / "error.txt"
        if row["status"] == "failed":
            text = read_with(error, lambda content: content.decode(errors="replace"), found.results.damage) or ""
            text = text.strip()
            why = text.splitlines()[-1] if text else "no traceback was saved"
            errors.append(html.render_details(row["id"], text))
        done = f"{row['epochs_done']} of {_format_count(row['epochs_planned'])}"
        rows.append((row["id"], row["status"], done, why))
    caption = "A diverged trial counts as an outcome and is never on a front." + (
        " A stopped trial is censored: its last epochs and its test accuracies were not measured and are not imputed."
        if STOPPED in set(others["status"])
        else ""
    )
    if len(rows) > MAX_ROWS:
        caption = f"The first {MAX_ROWS} of {len(rows)}; tables/trials.csv has all. {caption}"
    table = html.render_table(("trial", "status", "epochs", "why"), rows[:MAX_ROWS], caption, (0, 1, 3))
    return [table, *errors[:MAX_ROWS]]


def _format_volume(panel: FrontPanel) -> str:
    """Format the hypervolume of the first sweep, with its seeds and, if some are left out, its configurations."""
    ((sweep, volume), *_) = panel.volume.items()
    few = (
        ""
        if panel.compared[sweep] == len(panel.points)
        else f" of {format_count(panel.compared[sweep], 'configuration')}"
    )
    error = "" if math.isnan(volume.se) else f" ± {volume.se:.4f}"
    return f"{volume.mean:.4f}{error} ({format_seeds(volume.n)}{few})"


def _robust_title(found: ReportData) -> str:
    """Return the title of the strongest attack."""
    return shorten_attack(parse_attack(found.robust or "") or "", found.results.attacks)


def _gap_title(found: ReportData) -> str:
    return f"{shorten_attack('pgd', found.results.attacks)} − {_robust_title(found)}"


def _column_title(column: str, found: ReportData) -> str:
    checkpoint, _, metric = column.partition("_")
    if checkpoint in CHECKPOINTS:
        name = describe_metric(metric, found.results.attacks).replace(" test accuracy", "")
        return f"{name}, {'last' if checkpoint == 'last' else 'selected'}"
    gaps = {"robust_overfitting": "best − last", "robust_overfitting_val": "selected − last"}
    return f"{gaps[column]}, {shorten_attack('pgd', found.results.attacks)}" if column in gaps else column


def _format_difference(row: Mapping[Any, Any]) -> str:
    return Estimate(row["mean"], row["se"], int(row["n"])).text(signed=True)


def _format_estimate(row: Mapping[Any, Any], column: str) -> str:
    return Estimate(row[column], row[f"{column}_se"], row["n"]).text()


def _format_floor(row: Mapping[Any, Any]) -> str:
    """Format a floor in points, with a star if its scatter is that of all curves of the problem."""
    return f"{100 * row['floor']:.1f}{'*' * row['floor_borrowed']}" if math.isfinite(row["floor"]) else "–"


def _format_count(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}" if value < 1000 else f"{value:.0f}"
