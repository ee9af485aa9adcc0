"""plan.json, read back; without what a plan is made of, so that who only looks need not import torch."""

from __future__ import annotations

from pathlib import Path

from trainers.records import Row, read_json

FORMAT = 2  # of plan.json


def stored_plan(folder: Path) -> Row | None:
    """The plan.json of a sweep; None where there is none, or one of another version of this program."""
    plan = read_json(folder / "plan.json")
    return plan if isinstance(plan, dict) and plan.get("format") == FORMAT else None
