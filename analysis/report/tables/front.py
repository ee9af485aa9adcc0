"""The table of the members of each front."""

from __future__ import annotations

import math

from markupsafe import Markup

from analysis.measures.front import FrontPanel
from analysis.measures.front_members import estimate_axis, list_members
from analysis.measures.front_seeds import BOOTSTRAP
from analysis.measures.stats import format_seeds
from analysis.report import html
from analysis.report.data import ReportData
from analysis.results.gaps import describe_checkpoint
from analysis.results.metrics import describe_images, parse_attack, shorten_attack
from trainers.formatting import format_count

OFF_FRONT = " A dash marks a configuration that validation selects, but that is off the front."


def render_members(found: ReportData) -> list[Markup]:
    """Render a table of the members of each front."""
    if found.front is None:
        return []
    front, parts = found.front, []
    robust = shorten_attack(parse_attack(front.y) or "", found.results.attacks)
    for panel in front.panels:
        rows = []
        for row in list_members(panel).to_dict("records"):
            numbers = (str(row["n"]), *(estimate_axis(row, axis).text() for axis in ("x", "y")))
            rows.append((row["number"], row["choice"], *numbers, "yes" * row["selected"]))
        where = f"Members of the front, {panel.title}" if panel.title else "Members of the front"
        off = OFF_FRONT if (panel.points["selected"] & ~panel.points["on_front"]).any() else ""
        volume = f" Hypervolume with reference point (0, 0): {_format_volume(panel)}." if panel.volume else ""
        knee = panel.points.loc[panel.points["knee"], "choice"].tolist()
        knees = f" Knee, farthest from the chord between the ends of the front: {knee[0]}." if knee else ""
        header = ("#", "configuration", "seeds", "clean %", f"{robust} %", "selected on validation")
        shown = len(header) if found.results.selects else -1
        when = describe_checkpoint(front.checkpoint, found.results.study_trials)
        caption = f"{where}{describe_images(front.y, found.results.attacks)}, {when}.{off}{volume}{knees}"
        parts.append(html.render_table(header[:shown], [row[:shown] for row in rows], caption, (1,)))
    return parts


def _format_volume(panel: FrontPanel) -> str:
    """Format the hypervolume of the sweep with its interval, its seeds and, if some are left out, configurations."""
    (volume,) = panel.volume.values()
    few = f" of {format_count(volume.configurations, 'configuration')}" * (volume.configurations < len(panel.points))
    interval = "" if math.isnan(volume.lo) else f" ({volume.lo:.4f} to {volume.hi:.4f}, {BOOTSTRAP})"
    return f"{volume.mean:.4f}{interval}, {format_seeds(volume.n)}{few}"
