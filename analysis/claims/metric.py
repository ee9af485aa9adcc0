"""Metrics of claims: a number of each training, written in words as a sum of terms and quotients of terms.

`last train pgd - last pgd` is a generalisation gap, `peak pgd - last pgd` robust overfitting, `best pgd - best aa` a
masking gap, and `last group 0 loss / last group 9 loss` compares two groups of examples.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from analysis.measures.diagnostic_curves import FLATNESS, LIPSCHITZ
from analysis.measures.group_means import GROUPS, QUANTITIES
from trainers.formatting import did_you_mean, format_list
from trainers.scores import COUNTS, SCORES

CHECKPOINTS = ("best", "last", "peak")
SPLITS = ("train", "val", "test")
MOMENTS = ("first", "drop", "last")  # the first epoch, the last before the first drop of the learning rate, the last
EPOCHS = ("peak", "best", "drop")  # of the smoothed peak, of the selected checkpoint, of the first drop
DIAGNOSTICS = tuple(array for arrays in (LIPSCHITZ, FLATNESS) for array in arrays.values())
ENDS = ("first", "last")  # of the epochs after which a diagnostic was measured
COSTS = ("forwards", "backwards")  # not seconds: a machine's speed drifts by more than seeds scatter
MEASURES = ("distance", "correlation", "iou")  # of the agreement between trainings
RANKINGS = ("ranks", "tied")  # of the ranking by the trainings of a profiling
EXAMPLES = ("d", "own_d", *SCORES, "weight", "epsilon", "t_y", "t_max")  # what each example of a training has
CURVES = ("kappa_mean", "kappa_median", "test_pgd_acc", "test_clean_acc", "train_pgd_acc", "train_clean_acc")
_WORD = r"[A-Za-z_]\w*"
_FORMS = {  # kind -> its form for messages, and the words that each place allows; () allows any name
    "accuracy": ("WHEN [SPLIT] ATTACK", (CHECKPOINTS, SPLITS, ())),
    "group": ("MOMENT group NUMBER QUANTITY", (MOMENTS, ("group",), tuple(map(str, range(GROUPS))), tuple(QUANTITIES))),
    "epoch": ("epoch of EPOCH", (("epoch",), ("of",), EPOCHS)),
    "cost": ("COST", (COSTS,)),
    "floor": ("floor", (("floor",),)),
    "diagnostic": ("DIAGNOSTIC first|last", (DIAGNOSTICS, ENDS)),
    "curve": ("step|slope CURVE", (("step", "slope"), CURVES)),
    "relation": ("pearson|spearman EXAMPLES EXAMPLES", (("pearson", "spearman"), EXAMPLES, EXAMPLES)),
    "agreement": ("MEASURE SCORE [SCORE]", (MEASURES, (), ())),
    "ranking": ("ranks|tied COUNT", (RANKINGS, tuple(COUNTS))),
}
_LEADS = (
    *CHECKPOINTS,
    *MOMENTS,
    "epoch",
    *COSTS,
    *DIAGNOSTICS,
    "floor",
    "step",
    "slope",
    "pearson",
    "spearman",
    *MEASURES,
    *RANKINGS,
)


class NotRecorded(Exception):
    """A sweep lacks what a metric needs; the message says what, and what records it."""


class Term(NamedTuple):
    """A number of a training: its kind, and the words that say which."""

    kind: str
    words: tuple[str, ...]


class Summand(NamedTuple):
    """A term, or the quotient of two, with its sign."""

    sign: int
    term: Term
    divisor: Term | None


class Metric(NamedTuple):
    """A sum of terms and quotients."""

    text: str
    summands: tuple[Summand, ...]

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms, in order."""
        pairs = [(summand.term, summand.divisor) for summand in self.summands]
        return tuple(term for pair in pairs for term in pair if term is not None)

    @property
    def unit(self) -> str:
        """`points` of a sum of accuracies, `epochs` of epochs, else nothing."""
        kinds = {self._kind(summand) for summand in self.summands}
        return {"accuracy": "points", "epoch": "epochs"}.get(kinds.pop(), "") if len(kinds) == 1 else ""

    @staticmethod
    def _kind(summand: Summand) -> str:
        if summand.divisor is not None:
            return "quotient"
        is_accuracy = summand.term.kind == "floor" or (summand.term.kind == "curve" and "acc" in summand.term.words[1])
        return "accuracy" if is_accuracy else summand.term.kind


def parse_metric(text: str) -> Metric:
    """Parse a metric. Raises ValueError that says which words are allowed where."""
    parts = re.split(r"\s+([+-])\s+", text.strip())
    if not parts[0]:
        raise ValueError(f"a metric is words such as 'best pgd20'; got {text!r}")
    signs = ["+", *parts[1::2]]
    summands = [_parse_summand(sign, part) for sign, part in zip(signs, parts[::2], strict=True)]
    return Metric(" ".join(text.split()), tuple(summands))


def _parse_summand(sign: str, text: str) -> Summand:
    term, *divisors = re.split(r"\s+/\s+", text.strip())
    if len(divisors) > 1:
        raise ValueError(f"{text!r} divides twice; write one quotient")
    return Summand(-1 if sign == "-" else 1, _parse_term(term), _parse_term(divisors[0]) if divisors else None)


def _parse_term(text: str) -> Term:
    words = tuple(text.split())
    lead = words[0] if words else ""
    kind = _find_kind(words)
    if not kind:
        forms = "; ".join(form for form, _ in _FORMS.values())
        raise ValueError(f"{text!r}: no metric begins with {lead!r}{did_you_mean(lead, _LEADS)} (allowed: {forms})")
    if kind == "accuracy" and len(words) == 2:
        words = (words[0], "test", words[1])
    form, places = _FORMS[kind]
    if kind == "agreement" and len(words) == 2:
        words = (*words, words[1])
    if len(words) != len(places):
        raise ValueError(f"{text!r}: is written {form}")
    for word, allowed in zip(words, places, strict=True):
        if (allowed and word not in allowed) or not (allowed or re.fullmatch(_WORD, word)):
            known = f" (allowed: {format_list(allowed, 20)})" if allowed else f" in {form}"
            raise ValueError(f"{text!r}: {word!r} is not allowed{did_you_mean(word, allowed)}{known}")
    return Term(kind, words)


def _find_kind(words: tuple[str, ...]) -> str:
    if len(words) > 1 and words[0] in MOMENTS and words[1] == "group":
        return "group"
    leads = {kind: places[0] for kind, (_, places) in _FORMS.items() if kind != "group"}
    return next((kind for kind, allowed in leads.items() if words and words[0] in allowed), "")
