"""Metrics as words: their terms, their units, and what is said of words that they do not have."""

from __future__ import annotations

import pytest

from analysis.claims.metric import parse_metric


def test_a_metric_is_a_sum_of_terms_and_quotients() -> None:
    found = parse_metric("last train pgd - peak aa + first group 0 loss / last group 9 loss")
    assert [(s.sign, s.term.words, s.divisor and s.divisor.words) for s in found.summands] == [
        (1, ("last", "train", "pgd"), None),
        (-1, ("peak", "test", "aa"), None),
        (1, ("first", "group", "0", "loss"), ("last", "group", "9", "loss")),
    ]


@pytest.mark.parametrize(
    "text, unit",
    [
        ("best clean", "points"),
        ("peak pgd - last pgd - floor", "points"),
        ("step train_pgd_acc", "points"),
        ("epoch of peak - epoch of drop", "epochs"),
        ("step kappa_mean", ""),
        ("forwards + backwards", ""),
        ("last group 0 loss", ""),
        ("best pgd / best clean", ""),
    ],
)
def test_accuracies_are_in_points_and_epochs_in_epochs(text: str, unit: str) -> None:
    assert parse_metric(text).unit == unit


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "a metric is words"),
        ("beest pgd", "no metric begins with 'beest'; did you mean best?"),
        ("best", "is written WHEN [SPLIT] ATTACK"),
        ("best pgd -", "'pgd' is not allowed"),
        ("last group 10 loss", "'10' is not allowed"),
        ("last group 1 los", "did you mean loss?"),
        ("pearson epsilon dd", "did you mean"),
        ("a / b / c", "divides twice"),
        ("iou", "is written MEASURE SCORE [SCORE]"),
        ("best tst pgd", "did you mean test?"),
    ],
)
def test_other_words_are_refused_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(ValueError) as error:
        parse_metric(text)
    assert words in str(error.value)
