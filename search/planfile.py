"""The plan.json of a sweep, as whoever reads it needs it; neither Ray nor torch is needed for that."""

from __future__ import annotations

from pathlib import Path

from trainers.records import Row, read_json

FORMAT = 2  # other versions of this program had others


def stored_plan(folder: Path) -> Row | None:
    """The plan.json of a sweep; None where there is none, or one that this version does not read."""
    plan = read_json(folder / "plan.json")
    return plan if isinstance(plan, dict) and plan.get("format") == FORMAT else None
