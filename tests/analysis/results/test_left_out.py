"""What a figure leaves out of a sweep, in words, from labels alone."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from analysis.results.axes import Axes
from analysis.results.left_out import describe_left_out

ORDER = {"method": ("pgd", "trades", "mart"), "method.attack.epsilon": ("0.1", "0.2")}
SHORT = {"method": "method", "method.attack.epsilon": "epsilon"}


def tabulate() -> tuple[Axes, pd.DataFrame]:
    """Return the axes and the trials of three methods at two epsilons, with two seeds each."""
    rows = [
        {"id": f"{m}{e}{s}", "name": f"{m} · epsilon {e}", **dict(zip(ORDER, (m, e), strict=True))}
        for m, e, s in itertools.product(*ORDER.values(), "01")
    ]
    values = {path: {label: label for label in labels} for path, labels in ORDER.items()}
    return Axes(tuple(ORDER), tuple(ORDER), ORDER, values, SHORT), pd.DataFrame(rows)


@pytest.mark.parametrize(
    "query, words",
    [
        ("method == 'pgd'", "8 of 12 trainings, those with method trades, mart; drawn: method pgd."),
        ("epsilon == '0.1'", "6 of 12 trainings, those with epsilon 0.2; drawn: epsilon 0.1."),
        ("method != 'mart' and epsilon == '0.2'",
         "8 of 12 trainings, those with epsilon 0.1 or method mart; drawn: epsilon 0.2, method pgd, trades."),
        ("method == 'pgd' or epsilon == '0.1'",
         "4 of 12 trainings, those with trades · epsilon 0.2, mart · epsilon 0.2."),
        ("method != 'none'", ""),
    ],
)  # fmt: skip
def test_what_is_left_out_is_named_by_the_values_that_nothing_drawn_has_else_by_name(query: str, words: str) -> None:
    axes, trials = tabulate()
    kept = trials[trials.rename(columns=SHORT).eval(query)]
    assert describe_left_out(axes, trials, kept) == words
