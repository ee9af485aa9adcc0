"""The plan of a sweep, as analysis reads it; what is wrong with a folder that has none."""

from __future__ import annotations

import re
from pathlib import Path

from analysis.exceptions import SweepError
from trainers.plan_reader import NAME as PLAN
from trainers.plan_reader import PlanFormatError, read_plan
from trainers.record_io import Row
from trainers.record_reader import Damage
from trainers.terminal.suggesting import list_sweeps, name_working_directory, suggest_folder
from trainers.terminal.text import escape_controls


def read_sweep_plan(folder: Path, damage: Damage) -> Row:
    """Return the plan of a sweep's folder, labels with control characters as escapes.

    Raises SweepError if the folder holds no sweep, or one of another version of this program.
    """
    try:
        plan = read_plan(folder, damage, ("replicate", "axes"))
    except PlanFormatError as error:
        raise SweepError(f"{folder}: {error}; take the version that made it") from None
    if not plan or not plan["trials"]:
        raise SweepError(_explain_missing(folder, damage.get(str(folder / PLAN), "it plans no trial")))
    for planned in plan["trials"]:
        planned["axes"] = {path: escape_controls(str(label)) for path, label in planned["axes"].items()}
    return plan


def _explain_missing(folder: Path, problem: str) -> str:
    """Say why a folder has no plan to read, and which sweeps lie beside it; `problem`: the damage of its plan."""
    if re.match(r"[a-z0-9]+:/", str(folder)):  # a path keeps one of a URL's slashes
        return f"{folder}: a URL; `python -m analysis.mirror URL FOLDER` copies its records to a folder, give that"
    if not folder.exists():
        found = "no such folder"
        if meant := suggest_folder(folder, PLAN):
            return f"{folder}: {found}{meant}"
        found += name_working_directory(folder)
    elif not (folder / PLAN).exists():
        found = f"not the directory of a sweep: it has no {PLAN}"
    else:
        found = f"its {PLAN} is damaged: {problem}; the command that ran the sweep makes it again"
    return (
        f"{folder}: {found}; give the folder a sweep was written to, such as results/friendly_k"
        f"{list_sweeps(folder, PLAN)}"
    )
