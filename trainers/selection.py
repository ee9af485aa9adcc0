"""The selection window: the epochs among which validation selects one of a training.

Zhang et al. 2021 (arXiv:2010.01736) select among epochs in which the weights already act: GAIRAT in epochs 59 to 100 of
120. Before that it is PGD training, whose peak says nothing about GAIRAT.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any

from pydantic import ConfigDict, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from trainers.knobs import BurnIn, Knobs

BURN_IN = "burn-in"


def _beginning(value: Any, read: ValidatorFunctionWrapHandler) -> int | str:
    """Read `burn-in`, or what any other start may be."""
    if value == BURN_IN:
        return BURN_IN
    try:
        epochs: int | str = read(value)
        return epochs
    except ValidationError:
        raise ValueError(
            "should be a number of epochs that pass before, a share of all such as '50%', 'first drop', or burn-in; "
            f"got {value!r}"
        ) from None


Beginning = Annotated[BurnIn, WrapValidator(_beginning)]


class Select(Knobs):
    """Window of the selected epoch: all epochs but the first so many.

    from: a number of epochs or a share of them; first drop: the epochs until the learning rate drops; or burn-in: the
    epochs until the method has all of its pieces.
    """

    model_config = ConfigDict(serialize_by_alias=True)  # `from` is a Python keyword

    start: Annotated[Beginning, Field(alias="from")] = 0


ALL_EPOCHS = Select()


@lru_cache(maxsize=4096)
def burn_in(piece: Knobs | None, epochs: int) -> int:
    """Return the number of epochs until a method or another piece is complete; 0 if it is complete from the start.

    Numbers that follow a schedule, such as the tau of friendly adversarial training, are no burn-in.
    """
    if piece is None or not piece.moves():
        return 0
    last = _pieces(piece.at(epochs - 1, epochs))
    others = (epoch for epoch in range(epochs - 1, -1, -1) if _pieces(piece.at(epoch, epochs)) != last)
    return next(others, -1) + 1


def _pieces(piece: Any) -> Any:
    """Return the classes of a piece and of the pieces below it, and which of them still warm up."""
    below = piece.__dict__.items() if isinstance(piece, Knobs) else ()
    warming = bool(getattr(piece, "burn_in", 0))
    return type(piece), warming, tuple((key, _pieces(value)) for key, value in below if isinstance(value, Knobs))
