"""The answers of a study to its question: three sentences at most, the last of which says what was not found.

A sentence is data: its texts, and its numbers in fractions of 1, which a page or a terminal writes as it likes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import pandas as pd

from analysis.measures.families import Family, has_control
from analysis.measures.power import MOST_SEEDS
from analysis.measures.stats import POINTS, format_seed_counts
from analysis.results.axes import SEPARATOR
from trainers.fewest_seeds import FEWEST_FREEDOM, count_fewest_seeds
from trainers.formatting import format_count

FRIENDLY = "friendly"
MOST_DIGITS = 3  # of a number in points, behind the point
# what a question holds, and does not ask about: "at either epsilon", "whatever the epsilon"
HELD = re.compile(
    r"\b(?:whatever the|regardless of|(?:at|for|with|under) (?:either|each|every|any|all|both))\s+\w+", re.I
)
Kind = Literal["all", "higher", "lower", "rest"]


class Points(NamedTuple):
    """A difference in fractions of 1, with the ends of its simultaneous interval or of a range; NaN without one."""

    mean: float
    lo: float = math.nan
    hi: float = math.nan

    def text(self) -> str:
        """Return it in points: "+6.0 [+3.5, +8.4]"; with more digits if an interval without 0 would read as with 0."""
        if math.isnan(self.lo):
            return _format_points(self.mean)
        ends = [self.lo, self.hi]
        digits = 1
        while self.lo * self.hi > 0 and digits < MOST_DIGITS and any(_is_zero(end, digits) for end in ends):
            digits += 1
        return f"{_format_points(self.mean, digits)} [{', '.join(_format_points(end, digits) for end in ends)}]"


class Answer(NamedTuple):
    """One sentence: its `lead`, which has the number, and what the number says."""

    kind: Kind
    lead: tuple[str | Points, ...]
    text: tuple[str | Points, ...]


def write_parts(parts: Sequence[str | Points]) -> str:
    """Join the texts and numbers of a sentence."""
    return "".join(part if isinstance(part, str) else part.text() for part in parts)


def choose_family(families: Sequence[Family], question: str) -> Family | None:
    """Choose the family that answers a question; None without any.

    Where a subset is an axis, it is a family of subsets against random ones of equal size, or against all if there is
    no random control; else it is one of another axis. If there are several, the one that shares most words with the
    question is chosen, by the axis and the values compared, else that of friendly subsets, else the one with the most
    differences. An axis that the question only holds, as in "at either epsilon", is not asked about.
    """
    controlled = [family for family in families if has_control(family)]
    subsets = [family for family in families if family.axis == "subset"]
    asked = _list_words(HELD.sub(" ", question))

    def fits(family: Family) -> tuple[int, bool, int]:
        own = _name_family(family)
        return len(own & asked), FRIENDLY in own, len(family.rows) + family.single

    return max(controlled or subsets or families, key=fits, default=None)


def _name_family(family: Family) -> set[str]:
    """Return the words by which a question may ask for a family."""
    if family.axis == "subset":
        return _list_words(family.minuends) - {"subset"}
    values = [label for side in ("minuend", "subtrahend") for label in family.rows[side]]
    named = _list_words(" ".join(str(label).partition(SEPARATOR)[0] for label in values))
    path = _list_words(family.axis) - ({"method", "name"} if "." in family.axis else set())
    return path | {word for word in named if not word.isdecimal()}


def _list_words(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"\w+", text)}


def answer_question(family: Family | None) -> list[Answer]:
    """Return the answers that a family gives, most certain first.

    (a) One sentence if all differences are told and have one sign, with their mean and range; else (b) the one above 0
    with the highest lower end of its interval, and (c) the one below 0 with the lowest upper end. The last, (d), says
    how many are undecided and within what, which is nearest to being told, and how many seeds that would take.
    """
    if family is None:
        text = (
            "No two configurations with results differ in one axis alone, so no difference is claimed; the front shows "
            "what was reached."
        )
        return [Answer("rest", ("Nothing compared",), (text,))]
    return [*_tell(family), _say_rest(family)]


def _tell(family: Family) -> Iterator[Answer]:
    rows = family.rows
    above, below = (rows[rows["told"].astype(bool) & (sign * rows["mean"] > 0)] for sign in (1, -1))
    if len(rows) > 1 and len(rows) in (len(above), len(below)):
        more = "higher" if len(above) else "lower"
        every = "both" if len(rows) == 2 else f"all {len(rows)}"
        means = Points(rows["mean"].mean(), rows["mean"].min(), rows["mean"].max())
        span = Points(rows["lo"].min()), Points(rows["hi"].max())
        yield Answer(
            "all",
            (Points(means.mean), " points on average"),
            (
                f"Robust accuracy is {more} in {every} comparisons of {family.title}: by ", Points(means.lo),
                " to ", Points(means.hi), " points, with intervals from ", span[0], " to ", span[1],
                f"; {format_seed_counts(rows['n'])}.",
            ),
        )  # fmt: skip
        return
    if len(above):
        yield _tell_one(_first(above, "lo", ascending=False), "higher", len(above) - 1)
    if len(below):
        yield _tell_one(_first(below, "hi"), "lower", len(below) - 1)


def _first(rows: pd.DataFrame, by: str, ascending: bool = True) -> Mapping[Any, Any]:
    """Return the row with the least value of a column, or the largest."""
    return rows.sort_values(by, ascending=ascending, kind="stable").iloc[0].to_dict()


def _tell_one(row: Mapping[Any, Any], kind: Literal["higher", "lower"], others: int) -> Answer:
    """Tell of one difference, and how many others of its sign are told."""
    more = f" {format_count(others, 'other comparison')} {'is' if others == 1 else 'are'} {kind} too." * bool(others)
    where = _name_place(row)
    return Answer(
        kind,
        (Points(row["mean"], row["lo"], row["hi"]), " points"),
        (
            f"Robust accuracy is {kind} with {row['minuend']} than with {row['subtrahend']}",
            f"{where and f' at {where}'}; {format_count(int(row['n']), 'seed')}.{more}",
        ),
    )


def _say_rest(family: Family) -> Answer:
    m = len(family.rows)
    if not family.claims:
        return _claim_nothing(family)
    single = f" Left out, as of one seed: {format_count(family.single, 'comparison')}." * bool(family.single)
    rows = family.rows[~family.rows["told"].astype(bool)]
    point = f"a difference of 1 point would take {_format_seeds(family.one_point)}"
    if not family.one_point:
        point = "for a difference of 1 point these seeds suffice"
    if rows.empty:
        which = "Every" if m > 1 else "The only"
        text = f"{_none_of(m, 'interval')} of {family.title} contains 0" if m > 1 else "Its interval does not contain 0"
        return Answer("rest", (f"{which} comparison is decided",), (f"{text}; {point}.{single}",))
    half = (rows["hi"] - rows["lo"]) / 2
    ends = [f"{POINTS * value:.1f}" for value in (half.min(), half.max())]
    within = "±" + " to ±".join(dict.fromkeys(ends))
    which = f"{'each' if len(rows) == m else len(rows)} of the {m} comparisons" if m > 1 else "the only comparison"
    nearest = _first(rows, "p")
    where = _name_place(nearest)
    return Answer(
        "rest",
        (f"{len(rows)} of {m} undecided",),
        (
            f"No difference was found, as the interval contains 0: {which} of {family.title}, within {within} points. "
            f"The nearest to one, {nearest['minuend']} − {nearest['subtrahend']}{where and f' at {where}'} (",
            Points(nearest["mean"]),
            f"), would take {_format_seeds(nearest['more'])}; {point}.{single}",
        ),
    )


def _claim_nothing(family: Family) -> Answer:
    """Say why nothing is claimed, and how many seeds a claim takes at least."""
    m = len(family.rows) + family.single
    seeds = format_seed_counts(family.rows["n"]) if len(family.rows) else "one seed"
    each, more = (" each", "") if m > 1 else ("", "; more comparisons share their error and would take fewer")
    leave = "leaves" if seeds.endswith(" seed") else "leave"
    compared = (
        f"{_none_of(m, 'comparison')} of {family.title} is"
        if m > 1
        else f"The only comparison of {family.title} is not"
    )
    return Answer(
        "rest",
        ("Too few seeds",),
        (
            f"{compared} told from chance: {seeds}{each} {leave} {format_count(family.freedom, 'degree')} of freedom "
            f"for the error, and a claim needs {FEWEST_FREEDOM}, which takes {count_fewest_seeds(m)} seeds{each}"
            f"{more}.{_name_uncounted(family.uncounted)}",
        ),
    )


def _name_uncounted(count: int) -> str:
    """Say how many trainings the seeds of the differences do not count; empty if none."""
    if not count:
        return ""
    name = "names" if count == 1 else "name"
    return f" Not counted: {format_count(count, 'training')} that diverged or {name} one class for every image."


def _none_of(count: int, noun: str) -> str:
    return f"Neither of the 2 {noun}s" if count == 2 else f"None of the {count} {noun}s"


def _name_place(row: Mapping[Any, Any]) -> str:
    """Name what is equal in both trainings of a difference."""
    return SEPARATOR.join(filter(None, (str(row["setting"]), str(row["family"]))))


def _format_seeds(count: float) -> str:
    return f"more than {MOST_SEEDS:,} more seeds" if math.isinf(count) else format_count(int(count), "more seed")


def _is_zero(value: float, digits: int) -> bool:
    return round(POINTS * value, digits) == 0


def _format_points(value: float, digits: int = 1) -> str:
    return f"{round(POINTS * value, 9):+.{digits}f}".replace("-", "−")
