"""Accuracy by class of each configuration, and the classes of the subsets that were trained on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from analysis.measures.classes import abbreviate_class
from analysis.measures.stats import POINTS
from analysis.report.block.json_text import round_number, round_numbers
from analysis.report.block.rows import Rows
from analysis.results.metrics import CLEAN

DIGITS = 2  # of percent
MOST_NUMBERS = 60_000  # beyond which only the two accuracies of the front are given
COUNTED = "class "  # begins the columns of counts


def build_classes(rows: Rows) -> dict[str, Any]:
    """Build the accuracies by class in percent: `names` of the classes, then a row a configuration for each accuracy.

    A configuration without accuracies by class has None for its row. Numbers are of the checkpoint that represents a
    training.
    """
    tables = list(_list_tables(rows))
    if not tables:
        return {"names": []}
    count = 1 + max(int(table["class"].max()) for table, _ in tables)
    kinds = list(dict.fromkeys(kind for table, _ in tables for kind in _list_kinds(table)))
    if len(kinds) * count * len(rows.configurations) > MOST_NUMBERS:
        front = [CLEAN, *([rows.front.x, rows.front.y] if rows.front else [])]
        kinds = [kind for kind in kinds if _name_metric(kind) in front]
    found: dict[str, list[Any]] = {_name_metric(kind): [None] * len(rows.configurations) for kind in kinds}
    for table, places in tables:
        for kind in set(kinds) & set(_list_kinds(table)):
            wide = table.pivot(index="configuration", columns="class", values=kind).reindex(columns=range(count))
            for name, values in zip(wide.index, POINTS * wide.to_numpy(float), strict=True):
                if np.isfinite(values).any():
                    found[_name_metric(kind)][places[str(name)]] = round_numbers(values, DIGITS)
    return {"names": _name_classes(rows, count), **found}


def _list_tables(rows: Rows) -> Iterator[tuple[pd.DataFrame, dict[str, int]]]:
    """Yield the rows of each sweep's table at the checkpoint, with the places of its configurations.

    The rows of a configuration that several sweeps hold are the same in the table of each.
    """
    for place, report in enumerate(rows.pooled):
        if len(report.classes):
            shown = report.classes[report.classes["checkpoint"] == rows.checkpoint]
            if len(shown):
                yield shown, rows.find_places(place)


def _list_kinds(table: pd.DataFrame) -> list[str]:
    """List the accuracies of a table by class, without standard errors and gaps."""
    others = ("configuration", "name", "checkpoint", "class", "label", "n")
    return [
        str(name)
        for name in table
        if name not in others and not str(name).endswith(("_se", "_gap")) and table[name].notna().any()
    ]


def _name_metric(kind: str) -> str:
    return f"test_{kind}_acc"


def _name_classes(rows: Rows, count: int) -> list[str]:
    """Name the classes; with several data sets by numbers alone."""
    known = {names for sweep in rows.results for names in sweep.class_names.values()}
    same = known.pop() if len(known) == 1 else ()
    return [abbreviate_class(label, same) for label in range(count)]


def build_counts(rows: Rows) -> list[dict[str, Any]]:
    """Build for each subset how many examples of each class it has, and how many flipped labels it leaves out."""
    found = []
    for place, report in enumerate(rows.reports):
        for row in report.counts.to_dict("records"):
            counts = [value for name, value in row.items() if str(name).startswith(COUNTED)]
            found.append(
                {
                    "setting": rows.name_setting(place, row["setting"]),
                    "subset": row["subset"],
                    "sweep": place,
                    "size": round_number(row["size"], 1),
                }
                | {"k": round_numbers(counts, 1), "flipped_out": round_number(row["flipped_out"], 1)}
            )
    return found
