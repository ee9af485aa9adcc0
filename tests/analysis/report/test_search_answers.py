"""What a search answers, on its page and in its summary on a terminal."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

from analysis.measures.importance import ENOUGH
from analysis.report.data import collect_report_data
from analysis.report.search_answers import HINT, lay_out_cards
from analysis.report.summary import print_summary
from analysis.results.sweep import load_sweep
from trainers.terminal.console import Console

from .block.made_search import write_search


def test_the_summary_gives_the_answers_of_the_page(tmp_path: Path) -> None:
    data, shown = collect_report_data(load_sweep(write_search(tmp_path / "made_search"))), io.StringIO()
    print_summary(data, Console(file=shown, width=1000))
    cards, printed = lay_out_cards(data), shown.getvalue()
    details = [card.detail.rpartition("] ")[2] for card in cards][1:]
    assert details == ["of variance, a hint at most", "since the last gain"]
    assert [line for line in printed.splitlines() if line.startswith("• ")] == [
        f"• {card.number} {card.detail}: {card.text}" for card in cards
    ]
    assert "Nothing compared" not in printed


def test_a_share_of_few_configurations_is_a_hint_with_their_number_and_its_error(tmp_path: Path) -> None:
    """It read: So much of robust validation accuracy, PGD-10 goes with lr alone."""
    data = collect_report_data(load_sweep(write_search(tmp_path / "made_search")))
    assert data.importance is not None
    (count,) = set(data.importance.table["configurations"])
    (told,) = [card for card in lay_out_cards(data) if "variance" in card.detail]
    assert told.text.startswith(f"By fANOVA on {count} configurations, ") and count < ENOUGH
    assert "alone explains this share of the variance of robust" in told.text and told.text.endswith(HINT)
    assert "one standard error over 3 seeds" in told.text and told.detail.startswith("[")
    table = data.importance.table.assign(configurations=ENOUGH, lo=math.nan, hi=math.nan, n=1)
    (alone,) = [
        card
        for card in lay_out_cards(replace(data, importance=data.importance._replace(table=table)))
        if "variance" in card.detail
    ]
    assert alone.detail == "of variance" and HINT not in alone.text and "It has no interval" in alone.text


def test_the_member_that_stands_large_is_of_test_accuracies_and_says_what_validation_selects(tmp_path: Path) -> None:
    """It read: The most robust member of the front is c, which a reader takes for what validation selects."""
    data = collect_report_data(load_sweep(write_search(tmp_path / "made_search")))
    assert data.front is not None
    points = data.front.panels[0].points

    def tell(*selected: int) -> str:
        points["selected"] = points.index.isin(selected)
        return lay_out_cards(data)[0].text

    told = points[points["on_front"]].sort_values("y").index[-1]
    others = points.index[points.index != told]
    best = points.loc[others].sort_values("y", ascending=False).iloc[0]
    assert tell(told).startswith("The most robust member of the front, of test accuracies, is ")
    assert tell(told).endswith(" Validation selects it, too.")
    assert tell(*others).endswith(
        f" Validation would not select it: of {len(others)} configurations that it selects, the most robust has "
        f"{100 * best['x']:.1f} / {100 * best['y']:.1f} ({best['choice']})."
    )
    assert "Validation" not in tell()
