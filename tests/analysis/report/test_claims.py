"""The section of a report on claims of the papers that name its study."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.report.data import collect_report_data
from analysis.report.tables.claims import render_claims
from analysis.results.sweep import load_sweep

from ..planned import write_planned


@pytest.mark.long
def test_a_report_has_the_verdicts_on_the_claims_of_its_study(tmp_path: Path) -> None:
    (page,) = render_claims(collect_report_data(load_sweep(write_planned(tmp_path / "run", "gair_trades"))))
    assert "G08 GAIR-TRADES is better than TRADES in all: cannot say" in page and "+6.89" in page
    assert "G01" not in page and "P01" not in page


@pytest.mark.long
def test_a_report_of_another_study_has_none(whole: Path) -> None:
    assert render_claims(collect_report_data(load_sweep(whole))) == []
