"""The settings in which several sweeps differ."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from analysis.report.block.rows import Rows
from analysis.report.data import ReportData
from analysis.report.provenance import describe_run
from analysis.report.setting import describe_setting

OF_ONE_RUN = ("date", "wall time", "time in trials")  # which differ between any two sweeps


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
