"""What several sweeps differ in: where the seeds of one reach farther than those of another, and their settings."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from analysis.measures.front_difference import compare_fronts
from analysis.report.block.json_text import round_number, round_numbers
from analysis.report.block.rows import Rows
from analysis.report.data import ReportData
from analysis.report.provenance import describe_run
from analysis.report.setting import describe_setting

OF_ONE_RUN = ("date", "wall time", "time in trials")  # which differ between any two sweeps
DIGITS = 3  # of a share of seeds


def build_differences(rows: Rows) -> list[dict[str, Any]]:
    """Build the difference of the attainment of each two sweeps, for each setting they share.

    `cells` (y, x) is the share of the seeds of `a`, less that of `b`, that attain x[i-1] < x <= x[i], and so for y.
    """
    found = []
    for panel, pair in compare_fronts(rows.front) if rows.front else ():
        x, y = (round_numbers(values) for values in (pair.x, pair.y))
        cells = [round_numbers(row, DIGITS) for row in pair.difference]
        names = {"setting": panel.title, "a": pair.one, "b": pair.other, "seeds": list(pair.seeds)}
        found.append(names | {"p": round_number(pair.p, 4), "x": x, "y": y, "cells": cells})
    return found


def list_differing_settings(rows: Rows) -> list[dict[str, Any]]:
    """List the settings that are not the same in all sweeps, with the text of each; empty for one without it."""
    texts = [_describe(report) for report in rows.reports]
    names = dict.fromkeys(name for known in texts for name in known)
    values = {name: [known.get(name, "") for known in texts] for name in names}
    return [
        {"name": name, "values": found}
        for name, found in values.items()
        if any(one != other for one, other in combinations(found, 2))
    ]


def _describe(report: ReportData) -> dict[str, str]:
    run = {name: text for name, text in describe_run(report).items() if name not in OF_ONE_RUN}
    return describe_setting(report.results.plan) | run
