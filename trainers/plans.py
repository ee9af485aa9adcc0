"""plan.json as it is read back: what of it is whole, wherever it came from; each training has its own checksum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trainers.reading import Damage, read_json
from trainers.record_io import Place, Row, broken, digest, sealed
from trainers.shapes import A_HEAD, A_TRAINING

FORMAT = 2  # other versions of this program had others
NAME = "plan.json"


class OtherFormat(Exception):
    """Another version of this program made it; the message says which."""


def read_plan(folder: Place, damage: Damage, needs: Iterable[str] = ()) -> Row | None:
    """A plan with those of its trainings that are whole and have the fields needed; None where there is none to read.

    Raises OtherFormat.
    """
    path = folder / NAME
    plan = read_json(path, A_HEAD, damage)
    if plan is None:
        return None
    if plan.get("format", FORMAT) != FORMAT:
        made = f"another version of this program made its {NAME}"
        raise OtherFormat(f"{made} (format {plan['format']}, and this one reads {FORMAT})")
    other = "head" in plan and plan["head"] != _head(plan)
    found = ["what it says of all trainings is not what was written"] if other else []
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


def sealed_plan(plan: Row) -> Row:
    """A plan with the checksums that `read_plan` looks at."""
    counted = plan | {"count": len(plan["trials"])}
    return counted | {"head": _head(counted), "trials": [sealed(row) for row in plan["trials"]]}


def _head(plan: Row) -> str:
    """The checksum of what a plan says besides its trainings, of which each has its own."""
    return digest({key: value for key, value in plan.items() if key not in ("head", "trials")})


def _whole(row: Row, needs: Iterable[str]) -> Row:
    A_TRAINING(row)
    if broken(row):
        raise ValueError("its checksum is not that of what it says")
    if lacking := [key for key in needs if key not in row]:
        raise ValueError(f"it has no {', '.join(lacking)}")
    return row


def _called(row: Any, number: int) -> str:
    """What a training is called that may be none; nothing that a terminal would obey."""
    name = row.get("id") if isinstance(row, dict) else None
    return f"number {number + 1}" if not isinstance(name, str) else name if name.isprintable() else ascii(name)


def _placed(rows: dict[int, Row]) -> list[Row]:
    """Rows by their places, with the places that they name of each other as they are among those that are left."""
    place = {number: i for i, number in enumerate(rows)}
    placed = []
    for number, row in rows.items():
        earlier, epoch = row.get("branch", (number, 0))
        known = earlier < number and earlier in place
        branch = [place[earlier], epoch] if known else [place[number], 0]
        placed.append(row | {"branch": branch} if "branch" in row and branch != row["branch"] else row)
    return placed
