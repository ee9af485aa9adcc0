"""A study answers with what is told, best first, and at last with what is not, and what that would take."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.measures.answers import Answer, Points, answer_question, choose_family, write_parts
from analysis.measures.families import Family, judge_family


def family(
    means: list[float],
    sd: float = 0.0135,
    n: int = 3,
    axis: str = "subset",
    names: tuple[str, str] = ("friendly", "random"),
) -> Family:
    """Return differences of these means whose standard errors are all equal."""
    table = pd.DataFrame({"mean": means, "se": sd / math.sqrt(n) if n > 1 else math.nan, "n": n})
    table["minuend"], table["subtrahend"] = [f"{names[0]}-{place}" for place in range(len(means))], names[1]
    return judge_family(axis, *names, table.assign(setting="label_noise 0.1", family="pgd-0.1"))


def kinds(answers: list[Answer]) -> list[str]:
    return [answer.kind for answer in answers]


def test_the_highest_and_the_lowest_are_told_and_the_rest_is_undecided() -> None:
    answers = answer_question(family([0.06, 0.03, -0.038, -0.02, *[0.001] * 8]))
    assert kinds(answers) == ["higher", "lower", "rest"]
    assert [write_parts(answer.lead) for answer in answers] == [
        "+6.0 [+3.5, +8.5] points", "−3.8 [−6.3, −1.3] points", "9 of 12 undecided",
    ]  # fmt: skip
    assert write_parts(answers[0].text) == (
        "Robust accuracy is higher with friendly-0 than with random at label_noise 0.1 · pgd-0.1; 3 seeds. "
        "1 other comparison is higher too."
    )
    assert write_parts(answers[2].text) == (
        "No difference was found, as the interval contains 0: 9 of the 12 comparisons of friendly against random, "
        "within ±2.5 points. The nearest to one, friendly-3 "
        "− random at label_noise 0.1 · pgd-0.1 (−2.0), would take 4 more seeds; a difference of "
        "1 point would take 23 more seeds."
    )


def test_differences_told_with_one_sign_are_one_sentence() -> None:
    answers = answer_question(family([0.06, 0.05, 0.07]))
    assert kinds(answers) == ["all", "rest"]
    assert write_parts(answers[0].lead) == "+6.0 points on average"
    text = write_parts(answers[0].text)
    assert text.startswith(
        "Robust accuracy is higher in all 3 comparisons of friendly against random: by +5.0 to +7.0 points"
    )
    assert write_parts(answers[1].lead) == "Every comparison is decided"


@pytest.mark.parametrize(("means", "n"), [([0.06, 0.05], 3), ([0.06], 6), ([0.06, 0.001], 3), ([0.06, 0.05], 1)])
def test_open_is_a_word_of_verdicts_on_the_front_alone(means: list[float], n: int) -> None:
    answers = answer_question(family(means, n=n))
    assert "open" not in " ".join(write_parts(answer.lead + answer.text) for answer in answers).split()


def test_two_differences_are_both_and_neither() -> None:
    told, left = answer_question(family([0.06, 0.05]))
    assert write_parts(told.text).startswith(
        "Robust accuracy is higher in both comparisons of friendly against random:"
    )
    assert write_parts(left.text).startswith("Neither of the 2 intervals of friendly against random contains 0;")


def test_differences_told_with_both_signs_are_two_sentences() -> None:
    assert kinds(answer_question(family([0.06, -0.05]))) == ["higher", "lower", "rest"]


def test_one_difference_is_told_with_its_interval() -> None:
    higher, last = answer_question(family([0.06], n=6))
    assert isinstance(higher.lead[0], Points) and higher.lead[0].lo > 0
    assert write_parts(last.text).startswith("Its interval does not contain 0; ")


@pytest.mark.parametrize(
    ("means", "n", "words"),
    [
        (
            [0.5] * 12,
            1,
            "None of the 12 comparisons of … is told from chance: one seed each leaves 0 degrees of "
            "freedom for the error, and a claim needs 4, which takes 2 seeds each.",
        ),
        (
            [0.5] * 3,
            2,
            "None of the 3 comparisons of … is told from chance: 2 seeds each leave 3 degrees of freedom "
            "for the error, and a claim needs 4, which takes 3 seeds each.",
        ),
        (
            [0.5],
            3,
            "The only comparison of … is not told from chance: 3 seeds leave 2 degrees of freedom for the "
            "error, and a claim needs 4, which takes 5 seeds; more comparisons share their error and would take fewer.",
        ),
    ],
)
def test_too_few_seeds_claim_nothing(means: list[float], n: int, words: str) -> None:
    (only,) = answer_question(family(means, n=n))
    assert only.kind == "rest" and write_parts(only.text) == words.replace("…", "friendly against random")


def test_seeds_that_do_not_count_are_said_where_too_few_are_left() -> None:
    few = family([0.5, 0.4], n=2)
    (none,), (one,), (two,) = (answer_question(few._replace(uncounted=count)) for count in (0, 1, 2))
    assert write_parts(none.text).endswith("which takes 3 seeds each.")
    assert write_parts(one.text).endswith(
        " 3 seeds each. Not counted: 1 training that diverged or names one class for every image."
    )
    assert write_parts(two.text).endswith("Not counted: 2 trainings that diverged or name one class for every image.")


def test_seeds_that_suffice_for_a_point_and_differences_of_one_seed_are_said() -> None:
    *_, last = answer_question(family([0.001, 0.002, 0.001], sd=0.001))
    assert write_parts(last.text).endswith("; for a difference of 1 point these seeds suffice.")
    table = pd.DataFrame({"mean": 0.001, "se": [0.01, 0.01, 0.01, math.nan], "n": [3, 3, 3, 1]})
    table = table.assign(minuend="a", subtrahend="b", setting="", family="")
    *_, last = answer_question(judge_family("method", "method", "b", table))
    assert last.lead == ("3 of 3 undecided",) and write_parts(last.text).endswith(
        " Left out, as of one seed: 1 comparison."
    )


def test_an_effect_of_nothing_would_take_more_than_a_thousand_seeds() -> None:
    (only,) = answer_question(family([0.0] * 4))
    assert "would take more than 1,000 more seeds" in write_parts(only.text)


def test_half_widths_that_differ_are_a_range() -> None:
    table = pd.DataFrame({"mean": [0.0, 0.001, 0.0], "se": [0.004, 0.01, 0.004], "n": 3})
    table["minuend"], table["subtrahend"] = "a", "b"
    (only,) = answer_question(judge_family("method", "method", "b", table.assign(setting="", family="")))
    quantile = stats.t.ppf(1 - (1 - 0.95 ** (1 / 3)) / 2, 6)
    pooled = math.sqrt((0.004**2 + 0.01**2 + 0.004**2) / 3)
    assert f"±{100 * quantile * pooled:.1f} to ±{quantile:.1f} points" in write_parts(only.text)


def test_without_a_comparison_the_front_is_the_answer() -> None:
    (only,) = answer_question(None)
    assert only.lead == ("Nothing compared",)


def test_friendly_subsets_against_random_ones_answer_unless_the_question_names_others() -> None:
    hard, friendly = (family([0.01] * 4, names=(kind, "random")) for kind in ("hard", "friendly"))
    everything, method = family([0.01] * 9, names=("friendly", "all")), family([0.01] * 20, axis="method")
    families = [hard, everything, friendly, method]
    assert choose_family(families, "How many examples are enough?") is friendly
    assert choose_family(families, "Do hard examples overfit?") is hard
    assert choose_family([hard, everything, method], "Which?") is hard
    assert choose_family([everything, method], "Which method?") is everything
    assert choose_family([], "Which?") is None


def test_without_subsets_the_axis_that_the_question_names_answers_else_the_largest() -> None:
    lam, epsilon = (
        family([0.01] * count, axis=path, names=(path.rpartition(".")[2], "b"))
        for count, path in ((7, "method.weight.lam"), (3, "method.attack.epsilon"))
    )
    assert choose_family([epsilon, lam], "What does Epsilon change?") is epsilon
    assert choose_family([epsilon, lam], "Which method is best?") is lam


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Does TRADES or MART beat PGD at either epsilon?", "method"),
        ("Is TRADES better than PGD, whatever the epsilon?", "method"),
        ("Does trades beat pgd?", "method"),
        ("Which method is best at each epsilon?", "method"),
        ("Which epsilon is best?", "method.attack.epsilon"),
        ("What does epsilon change for every method?", "method.attack.epsilon"),
    ],
)
def test_values_that_a_question_names_count_and_what_it_holds_does_not(question: str, asked: str) -> None:
    """It answered for epsilon whenever the word stood in a question about methods."""

    def compare(axis: str, *minuends: str, subtrahend: str) -> Family:
        table = pd.DataFrame({"mean": 0.01, "se": 0.01, "n": 3, "minuend": minuends, "setting": "", "family": ""})
        return judge_family(axis, axis, subtrahend, table.assign(subtrahend=subtrahend))

    method = compare("method", "trades · epsilon 0.1", "mart · epsilon 0.1", subtrahend="pgd · epsilon 0.1")
    epsilon = compare("method.attack.epsilon", *["epsilon 0.1"] * 3, subtrahend="epsilon 0.05")
    found = choose_family([epsilon, method], question)
    assert found is not None and found.axis == asked


def test_numbers_are_points_with_a_true_minus() -> None:
    assert Points(-0.038, -0.063, -0.014).text() == "−3.8 [−6.3, −1.4]"
    assert Points(0.003, 0.0002, 0.0058).text() == "+0.30 [+0.02, +0.58]", "the interval does not contain 0"
    assert Points(-0.003, -0.0058, -0.00002).text() == "−0.300 [−0.580, −0.002]"
    assert Points(0.003, -0.0002, 0.0062).text() == "+0.3 [−0.0, +0.6]", "this one does"
    assert Points(float(np.float64(0.0))).text() == "+0.0"
