"""Read plan.json and keep its undamaged trainings; the plan and each training have a checksum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trainers.record_io import Place, Row, broken, digest, sealed
from trainers.record_reader import Damage, read_json
from trainers.record_shapes import check_head, check_training

FORMAT = 2  # other versions of this program wrote other formats
NAME = "plan.json"


class PlanFormatError(Exception):
    """Raised if another version of this program wrote the plan; the message gives both formats."""


def read_plan(folder: Place, damage: Damage, needs: Iterable[str] = ()) -> Row | None:
    """Return the plan in a folder with its undamaged trainings, or None if the file is missing or damaged as a whole.

    A training without a field in `needs` counts as damaged. Damage is recorded in `damage`. Raises PlanFormatError.
    """
    path = folder / NAME
    plan = read_json(path, check_head, damage)
    if plan is None:
        return None
    if plan.get("format", FORMAT) != FORMAT:
        raise PlanFormatError(
            f"another version of this program made its {NAME} (format {plan['format']}, and this one reads {FORMAT})"
        )
    other = "head" in plan and plan["head"] != _head(plan)
    found = ["the part on all trainings does not match its checksum"] if other else []
    whole: dict[int, Row] = {}
    for number, row in enumerate(plan["trials"]):
        try:
            whole[number] = _whole(row, needs)
        except ValueError as error:
            found.append(f"training {_called(row, number)}: {error}")
    if (lost := plan.get("count", len(plan["trials"])) - len(plan["trials"])) > 0:
        found.append(f"{lost} of its trainings are gone")
    if found:
        damage.add(path, "; ".join(found[:3]) + (f"; and {len(found) - 3} more" if len(found) > 3 else ""))
    return plan | {"trials": _placed(whole)}


def seal_plan(plan: Row) -> Row:
    """Return a plan with the checksums that `read_plan` verifies."""
    counted = plan | {"count": len(plan["trials"])}
    return counted | {"head": _head(counted), "trials": [sealed(row) for row in plan["trials"]]}


def _head(plan: Row) -> str:
    """Return the checksum of a plan without its trainings, each of which has its own."""
    return digest({key: value for key, value in plan.items() if key not in ("head", "trials")})


def _whole(row: Row, needs: Iterable[str]) -> Row:
    """Return a training. Raises ValueError if it is damaged or lacks a field."""
    check_training(row)
    if broken(row):
        raise ValueError("its checksum does not match its content")
    if lacking := [key for key in needs if key not in row]:
        raise ValueError(f"it has no {', '.join(lacking)}")
    return row


def _called(row: Any, number: int) -> str:
    """Return the name of a training that may be damaged, or its number; never control characters of a terminal."""
    name = row.get("id") if isinstance(row, dict) else None
    return f"number {number + 1}" if not isinstance(name, str) else name if name.isprintable() else ascii(name)


def _placed(rows: dict[int, Row]) -> list[Row]:
    """Return the remaining rows in order, with the row numbers in `branch` mapped to those among the remaining rows.

    A branch from a row that is gone becomes a branch from the row itself at epoch 0.
    """
    place = {number: i for i, number in enumerate(rows)}
    placed = []
    for number, row in rows.items():
        earlier, epoch = row.get("branch", (number, 0))
        known = earlier < number and earlier in place
        branch = [place[earlier], epoch] if known else [place[number], 0]
        placed.append(row | {"branch": branch} if "branch" in row and branch != row["branch"] else row)
    return placed
