"""The table of all configurations, a row for each, which scripts sort and hide but never rewrite."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from markupsafe import Markup

from analysis.measures.front import FrontData, FrontPanel
from analysis.measures.stats import POINTS, Estimate, estimate
from analysis.report.data import ReportData
from analysis.report.html import HYPHEN, escape
from analysis.report.tables.cells import name_attack
from analysis.results.metrics import EPOCH_METRIC, name_bound, parse_attack, shorten_attack, shorten_metric
from trainers.certificate.words import shorten_verdict
from trainers.formatting import format_duration

FEW_DIGITS = 1e-3  # below which, and from the inverse of which on, a knob is written with a power of ten
OVERFITTING, OVERFITTING_TITLE = "robust_overfitting", "best on test − last"
TAGS = {
    "on_front": ("front", "on the front of the means"),
    "knee": ("knee", "the knee of the front"),
    "selected": ("val", "validation would select it"),
}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Cell(NamedTuple):
    """What a cell shows, as markup, and the value that it is sorted by."""

    shown: Markup
    value: str


class Column(NamedTuple):
    """A column: its title, a cell for each configuration, and whether it is of text, which is aligned to the left."""

    title: str
    cells: list[Cell]
    is_text: bool = False


def render_configurations(
    block: Mapping[str, Any], verdicts: Sequence[Column] = (), recorded: Sequence[Column] = ()
) -> Markup:
    """Render all configurations of a data block, in its order, at both checkpoints.

    `verdicts` stand beside their names and seeds, in view before the table is scrolled; `recorded` come last.
    """
    columns = [*_list_names(block), *verdicts, *_list_numbers(block), *recorded]
    heads = Markup("").join(
        Markup('<th scope="col"{}><button type="button">{}</button></th>').format(
            _kind(column), escape(column.title).replace("-", HYPHEN)
        )
        for column in columns
    )
    rows = Markup("\n").join(
        Markup('<tr data-i="{}">{}</tr>').format(place, Markup("").join(_render_cell(one, place) for one in columns))
        for place in range(len(block["configurations"]["choice"]))
    )
    return Markup(
        '<div class="tbl tall" tabindex="0" role="region" aria-label="All configurations"><table class="data">\n'
        "<thead><tr>{}</tr></thead>\n<tbody>\n{}\n</tbody></table></div>"
    ).format(heads, rows)


def _kind(column: Column) -> Markup:
    return Markup(' class="t"' * column.is_text)


def _render_cell(column: Column, place: int) -> Markup:
    cell = column.cells[place]
    return Markup('<td{} data-v="{}">{}</td>').format(_kind(column), cell.value, cell.shown)


def _list_names(block: Mapping[str, Any]) -> Iterator[Column]:
    """List the columns that say what a configuration is, and how many seeds completed."""
    told, names = block["configurations"], block["setting_names"]
    yield Column("configuration", [_name(told, place) for place in range(len(told["choice"]))], is_text=True)
    if len(block["settings"]) > 1:
        yield Column("setting", [_text(names.get(key, key)) for key in told["setting"]], is_text=True)
    yield Column("n", [_count(n) for n in told["n"]])


def _list_numbers(block: Mapping[str, Any]) -> Iterator[Column]:
    """List the columns of what was drawn and measured that have anything to show."""
    told = block["configurations"]
    if block["kind"] == "search":
        for knob in block["knobs"]:
            yield Column(knob["short"], [_knob(value) for value in knob["values"]], is_text=knob["scale"] == "category")
    yield from _list_accuracies(block)
    overfitting = _estimate_each(block, block["trials"].get(OVERFITTING) or [])
    if any(number.n for number in overfitting):
        attack = block["metrics"][EPOCH_METRIC]["short"]  # that of the curves, which need not be that of the y axis
        yield Column(f"{OVERFITTING_TITLE}, {attack}", [_percent(number) for number in overfitting])
    if worst := _list_worst(block):
        yield Column("worst class", worst)
    if any(status != "completed" for status in told["status"]):
        ended = [_end(status, why) for status, why in zip(told["status"], told["reason"], strict=True)]
        yield Column("ended", ended, is_text=True)
        yield Column("epochs", [_count(epochs) for epochs in told["epochs_done"]])


def _list_accuracies(block: Mapping[str, Any]) -> Iterator[Column]:
    """List the accuracies on both axes at both checkpoints, then those under other final attacks at the first."""
    start, axes = block["checkpoint"], [block["x"], block["y"]]
    others = [name for name, known in block["metrics"].items() if name.startswith("test_") and not known["curve"]]
    for metric in dict.fromkeys([*axes, *others]):
        for checkpoint in ("best", "last") if metric in axes and start == "best" else (start,):
            values = block["trials"].get(f"{checkpoint}_{metric}")
            if values is not None and metric in block["metrics"]:
                when = ", last epoch" if checkpoint == "last" and start == "best" else ""
                title = f"{block['metrics'][metric]['short']}{when}"
                limits = _estimate_each(block, block["trials"].get(f"{checkpoint}_{name_bound(metric)}") or [])
                numbers = zip(_estimate_each(block, values), limits, strict=True)
                yield Column(title, [_percent(number._replace(limit=limit.mean)) for number, limit in numbers])


def list_recorded(found: ReportData, block: Mapping[str, Any]) -> list[Column]:
    """List what a report knows of its configurations besides the block: masked gradients, and the time they took."""
    names = block["configurations"]["configuration"]
    columns = []
    if len(found.masking):
        gaps = {row["configuration"]: row for row in found.masking.to_dict("records")}
        numbers = [
            Estimate(gaps[name]["gap"], gaps[name]["gap_se"], gaps[name]["n"]) if name in gaps else estimate([])
            for name in names
        ]
        columns.append(Column(name_gap(found), [_percent(number) for number in numbers]))
    columns += _list_corrected(found, names)
    costs = found.results.study_trials.groupby("configuration")[["seconds_alone", "seconds_billed"]].mean()
    for column, title in (("seconds_alone", "time alone"), ("seconds_billed", "time billed")):
        if costs[column].notna().any() and (
            column == "seconds_alone" or (costs[column] < costs["seconds_alone"]).any()
        ):
            columns.append(Column(title, [_duration(costs[column].get(name, math.nan)) for name in names]))
    return columns


def list_verdicts(found: ReportData, block: Mapping[str, Any]) -> list[Column]:
    """List the verdict on each configuration, where seeds tell any."""
    if found.front is None or all(panel.assessment.certificate is None for panel in found.front.panels):
        return []
    judged = _place_on_fronts(found.front, block["configurations"]["configuration"])
    words = ["" if at is None else shorten_verdict(at[0].assessment, at[1]) for at in judged]
    return [Column("verdict", [_text(word) for word in words], is_text=True)]


def _place_on_fronts(front: FrontData, names: Sequence[str]) -> list[tuple[FrontPanel, int] | None]:
    """Return the panel of each configuration, and its place there; None where it has none."""
    places = {
        name: (panel, place) for panel in front.panels for place, name in enumerate(panel.points["configuration"])
    }
    return [places.get(name) for name in names]


def _list_corrected(found: ReportData, names: Sequence[str]) -> Iterator[Column]:
    """List the accuracies of each configuration corrected for selection, where seeds tell them."""
    if found.front is None:
        return
    judged = _place_on_fronts(found.front, names)
    for axis, metric in enumerate((found.front.x, found.front.y)):
        values = [math.nan if at is None else at[0].assessment.corrected[at[1], axis] for at in judged]
        if np.isfinite(values).any():
            title = f"{shorten_metric(metric, found.results.attacks)}, corrected"
            yield Column(title, [_percent(estimate([value / POINTS])) for value in values])


def name_gap(found: ReportData) -> str:
    """Name the difference between the attack of the curves and the strongest one."""
    return f"{shorten_attack('pgd', found.results.attacks)} − {name_attack(found)}"


def _estimate_each(block: Mapping[str, Any], values: Sequence[float | None]) -> list[Estimate]:
    """Estimate a column of the trials for each configuration."""
    count = len(block["configurations"]["choice"])
    if not len(values):
        return [estimate([])] * count
    rows = np.asarray(block["trials"]["configuration"], dtype=int)
    numbers = np.array(values, dtype=float)
    order = np.argsort(rows, kind="stable")
    parts = np.split(numbers[order], np.searchsorted(rows[order], np.arange(1, count)))
    return [estimate(part) for part in parts]


def _list_worst(block: Mapping[str, Any]) -> list[Cell]:
    """List each configuration's accuracy in its worst class under the attack of the y axis; nothing if not recorded."""
    classes, metric = block["classes"] or {}, block["y"]
    found = classes.get(metric) or classes.get(parse_attack(metric or "") or "")
    names = classes.get("names") or []
    if not found:
        return []
    return [_worst(values, names) for values in found]


