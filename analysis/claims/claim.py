"""What a claim holds: its words, its place in a paper, and the checks that its records must pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from analysis.claims.expectation import Expectation, parse_expectation
from analysis.claims.metric import Metric, parse_metric
from trainers.knobs import Knobs

Value = str | int | float | bool | None


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _check(parse: Any) -> AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return AfterValidator(check)


Values = Annotated[list[Value], BeforeValidator(_as_list), Field(min_length=1)]
Choice = Annotated[dict[str, Values], Field(min_length=1)]
MetricText = Annotated[str, _check(parse_metric)]
Metrics = Annotated[list[MetricText], BeforeValidator(_as_list), Field(min_length=1)]


class Along(Knobs):
    """A reduction of the trainings along an axis to one number."""

    axis: str  # the path of an axis, or `subset.size`
    take: Literal["slope", "mean", "argmax", "max", "min"]  # the slope is the change from the first value to the last


class Pair(Knobs):
    """Two selections of trainings, and the metric if it is another than that of the check."""

    metric: MetricText | None = None
    of: Choice
    against: Choice | None = None


class Check(Knobs):
    """A number of each seed, and what it should be.

    level: of the trainings `of`; difference, ratio: of those less, or over, those `against`, paired by seed with
    everything else equal; order: each of `choices` less the one before it; agreement: between the rankings of
    trainings `of` and `against`, or among those `of`, with different seeds; ranking: of all trainings that profile.
    """

    statistic: Literal["level", "difference", "ratio", "order", "agreement", "ranking"]
    metric: Metrics  # the first that a run recorded counts
    of: Choice = Field(default_factory=dict)  # all trainings
    against: Choice | None = None
    less: Pair | None = None  # what is subtracted: the same statistic of other trainings
    choices: list[Choice] | None = None
    along: Along | None = None
    over: Literal["mean", "each"] = "mean"  # other axes: the mean over their values, or a check for each
    expect: Annotated[str, _check(parse_expectation)]
    paper: str | float | None = None

    @model_validator(mode="after")
    def _fits_the_statistic(self) -> Check:
        kinds = {term.kind for text in self.metric for term in parse_metric(text).terms}
        if (self.statistic == "agreement") != ("agreement" in kinds) or ("agreement" in kinds and len(kinds) > 1):
            raise ValueError(
                "an agreement has metrics such as 'iou instability', and no other statistic has; "
                f"got statistic {self.statistic} of {' or '.join(self.metric)}"
            )
        if (self.statistic == "ranking") != ("ranking" in kinds) or ("ranking" in kinds and len(kinds) > 1):
            raise ValueError(
                "a ranking has metrics such as 'tied instability', and no other statistic has; "
                f"got statistic {self.statistic} of {' or '.join(self.metric)}"
            )
        if self.statistic == "ranking" and (self.of or self.against or self.less or self.along):
            raise ValueError("statistic ranking has neither `of`, `against`, `less` nor `along`")
        needs = {"difference": "against", "ratio": "against", "order": "choices"}.get(self.statistic)
        if needs and not getattr(self, needs):
            raise ValueError(f"statistic {self.statistic} needs `{needs}`")
        if self.statistic == "level" and self.against:
            raise ValueError("statistic level has no `against`; write difference or ratio")
        if self.choices is not None and (self.statistic != "order" or len(self.choices) < 2):
            raise ValueError("`choices` lists the two selections or more of a statistic order")
        if self.statistic == "order" and (self.of or self.against or self.less):
            raise ValueError("statistic order has `choices` and neither `of`, `against` nor `less`")
        if self.less and (self.over == "each" or self.statistic == "ratio"):
            raise ValueError("`less` stands beside `over: mean`, and not beside statistic ratio")
        if self.along and self.statistic == "agreement":
            raise ValueError("statistic agreement has no `along`")
        return self

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics, parsed; the first that a run recorded counts."""
        return tuple(map(parse_metric, self.metric))

    @property
    def expectation(self) -> Expectation:
        """The expectation, parsed."""
        return parse_expectation(self.expect)

    def expand(self) -> Iterator[Check]:
        """Yield the check, or the differences that an order consists of."""
        if self.choices is None:
            yield self
            return
        for lower, upper in zip(self.choices, self.choices[1:], strict=False):
            changed = {"statistic": "difference", "of": upper, "against": lower, "choices": None}
            yield self.model_copy(update=changed)


class Claim(Knobs):
    """A claim of a paper, or of a user."""

    id: Annotated[str, Field(min_length=1, max_length=12)]
    statement: str
    place: str = ""  # in the paper
    study: str = ""  # the space that trains what it compares, without .yaml; a comma parts alternatives
    sets: str = ""  # what the study needs on its command line beside the space
    small: str = ""  # what of it a setting smaller than the paper's tests
    checks: list[Check] = []
    unmeasured: str = ""  # why records cannot judge it yet, if it has no checks

    @model_validator(mode="after")
    def _has_checks(self) -> Claim:
        if bool(self.checks) == bool(self.unmeasured):
            raise ValueError("a claim has `checks`, or says in `unmeasured` what cannot be measured yet")
        return self

    @property
    def studies(self) -> Sequence[str]:
        """The names of the studies, each of which trains what it compares."""
        return [name for part in self.study.split(",") if (name := part.strip())]

    @property
    def recipe(self) -> str:
        """The command that trains what it needs; empty if it names no study."""
        sets = f" {self.sets}" * bool(self.sets)
        return " or ".join(f"python -m search.run spaces/{name}.yaml{sets}" for name in self.studies)


class ClaimFile(Knobs):
    """A file of claims."""

    claims: list[Claim]

    @model_validator(mode="after")
    def _has_no_id_twice(self) -> ClaimFile:
        ids = [claim.id for claim in self.claims]
        if twice := sorted({name for name in ids if ids.count(name) > 1}):
            raise ValueError(f"an id names one claim; found twice: {', '.join(twice)}")
        return self
