"""plan.json, written and read back; neither Ray nor torch is needed for that."""

from __future__ import annotations

import json

from search.storing.remote import said
from trainers.records import Place, Row, read_json, write_atomic

FORMAT = 2  # other versions of this program had others


class NoSweep(Exception):
    """No sweep is stored there, or none that this version reads."""


def stored_plan(folder: Place) -> Row | None:
    """The plan.json of a sweep; None where there is none, or one that this version does not read."""
    plan = read_json(folder / "plan.json")
    return plan if isinstance(plan, dict) and plan.get("format") == FORMAT else None


def plan_of(folder: Place) -> Row:
    """The plan.json of a sweep. Raises NoSweep, saying why there is none to read."""
    plan = stored_plan(folder)
    if plan is not None:
        return plan
    try:
        there = (folder / "plan.json").exists()
    except OSError as error:
        raise NoSweep(f"{folder}: its plan.json cannot be read: {said(error)}") from None
    if there:
        raise NoSweep(f"{folder}: its plan.json cannot be read, or another version of this program made it")
    raise NoSweep(f"{folder}: no sweep is stored there (no plan.json)")


def problem(row: Row) -> str:
    """What trainings share whose accuracies may be on one front: their `data` block."""
    return json.dumps(row["config"]["data"], sort_keys=True)


def write_plan(folder: Place, plan: Row) -> None:
    """Store a plan, a line a training: of ten thousand, indented JSON takes a second and 150 MB."""
    head = json.dumps({key: value for key, value in plan.items() if key != "trials"}, indent=1, allow_nan=False)
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in plan["trials"])
    write_atomic(folder / "plan.json", head.removesuffix("\n}") + f',\n "trials": [\n{rows}\n ]\n}}\n')
