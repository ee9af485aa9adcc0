"""Wide tables of numbers fit a terminal, and no number is lost."""

from __future__ import annotations

from io import StringIO

import numpy as np
import pandas as pd

from analysis.report.matrices import lay_out_blocks
from trainers.terminal.console import Console


def lines(table: pd.DataFrame, width: int) -> list[str]:
    file = StringIO()
    console = Console(file=file, width=width)
    for block in lay_out_blocks(table, width):
        console.print(block)
    return file.getvalue().splitlines()


def test_thirty_configurations_fit_eighty_columns_and_each_pair_stands_there_once() -> None:
    names = [f"method {i} · lr {i / 100}" for i in range(30)]
    pair = np.add.outer(np.arange(30), np.arange(30))
    values = np.minimum(pair, pair.T) / 100 + np.multiply.outer(np.arange(30), np.arange(30)) / 1000
    shown = lines(pd.DataFrame(values, names, names), 80)
    assert max(map(len, shown)) <= 80
    numbers = [word for line in shown for word in line.split() if len(word) == 5 and word[1] == "."]
    below = [f"{values[row, column]:.3f}" for row in range(30) for column in range(row + 1)]
    assert sorted(numbers) == sorted(below)
    assert any(line.split()[:5] == ["30", "method", "29", "·", "lr"] for line in shown)


def test_columns_that_are_no_rows_have_their_names_and_whole_rows() -> None:
    table = pd.DataFrame([[0.1, np.nan], [-0.3, 0.4]], ["a long name " * 5, "b"], ["fog", "gaussian_noise"])
    shown = lines(table, 80)
    assert shown[0].split() == ["configuration", "fog", "gaussian_noise"]
    assert shown[-1].split() == ["2", "b", "−0.300", "0.400"]
    assert "0.100" in shown[1] and "–" in shown[1] and max(map(len, shown)) <= 80
