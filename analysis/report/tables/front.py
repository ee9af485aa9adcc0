"""The tables of the members of each front, and of all configurations."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from markupsafe import Markup

from analysis.measures.front import FrontPanel
from analysis.measures.front_members import list_members
from analysis.measures.front_seeds import BOOTSTRAP
from analysis.measures.stats import format_count, format_seeds
from analysis.report import html
from analysis.report.data import ReportData
from analysis.report.tables.cells import drop_empty_columns, format_estimate, name_attack
from analysis.results.gaps import describe_checkpoint
from analysis.results.metrics import (
    describe_images,
    shorten_attack,
)
from analysis.results.page_cut import MAX_TABLE_ROWS, cut_in_turn
from trainers.formatting import format_duration

OFF_FRONT = " A dash marks a configuration that validation selects, but that is off the front."


def render_members(found: ReportData) -> list[Markup]:
    """Render a table of the members of each front."""
    if found.front is None:
        return []
    front, parts = found.front, []
    for panel in front.panels:
        rows = []
        for row in list_members(panel).to_dict("records"):
            numbers = (str(row["n"]), format_estimate(row, "x"), format_estimate(row, "y"))
            rows.append((row["number"], row["choice"], *numbers, "yes" * row["selected"]))
        where = f"Members of the front, {panel.title}" if panel.title else "Members of the front"
        off = OFF_FRONT if (panel.points["selected"] & ~panel.points["on_front"]).any() else ""
        volume = f" Hypervolume with reference point (0, 0): {_format_volume(panel)}." if panel.volume else ""
        knee = panel.points.loc[panel.points["knee"], "choice"].tolist()
        knees = f" Knee, farthest from the chord between the ends of the front: {knee[0]}." if knee else ""
        header = ("#", "configuration", "seeds", "clean %", f"{name_attack(found)} %", "selected on validation")
        shown = len(header) if found.results.selects else -1
        when = describe_checkpoint(front.checkpoint, found.results.study_trials)
        caption = f"{where}{describe_images(front.y, found.results.attacks)}, {when}.{off}{volume}{knees}"
        parts.append(html.render_table(header[:shown], [row[:shown] for row in rows], caption, (1,)))
    return parts


def render_summary(found: ReportData) -> list[Markup]:
    """Render a table of all configurations at the validation-selected epoch, if there is one, and at the last."""
    if found.front is None:
        return []
    points = pd.concat([panel.points for panel in found.front.panels])
    order = np.argsort(-points["val_y"].fillna(-1.0).to_numpy(), kind="stable").tolist()
    cut = cut_in_turn(points["setting"].tolist(), MAX_TABLE_ROWS, order)
    shown = points.iloc[cut.rows]
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
                format_estimate(row, "y_last") if found.front.checkpoint == "best" else ""
            )  # else y is at the last epoch
            numbers = (format_estimate(row, "x"), format_estimate(row, "y"), last)
            times = [format_duration(seconds) for seconds in costs.loc[row["configuration"]]]
            gap = (
                format_estimate(masked.loc[row["configuration"]], "gap") if row["configuration"] in masked.index else ""
            )
            counts = (str(row["diverged"] or ""), str(row["constant"] or ""))
            rows.append((row["choice"], str(row["n"]), *numbers, gap, *counts, *times))
    robust = name_attack(found)
    header = (
        "configuration", "seeds", "clean %", f"{robust} %", f"{robust} %, last epoch", _name_gap(found), "diverged",
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
        caption += f" {_name_gap(found)} is in points, on the same images."
    cut_words = cut.describe("configurations", "the best of each problem on validation", "front")
    caption = f"{cut_words} {caption}".lstrip()
    return [html.render_table(*drop_empty_columns(header, rows), caption, marked=marked)]


def _format_volume(panel: FrontPanel) -> str:
    """Format the hypervolume of the sweep with its interval, its seeds and, if some are left out, configurations."""
    (volume,) = panel.volume.values()
    few = f" of {format_count(volume.configurations, 'configuration')}" * (volume.configurations < len(panel.points))
    interval = "" if math.isnan(volume.lo) else f" ({volume.lo:.4f} to {volume.hi:.4f}, {BOOTSTRAP})"
    return f"{volume.mean:.4f}{interval}, {format_seeds(volume.n)}{few}"


def _name_gap(found: ReportData) -> str:
    return f"{shorten_attack('pgd', found.results.attacks)} − {name_attack(found)}"
