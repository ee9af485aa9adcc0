"""plan.json, written and read back; neither Ray nor torch is needed for that."""

from __future__ import annotations

import json

from trainers.records import Place, Row, read_json, write_atomic

FORMAT = 2  # other versions of this program had others


def stored_plan(folder: Place) -> Row | None:
    """The plan.json of a sweep; None where there is none, or one that this version does not read."""
    plan = read_json(folder / "plan.json")
    return plan if isinstance(plan, dict) and plan.get("format") == FORMAT else None


def write_plan(folder: Place, plan: Row) -> None:
    """Store a plan, a line a training: of ten thousand, indented JSON takes a second and 150 MB."""
    head = json.dumps({key: value for key, value in plan.items() if key != "trials"}, indent=1, allow_nan=False)
    rows = ",\n".join(json.dumps(row, allow_nan=False) for row in plan["trials"])
    write_atomic(folder / "plan.json", head.removesuffix("\n}") + f',\n "trials": [\n{rows}\n ]\n}}\n')