def _worst(values: Sequence[float | None] | None, names: Sequence[str]) -> Cell:
    known = [(value, place) for place, value in enumerate(values or []) if value is not None]
    if not known:
        return _nothing()
    value, place = min(known)
    label = names[place] if place < len(names) else str(place)
    return Cell(Markup("{:.1f} <i>({})</i>").format(value, label), f"{value:.3f}")


def _name(told: Mapping[str, Any], place: int) -> Cell:
    """Write the name of a configuration as the button that keeps it, with its tags."""
    choice = str(told["choice"][place])
    tags = [
        Markup('<span class="tag" title="{}">{}</span>').format(why, tag)
        for key, (tag, why) in TAGS.items()
        if told[key][place]
    ]
    button = Markup(
        '<button type="button"><svg class="glyph" viewBox="-8 -8 16 16" aria-hidden="true"></svg>'
        "<span>{}</span></button>"
    ).format(escape(choice))
    return Cell(button + Markup("").join(tags), choice)


def _text(text: str) -> Cell:
    return Cell(escape(text), text)


def _end(status: str, why: str) -> Cell:
    return Cell(Markup('<span title="{}">{}</span>').format(escape(why or ""), status), status)


def _percent(number: Estimate) -> Cell:
    """Write a mean in percent, its error smaller beside it."""
    if not number.n:
        unknown = math.isnan(number.limit)
        return _nothing() if unknown else Cell(Markup(number.text()), f"{POINTS * number.limit:.4f}")
    mean, _, error = number.text().partition(" ± ")
    return Cell(Markup("{} <i>± {}</i>").format(mean, error) if error else Markup(mean), f"{POINTS * number.mean:.4f}")


def _count(value: float | None) -> Cell:
    return _nothing() if value is None or math.isnan(value) else Cell(Markup(f"{value:g}"), f"{value:g}")


def _knob(value: float | str | None) -> Cell:
    if value is None:
        return Cell(Markup('<span title="not set">–</span>'), "")
    return _text(value) if isinstance(value, str) else Cell(Markup(format_knob(value)), f"{value!r}")


def _duration(seconds: float) -> Cell:
    return Cell(Markup(format_duration(seconds)), f"{seconds:.1f}") if math.isfinite(seconds) else _nothing()


def _nothing() -> Cell:
    return Cell(Markup("–"), "")


def format_knob(value: float) -> str:
    """Write the value of a knob to three digits, or two and a power of ten: "0.0431", "3.3·10⁻⁴"."""
    if value == 0 or FEW_DIGITS <= abs(value) < 1 / FEW_DIGITS**2:
        return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:.0f}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits}·10{str(int(power)).translate(_SUPERSCRIPTS)}".replace("-", "−")
