"""The keys that distinguish the points of a front: an ordered colour scale, colours, markers, or both together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.charts.markers import NOT_VARIED
from analysis.charts.styles import MARKERS, NEUTRAL, PALETTE, Register, Style, order_colours
from analysis.measures.front import FrontData
from analysis.measures.front_scale import Scale
from analysis.results.axes import join_parts

MOST_NAMED = 12  # long names in a legend: of more, those that are on no front are counted
LONG = 30  # letters of a name on average, of which a legend has few in a line
OTHER = Style(NEUTRAL)  # of the points that are counted
MOST = len(PALETTE)  # labels that colours can distinguish
FACTORS = {"sweep": "sweeps", "rest": "methods", "subset_label": "subsets"}  # columns of points -> their names


class PointKeys(NamedTuple):
    """The style of every point."""

    scale: Scale | None
    colours: dict[str, str]  # name in the legend -> colour
    markers: dict[str, str]  # name in the legend -> marker
    both: dict[str, Style]  # name in the legend -> colour and marker, if both together distinguish names
    by_colour: tuple[str, ...]  # the columns of points that name the colour
    by_marker: tuple[str, ...]
    indistinct: tuple[str, ...]  # the names of columns that neither distinguishes

    @property
    def words(self) -> str:
        """A sentence on what colours and markers do not distinguish; empty if they distinguish all."""
        if not self.indistinct:
            return ""
        text = f"{' and '.join(self.indistinct)} are not told apart by colour and marker; members are numbered, and "
        return f" {text[:1].upper()}{text[1:]}tables/front.csv of a report names every point."

    def look(self, point: Mapping[Any, Any]) -> Style:
        """Return the style of one row of points."""
        if self.both:
            return self.both.get(join_labels(point, self.by_colour), OTHER)
        if self.scale is not None:
            colour = colour_scale(self.scale).get(point["scale"], PALETTE[0])
        else:
            colour = self.colours.get(join_labels(point, self.by_colour), PALETTE[0])
        return Style(colour, self.markers.get(join_labels(point, self.by_marker), MARKERS[0]))


def assign_keys(front: FrontData, register: Register) -> PointKeys:
    """Assign each point a style of its own, as far as colours and markers suffice."""
    points, scale = pd.concat([panel.points for panel in front.panels]), front.scale
    if front.curves != front.sweeps:
        return _assign_group_keys(front, points, register)
    labels = {column: list(dict.fromkeys(points[column])) for column in FACTORS}
    labels["sweep"] = list(front.sweeps)  # in the order that colours the fronts' lines
    distinct = [column for column, found in labels.items() if len(found) > 1]
    names = {column: [name or NOT_VARIED for name in found] for column, found in labels.items()}
    if scale is not None:
        kept = _fitting(distinct, labels)
        markers = register.assign_markers(_products(points, kept))
        return PointKeys(scale, {}, markers if kept else {}, {}, (), kept, _words(distinct, kept))
    if not distinct:
        return PointKeys(None, {}, {}, {}, (), (), ())
    coloured = next((column for column in distinct if len(labels[column]) <= MOST), None)
    others = tuple(column for column in distinct if column != coloured)
    if coloured is not None and len(_products(points, others)) <= len(MARKERS):
        markers = register.assign_markers(_products(points, others)) if others else {}
        return PointKeys(None, register.assign_colours(names[coloured]), markers, {}, (coloured,), others, ())
    whole = _products(points, tuple(distinct))
    named = _drop_others(whole, points, distinct)
    if len(named) <= MOST * len(MARKERS):
        dropped = {f"{len(whole) - len(named)} others": OTHER} if len(named) < len(whole) else {}
        return PointKeys(None, {}, {}, register.assign_styles(named) | dropped, tuple(distinct), (), ())
    kept = _fitting(others, labels)
    colours = register.assign_colours(names[coloured]) if coloured else {}
    shown = (coloured, *kept) if coloured else kept
    markers = register.assign_markers(_products(points, kept)) if kept else {}
    return PointKeys(None, colours, markers, {}, (coloured,) if coloured else (), kept, _words(distinct, shown))


def _drop_others(names: list[str], points: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the names that a legend has room for: all, or of many long ones those on a front or selected."""
    if len(names) <= MOST_NAMED or sum(map(len, names)) <= LONG * len(names):
        return names
    shown = points[points[["on_front", "on_own_front", "selected"]].any(axis=1)]
    kept = {join_labels(point, columns) for point in shown.to_dict("records")}
    return [name for name in names if name in kept]


def _assign_group_keys(front: FrontData, points: pd.DataFrame, register: Register) -> PointKeys:
    """Assign each group a colour, or a colour and a marker if they are many; markers tell apart what varies within."""
    within = points.groupby("curve")[list(FACTORS)].nunique().max()
    distinct = [column for column in FACTORS if within[column] > 1]
    if len(front.curves) > MOST:
        names = _words(distinct, ())
        return PointKeys(None, {}, {}, register.assign_styles(front.curves), ("curve",), (), names)
    kept = _fitting(distinct, {column: list(dict.fromkeys(points[column])) for column in distinct})
    markers = register.assign_markers(_products(points, kept)) if kept else {}
    return PointKeys(None, register.assign_colours(front.curves), markers, {}, ("curve",), kept, _words(distinct, kept))


def join_labels(point: Mapping[Any, Any], columns: Sequence[str]) -> str:
    """Name a point by some columns, as the legend does."""
    return join_parts(*(point[column] or NOT_VARIED for column in columns))


@cache
def colour_scale(scale: Scale) -> dict[str, str]:
    """Return a colour per label of a scale, from dark to light in its order."""
    return dict(zip(scale.labels, order_colours(len(scale.labels)), strict=True))


def _products(points: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the combinations of labels that occur, as the legend writes them, in the order of the labels."""
    if not columns:
        return [""]
    places = [pd.factorize(points[column])[0] for column in columns]
    first = points[list(columns)].iloc[np.lexsort(places[::-1])].drop_duplicates()
    return list(dict.fromkeys(join_labels(row, columns) for row in first.to_dict("records")))


def _fitting(columns: Sequence[str], labels: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the first columns whose labels, all combined, markers can distinguish."""
    kept: tuple[str, ...] = ()
    for column in columns:
        if np.prod([len(labels[name]) for name in (*kept, column)]) <= len(MARKERS):
            kept = (*kept, column)
    return kept


def _words(distinct: Sequence[str], shown: Sequence[str]) -> tuple[str, ...]:
    return tuple(FACTORS[column] for column in distinct if column not in shown)
