"""Numbers as users write them: fractions, sizes, step sizes; and what a piece refuses."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from trainers.attacks import PGD
from trainers.knobs import Knobs, Real, Share, Size, StepSize, count, step_length
from trainers.losses import TRADES


class Piece(Knobs):
    real: Real = 0.0
    share: Share = 0.0
    size: Size = 1
    step: StepSize = 1.0
    whole: int = 0
    flag: bool = False


@pytest.mark.parametrize(
    ("written", "number"),
    [("8/255", 8 / 255), ("8 / 255", 8 / 255), ("1e-3", 0.001), ("-2.5", -2.5), ("7", 7.0), (3, 3.0), (0.031, 0.031)],
)
def test_reals(written: Any, number: float) -> None:
    read = Piece(real=written).real
    assert read == number
    assert type(read) is float


@pytest.mark.parametrize(
    "written", [True, None, "", "eight", "1/0", "nan", "inf", float("inf"), "1e999", "1e-9999999999", 10**400, [1.0]]
)
def test_malformed_real_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        Piece(real=written)


@pytest.mark.parametrize(("written", "share"), [("80%", 0.8), (" 12.5 % ", 0.125), ("0%", 0.0), ("1/4", 0.25)])
def test_shares_may_be_written_in_percent(written: str, share: float) -> None:
    assert Piece.model_validate({"share": written}).share == share


@pytest.mark.parametrize("share", [-0.01, 1.01, "3/2", "101%", "-1%", "%", True])
def test_shares_lie_in_the_unit_interval(share: Any) -> None:
    assert Piece(share=0).share == 0 and Piece(share=1).share == 1
    with pytest.raises(ValidationError):
        Piece(share=share)


@pytest.mark.parametrize(
    ("key", "value"),
    [("whole", True), ("whole", 1.0), ("whole", "1"), ("flag", 1), ("flag", "yes"), ("size", 1.5), ("unknown", 1)],
)
def test_types_are_strict_and_keys_known(key: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=key):
        Piece.model_validate({key: value})


def test_pieces_are_frozen_and_hash_by_value() -> None:
    piece = Piece(real=1)
    with pytest.raises(ValidationError, match="frozen"):
        piece.real = 2.0
    assert hash(piece) == hash(Piece(real="1")) and piece == Piece(real="1")


@pytest.mark.parametrize(
    ("written", "read"), [(1, 1), (10_000, 10_000), ("80%", "80%"), (" 12.5 % ", "12.5%"), ("100%", "100%")]
)
def test_sizes(written: Any, read: Any) -> None:
    assert Piece(size=written).size == read


@pytest.mark.parametrize("written", [0, -1, True, "0%", "100.1%", "80", "-5%", "%", "1e1%", None])
def test_malformed_size_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        Piece(size=written)


def test_a_size_counts_examples() -> None:
    assert count(7, 10, "size") == 7
    assert count("80%", 60, "size") == 48
    assert count("12.5%", 60, "size") == 8  # of 7.5


@pytest.mark.parametrize(("size", "asked"), [(11, "11 of 10"), ("0.1%", "0 of 10")])
def test_a_size_that_is_not_there_is_refused_by_name(size: Any, asked: str) -> None:
    with pytest.raises(ValueError, match=rf"subset\.size: asked for {size}, that is {asked}"):
        count(size, 10, "subset.size")


@given(st.integers(1, 10**6), st.floats(0.01, 100).map(lambda share: f"{share:.4f}%"))
def test_a_share_is_rounded_to_the_nearest_count(total: int, size: str) -> None:
    exact = total * float(size[:-1]) / 100
    if round(exact) >= 1:
        assert abs(count(size, total, "size") - exact) <= 0.5


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("2/255", 2 / 255),
        (0.007, 0.007),
        (1, 1.0),
        ("epsilon", 0.2),
        ("epsilon/4", 0.05),
        ("1.25*epsilon", 0.25),
        ("2.5 * epsilon / 10", 0.05),
    ],
)
def test_step_sizes(written: Any, length: float) -> None:
    assert step_length(Piece(step=written).step, epsilon=0.2) == length


@pytest.mark.parametrize(
    "written", [0, -0.1, True, None, "0*epsilon", "epsilon/0", "-1*epsilon", "eps/4", "epsilon*2", "1.2.3*epsilon", ""]
)
def test_malformed_step_size_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        Piece(step=written)


def test_a_written_multiple_stays_one() -> None:
    """A relative step follows epsilon when epsilon is searched or scheduled."""
    assert Piece(step="epsilon / 4").model_dump()["step"] == "epsilon/4"


@given(st.fractions(min_value="1/1000", max_value=1000))
def test_fractions_are_read_to_the_nearest_float(fraction: Any) -> None:
    assert TypeAdapter(Real).validate_python(str(fraction)) == fraction.numerator / fraction.denominator


def test_a_piece_without_schedules_is_itself_in_every_epoch() -> None:
    attack = PGD()
    assert attack.at(3, 10) is attack
    assert not attack.moves()


def test_a_piece_with_a_schedule_becomes_numbers() -> None:
    beta = {"name": "piecewise", "values": [1, 6], "drops": [5]}
    loss = TRADES.model_validate({"beta": beta})
    assert [loss.at(epoch, 10).beta for epoch in (0, 4, 5, 9)] == [1.0, 1.0, 6.0, 6.0]
    assert not isinstance(loss.beta, float)  # itself unchanged
    assert loss.moves() and not loss.at(0, 10).moves()
