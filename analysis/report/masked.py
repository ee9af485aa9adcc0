"""Signs of masked gradients in a sentence, for the head of a page and the summary on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.measures.masking import find_plain_training, select_masked
from analysis.report.names import join_first


def tell_masked(masking: pd.DataFrame) -> Iterator[str]:
    """Tell of each setting with signs of masked gradients for which configurations to trust the strongest attack.

    `masking` is the table of analysis.measures.masking.measure_masking.
    """
    if masking.empty:
        return
    for setting, table in masking.groupby(masking["setting"].map(str), sort=False):
        plain = find_plain_training(table)
        least = table.sort_values("gap").iloc[0] if plain is None else plain
        masked = select_masked(table, float(least["gap"]))
        if len(masked):
            where = f" in {setting}" if setting else ""
            yield f"Signs of masked gradients{where}: trust the strongest attack for {join_first(masked['choice'])}."
