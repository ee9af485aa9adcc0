"""The data of a report, collected once for all tests of its block."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.data import ReportData, collect_report_data
from analysis.results.sweep import load_sweep


@pytest.fixture(scope="package")
def report(sweep: Path) -> ReportData:
    """Of the sweep with a diverged, a torn and a crashed trial."""
    return collect_report_data(load_sweep(sweep))
