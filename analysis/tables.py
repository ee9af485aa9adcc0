"""The tables of a report: as frames to export, and as rows of text for the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis import page
from analysis.axes import SEPARATOR
from analysis.difficulty import correlate_scores
from analysis.figure_front import listed
from analysis.figure_rows import in_turn
from analysis.front import FrontPanel
from analysis.gaps import describe_checkpoint
from analysis.metrics import CHECKPOINTS, EPOCH_METRIC, describe_images, describe_metric, parse_attack, shorten_attack
from analysis.provenance import format_duration
from analysis.report_data import ReportData
from analysis.stats import Estimate, estimate, format_count, format_seeds
from analysis.trial_table import COMPLETED, STOPPED
from trainers.reading import read_with

LONGEST = 60  # rows of a table on the page; the exported table has all
ABREAST = 12  # classes that stand beside each other on paper
KINDS = {"pretrain": "pretraining, which trials start from", "profile": "profiling, which ranks the examples"}


def frames(found: ReportData) -> dict[str, pd.DataFrame]:
    """Everything the report computes, to be exported."""
    effects = {"subset_effects": found.subset_effects}
    if found.axis_effects:
        effects["axis_effects"] = pd.concat([table.assign(axis=path) for path, table in found.axis_effects.items()])
    front = found.front
    points = {} if front is None else {"front": pd.concat([panel.points for panel in front.panels])}
    every = {
        "overfitting": found.gaps,
        "masking": found.masking,
        "classes": found.classes,
        "class_counts": found.counts,
        **effects,
        **points,
    }
    return {name: table for name, table in every.items() if len(table)}


def members(found: ReportData) -> list[str]:
    """Who is on each front."""
    if found.front is None:
        return []
    front, parts = found.front, []
    for panel in front.panels:
        rows = [
            (row["number"], row["choice"], str(row["n"]), _pm(row, "x"), _pm(row, "y"), "yes" * row["selected"])
            for row in listed(panel).to_dict("records")
        ]  # fmt: skip
        where = f"Members of the front, {panel.title}" if panel.title else "Members of the front"
        off = " A dash is off the front." if (panel.points["selected"] & ~panel.points["on_front"]).any() else ""
        volume = f" Hypervolume above (0, 0): {_volume(panel)}." if panel.volume else ""
        header = ("#", "configuration", "seeds", "clean %", f"{_robust(found)} %", "selected on validation")
        shown = len(header) if found.results.selects else -1
        when = describe_checkpoint(front.checkpoint, found.results.sweep)
        caption = f"{where}{describe_images(front.y, found.results.attacks)}, {when}.{off}{volume}"
        parts.append(page.table(header[:shown], [row[:shown] for row in rows], caption, (1,)))
    return parts


def summary(found: ReportData) -> list[str]:
    """Every configuration at the validation-selected epoch, if there is one, and at the last."""
    if found.front is None:
        return []
    points = pd.concat([panel.points for panel in found.front.panels])
    order = np.argsort(-points["val_y"].fillna(-1.0).to_numpy(), kind="stable").tolist()
    shown = points.iloc[in_turn(points["setting"].tolist(), LONGEST, order)]
    rows: list[tuple[str, ...]] = []
    marked = []
    costs = found.results.sweep.groupby("configuration")[["seconds_alone", "seconds_billed"]].mean()
    masked = found.masking.set_index("configuration") if len(found.masking) else found.masking
    for setting, group in shown.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        for row in group.to_dict("records"):
            if row["on_front"]:
                marked.append(len(rows))
            last = _pm(row, "y_last") if found.front.checkpoint == "best" else ""  # else y is that already
            numbers = (_pm(row, "x"), _pm(row, "y"), last)
            times = [format_duration(seconds) for seconds in costs.loc[row["configuration"]]]
            gap = _pm(masked.loc[row["configuration"]], "gap") if row["configuration"] in masked.index else ""
            counts = (str(row["diverged"] or ""), str(row["constant"] or ""))
            rows.append((row["choice"], str(row["n"]), *numbers, gap, *counts, *times))
    robust = _robust(found)
    header = (
        "configuration", "seeds", "clean %", f"{robust} %", f"{robust} %, last epoch", _gap_name(found), "diverged",
        "constant",
        "time alone", "time billed",
    )  # fmt: skip
    on = describe_images(found.front.y, found.results.attacks)
    attack = found.front.panels[0].terms.y or robust
    caption = (
        f"All configurations, test set{on}, {describe_checkpoint(found.front.checkpoint, found.results.sweep)} unless "
        f"said; mean ± standard error over seeds; the bar at the left marks the front. Attack: {attack}. Time is a "
        "training's mean: alone, as if from scratch, and billed, less the epochs that it took from others."
    )
    if len(masked):
        caption += f" {_gap_name(found)}: in points, on the same images."
    if len(points) > len(shown):
        which = f"{len(shown)} of {len(points)}, of each problem the best on validation"
        caption = f"{which}; tables/front.csv has all. {caption}"
    return [page.table(*_filled(header, rows), caption, marked=marked)]


def _filled(header: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    """A table without the columns that nothing stands in."""
    kept = [i for i in range(len(header)) if any(row[i] for row in rows if len(row) > 1)]
    return [header[i] for i in kept], [[row[i] for i in kept] if len(row) > 1 else [*row] for row in rows]


def subset_effects(found: ReportData) -> list[str]:
    """Paired differences between subsets, in points."""
    return _effects(found, found.subset_effects, "subset")


def axis_effects(found: ReportData) -> list[str]:
    """Paired differences along each other axis, in points."""
    tables = found.axis_effects.items()
    return [part for path, table in tables for part in _effects(found, table, path)]


def _effects(found: ReportData, table: pd.DataFrame, what: str) -> list[str]:
    known = table[table["n"] > 0]
    alone = ", ".join(found.uncompared.get(what, ()))
    alone = f" Nothing else is equal for, so there is no comparison of: {alone}." if alone else ""
    if known.empty:
        return [page.paragraph(f"{what}.{alone}", "caption")] if alone else []
    columns = list(dict.fromkeys(known["metric"]))
    settings: dict[str, dict[str, dict[str, Mapping[Any, Any]]]] = {}  # setting -> comparison -> metric -> row
    for row in known.to_dict("records"):
        name = SEPARATOR.join(filter(None, (f"{row['minuend']} − {row['subtrahend']}", row["family"])))
        settings.setdefault(row["setting"], {}).setdefault(name, {})[row["metric"]] = row
    rows: list[tuple[str, ...]] = []
    for setting, comparisons in settings.items():
        rows += [(setting,)] if setting else []
        for name, by in comparisons.items():
            cells = (_difference(by[column]) if column in by else "–" for column in columns)
            rows.append((name, str(max(int(row["n"]) for row in by.values())), *cells))
    header = (what, "seeds", *(_short(column, found) for column in columns))
    caption = "Paired differences in points, mean ± standard error over seeds, everything else equal; test set."
    caption += alone
    if len(rows) > LONGEST:
        file = f"{'subset' if what == 'subset' else 'axis'}_effects.csv"
        caption = f"The first {LONGEST} of {len(rows)} rows; tables/{file} has all. {caption}"
    return [page.table(header, rows[:LONGEST], caption)]


def gaps(found: ReportData) -> list[str]:
    """What overfitting costs each configuration."""
    known = found.gaps[found.gaps["robust_overfitting"].notna()]
    if known.empty:
        return []
    same = bool(known["generalization_gap"].notna().any())
    attack = shorten_attack("pgd", found.results.attacks)
    columns = ["peak", "selected", "last", "robust_overfitting", "robust_overfitting_val"]
    columns += ["generalization_gap"] * same
    rows: list[tuple[str, ...]] = []
    shown = known.iloc[in_turn(known["setting"].tolist(), LONGEST)]
    for setting, group in shown.groupby("setting", sort=False):
        rows += [(str(setting),)] if setting else []
        for row in group.to_dict("records"):
            cells = [_pm(row, column) for column in columns]
            if not found.results.selects:
                cells[1] = cells[4] = ""
            rows.append((row["choice"], str(row["n"]), *cells[:4], _floor(row), *cells[4:]))
    header = ["configuration", "seeds", "best on test", "selected", "last"]
    header += [f"best − last, {attack}", "floor", f"selected − last, {attack}"]
    header += [f"train − test, last, {attack}"] * same
    caption = f"Robust accuracy in %, gaps in points; {found.results.attacks.get('pgd', 'PGD')}. The floor is the best "
    caption += "− last of a curve that is flat once it has climbed and scatters as this one"
    caption += "; * as all of the problem, for want of evaluations." if known["floor_borrowed"].any() else "."
    caption += (
        " train − test uses the training examples under this same attack, in eval mode and not augmented."
        if same
        else " Training accuracy under this attack was not measured (evaluate: {train: true}), so no train − test is "
        "shown."
    )
    if len(known) > LONGEST:
        caption = f"The first of each problem, {len(shown)} of {len(known)}; tables/overfitting.csv has all. {caption}"
    return [page.table(*_filled(header, rows), caption)]


def counts(found: ReportData) -> list[str]:
    """The classes of each subset; of many classes in as many tables as paper is wide."""
    if found.counts.empty:
        return []
    classes = [column for column in found.counts if str(column).startswith("class ")]
    parts = []
    for start in range(0, len(classes), ABREAST):
        shown, first = classes[start : start + ABREAST], start == 0
        rows: list[tuple[str, ...]] = []
        for setting, group in found.counts[:LONGEST].groupby("setting", sort=False):
            rows += [(str(setting),)] if setting else []
            for row in group.to_dict("records"):
                facts = ("size", "flipped_in", "flipped_out") if first else ()
                rows.append((row["subset"], *(_count(row[name]) for name in (*facts, *shown))))
        names = (str(name).removeprefix("class ") for name in shown)
        header = ("subset", *("size", "flipped in", "flipped out") * first, *names)
        caption = "Examples of each class in each subset, averaged over seeds, and flipped labels kept and removed."
        if len(classes) > ABREAST:
            caption += f" Classes {start} to {start + len(shown) - 1}."
        if len(found.counts) > LONGEST:
            caption += f" The first {LONGEST} of {len(found.counts)} rows; tables/class_counts.csv has all."
        parts.append(page.table(header, rows, caption))
    return parts


def others(found: ReportData) -> list[str]:
    """What was trained for the trials to start from or to rank by, such as the pretraining that is their control."""
    trials = found.results.trials
    made = trials[(trials["kind"] != "trial") & (trials["status"] == COMPLETED)]
    if made.empty:
        return []
    robust = found.robust if found.robust and f"last_{found.robust}" in made else EPOCH_METRIC
    columns = [f"{c}_{metric}" for c in CHECKPOINTS for metric in ("test_clean_acc", robust)]
    rows: list[tuple[str, ...]] = []
    for kind, its in made.groupby("kind", sort=False):
        rows.append((KINDS.get(str(kind), str(kind)),))
        for name, group in its.groupby("configuration", sort=False):
            rows.append((str(name), str(len(group)), *(estimate(group.get(column, [])).text() for column in columns)))
    short = shorten_attack(parse_attack(robust) or "", found.results.attacks)
    ends = [f"{what} %, {'last' if c == 'last' else 'selected'}" for c in CHECKPOINTS for what in ("clean", short)]
    caption = (
        "Accuracy on test of the trainings that trials start from or are ranked by, mean ± standard error over seeds."
    )
    if len(rows) > LONGEST:
        caption += f" The first {LONGEST} of {len(rows)} rows; tables/trials.csv has all."
    return [page.table(("training", "seeds", *ends), rows[:LONGEST], caption)]


def agreements(found: ReportData) -> list[str]:
    """How far the scores agree on the order of the examples."""
    parts = []
    for ranking in found.rankings:
        table = correlate_scores(ranking)
        if len(table) > 1:
            rows = [(str(name), *(f"{value:.3f}" for value in line)) for name, line in table.iterrows()]
            caption = f"Spearman's correlation between the scores' ranks of the examples, {ranking.title}."
            parts.append(page.table(("", *map(str, table.columns)), rows, caption))
    return parts


def unfinished(found: ReportData) -> list[str]:
    """Trials that diverged, were stopped, failed or still wait, with why."""
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
            why = text.splitlines()[-1] if text else "no traceback was left"
            errors.append(page.details(row["id"], text))
        done = f"{row['epochs_done']} of {_count(row['epochs_planned'])}"
        rows.append((row["id"], row["status"], done, why))
    caption = "A diverged trial counts as an outcome and is never on a front." + (
        " A stopped one is censored: its last epochs and its test accuracies were not made, and are nowhere filled in."
        if STOPPED in set(others["status"])
        else ""
    )
    if len(rows) > LONGEST:
        caption = f"The first {LONGEST} of {len(rows)}; tables/trials.csv has all. {caption}"
    table = page.table(("trial", "status", "epochs", "why"), rows[:LONGEST], caption, (0, 1, 3))
    return [table, *errors[:LONGEST]]


def _volume(panel: FrontPanel) -> str:
    """Of the first sweep, with what stands behind it: of some configurations other seeds may be missing."""
    ((sweep, volume), *_) = panel.volume.items()
    few = (
        ""
        if panel.compared[sweep] == len(panel.points)
        else f" of {format_count(panel.compared[sweep], 'configuration')}"
    )
    error = "" if math.isnan(volume.se) else f" ± {volume.se:.4f}"
    return f"{volume.mean:.4f}{error} ({format_seeds(volume.n)}{few})"


def _robust(found: ReportData) -> str:
    return shorten_attack(parse_attack(found.robust or "") or "", found.results.attacks)


def _gap_name(found: ReportData) -> str:
    return f"{shorten_attack('pgd', found.results.attacks)} − {_robust(found)}"


def _short(column: str, found: ReportData) -> str:
    checkpoint, _, metric = column.partition("_")
    if checkpoint in CHECKPOINTS:
        name = describe_metric(metric, found.results.attacks).replace(" test accuracy", "")
        return f"{name}, {'last' if checkpoint == 'last' else 'selected'}"
    gaps = {"robust_overfitting": "best − last", "robust_overfitting_val": "selected − last"}
    return f"{gaps[column]}, {shorten_attack('pgd', found.results.attacks)}" if column in gaps else column


def _difference(row: Mapping[Any, Any]) -> str:
    return Estimate(row["mean"], row["se"], int(row["n"])).text(signed=True)


def _pm(row: Mapping[Any, Any], column: str) -> str:
    return Estimate(row[column], row[f"{column}_se"], row["n"]).text()


def _floor(row: Mapping[Any, Any]) -> str:
    """In points, with a star where the scatter is borrowed."""
    return f"{100 * row['floor']:.1f}{'*' * row['floor_borrowed']}" if math.isfinite(row["floor"]) else "–"


def _count(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.4g}" if value < 1000 else f"{value:.0f}"
