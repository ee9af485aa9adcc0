"""What a search answers, on its page and in its summary on a terminal."""

from __future__ import annotations

import io
from pathlib import Path

from analysis.report.data import collect_report_data
from analysis.report.search_answers import lay_out_cards
from analysis.report.summary import print_summary
from analysis.results.sweep import load_sweep
from trainers.terminal.console import Console

from .block.made_search import write_search


def test_the_summary_gives_the_answers_of_the_page(tmp_path: Path) -> None:
    data, shown = collect_report_data(load_sweep(write_search(tmp_path / "made_search"))), io.StringIO()
    print_summary(data, Console(file=shown, width=1000))
    cards, printed = lay_out_cards(data), shown.getvalue()
    assert [card.detail.rpartition("] ")[2] for card in cards][1:] == ["of variance", "since the last gain"]
    assert [line for line in printed.splitlines() if line.startswith("• ")] == [
        f"• {card.number} {card.detail}: {card.text}" for card in cards
    ]
    assert "Nothing compared" not in printed
